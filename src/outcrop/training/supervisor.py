"""Keeps a job's worker alive until the job has a result.

Runs in the server and knows processes and files only. The worker reads its orders from the folder and reports
into it; the supervisor follows the report, starts a new worker when one dies, and gives up on a worker that keeps
dying at the same place. The two are tied by a pipe: when the server dies, the worker notices and ends; the next
server's supervisor starts another, which goes on from the last checkpoint.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outcrop.config import Settings
from outcrop.core.errors import JobFailed
from outcrop.training.job_folder import (
    LOG_FILE,
    STOP_FILE,
    Event,
    JobSpec,
    TrainingResult,
    read_error,
    read_events,
)
from outcrop.training.job_keys import NO_KEYS, JobKeys

MAX_CRASHES_WITHOUT_PROGRESS = 3
# A kill that the kernel did not make for lack of memory comes from outside and says little about the job.
MAX_KILLS_WITHOUT_PROGRESS = 20
_POLL_SECONDS = 0.1
_STOP_GRACE_SECONDS = 60.0
_RESTART_PAUSE_SECONDS = 0.25
_DISK_FULL_EXIT = 74  # as in outcrop.training.worker.__main__, which must not be imported here
_PHASES = ("", "dataProcessing", "training")


class SupervisorClosed(BaseException):
    """The server is shutting down; the job is unfinished and will be taken up at the next start.

    Not an Exception, so that nothing on the way records the job as failed.
    """


@dataclass(slots=True)
class _Follower:
    """Reads a job's events once each, and knows how far the job has ever been."""

    folder: Path
    on_event: Callable[[Event], None]
    offset_bytes: int = 0
    furthest: tuple[int, int] = (0, 0)

    def read(self) -> None:
        events, self.offset_bytes = read_events(self.folder, self.offset_bytes)
        for event in events:
            phase, step = self.furthest
            if event["event"] == "phase":
                phase = max(phase, _PHASES.index(event["name"]))
            elif event["event"] in {"step", "checkpoint", "validation"}:
                step = max(step, event["step"] + 1)
            self.furthest = (phase, step)
            self.on_event(event)


@dataclass(slots=True)
class Supervisor:
    """Runs workers for jobs; one instance serves any number of threads.

    Args:
        settings: `home` receives the logs of failed workers.
        environment: further variables for the workers, such as CUDA_VISIBLE_DEVICES; they see nothing else of the
            server's environment.
    """

    settings: Settings
    environment: Mapping[str, str] = field(default_factory=dict)
    _closed: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def run(
        self,
        folder: Path,
        should_stop: Callable[[], bool],
        on_event: Callable[[Event], None],
        keys: JobKeys = NO_KEYS,
    ) -> TrainingResult:
        """Work on a job folder until it has a result; blocks.

        May be called again for the same folder after a crash of the server: it goes on where the job stands.

        Args:
            folder: a folder with job.json and its data.
            should_stop: asked several times a second; once true, the job ends at its next step.
            on_event: called with each line of metrics.jsonl, from the first line on in every call of `run`.
            keys: handed to the worker.

        Raises:
            JobFailed: the job cannot succeed; the message says why.
            SupervisorClosed: `close` was called.
        """
        spec = JobSpec.read(folder)
        follower = _Follower(folder, on_event)
        crashes = kills = 0
        while True:
            follower.read()
            if (result := self._outcome(folder)) is not None:
                return result
            before = follower.furthest
            oom_kills = _oom_kills()
            exit_code = self._run_worker(folder, spec.threads, should_stop, follower, keys)
            if (result := self._outcome(folder)) is not None:
                return result
            if follower.furthest > before:
                crashes = kills = 0
            ran_out_of_memory = _oom_kills() > oom_kills
            if exit_code == -signal.SIGKILL and not ran_out_of_memory:
                kills += 1
            else:
                crashes += 1
            if (
                crashes >= MAX_CRASHES_WITHOUT_PROGRESS
                or kills >= MAX_KILLS_WITHOUT_PROGRESS
                or exit_code == _DISK_FULL_EXIT
            ):
                reason = _reason(folder, exit_code, max(crashes, kills), ran_out_of_memory)
                self._keep_log(folder, spec.job_id)
                raise JobFailed(f"Training failed: {reason}")
            if self._closed.wait(_RESTART_PAUSE_SECONDS * (crashes + kills)):
                raise SupervisorClosed

    def close(self) -> None:
        """End all workers and make every `run` raise SupervisorClosed; their jobs can be resumed."""
        self._closed.set()

    def _outcome(self, folder: Path) -> TrainingResult | None:
        message = read_error(folder)
        if message is not None:
            self._keep_log(folder, JobSpec.read(folder).job_id)
            raise JobFailed(message)
        return TrainingResult.read(folder)

    def _run_worker(
        self,
        folder: Path,
        threads: int,
        should_stop: Callable[[], bool],
        follower: _Follower,
        keys: JobKeys,
    ) -> int:
        """Run one worker to its end and return its exit code; below zero the signal that killed it."""
        process = self._start(folder, threads)
        _hand_over(keys, process)
        stop_deadline: float | None = None
        try:
            while True:
                exit_code = process.poll()  # before reading: what it wrote last is then there
                follower.read()
                if exit_code is not None:
                    return exit_code
                if self._closed.is_set():
                    raise SupervisorClosed
                if stop_deadline is None and should_stop():
                    (folder / STOP_FILE).touch()
                    stop_deadline = time.monotonic() + _STOP_GRACE_SECONDS
                if stop_deadline is not None and time.monotonic() > stop_deadline:
                    stop_deadline = None
                    _kill(process)
                time.sleep(_POLL_SECONDS)
        finally:
            _kill(process)

    def _start(self, folder: Path, threads: int) -> subprocess.Popen[bytes]:
        with (folder / LOG_FILE).open("ab") as log:
            # -P keeps the job's folder off the import path; its own session makes it killable with its children.
            return subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-P", "-m", "outcrop.training.worker", str(folder.absolute())],
                cwd=folder,
                env=self._environment(folder, threads),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self, folder: Path, threads: int) -> dict[str, str]:
        import outcrop

        return {
            "PYTHONPATH": str(Path(outcrop.__file__).parents[1]),
            "HOME": str(folder.absolute()),
            "TMPDIR": str(folder.absolute()),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            # Libraries must not choose another number of threads than the job's: it changes rounding.
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "OMP_DYNAMIC": "FALSE",
            # Threads that spin at a barrier starve each other once the processor has anything else to do: ten
            # times slower with a load of 5 on 2 cores.
            "OMP_WAIT_POLICY": "PASSIVE",
            "MKL_DYNAMIC": "FALSE",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what makes cuBLAS deterministic
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
            **self.environment,
        }

    def _keep_log(self, folder: Path, job_id: str) -> None:
        """Copy the log of a failed job to <home>/logs, since its folder will be cleaned up."""
        if (folder / LOG_FILE).exists():
            logs = self.settings.home / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / LOG_FILE, logs / f"training-{job_id}.log")


def _hand_over(keys: JobKeys, process: subprocess.Popen[bytes]) -> None:
    """Write the keys into the pipe that stays open afterwards, as the worker's sign that the server lives."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it died at once, which its exit code will tell
        process.stdin.write(keys.to_line())
        process.stdin.flush()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker and whatever it started; harmless when it is over."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _reason(folder: Path, exit_code: int, deaths: int, ran_out_of_memory: bool) -> str:
    """Return why a worker died, in words for the job's failure message."""
    if exit_code == _DISK_FULL_EXIT:
        return "no space left on the disk that holds the job; free some and create the job again."
    died = f"the worker died {deaths} times without progress"
    if exit_code == -signal.SIGKILL and ran_out_of_memory:
        return (
            f"{died}; the system killed it for lack of memory. Use a smaller batchSize, shorter records or a"
            " smaller model."
        )
    if exit_code < 0:
        return f"{died}, the last time by {signal.Signals(-exit_code).name}. {_last_line(folder)}"
    return f"{died}, the last time with exit code {exit_code}. {_last_line(folder)}"


def _last_line(folder: Path) -> str:
    with (folder / LOG_FILE).open("rb") as stream:
        stream.seek(max(0, (folder / LOG_FILE).stat().st_size - 4096))
        lines = stream.read().decode("utf-8", errors="replace").split("\n")
    written = [line.strip() for line in lines if line.strip()]
    return f"Its last words: {written[-1]}" if written else "It left no message."


def _oom_kills() -> int:
    """Return how often the kernel has killed a process for lack of memory, 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
