"""One warm process of one function version: started, handed events, watched, ended. "Execution environment" in AWS's words."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from outcrop.functions import records, usage
from outcrop.functions.code import FunctionCode, FunctionNotStarted, SandboxLost
from outcrop.functions.doors import Doors
from outcrop.functions.jobs import FailedStart, Job, Outcome
from outcrop.functions.launching import Started, python_folders, runtime
from outcrop.functions.output import OutputParser, OutputReader
from outcrop.functions.process_log import ProcessLog
from outcrop.functions.runtime_api import MAX_ANSWER_BYTES, RuntimeConnection
from outcrop.functions.sandbox.specification import (
    NAMESPACES,
    NETWORK,
    RUNTIME_API_PORT,
    TASK_ROOT,
    Specification,
)
from outcrop.functions.surroundings import Surroundings
from outcrop.functions.variables import environment

_REPORT_BYTES = 1 << 12
_MOST_DOORS = 8
_MIB = 2**20
_MOST_PROCESSES = 1024  # Lambda quotas: execution processes and threads
_BUSY_IDLE_TICKS = 3  # processor time while nothing was asked, in hundredths of a second
_RUNTIME_VERSION = "outcrop"


class State(Enum):
    """What a process is doing."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    FINISHING = auto()  # it has answered, and not asked for the next event yet
    ENDED = auto()


class Environment:
    """One process of a function version, and all that belongs to it.

    Args:
        code: what it runs.
        surroundings: of the host.
        on_idle: called when it can take an event.
        on_ended: called once when it is gone.
    """

    def __init__(
        self,
        code: FunctionCode,
        surroundings: Surroundings,
        on_idle: Callable[["Environment"], None],
        on_ended: Callable[["Environment"], None],
    ) -> None:
        self.code = code
        self.state = State.STARTING
        self.is_stale = False
        self.idle_since = 0.0
        self.expires: datetime | None = None
        self.init_ms: float | None = None
        self.max_memory_bytes = 0
        day = datetime.now(UTC).strftime("%Y/%m/%d")
        self.log_stream = f"{day}/[{code.version}]{secrets.token_hex(16)}"
        self._log = ProcessLog(self.log_stream)
        self._surroundings = surroundings
        self._on_idle = on_idle
        self._on_ended = on_ended
        self._folder = surroundings.folder / "environments" / secrets.token_hex(8)
        self._temporary_bytes = 0
        self._started: Started | None = None
        self._reader: OutputReader | None = None
        self._doors = Doors(self)
        self._waiting: RuntimeConnection | None = None
        self._ready: asyncio.Future[FailedStart | None] | None = None
        self._began = 0.0
        self._job: Job | None = None
        self._done: asyncio.Future[tuple[bytes, str, str]] | None = None
        self._sent = 0.0
        self._fate: tuple[str, str] | None = None  # error type and reason, when we end it
        self._is_stopped = False  # by us
        self._exit_status: int | None = None
        self._processes: tuple[int, ...] = ()
        self._is_frozen = False
        self._last_ticks = 0
        self._looks = 0

    # ---- life

    async def start(
        self, handler: str, credentials: Mapping[str, str], limit_seconds: float
    ) -> FailedStart | None:
        """Start the process and wait until it asks for its first event.

        Args:
            handler: `module.function`.
            credentials: of the function's role, as environment variables.
            limit_seconds: for the handler's module to load.

        Returns:
            None when it is ready, else what the function did wrong; it is then gone.

        Raises:
            FunctionNotStarted: no fault of the function's.
        """
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._ready = loop.create_future()
        if expiration := credentials.get("AWS_CREDENTIAL_EXPIRATION"):
            self.expires = datetime.fromisoformat(expiration)
        self._log.add(records.init_start(self.code, _RUNTIME_VERSION))
        try:
            await self._launch(handler, credentials)
            failed = await asyncio.wait_for(asyncio.shield(self._ready), limit_seconds)
        except TimeoutError:
            failed = self._failed_start(
                lambda request_id: records.timed_out(request_id, self.code.timeout_seconds)[0],
                "Sandbox.Timedout",
                "timeout",
            )
        except BaseException:
            self.stop()
            raise
        if failed is not None:
            self._drain()
            self._log.add(
                records.init_report(self.code, failed.duration_ms, failed.status, failed.error_type)
            )
            self.stop()
            failed = replace(failed, events=self._log.events, log_stream=self.log_stream)
        return failed

    def stop(self) -> None:
        """End the process, with all that it started; a job that runs ends in an error."""
        self._is_stopped = True
        if self._started is None:
            self._gone(-1)
        else:
            self._surroundings.launcher.kill(self._started.process)

    def is_usable(self, now: datetime) -> bool:
        """Return whether it can take a job whose credentials must last to its end."""
        if self.state is not State.IDLE or self.is_stale:
            return False
        if self.expires is None or self.init_ms is not None:
            return True  # one that has run nothing yet has the newest credentials there are
        return (self.expires - now).total_seconds() > self.code.timeout_seconds + 5

    # ---- a job

    async def run(self, job: Job) -> Outcome:
        """Hand the process an event and wait for its answer, its end or its time."""
        loop = asyncio.get_running_loop()
        assert self.state is State.IDLE
        self.state = State.BUSY
        self._job = job
        self._log.tail = job.tail
        if job.on_log is not None:
            self._log.hand_to(job.on_log)
        self._log.add(records.start(self.code, job.request_id))
        self._thaw()
        self._done = loop.create_future()
        deadline_ms = int((time.time() + self.code.timeout_seconds) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": job.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": job.invoked_arn or self.code.arn,
        }
        if job.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = job.trace_id
        if job.client_context:
            headers["Lambda-Runtime-Client-Context"] = " ".join(job.client_context.splitlines())
        self._sent = loop.time()
        waiting, self._waiting = self._waiting, None
        timer = loop.call_later(self.code.timeout_seconds, self._time_out)
        if waiting is None or not waiting.send_next(headers, job.payload):
            self.stop()
        try:
            payload, status, error_type = await self._done
        finally:
            timer.cancel()
        duration_ms = (loop.time() - self._sent) * 1000
        if status == "timeout":
            duration_ms = self.code.timeout_seconds * 1000.0
        self._note_memory()
        measured = records.Measured(
            duration_ms, self.init_ms, self.max_memory_bytes, status, error_type
        )
        self.init_ms = None
        for line in records.end(self.code, job.request_id, measured):
            self._log.add(line)
        self._log.flush()
        self._log.tail = self._job = None
        if self.state is State.IDLE:  # it asked for more before this was written down
            self._on_idle(self)
        return Outcome(payload, measured)

    def _time_out(self) -> None:
        assert self._job is not None
        self._drain()
        payload, line = records.timed_out(self._job.request_id, self.code.timeout_seconds)
        self._log.add(line)
        self._finish(payload, "timeout", "Sandbox.Timedout")
        self.stop()

    def _finish(self, payload: bytes, status: str, error_type: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result((payload, status, error_type))

    # ---- the Runtime API's side

    def asked_for_next(self, connection: RuntimeConnection) -> bool:
        """Take note that the handler is ready."""
        if self.state is State.STARTING:
            assert self._ready is not None
            self.init_ms = (asyncio.get_running_loop().time() - self._began) * 1000
            if not self._ready.done():
                self._ready.set_result(None)
        elif self.state is not State.FINISHING:
            return False
        self._waiting = connection
        was_starting = self.state is State.STARTING
        self.state = State.IDLE
        self.idle_since = asyncio.get_running_loop().time()
        if was_starting:
            self._look_at_processes()
        elif self._job is None:
            self._on_idle(self)
        return True

    def answered(self, request_id: str, body: bytes, *, is_error: bool, is_too_large: bool) -> bool:
        """Take the end of the job that runs."""
        if self.state is not State.BUSY or self._job is None or self._job.request_id != request_id:
            return False
        self.state = State.FINISHING
        self._drain()
        if is_too_large:
            payload = records.answer_too_large(MAX_ANSWER_BYTES)
            self._finish(payload, "failure", "Function.ResponseSizeTooLarge")
        elif is_error:
            self._finish(body, "failure", records.error_type_of(body))
        else:
            self._finish(body, "success", "")
        return True

    def init_failed(self, body: bytes) -> bool:
        """Take the error of a handler's module."""
        if self.state is not State.STARTING or self._ready is None or self._ready.done():
            return False
        error_type = records.error_type_of(body) or "Runtime.Unknown"
        self._ready.set_result(self._failed_start(lambda _: body, error_type, "error"))
        return True

    def _failed_start(
        self, make_payload: Callable[[str], bytes], error_type: str, status: str
    ) -> FailedStart:
        duration_ms = (asyncio.get_running_loop().time() - self._began) * 1000
        return FailedStart(make_payload, error_type, status, duration_ms)

    # ---- watching

    def watch(self) -> None:
        """Look at what the process uses, and end or freeze it where that is too much."""
        if self._started is None or self.state is State.ENDED:
            return
        used = self._look_at_processes()
        limit = self.code.memory_mb * _MIB
        if used.resident_bytes > limit:
            exact = usage.proportional_bytes(used.processes) or used.resident_bytes
            self.max_memory_bytes = max(self.max_memory_bytes, min(exact, limit))
            if exact > limit:
                self._condemn("Runtime.OutOfMemory", "with error: signal: killed")
                return
        else:
            self.max_memory_bytes = max(self.max_memory_bytes, used.resident_bytes)
        self._looks += 1
        if not self._has_own_temporary and self._looks % 4 == 0:
            self._watch_disk()
        if len(used.processes) > _MOST_PROCESSES:
            self._condemn("Runtime.ExitError", "with error: signal: killed")
            return
        grown = used.ticks - self._last_ticks if self._last_ticks else 0
        if self.state is State.IDLE and not self._is_frozen and grown >= _BUSY_IDLE_TICKS:
            self._freeze(used)
        self._last_ticks = used.ticks if self.state is State.IDLE else 0

    def _watch_disk(self) -> None:
        if usage.folder_bytes(self._folder / "tmp") > self.code.ephemeral_mb * _MIB:
            self._condemn("Runtime.ExitError", "with error: signal: killed")

    def _condemn(self, error_type: str, reason: str) -> None:
        self._fate = (error_type, reason)
        self.stop()

    def _look_at_processes(self) -> usage.Usage:
        assert self._started is not None
        # Process 1 of the sandbox is ours: a few pages that the function cannot grow.
        used = usage.usage_of(self._started.process)
        self._processes = used.processes
        return used

    def _note_memory(self) -> None:
        limit = self.code.memory_mb * _MIB
        used = min(limit, sum(usage.resident_bytes(process) for process in self._processes[:8]))
        self.max_memory_bytes = max(self.max_memory_bytes, used)

    def _freeze(self, used: usage.Usage) -> None:
        """Stop what goes on in the background until the next event, as Lambda does."""
        for process in used.processes:
            with suppress(OSError):
                os.kill(process, signal.SIGSTOP)
        self._is_frozen = True

    def _thaw(self) -> None:
        if self._is_frozen:
            for process in self._look_at_processes().processes:
                with suppress(OSError):
                    os.kill(process, signal.SIGCONT)
            self._is_frozen = False

    # ---- starting and ending

    @property
    def _has_own_temporary(self) -> bool:
        return self._temporary_bytes > 0

    async def _launch(self, handler: str, credentials: Mapping[str, str]) -> None:
        around = self._surroundings
        is_walled = NAMESPACES in around.walls
        temporary = self._folder / "tmp"
        user = around.outer_user()
        temporary.mkdir(parents=True)
        wanted_bytes = self.code.ephemeral_mb * _MIB
        if is_walled and wanted_bytes <= around.memory_for_temporary_bytes:
            around.memory_for_temporary_bytes -= wanted_bytes
            self._temporary_bytes = wanted_bytes
        elif is_walled and os.geteuid() == 0:
            os.chown(temporary, user, user)
        prefix, port = "", RUNTIME_API_PORT
        if NETWORK not in around.walls:
            # Others on this machine can reach the port, so the path is a secret.
            prefix = f"/{secrets.token_urlsafe(24)}"
            listening = socket.create_server(("127.0.0.1", 0))
            port = listening.getsockname()[1]
            await self._doors.serve_api(listening, prefix)
        certificates = str(around.certificates or "")
        variables = environment(
            self.code,
            credentials,
            handler=handler,
            log_stream=self.log_stream,
            api_address=f"127.0.0.1:{port}",
            endpoint=around.endpoint,
            task_root=TASK_ROOT if is_walled else str(self.code.folder),
            temporary=str(temporary),
            certificates=certificates,
        )
        wanted = Specification(
            walls=around.walls,
            handler=handler,
            folder=str(self.code.folder),
            layers=str(self.code.layers or ""),
            requirements=str(self.code.requirements or ""),
            runtime=runtime(),
            links="" if is_walled else str(around.links),
            python=python_folders(),
            certificates=certificates,
            temporary=str(temporary),
            temporary_bytes=self._temporary_bytes,
            staging=str(around.staging),
            ports=tuple(port for _, port in around.doors),
            environment=variables,
            outer_user=user,
            file_bytes=0 if self._temporary_bytes else wanted_bytes,
            processes=_MOST_PROCESSES,
            api_prefix=prefix,
        )
        started = await around.launcher.start(wanted, self._gone)
        self._started = started
        self._reader = OutputReader(started.output, OutputParser(self._log.take))
        asyncio.get_running_loop().add_reader(started.report.fileno(), self._hear)

    def _hear(self) -> None:
        assert self._started is not None
        report = self._started.report
        try:
            message, descriptors, _, _ = socket.recv_fds(report, _REPORT_BYTES, _MOST_DOORS)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = b"", []
        if not message:
            asyncio.get_running_loop().remove_reader(report.fileno())
            return
        said: dict[str, Any] = json.loads(message)
        if "listening" in said:
            doors = [socket.socket(fileno=descriptor) for descriptor in descriptors]
            self._doors.open(doors, self._surroundings.doors)
        elif "error" in said:
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(
                    FunctionNotStarted(f"A function's process could not be set up: {said['error']}")
                )
        elif "exit" in said:
            self._exit_status = said["exit"]

    def _gone(self, status: int) -> None:
        """The outermost process has ended, and with it every other."""
        if self.state is State.ENDED:
            return
        was_starting = self.state is State.STARTING
        self.state = State.ENDED
        self._surroundings.memory_for_temporary_bytes += self._temporary_bytes
        if self._started is not None:
            self._hear_the_last()
            if self._reader is not None:
                self._reader.close()
        error_type, reason = self._end_of_process(status)
        if self._was_lost(status):
            for future in (self._ready, self._done):
                if future is not None and not future.done():
                    future.set_exception(SandboxLost("It was killed from outside."))
        elif was_starting:
            if self._ready is not None and not self._ready.done():
                failed = self._failed_start(
                    lambda request_id: records.exited(request_id, error_type, reason)[0],
                    error_type,
                    "error",
                )
                self._ready.set_result(failed)
        elif self._job is not None and self._done is not None and not self._done.done():
            payload, line = records.exited(self._job.request_id, error_type, reason)
            self._log.add(line)
            self._finish(payload, "error", error_type)
        self._log.flush()
        self._doors.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._on_ended(self)

    def _was_lost(self, status: int) -> bool:
        """Whether nobody in the sandbox can have ended it: its process 1 takes no signals from within."""
        if self._is_stopped or self._exit_status is not None:
            return False
        is_walled = NAMESPACES in self._surroundings.walls
        return is_walled and (status == -1 or os.WIFSIGNALED(status))

    def _end_of_process(self, status: int) -> tuple[str, str]:
        if self._fate is not None:
            return self._fate
        if self._exit_status is None:
            status = signal.SIGKILL if status in {0, -1} else status
            return "Runtime.ExitError", records.exit_reason(status)
        return "Runtime.ExitError", records.exit_reason(self._exit_status)

    def _hear_the_last(self) -> None:
        """Take what the process still said before its end."""
        assert self._started is not None
        report = self._started.report
        asyncio.get_running_loop().remove_reader(report.fileno())
        with suppress(OSError):
            while message := report.recv(_REPORT_BYTES):
                said = json.loads(message)
                self._exit_status = said.get("exit", self._exit_status)
                if "error" in said and self._ready is not None and not self._ready.done():
                    words = f"A function's process could not be set up: {said['error']}"
                    self._ready.set_exception(FunctionNotStarted(words))
        report.close()

    # ---- the log

    def _drain(self) -> None:
        if self._reader is not None:
            self._reader.drain()
