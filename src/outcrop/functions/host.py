"""Runs functions: finds or starts a warm process, hands it the event, watches it, and takes its answer.

It knows no Lambda API: who may invoke, where a package comes from and what becomes of an answer is decided above.
"""

import asyncio
import ipaddress
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from outcrop.aws.trace_header import read_lineage, trace_of
from outcrop.config import Settings
from outcrop.functions import images, records
from outcrop.functions.code import (
    ConcurrencyExceeded,
    FunctionCode,
    FunctionNotStarted,
    FunctionsRefused,
    Invocation,
    OnLog,
    PackageError,
    SandboxLost,
)
from outcrop.functions.jobs import FailedStart, Job, Outcome
from outcrop.functions.launching import Launcher, link_runtime
from outcrop.functions.pool import Pool
from outcrop.functions.surroundings import Surroundings
from outcrop.functions.walls import Wall, probe_with, walls_to_put_up

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

_LOOPBACK = "127.0.0.1"
_PART_OF_MEMORY_FOR_TEMPORARY = 4
_MOST_SANDBOXES = 3  # that may be killed around one invocation before it fails

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

    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        credentials: Credentials,
        certificates: Path | None = None,
    ) -> None:
        self._doors: tuple[tuple[str, int], ...] = ()
        self._settings = settings
        self._folder = folder
        self._credentials = credentials
        self._certificates = certificates
        self._launcher = Launcher(folder / "launcher.log")
        self._walls: asyncio.Task[tuple[Wall, ...]] | None = None
        self._pool: Pool | None = None
        self._preparing: asyncio.Task[Pool] | None = None
        self._running: Counter[str] = Counter()
        self._jobs: set[asyncio.Task[Invocation]] = set()
        self._is_closed = False

    def server_listens(self, port: int, tls_port: int) -> None:
        """Say where the server is, before the first function is invoked.

        A function reaches both ports under the same numbers on its own loopback address, the first by
        AWS_ENDPOINT_URL.

        Args:
            port: of plain HTTP.
            tls_port: of HTTPS.
        """
        host = self._settings.host
        plain = host if _is_loopback(host) or self._settings.allow_plain_http else _LOOPBACK
        self._doors = ((_reachable(plain), port), (_reachable(host), tls_port))

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
        self._refuse_too_many(code)
        job = Job(
            request_id,
            payload,
            invoked_arn,
            client_context,
            trace_id,
            on_log,
            records.Tail() if log_tail else None,
        )
        self._running[code.arn] += 1
        # A task of its own, so that it goes on when the caller goes away.
        task = asyncio.get_running_loop().create_task(self._run(code, job))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return await asyncio.shield(task)

    def running(self, arn: str = "") -> int:
        """Return how many invocations run: of one function, or of all."""
        return self._running[arn] if arn else self._running.total()

    async def retire(self, arn: str, version: str | None = None) -> None:
        """End the warm processes of a function, or of one version; those that are busy end afterwards."""
        if self._pool is not None:
            self._pool.retire(arn, version)

    async def walls(self) -> Sequence[Wall]:
        """Return the walls and whether they stand; tried at the first call."""
        if self._walls is None or (self._walls.done() and self._walls.exception() is not None):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._walls = asyncio.get_running_loop().create_task(
                probe_with(self._launcher, self._folder / "scratch")
            )
        return await asyncio.shield(self._walls)

    async def close(self) -> None:
        """End every process; invocations that run end in an error."""
        self._is_closed = True
        if self._pool is not None:
            await self._pool.close()
        await self._launcher.close()
        if self._jobs:
            await asyncio.gather(*self._jobs, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, self._folder / "environments", ignore_errors=True)

    async def _run(self, code: FunctionCode, job: Job) -> Invocation:
        try:
            pool = self._pool or await self._prepared()
            for remaining in reversed(range(_MOST_SANDBOXES)):
                try:
                    return await self._run_once(pool, code, job)
                except SandboxLost:
                    if self._is_closed or not remaining:
                        raise
                    job = replace(job, trace_id=_another_run(job.trace_id))
            raise AssertionError("the last sandbox answered or was lost")
        finally:
            self._running[code.arn] -= 1
            if not self._running[code.arn]:
                del self._running[code.arn]

    async def _run_once(self, pool: Pool, code: FunctionCode, job: Job) -> Invocation:
        taken = await pool.take(code)
        if isinstance(taken, FailedStart):
            return _not_started(code, job, taken)
        outcome = await taken.run(job)
        return _invocation(code, job, outcome, taken.log_stream)

    def _refuse_too_many(self, code: FunctionCode) -> None:
        if self._is_closed:
            raise FunctionNotStarted("The server is stopping.")
        reserved = code.reserved_concurrency
        if reserved is not None and self._running[code.arn] >= reserved:
            raise ConcurrencyExceeded("ReservedFunctionConcurrentInvocationLimitExceeded")
        if self._running.total() >= self._settings.function_concurrency:
            raise ConcurrencyExceeded("ConcurrentInvocationLimitExceeded")

    async def _prepared(self) -> Pool:
        if self._preparing is None or (
            self._preparing.done() and self._preparing.exception() is not None
        ):
            self._preparing = asyncio.get_running_loop().create_task(self._prepare())
        return await asyncio.shield(self._preparing)

    async def _prepare(self) -> Pool:
        """Get ready for the first function: try the walls, and clear what an earlier server left.

        Raises:
            FunctionsRefused: a wall is missing and needed.
        """
        walls = walls_to_put_up(self._settings, await self.walls())
        await asyncio.to_thread(shutil.rmtree, self._folder / "environments", ignore_errors=True)
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        surroundings = Surroundings(
            launcher=self._launcher,
            folder=self._folder,
            walls=walls,
            doors=self._doors,
            certificates=self._certificates,
            memory_for_temporary_bytes=memory_bytes // _PART_OF_MEMORY_FOR_TEMPORARY,
        )
        surroundings.staging.mkdir(parents=True, exist_ok=True)
        link_runtime(surroundings.links)
        self._pool = Pool(
            surroundings,
            self._credentials,
            images.handler_of,
            self._settings.function_processes,
            self._settings.function_idle_seconds,
        )
        return self._pool


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reachable(host: str) -> str:
    return _LOOPBACK if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not listened on


def _another_run(trace_id: str) -> str:
    """Return the header of the same work done again, which tells its calls from those of the first time."""
    lineage = read_lineage(trace_id)
    return trace_id if lineage is None else trace_of(lineage.root.removeprefix("1-"))


def _invocation(code: FunctionCode, job: Job, outcome: Outcome, log_stream: str) -> Invocation:
    measured = outcome.measured
    return Invocation(
        payload=outcome.payload,
        function_error="Unhandled" if outcome.is_error else "",
        log_tail=b"" if job.tail is None else job.tail.content(),
        duration_ms=measured.duration_ms,
        billed_duration_ms=measured.billed_ms,
        init_duration_ms=measured.init_ms,
        max_memory_bytes=measured.max_memory_bytes,
        executed_version=code.version,
        log_stream=log_stream,
    )


def _not_started(code: FunctionCode, job: Job, failed: FailedStart) -> Invocation:
    """Return what an invocation comes to whose process never got ready, and log it as one that ran."""
    measured = records.Measured(failed.duration_ms, None, 0, failed.status, failed.error_type)
    payload = failed.make_payload(job.request_id)
    now = int(time.time() * 1000)
    lines = [records.start(code, job.request_id)]
    if failed.status == "timeout":
        lines.append(records.timed_out(job.request_id, code.timeout_seconds)[1])
    lines += records.end(code, job.request_id, measured)
    events = [*failed.events, *((now, line) for line in lines)]
    if job.on_log is not None:
        job.on_log(failed.log_stream, events)
    if job.tail is not None:
        for _, text in events:
            job.tail.add(text)
    return _invocation(code, job, Outcome(payload, measured), failed.log_stream)
