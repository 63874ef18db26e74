"""The launcher: a small process from which every function's process is forked, already warm and behind its walls.

It is started once, with a clean environment and one socket to the server, holds no secret between two requests, and
runs no thread, so that a fork is safe. What it starts, in order:

- a first child leaves the namespaces for new ones (a new pid namespace begins with its children) and ends;
- its child, process 1 of the new pid namespace, builds the root, gives up what it does not need, and reaps;
- the child of that runs the handler. When process 1 ends, the kernel ends everything that the handler started.

When the server goes away, the socket closes, and the launcher ends all it started, then itself.

Messages, one JSON object each: `{"start": n, "specification": …}` with two descriptors (a socket for the new process to
report on, and where its output goes), answered by `{"started": n, "process": pid}` or `{"failed": n, "reason": …}`;
`{"try": n, "scratch": folder}`, answered by `{"tried": n, "walls": …}`; `{"kill": pid}`; and `{"ended": pid, "status": wait status}` when a process 1 has ended.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from outcrop.functions.sandbox import inside, kernel, trial
from outcrop.functions.sandbox.specification import (
    GROUP_ID,
    NAMESPACES,
    NETWORK,
    USER_ID,
    Specification,
)

_MESSAGE_BYTES = 1 << 18
_DESCRIPTORS = 2
_UNSHARED = b"u"
_GO = b"g"
_PASSES_TO_STOP = 20


class Launcher:
    """Starts and ends processes as the server asks, until it goes away.

    Args:
        control: the socket to the server, of kind SOCK_SEQPACKET.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._walled: dict[int, bool] = {}  # process → whether the kernel ends its children with it

    def serve(self) -> None:
        """Answer messages until the server's end of the socket closes."""
        kernel.adopt_orphans()
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is not self._control:
                        with suppress(BlockingIOError):
                            os.read(wake_read, 4096)
                        self._reap()
                    elif not self._answer():
                        self._end_all()
                        return

    def _answer(self) -> bool:
        try:
            message, descriptors, _, _ = socket.recv_fds(
                self._control, _MESSAGE_BYTES, _DESCRIPTORS
            )
        except ConnectionError:
            return False
        if not message:
            return False
        asked = json.loads(message)
        try:
            if "kill" in asked:
                self._kill(asked["kill"])
            elif "try" in asked:
                walls = trial.try_walls(start, asked["scratch"])
                self._tell({"tried": asked["try"], "walls": walls})
            else:
                self._start(asked, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _start(self, asked: dict[str, Any], descriptors: list[int]) -> None:
        number = asked["start"]
        try:
            wanted = Specification.from_values(asked["specification"])
            report, output = descriptors
            if wanted.stands(NETWORK):
                inside.load_client()
            process = start(wanted, lambda: inside.prepare_and_run(wanted, report, output))
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._tell({"failed": number, "reason": str(error)})
            return
        self._walled[process] = wanted.stands(NAMESPACES)
        self._tell({"started": number, "process": process})

    def _kill(self, process: int) -> None:
        walled = self._walled.get(process)
        if walled is None:
            return
        if not walled:
            _kill_tree(process)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            walled = self._walled.pop(process, None)
            if walled is False:
                self._end_orphans()
            if walled is not None:
                self._tell({"ended": process, "status": status})

    def _end_orphans(self) -> None:
        """End what a process without a pid namespace left behind: it has become our child."""
        for process in children_of(os.getpid()):
            if process not in self._walled:
                _kill_tree(process)
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    def _end_all(self) -> None:
        _kill_tree(os.getpid())

    def _tell(self, message: dict[str, Any]) -> None:
        with suppress(ConnectionError):
            self._control.send(json.dumps(message).encode())


def start(wanted: Specification, run: Callable[[], object]) -> int:
    """Fork a process behind the namespaces that are wanted, which calls `run` and ends; return its id.

    The process dies with this one.

    Raises:
        OSError: the kernel refuses; nothing is left running.
    """
    go_read, go_write = os.pipe()
    said_read, said_write = os.pipe()
    try:
        first = os.fork()
        if first == 0:
            os.close(go_write)
            os.close(said_read)
            _first_stage(wanted, go_read, said_write, run)
        os.close(said_write)
        said_write = -1
        if wanted.stands(NAMESPACES):
            _expect(said_read, _UNSHARED, first)
            _map_users(first, wanted.outer_user)
            os.write(go_write, _GO)
            process = int(_expect(said_read, b"", first))
            # The last stage's parent is now this process, so that it can die with it.
            os.waitpid(first, 0)
        else:
            process = first
        os.write(go_write, _GO)
        return process
    finally:
        for descriptor in (go_read, go_write, said_read, said_write):
            if descriptor >= 0:
                os.close(descriptor)


def children_of(process: int) -> list[int]:
    """Return the direct children of a process, as this pid namespace numbers them."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208  # names, not paths
            with suppress(OSError):
                text = Path(f"/proc/{process}/task/{thread}/children").read_text()
                found += [int(word) for word in text.split()]
    return found


def _first_stage(wanted: Specification, go: int, said: int, run: Callable[[], object]) -> NoReturn:
    try:
        if wanted.stands(NAMESPACES):
            flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID | kernel.CLONE_NEWNS
            flags |= kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
            if wanted.stands(NETWORK):
                flags |= kernel.CLONE_NEWNET
            try:
                kernel.unshare(flags)
            except OSError as error:
                os.write(said, f"!{error}\n".encode())
                os._exit(1)
            os.write(said, _UNSHARED + b"\n")
            if os.read(go, 1) != _GO:
                os._exit(1)
            process = os.fork()
            if process:
                os.write(said, f"{process}\n".encode())
                os._exit(0)
        os.close(said)
        if os.read(go, 1) != _GO:
            os._exit(1)
        kernel.die_with_parent(signal.SIGKILL)
        os.close(go)
        run()
    except BaseException as error:  # noqa: BLE001  # a forked copy must never return into its parent's code
        with suppress(Exception):
            sys.stderr.write(f"launcher: {error!r}\n")
            sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _expect(said: int, what: bytes, first: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(said, 1)
        if not piece:
            break
        line += piece
    line = line.strip()
    if not line or line.startswith(b"!") or (what and line != what):
        with suppress(ChildProcessError):
            os.waitpid(first, 0)
        raise OSError(line[1:].decode() or "the process ended before it began")
    return line


def _map_users(process: int, outer_user: int) -> None:
    """Say who a process in its new user namespace is outside: nobody that owns anything, where we may choose."""
    folder = Path(f"/proc/{process}")
    if os.geteuid() == 0 and outer_user:
        # Root outside builds the root folder, and is given up for the second before any foreign code runs.
        (folder / "uid_map").write_text(f"0 0 1\n{USER_ID} {outer_user} 1\n")
        (folder / "gid_map").write_text(f"0 0 1\n{GROUP_ID} {outer_user} 1\n")
        return
    (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(f"{USER_ID} {os.geteuid()} 1\n")
    (folder / "gid_map").write_text(f"{GROUP_ID} {os.getegid()} 1\n")


def _kill_tree(process: int) -> None:
    """End all descendants of a process: stopped first, so that none escapes by forking."""
    stopped: set[int] = set()
    for _ in range(_PASSES_TO_STOP):
        found = set(_descendants(process)) - stopped
        if not found:
            break
        for descendant in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(descendant, signal.SIGSTOP)
        stopped |= found
    for descendant in stopped:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(descendant, signal.SIGKILL)


def _descendants(process: int) -> list[int]:
    found, waiting = [], [process]
    while waiting:
        children = children_of(waiting.pop())
        found += children
        waiting += children
    return found


def main() -> None:
    """Serve the socket whose descriptor is the first argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    inside.load_libraries(sys.argv[2:])
    gc.collect()
    gc.freeze()  # untouched by collections in the children, whose memory stays shared
    Launcher(control).serve()


if __name__ == "__main__":
    main()
