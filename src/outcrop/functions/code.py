"""What the host is given to run, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from outcrop.core.errors import OutcropError

# The log stream of the process that wrote, and (milliseconds since 1970, line) pairs in order.
OnLog = Callable[[str, Sequence[tuple[int, str]]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCode:
    """One version of a function, complete: all that a process needs to run it.

    Attributes:
        arn: of the function, without a version.
        version: "$LATEST" or a number.
        revision: differs whenever code or configuration differ; warm processes of other revisions of the
            same version are retired when this one is first invoked.
        folder: the unpacked package, or the source folder an image reference is bound to. It is shown to the
            function as /var/task, read-only. Everything in it must be readable by all (`unpack` sees to that),
            the folders above it need not be.
        handler: `module.function`; for an image the first word of its command, when that is given.
        runtime: such as "python3.12"; every python3 runs on the server's interpreter. Empty for images.
        role_arn: the execution role, for the credentials.
        environment: the configured variables, in clear; never shown by repr.
        memory_mb: resident memory of the whole process tree.
        ephemeral_mb: room in /tmp.
        layers: folder shown as /opt, read-only, into which the layers were unpacked in order; or None.
        requirements: folder of installed distributions; see `requirements.install`; or None.
        kind: "Zip" or "Image".
        command: an image's overridden command; empty for its own.
        entry_point: an image's overridden entry point; empty for its own.
        working_directory: an image's overridden working directory.
        image_uri: of an image.
        log_group: name of the log group, for the environment.
        log_format: "Text" or "JSON".
        application_log_level: of JSON logging, such as "INFO"; empty for the default.
        system_log_level: of JSON logging's platform records; empty for the default.
        reserved_concurrency: invocations that may run at once, over all versions; None for no own limit.
    """

    arn: str
    name: str
    version: str
    revision: str
    folder: Path
    handler: str
    runtime: str
    region: str
    account_id: str
    role_arn: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: int = 3
    memory_mb: int = 128
    ephemeral_mb: int = 512
    layers: Path | None = None
    requirements: Path | None = None
    kind: Literal["Zip", "Image"] = "Zip"
    command: tuple[str, ...] = ()
    entry_point: tuple[str, ...] = ()
    working_directory: str = ""
    image_uri: str = ""
    log_group: str = ""
    log_format: Literal["Text", "JSON"] = "Text"
    application_log_level: str = ""
    system_log_level: str = ""
    reserved_concurrency: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Function and version: what has a pool of warm processes."""
        return self.arn, self.version


@dataclass(frozen=True, slots=True)
class Invocation:
    """How an invocation ended.

    Attributes:
        payload: the function's answer, or the error in AWS's shape, as JSON text.
        function_error: "Unhandled" when the payload is an error, else "".
        log_tail: the last 4 KiB of what was logged, START to REPORT; empty unless asked for.
        init_duration_ms: of a cold start; None on a warm process.
        max_memory_bytes: most resident memory of the process tree since it started.
        log_stream: of the process that ran it.
    """

    payload: bytes
    function_error: str
    log_tail: bytes
    duration_ms: float
    billed_duration_ms: int
    init_duration_ms: float | None
    max_memory_bytes: int
    executed_version: str
    log_stream: str


class FunctionsRefused(OutcropError):
    """A wall is missing on this machine, and functions are not allowed to run without it."""


class ConcurrencyExceeded(OutcropError):
    """More invocations at once than are allowed.

    Args:
        reason: as TooManyRequestsException words it: ReservedFunctionConcurrentInvocationLimitExceeded or
            ConcurrentInvocationLimitExceeded.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


class PackageError(OutcropError):
    """A deployment package cannot be unpacked, or its requirements cannot be installed."""


class FunctionNotStarted(OutcropError):
    """The process of a function could not be started; no fault of its code."""


class SandboxLost(FunctionNotStarted):
    """What keeps the process of a function was killed, which its code cannot do: another may run it."""
