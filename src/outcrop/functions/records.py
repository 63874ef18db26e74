"""The lines that the platform itself writes into a function's log, and the errors it answers in a function's place.

Worded as AWS words them: "Lambda function logs" and "Lambda Telemetry API schema" in its documentation.
"""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outcrop.functions.code import FunctionCode

TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Measured:
    """What the REPORT line says.

    Attributes:
        status: "success", "failure" (the handler raised), "error" (the process ended) or "timeout".
        error_type: of an error; empty otherwise.
    """

    duration_ms: float
    init_ms: float | None
    max_memory_bytes: int
    status: str = "success"
    error_type: str = ""

    @property
    def billed_ms(self) -> int:
        """Milliseconds begun, with those of a cold start."""
        return max(1, math.ceil(self.duration_ms + (self.init_ms or 0.0)))

    @property
    def max_memory_mb(self) -> int:
        """Mebibytes begun."""
        return math.ceil(self.max_memory_bytes / 2**20)


def init_start(code: FunctionCode, runtime_version: str) -> str:
    """Return the line that opens a process's log."""
    arn = f"arn:aws:lambda:{code.region}::runtime:{runtime_version}"
    if code.log_format == "JSON":
        return _json_record(
            "platform.initStart",
            {
                "initializationType": "on-demand",
                "phase": "init",
                "runtimeVersion": code.runtime,
                "runtimeVersionArn": arn,
                "functionName": code.name,
                "functionVersion": code.version,
            },
        )
    return f"INIT_START Runtime Version: {code.runtime or 'image'}\tRuntime Version ARN: {arn}\n"


def init_report(code: FunctionCode, duration_ms: float, status: str, error_type: str = "") -> str:
    """Return the line about a start that failed."""
    if code.log_format == "JSON":
        record: dict[str, Any] = {
            "initializationType": "on-demand",
            "phase": "init",
            "status": status,
            "metrics": {"durationMs": round(duration_ms, 3)},
        }
        if error_type:
            record["errorType"] = error_type
        return _json_record("platform.initReport", record)
    line = f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: init\tStatus: {status}"
    return f"{line}\tError Type: {error_type}\n" if error_type else f"{line}\n"


def start(code: FunctionCode, request_id: str) -> str:
    """Return the line that opens an invocation."""
    if code.log_format == "JSON":
        return _json_record("platform.start", {"requestId": request_id, "version": code.version})
    return f"START RequestId: {request_id} Version: {code.version}\n"


def end(code: FunctionCode, request_id: str, measured: Measured) -> list[str]:
    """Return the lines that close an invocation."""
    if code.log_format == "JSON":
        metrics = {
            "durationMs": round(measured.duration_ms, 3),
            "billedDurationMs": measured.billed_ms,
            "memorySizeMB": code.memory_mb,
            "maxMemoryUsedMB": measured.max_memory_mb,
        }
        if measured.init_ms is not None:
            metrics["initDurationMs"] = round(measured.init_ms, 3)
        record = {"requestId": request_id, "metrics": metrics, "status": measured.status}
        if measured.error_type:
            record["errorType"] = measured.error_type
        return [_json_record("platform.report", record)]
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {measured.duration_ms:.2f} ms\t"
        f"Billed Duration: {measured.billed_ms} ms\tMemory Size: {code.memory_mb} MB\t"
        f"Max Memory Used: {measured.max_memory_mb} MB\t"
    )
    if measured.init_ms is not None:
        report += f"Init Duration: {measured.init_ms:.2f} ms\t"
    if measured.status in {"timeout", "error"}:
        report += f"Status: {measured.status}"
        if measured.status == "error" and measured.error_type:
            report += f"\tError Type: {measured.error_type}"
    return [f"END RequestId: {request_id}\n", f"{report}\n"]


def timed_out(request_id: str, seconds: float) -> tuple[bytes, str]:
    """Return the answer and the log line of an invocation that took too long."""
    words = f"Task timed out after {seconds:.2f} seconds"
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {words}")
    return payload, f"{now} {request_id} {words}\n\n"


def exited(request_id: str, error_type: str, reason: str) -> tuple[bytes, str]:
    """Return the answer and the log line of an invocation whose process ended.

    Args:
        error_type: such as "Runtime.ExitError".
        reason: as `exit_reason` words it.
    """
    words = f"RequestId: {request_id} Error: Runtime exited {reason}"
    return _error(error_type, words), f"{words}\n{error_type}\n"


def exit_reason(status: int) -> str:
    """Return how AWS words a wait status: of the runtime's process, as os.wait gives it."""
    import os
    import signal

    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.strsignal(number) or str(number)
        return f"with error: signal: {name.lower()}"
    code = os.waitstatus_to_exitcode(status)
    return f"with error: exit status {code}" if code else "without providing a reason"


def answer_too_large(limit: int) -> bytes:
    """Return the answer in place of one that is too large."""
    words = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    return _error("Function.ResponseSizeTooLarge", words)


def error_type_of(payload: bytes) -> str:
    """Return what an error's payload calls itself; empty when it does not say."""
    try:
        found = json.loads(payload).get("errorType", "")
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


def _error(error_type: str, message: str) -> bytes:
    return json.dumps(
        {"errorType": error_type, "errorMessage": message}, separators=(",", ":")
    ).encode()


def _json_record(kind: str, record: dict[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, "type": kind, "record": record}, separators=(",", ":")) + "\n"


class Tail:
    """The last 4 KiB of what one invocation logged."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, text: str) -> None:
        """Take a line, and let go of the oldest bytes."""
        self._kept += text.encode()
        del self._kept[:-TAIL_BYTES]

    def content(self) -> bytes:
        """Return what is kept, from a whole character on."""
        return bytes(self._kept).decode(errors="ignore").encode()
