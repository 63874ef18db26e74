"""What the steps work with; one set per server."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from outcrop.aws.operation import Invoke
from outcrop.aws.routing import Router
from outcrop.aws.signatures.sigv4 import SigningKeys
from outcrop.core.clock import Clock
from outcrop.gateway.operations import Operation
from outcrop.governance.audit.recorder import Recorder
from outcrop.identity.credentials import CredentialStore


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
    """

    router: Router
    operations: Mapping[tuple[str, str], Operation]
    credentials: CredentialStore
    signing_keys: SigningKeys
    platform: Any
    clock: Clock
    writer: Executor
    invoke: Invoke
    account_id: str
    region: str
    reads_inline: bool
    logs_requests: bool
    audit: Recorder | None = None
