"""What every operation can reach: the product's parts, composed once at start."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.aws.http import FileRange
from outcrop.aws.operation import Invoke, Principal, RequestContext
from outcrop.config import Settings
from outcrop.core.clock import Clock
from outcrop.functions.host import FunctionHost
from outcrop.governance.audit.trail import AuditTrail
from outcrop.governance.event_bus import EventBus
from outcrop.governance.invocation_log import InvocationLog
from outcrop.governance.mailer import Mailer
from outcrop.governance.notifications import Notifications
from outcrop.governance.quotas import Quotas
from outcrop.identity.directory import Directory
from outcrop.inference.pool import EnginePool
from outcrop.storage.base_models import BaseModelStore
from outcrop.storage.bucket_configuration import BucketConfigurations
from outcrop.storage.database.engine import Database
from outcrop.storage.durable import Durable
from outcrop.storage.functions import FunctionStore
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.materials import Materials
from outcrop.storage.logs import LogStore
from outcrop.storage.metrics import Metrics
from outcrop.storage.objects import ObjectStore
from outcrop.storage.service_keys import ServiceKeys
from outcrop.training.supervisor import Supervisor
from outcrop.workflows.executions import Executions

_PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class Platform:
    """The parts an operation or a durable workflow works with.

    Attributes:
        token_key: signs pagination tokens; secret.
        loop: the server's event loop; set when the server starts.
    """

    settings: Settings
    clock: Clock
    home: Home
    account_id: str
    database: Database
    service_keys: ServiceKeys
    kms_materials: Materials
    directory: Directory
    objects: ObjectStore
    bucket_configurations: BucketConfigurations
    durable: Durable
    base_models: BaseModelStore
    engines: EnginePool
    supervisor: Supervisor
    function_store: FunctionStore
    functions: FunctionHost
    audit: AuditTrail
    quotas: Quotas
    events: EventBus
    logs: LogStore
    metrics: Metrics
    invocation_log: InvocationLog
    mailer: Mailer
    executions: Executions
    token_key: bytes = field(repr=False)
    loop: asyncio.AbstractEventLoop | None = None
    _invoke: Invoke | None = field(default=None, repr=False)
    _notifications: Notifications | None = None

    def attach(self, invoke: Invoke) -> None:
        """Say how to call operations; the gateway that does it is made after the platform."""
        self._invoke = invoke
        self._notifications = Notifications(
            self.database,
            self.service_keys,
            self.clock,
            self.account_id,
            invoke=lambda: self.invoke,
            loop=lambda: self.loop,
        )

    @property
    def invoke(self) -> Invoke:
        """In-process calls of any service's operations."""
        assert self._invoke is not None, "the gateway is not attached"
        return self._invoke

    @property
    def notifications(self) -> Notifications:
        """What topics have for functions and web endpoints."""
        assert self._notifications is not None, "the gateway is not attached"
        return self._notifications

    def invoke_blocking(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        principal: Principal,
        region: str,
    ) -> dict[str, Any]:
        """Call an operation from a thread that is not the event loop's (a durable workflow's step).

        Raises:
            ServiceError: what the operation raised.
        """
        response: dict[str, Any] = self.on_loop(
            self.invoke(service, operation, request, principal=principal, region=region)
        )
        return response

    def on_loop(self, work: Any) -> Any:  # any awaitable, and its result
        """Run a coroutine on the server's event loop and wait for it, from another thread."""
        assert self.loop is not None, "the server has not started"
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def read_blocking(self, body: Any) -> Iterator[bytes]:  # bytes, FileRange or async iterator
        """Yield a streamed response body in pieces of at most 1 MiB, from a workflow's thread."""
        if isinstance(body, bytes):
            yield body
        elif isinstance(body, FileRange):
            with body.path.open("rb") as file:
                file.seek(body.offset_bytes)
                left = body.length_bytes
                while left and (piece := file.read(min(_PIECE_BYTES, left))):
                    left -= len(piece)
                    yield piece
        else:
            iterator = aiter(body)
            while piece := self.on_loop(_next_piece(iterator)):
                yield piece


async def _next_piece(iterator: AsyncIterator[bytes]) -> bytes:
    return await anext(iterator, b"")


Context = RequestContext[Platform]
