"""The engines of a server: one process for each base folder, started when asked for, stopped when idle.

Used on the event loop only. Imports no model library: those live in the processes.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from outcrop.config import Settings, device_variables
from outcrop.core.errors import EngineError, EngineGone, EngineNotReady
from outcrop.core.weights import Weights
from outcrop.inference.client import EngineClient
from outcrop.storage.home import Home

_LONGEST_SOCKET_PATH_BYTES = 100  # the system's limit is 104 to 108
_SOCKET_ELSEWHERE = "engine.sock"  # alone in a temporary folder
_STOP_SECONDS = 5.0


@dataclass(slots=True)
class _Slot:
    """One base folder's engine: the task that starts it, and what it became."""

    start: "asyncio.Task[_Process]"

    @property
    def process(self) -> "_Process | None":
        """The engine, once it runs."""
        if not self.start.done() or self.start.cancelled() or self.start.exception() is not None:
            return None
        return self.start.result()

    @property
    def has_ended(self) -> bool:
        """Whether the start failed or the process is gone."""
        return self.start.done() and (self.process is None or self.process.client.closed.is_set())


@dataclass(slots=True)
class _Process:
    """A running engine process and the connection to it."""

    process: asyncio.subprocess.Process
    client: EngineClient
    socket: Path

    async def stop(self) -> None:
        """End the process: by closing its input, and by force when that does not help."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self.client.closed.wait()
        _remove_socket(self.socket)


class EnginePool:
    """Starts, shares, watches and stops engine processes.

    Args:
        settings: waits, threads and the number of engines allowed.
        home: where sockets and logs go.
    """

    def __init__(self, settings: Settings, home: Home) -> None:
        self._settings = settings
        self._home = home
        self._slots: dict[Path, _Slot] = {}
        self._janitor: asyncio.Task[None] | None = None
        self._is_closed = False

    async def engine(self, weights: Weights) -> EngineClient:
        """Return the engine of a base model, starting it when it does not run.

        Callers of one start share it. The adapter is not loaded here but by the first request that names it.

        Raises:
            EngineNotReady: it did not get ready within `model_wait_seconds` (and goes on loading), or all
                engines allowed are busy with other models.
            EngineError: the model cannot be loaded.
        """
        slot = self._slots.get(weights.base)
        process = None if slot is None else slot.process
        if process is not None and not process.client.closed.is_set():
            return process.client
        start = (await self._slot(weights)).start
        try:
            process = await asyncio.wait_for(
                asyncio.shield(start), self._settings.model_wait_seconds
            )
        except TimeoutError as error:
            raise EngineNotReady(
                "The model is not ready: it is being loaded. Retry the request."
            ) from error
        return process.client

    async def preload(self, weights: Weights) -> None:
        """Have a model and its adapter in memory, however long that takes.

        Raises:
            EngineError: the model or the adapter cannot be loaded.
        """
        client = (await asyncio.shield((await self._slot(weights)).start)).client
        if weights.adapter is not None:
            await client.load_adapter(weights.adapter, weights.adapter_key)

    async def close(self) -> None:
        """Stop every engine for good; running requests raise EngineError."""
        self._is_closed = True
        if self._janitor is not None:
            self._janitor.cancel()
        await asyncio.gather(*(self._stop(base) for base in list(self._slots)))

    async def _slot(self, weights: Weights) -> _Slot:
        if self._is_closed:
            raise EngineNotReady("The server is stopping.")
        base = weights.base
        slot = self._slots.get(base)
        if slot is not None and slot.has_ended:
            self._discard(base, slot)
            slot = None
        if slot is None:
            await self._make_room()
            # Another caller may have begun the same start while this one made room.
            slot = self._slots.get(base)
        if slot is None:
            if self._janitor is None:
                # Sockets of a server that was killed; the home is ours alone.
                for stale in self._home.engines.glob("*.sock"):
                    stale.unlink(missing_ok=True)
                self._janitor = asyncio.create_task(self._stop_idle())
            slot = self._slots[base] = _Slot(
                asyncio.create_task(self._start(base, weights.base_key))
            )
        return slot

    def _discard(self, base: Path, slot: _Slot) -> None:
        del self._slots[base]
        if slot.process is not None:
            _remove_socket(slot.process.socket)

    async def _make_room(self) -> None:
        for base, slot in list(self._slots.items()):
            if slot.has_ended:
                self._discard(base, slot)
        if len(self._slots) < self._settings.max_engines:
            return
        idle = [
            (slot.process.client.last_used_seconds, base)
            for base, slot in self._slots.items()
            if slot.process is not None and not slot.process.client.is_busy
        ]
        if not idle:
            raise EngineNotReady(
                f"All {self._settings.max_engines} engines are busy with other models. Retry the request, or"
                " raise OUTCROP_MAX_ENGINES."
            )
        await self._stop(min(idle)[1])

    async def _stop(self, base: Path) -> None:
        # Out of the table first, so that nobody is given an engine that is being stopped.
        slot = self._slots.pop(base)
        if not slot.start.done():
            slot.start.cancel()
        with suppress(asyncio.CancelledError, EngineError):
            await (await slot.start).stop()

    async def _stop_idle(self) -> None:
        idle_seconds = self._settings.model_idle_seconds
        while True:
            await asyncio.sleep(max(1.0, min(60.0, idle_seconds / 4)))
            now = asyncio.get_running_loop().time()
            for base, slot in list(self._slots.items()):
                process = slot.process
                if process is None or process.client.is_busy or slot.has_ended:
                    continue
                if now - process.client.last_used_seconds > idle_seconds:
                    await self._stop(base)

    async def _start(self, base: Path, key: bytes | None) -> _Process:
        socket = self._socket_path()
        arguments = ["--socket", str(socket), "--threads", str(self._settings.engine_threads)]
        log_path = self._home.logs / f"engine-{base.name}.log"
        with log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "outcrop.inference.native",
                str(base),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=_environment(self._settings),
            )
        try:
            if key is not None:
                assert process.stdin is not None
                process.stdin.write(key.hex().encode() + b"\n")
            await _wait_until_ready(process, log_path)
            return _Process(process, await _connect(socket), socket)
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            _remove_socket(socket)
            raise

    def _socket_path(self) -> Path:
        """Return a new path, in a private folder elsewhere when the home's path is too long for a socket."""
        path = self._home.engines / f"{secrets.token_hex(4)}.sock"
        if len(str(path).encode()) <= _LONGEST_SOCKET_PATH_BYTES:
            return path
        return Path(tempfile.mkdtemp(prefix="outcrop-")) / _SOCKET_ELSEWHERE


def _environment(settings: Settings) -> dict[str, str]:
    """Return all that an engine sees of the server's environment: nothing of it is secret."""
    import outcrop

    return {
        "PYTHONPATH": str(Path(outcrop.__file__).parents[1]),
        "HOME": str(settings.home),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # Threads that spin at a barrier starve each other once the processor has anything else to do.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        **device_variables(),
    }


async def _wait_until_ready(process: asyncio.subprocess.Process, log_path: Path) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # libraries may print
        if isinstance(said, dict) and said.get("ready"):
            return
        if isinstance(said, dict) and "error" in said:
            raise EngineError(f"The model cannot be loaded: {said['error']}")
    code = await process.wait()
    kind = EngineGone if code == -signal.SIGKILL else EngineError
    raise kind(f"The model's engine ended while it started (exit {code}); see {log_path}")


async def _connect(socket: Path) -> EngineClient:
    try:
        return await EngineClient.connect(socket)
    except OSError as error:
        raise EngineGone(f"The model's engine ended as it was ready: {error}") from error


def _remove_socket(path: Path) -> None:
    path.unlink(missing_ok=True)
    if path.name == _SOCKET_ELSEWHERE:
        with suppress(FileNotFoundError):
            path.parent.rmdir()
