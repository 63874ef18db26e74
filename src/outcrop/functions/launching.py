"""The server's side of the launcher: starts it when first needed, asks it for processes, and hears of their end."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from outcrop.functions.code import FunctionNotStarted
from outcrop.functions.sandbox.specification import Specification

_MESSAGE_BYTES = 1 << 16
_STOP_SECONDS = 10.0
_BOOT = (
    "import sys; sys.path[:] = [*sys.argv[2:], *filter(None, sys.path)];"
    " from outcrop.functions.sandbox.launcher import main; main()"
)
# What Lambda's Python runtimes bring along, and the runtime client itself.
_RUNTIME_MODULES = (
    "awslambdaric",
    "runtime_client",
    "simplejson",
    "snapshot_restore_py",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "urllib3",
    "dateutil",
    "six",
)

OnEnd = Callable[[int], None]


@dataclass(slots=True)
class Started:
    """A process that the launcher has forked.

    Attributes:
        process: id of its outermost part, process 1 of its own pid namespace.
        report: socket on which it tells of its listening sockets, errors and its handler's end; not blocking.
        output: descriptor to read what it writes.
    """

    process: int
    report: socket.socket
    output: int


class Launcher:
    """The launcher's process, and what it is asked.

    Args:
        log: file for its own complaints.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._on_end: dict[int, OnEnd] = {}
        self._ended_early: dict[
            int, int
        ] = {}  # process → status, until who asked for it is told of it

    async def start(self, wanted: Specification, on_end: OnEnd) -> Started:
        """Have a process forked.

        Args:
            wanted: which.
            on_end: called once with its wait status when it has ended, or with -1 when the launcher has.

        Raises:
            FunctionNotStarted: the kernel refuses, or the launcher does not run.
        """
        control = self._running()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output_read, output_write = os.pipe2(os.O_CLOEXEC)
        number = next(self._numbers)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        message = b'{"start":%d,"specification":%s}' % (number, wanted.to_json())
        try:
            socket.send_fds(control, [message], [theirs.fileno(), output_write])
            process = await answer
        except BaseException as error:
            ours.close()
            os.close(output_read)
            if isinstance(error, OSError):
                raise FunctionNotStarted(f"the launcher cannot be reached: {error}") from error
            raise
        finally:
            self._asked.pop(number, None)
            theirs.close()
            os.close(output_write)
        self._on_end[process] = on_end
        if process in self._ended_early:
            asyncio.get_running_loop().call_soon(self._end, process, self._ended_early.pop(process))
        ours.setblocking(False)
        return Started(process, ours, output_read)

    async def try_walls(self, scratch: str) -> dict[str, dict[str, Any]]:
        """Have every wall tried; see `sandbox.trial`.

        Raises:
            FunctionNotStarted: the launcher does not run.
        """
        control = self._running()
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, dict[str, Any]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._asked[number] = answer
        try:
            control.send(json.dumps({"try": number, "scratch": scratch}).encode())
            return await answer
        except OSError as error:
            raise FunctionNotStarted(f"the launcher cannot be reached: {error}") from error
        finally:
            self._asked.pop(number, None)

    def kill(self, process: int) -> None:
        """End a process that was started here, with all that it started; `on_end` follows."""
        if self._control is not None and process in self._on_end:
            with suppress(OSError):
                self._control.send(json.dumps({"kill": process}).encode())

    async def close(self) -> None:
        """End the launcher, and with it every process it started."""
        if self._process is None:
            return
        process = self._process
        self._lost()
        try:
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def _running(self) -> socket.socket:
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                    launcher_command(theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    env={"LANG": "C.UTF-8", "PATH": os.defpath},
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise FunctionNotStarted(f"the launcher cannot be started: {error}") from error
        finally:
            theirs.close()
        self._control = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._hear)
        return ours

    def _hear(self) -> None:
        while self._control is not None:
            try:
                message = self._control.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._lost()
                self._bury()
                return
            self._take(json.loads(message))

    def _take(self, said: dict[str, Any]) -> None:
        if "ended" in said:
            self._end(said["ended"], said["status"])
            return
        answer = self._asked.get(_number_of(said))
        if answer is None or answer.done():
            if "started" in said:  # whoever asked has gone away
                self._on_end[said["process"]] = lambda _: None
                self.kill(said["process"])
        elif "failed" in said:
            answer.set_exception(FunctionNotStarted(said["reason"]))
        else:
            answer.set_result(said["process"] if "started" in said else said["walls"])

    def _end(self, process: int, status: int) -> None:
        on_end = self._on_end.pop(process, None)
        if on_end is None:
            self._ended_early[process] = status
        else:
            on_end(status)

    def _lost(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(FunctionNotStarted("the launcher has ended"))
        ended, self._on_end = self._on_end, {}
        self._ended_early.clear()
        for on_end in ended.values():
            on_end(-1)

    def _bury(self) -> None:
        """Take in a launcher that has ended by itself; the next start makes another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()  # at once: it was ending, or is made to


def _number_of(said: dict[str, Any]) -> int:
    number: int = next(said[kind] for kind in ("started", "failed", "tried") if kind in said)
    return number


def launcher_command(descriptor: int) -> list[str]:
    """Return how to run the launcher: the server's Python, without its site-packages but for what is named."""
    import outcrop

    ours = str(Path(outcrop.__file__).parents[1])
    paths = list(dict.fromkeys([ours, *(str(Path(place).parent) for place in runtime().values())]))
    interpreter = getattr(sys, "_base_executable", None) or sys.executable
    return [interpreter, "-S", "-s", "-E", "-B", "-X", "utf8", "-c", _BOOT, str(descriptor), *paths]


@cache
def runtime() -> dict[str, str]:
    """Return name → place of what a function may import without bringing it, distribution records included."""
    found: dict[str, str] = {}
    for name in _RUNTIME_MODULES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            continue
        place = Path(spec.origin)
        if spec.submodule_search_locations:
            place = place.parent
        found[place.name] = str(place)
        for record in place.parent.glob(f"{name}-*.dist-info"):
            found[record.name] = str(record)
    return found


def link_runtime(folder: Path) -> None:
    """Make a folder in which nothing but the runtime's modules can be imported."""
    folder.mkdir(parents=True, exist_ok=True)
    for link in folder.iterdir():
        link.unlink()
    for name, place in runtime().items():
        (folder / name).symlink_to(place)


@cache
def python_folders() -> tuple[str, ...]:
    """Return the folders of the Python installation that a function needs."""
    base = Path(sys.base_prefix)
    standard = {
        sysconfig.get_path(name, vars={"base": str(base), "platbase": str(base)})
        for name in ("stdlib", "platstdlib")
    }
    if base == Path("/usr"):
        return tuple(sorted(standard))
    folders = {str(base / "bin"), str(base / "lib"), *standard}
    return tuple(sorted(folder for folder in folders if Path(folder).is_dir()))
