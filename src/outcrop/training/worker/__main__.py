"""Entry point of the worker process: lock the folder, watch the server, run the recipe, report the end.

Exit codes: 0 the job has a result or an error.json; 1 a crash, worth another attempt from the last checkpoint;
75 another worker holds the folder; DISK_FULL_EXIT the disk had no room even for error.json.
"""

import errno
import fcntl
import os
import resource
import stat
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outcrop.core.errors import OutcropError
from outcrop.crypto.sealed_folder import FolderSeal
from outcrop.training.job_folder import (
    ERROR_FILE,
    LOCK_FILE,
    TrainingResult,
    read_error,
    read_history,
    write_json,
)
from outcrop.training.job_keys import NO_KEYS, JobKeys
from outcrop.training.worker.job import Job, StopRequested

DISK_FULL_EXIT = 74
BUSY_EXIT = 75
_ORPHANED_EXIT = 3
_LOCK_WAIT_SECONDS = 30.0


def main(folder: Path) -> int:
    """Work on a job folder until it has a result, an error, or the process dies; returns the exit code."""
    _limit_resources()
    keys = _take_keys(folder)
    _exit_with_the_server()
    with _lock(folder) as locked:
        if not locked:
            return BUSY_EXIT
        if TrainingResult.read(folder) is not None or read_error(folder) is not None:
            return 0
        try:
            _work(folder, keys)
        except Exception as error:  # noqa: BLE001  # the one broad handler of the process: it decides what a retry may mend
            traceback.print_exc()
            message = _final_message(error)
            if message is None:
                return 1
            return _report_error(folder, message, error)
    return 0


def _work(folder: Path, keys: JobKeys) -> None:
    job = Job.open(folder, keys)
    try:
        job.check_stop()  # before torch is loaded: a stopped job should end at once
        from outcrop.training.worker.recipes.fine_tuning import fine_tune

        fine_tune(job)
    except StopRequested:
        steps = read_history(folder).steps
        TrainingResult(status="stopped", steps=steps[-1].step if steps else 0).write(folder)
    finally:
        job.metrics.close()


def _final_message(error: Exception) -> str | None:
    """Return what to tell the user when no retry can help, else None."""
    text = str(error)
    if isinstance(error, OutcropError):
        return text
    if _is_disk_full(error):
        return "No space left on the disk that holds the job; free some and create the job again."
    if isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text:
        return (
            "The model and its batch do not fit into memory; use a smaller batchSize, shorter records,"
            " fineTuningMethod lora or a smaller model."
        )
    return None


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return True
    # safetensors reports the operating system's error as text only
    return any(
        f"os error {code}" in str(error) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    )


def _report_error(folder: Path, message: str, error: Exception) -> int:
    try:
        write_json(folder / ERROR_FILE, {"message": message})
    except OSError:
        if _is_disk_full(error):
            return DISK_FULL_EXIT
        raise
    return 0


def _limit_resources() -> None:
    """Leave no core dumps of users' data, and be the first to go when memory runs out."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("500")


def _take_keys(folder: Path) -> JobKeys:
    """Read the keys from standard input, where the job's folder is sealed.

    Byte by byte: what follows the line belongs to whoever watches the pipe.
    """
    if FolderSeal.read(folder) is None:
        return NO_KEYS
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(_ORPHANED_EXIT)
        line += byte
    return JobKeys.from_line(line)


def _exit_with_the_server() -> None:
    """End the process when the pipe on standard input closes, which the server's death does.

    Started by hand on a terminal or a file there is no such pipe, and nothing is watched.
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(_ORPHANED_EXIT)

    threading.Thread(target=watch, name="server-watch", daemon=True).start()


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock; yields False when another worker keeps it.

    A worker whose server died may need a moment to notice.
    """
    with (folder / LOCK_FILE).open("a") as lock:
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.05)
            else:
                yield True
                return


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
