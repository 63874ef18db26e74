"""Runs functions: finds or starts a warm process, hands it the event, watches it, and takes its answer.

It knows no Lambda API: who may invoke, where a package comes from and what becomes of an answer is decided above.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from outcrop.config import Settings
from outcrop.functions.code import (
    ConcurrencyExceeded,
    FunctionCode,
    FunctionNotStarted,
    FunctionsRefused,
    Invocation,
    OnLog,
    PackageError,
)
from outcrop.functions.walls import Wall

__all__ = [
    "ConcurrencyExceeded",
    "FunctionCode",
    "FunctionHost",
    "FunctionNotStarted",
    "FunctionsRefused",
    "Invocation",
    "OnLog",
    "PackageError",
    "Wall",
]

Credentials = Callable[[FunctionCode], Mapping[str, str]]


class FunctionHost:
    """The functions that run on this machine.

    Nothing is started before the first invocation. Used on the server's event loop only.

    Args:
        settings: isolation, network, ports and limits.
        folder: private to the host; sandboxes, caches and sockets go there.
        credentials: gives the environment's AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and
            AWS_CREDENTIAL_EXPIRATION (ISO 8601) for a function's role. Called in a thread, once for each process;
            a process is replaced before its credentials expire.
        certificates: file of CA certificates, shown to functions as AWS_CA_BUNDLE; or None.

    Attributes:
        endpoint: what AWS_ENDPOINT_URL is inside; set when the server listens.
        reachable_ports: ports of the server's loopback address that a function can reach under the same
            numbers of its own; set when the server listens.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        credentials: Credentials,
        certificates: Path | None = None,
    ) -> None:
        self.endpoint = ""
        self.reachable_ports: tuple[int, ...] = ()
        self._settings = settings
        self._folder = folder
        self._credentials = credentials
        self._certificates = certificates

    async def invoke(  # noqa: PLR0913  # each names one thing a caller may say
        self,
        code: FunctionCode,
        payload: bytes,
        *,
        request_id: str,
        invoked_arn: str = "",
        client_context: str = "",
        trace_id: str = "",
        log_tail: bool = False,
        on_log: OnLog | None = None,
    ) -> Invocation:
        """Run a function once; what goes wrong in it is part of the answer.

        A caller that goes away does not stop the invocation.

        Args:
            code: what to run.
            payload: the event, JSON text.
            request_id: a UUID, the context's aws_request_id.
            invoked_arn: the ARN as the caller named it, with its qualifier; the function's by default.
            client_context: JSON text, already decoded from base64.
            trace_id: as in X-Amzn-Trace-Id.
            log_tail: whether to return the end of the log.
            on_log: gets what the function and the platform log, on the event loop, in order.

        Raises:
            FunctionsRefused: a wall is missing and `function_isolation` asks for it.
            ConcurrencyExceeded: too many at once.
            FunctionNotStarted: no process could be started; no fault of the function's.
        """
        raise NotImplementedError

    async def retire(self, arn: str, version: str | None = None) -> None:
        """End the warm processes of a function, or of one version; those that are busy end afterwards."""
        raise NotImplementedError

    async def walls(self) -> Sequence[Wall]:
        """Return the walls and whether they stand; tried at the first call."""
        raise NotImplementedError

    async def close(self) -> None:
        """End every process; invocations that run end in an error."""
        await asyncio.sleep(0)
