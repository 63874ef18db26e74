"""What the steps work with; one set per server."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol

from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.operation import Invoke
from outcrop.aws.routing import Router
from outcrop.aws.signatures.sigv4 import SigningKeys
from outcrop.core.clock import Clock
from outcrop.gateway.operations import Operation
from outcrop.governance.audit.recorder import Recorder
from outcrop.identity.authorization import Authorizer
from outcrop.identity.credentials import CredentialStore

# A page of our own, answered without a signature: query string → status, content type, body.
OwnPage = Callable[[str], tuple[int, str, bytes]]


class CrossOrigin(Protocol):
    """Knows which web pages may use which bucket."""

    def preflight(self, request: HttpRequest, bucket: str, *, names_object: bool) -> HttpResponse:
        """Answer a browser that asks; raises ServiceError where the answer is no."""

    def headers(self, request: HttpRequest, bucket: str) -> list[tuple[str, str]]:
        """Return what a page's browser looks for on an answer."""


@dataclass(slots=True)
class Parts:
    """The gateway's parts.

    Attributes:
        operations: (service, operation name) → what implements it.
        platform: handed to operations as it is; the gateway knows nothing of it.
        writer: runs operations that are neither reads nor async, one after the other on SQLite.
        reads_inline: whether reads run on the event loop, which only an embedded database allows.
        region: the server's own, for credentials that name none.
        logs_requests: whether every request is logged.
        audit: records every call; None only where a part of the gateway is tried out alone.
        cross_origin: answers browsers; None where nobody does.
        own_pages: path under /_outcrop/ → page, run in the writer's thread.
    """

    router: Router
    operations: Mapping[tuple[str, str], Operation]
    credentials: CredentialStore
    signing_keys: SigningKeys
    authorizer: Authorizer
    platform: Any
    clock: Clock
    writer: Executor
    invoke: Invoke
    account_id: str
    region: str
    reads_inline: bool
    logs_requests: bool
    audit: Recorder | None = None
    cross_origin: CrossOrigin | None = None
    own_pages: Mapping[str, OwnPage] = field(default_factory=dict)
