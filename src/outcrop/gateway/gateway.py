"""The gateway put together: what the composition root makes and the server serves."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from outcrop.aws.routing import Router
from outcrop.aws.signatures.sigv4 import SigningKeys
from outcrop.config import Settings
from outcrop.core.clock import Clock, SystemClock
from outcrop.gateway.asgi import AsgiApp
from outcrop.gateway.invoke import InProcessInvoke
from outcrop.gateway.operations import Operation, services_of
from outcrop.gateway.parts import CrossOrigin, OwnPage, Parts
from outcrop.governance.audit.recorder import Recorder
from outcrop.identity.authorization import Authorizer
from outcrop.identity.credentials import CredentialStore

_DATABASE_SERVER_WRITERS = 16


class Gateway:
    """Everything between a request and its operation.

    Args:
        operations: from `collect_operations`.
        credentials: whose keys sign requests.
        platform: handed to operations as `context.platform`.
        settings: of the server.
        account_id: the one account.
        services: further services to route, whose operations answer that they are not built.
        clock: tells the time of every request.
        authorizer: decides calls; without one the account's root may do everything and nobody else anything.
        audit: records every call; a server always has one.
        cross_origin: answers web browsers.
        own_pages: path under /_outcrop/ → page that answers without a signature.

    Attributes:
        asgi_app: for the web server.
        invoke: for calls within this process.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each of them
        self,
        operations: Mapping[tuple[str, str], Operation],
        credentials: CredentialStore,
        platform: Any,  # the gateway hands it on and never looks inside
        settings: Settings,
        *,
        account_id: str | None = None,
        services: Sequence[str] = (),
        clock: Clock | None = None,
        authorizer: Authorizer | None = None,
        audit: Recorder | None = None,
        cross_origin: CrossOrigin | None = None,
        own_pages: Mapping[str, OwnPage] | None = None,
    ) -> None:
        embedded = settings.database_url == "" or settings.database_url.startswith("sqlite")
        self._writer = ThreadPoolExecutor(
            1 if embedded else _DATABASE_SERVER_WRITERS, thread_name_prefix="writer"
        )
        self.invoke = InProcessInvoke()
        names = services_of(operations) | set(services)
        parts = Parts(
            router=Router(sorted(names), hosts={"localhost", settings.host}),
            operations=operations,
            credentials=credentials,
            signing_keys=SigningKeys(),
            authorizer=authorizer or Authorizer(account_id or settings.account_id, rules={}),
            platform=platform,
            clock=clock or SystemClock(),
            writer=self._writer,
            invoke=self.invoke,
            account_id=account_id or settings.account_id,
            region=settings.region,
            reads_inline=embedded,
            logs_requests=settings.log_level == "debug",
            audit=audit,
            cross_origin=cross_origin,
            own_pages=own_pages or {},
        )
        self.invoke.attach(parts)
        self.asgi_app = AsgiApp(parts)

    def close(self) -> None:
        """Wait for the writer to finish what it has begun."""
        self._writer.shutdown(wait=True)
