"""The engine's socket: frames of any number of clients in, answers out, beside the decode thread."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from outcrop.inference.native.model import ServedModel
from outcrop.inference.native.scheduler import Outbox, Scheduler
from outcrop.inference.wire import FrameProtocol, encode_frame

# The decode thread gives up the interpreter for each tensor operation anyway; this bounds how long a frame waits
# for it in between (the default is 5 ms).
_SWITCH_INTERVAL_SECONDS = 0.0005

log = logging.getLogger(__name__)


async def serve(model: ServedModel, socket: Path, on_listening: Callable[[], None]) -> None:
    """Answer requests until standard input ends, which it does when the process that started this one dies.

    Args:
        model: what answers.
        socket: path to listen on; for the owner only.
        on_listening: called when clients may connect.
    """
    loop = asyncio.get_running_loop()
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)

    def deliver(outbox: Outbox) -> None:
        loop.call_soon_threadsafe(_write, outbox)

    scheduler = Scheduler(model, deliver)
    os.umask(0o077)
    server = await loop.create_unix_server(
        lambda: FrameProtocol(
            lambda message, connection: scheduler.submit(connection, message),
            lambda connection: scheduler.submit(connection, None),
        ),
        str(socket),
    )
    async with server:
        threading.Thread(target=_decode_for_ever, args=(scheduler,), daemon=True).start()
        on_listening()
        await _end_of_input()


def _write(outbox: Outbox) -> None:
    for connection, message in outbox:
        assert isinstance(connection, FrameProtocol)
        connection.send(encode_frame(message))


def _decode_for_ever(scheduler: Scheduler) -> None:
    """Run the scheduler; a failure of the batch ends the process, and the server starts another."""
    try:
        scheduler.run()
    except BaseException:
        log.exception("the decode thread failed")
        os._exit(70)


async def _end_of_input() -> None:
    """Return when standard input is at its end; a thread reads it, since it may be a terminal or a file."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    await ended.wait()
