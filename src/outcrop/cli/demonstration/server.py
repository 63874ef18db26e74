"""A server of the demo's own, started the way anyone starts one."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from outcrop.cli.connection import Server, running_server
from outcrop.cli.terminal import CommandFailed
from outcrop.config import Settings

_START_SECONDS = 60
_STOP_SECONDS = 30


@contextmanager
def server_on(settings: Settings, log: Path, flags: Sequence[str]) -> Iterator[Server]:
    """Yield the server that runs on a home, or one started for as long as the block lasts.

    Args:
        settings: name the home; ports are chosen freely.
        log: where a server that is started here writes.
        flags: of `outcrop up`, for a server that is started here.

    Raises:
        CommandFailed: it does not start.
    """
    server = running_server(settings)
    if server is not None:
        yield server
        return
    command = [sys.executable, "-m", "outcrop.cli.main", "up", "--home", str(settings.home)]
    command += ["--port", "0", "--tls-port", "0", "--log-format", "json", *flags]
    with log.open("ab") as stream:
        # In a session of its own, so that Ctrl-C reaches the demo alone, which then stops it in order.
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield _wait(process, settings, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", settings: Settings, log: Path) -> Server:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        server = running_server(settings)
        if server is not None:
            return server
        time.sleep(0.05)
    lines = log.read_text(errors="replace").strip().splitlines()
    reason = lines[-1] if lines else "it wrote nothing"
    raise CommandFailed(f"the server did not start: {reason}", f"its log is {log}")
