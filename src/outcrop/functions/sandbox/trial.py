"""Tries each wall in processes of their own: whether the kernel lets it be put up, and whether it holds."""

import errno
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from outcrop.functions.sandbox import filesystem, kernel, landlock, network, seccomp
from outcrop.functions.sandbox.specification import (
    LANDLOCK,
    NAMESPACES,
    NETWORK,
    SECCOMP,
    Specification,
)

_ANSWER_BYTES = 1 << 14
_NOBODY = 65_000
_TEST_PORT = 9001
_PTRACE = {"x86_64": 101, "aarch64": 117}

Start = Callable[[Specification, Callable[[], object]], int]


def try_walls(start: Start, scratch: str) -> dict[str, dict[str, Any]]:
    """Return wall → whether it stands, and what it holds off or what was refused.

    Args:
        start: forks a process behind namespaces; see `launcher.start`.
        scratch: empty folder that may be mounted on and written to.
    """
    wanted = Specification(
        walls=(NAMESPACES,),
        handler="",
        folder=scratch,
        runtime={},
        python=(),
        staging=scratch,
        temporary=scratch,
        environment={},
        temporary_bytes=1 << 20,
        outer_user=_NOBODY,
    )
    alone = Specification.from_values(json.loads(wanted.to_json()) | {"walls": []})
    connected = Specification.from_values(
        json.loads(wanted.to_json()) | {"walls": [NAMESPACES, NETWORK]}
    )
    return {
        NAMESPACES: _try(start, wanted, lambda: _see_own_root(wanted, scratch)),
        NETWORK: _try(start, connected, _see_own_network),
        LANDLOCK: _try(start, alone, _meet_landlock),
        SECCOMP: _try(start, alone, _meet_seccomp),
    }


def _try(start: Start, wanted: Specification, attempt: Callable[[], str]) -> dict[str, Any]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def run() -> None:
        ours.close()
        try:
            answer = {"stands": True, "detail": attempt()}
        except (OSError, _Holed) as error:
            answer = {"stands": False, "detail": str(error)}
        with suppress(OSError):
            theirs.send(json.dumps(answer).encode())
        os._exit(0)

    with ours:
        try:
            process = start(wanted, run)
        except OSError as error:
            theirs.close()
            return {"stands": False, "detail": str(error)}
        theirs.close()
        said = ours.recv(_ANSWER_BYTES)
        with suppress(ChildProcessError):
            os.waitpid(process, 0)
    return json.loads(said) if said else {"stands": False, "detail": "the attempt ended early"}


class _Holed(Exception):
    """A wall was put up and does not hold."""


def _see_own_root(wanted: Specification, scratch: str) -> str:
    filesystem.build_root(wanted)
    kernel.set_host_name("outcrop-function")
    if Path(scratch).exists() and os.listdir(scratch) and scratch != "/tmp":  # noqa: PTH208, S108
        raise _Holed(f"{scratch} is still to be seen")
    try:
        Path("/etc/trial").write_text("")
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    else:
        raise _Holed("the root can be written")
    if os.getpid() != 1:
        raise _Holed("the process is not alone in its namespace")
    return "own users, processes, root folder, names and message queues"


def _see_own_network() -> str:
    network.raise_loopback()
    for door in network.listen((_TEST_PORT,)):
        door.close()
    names = [name for _, name in socket.if_nameindex()]
    if set(names) - {"lo"} and _reaches_out():
        raise _Holed(f"it has {', '.join(names)}")
    return "own loopback address, nothing else"


def _reaches_out() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(("192.0.2.1", 9))
        except OSError:
            return False
    return True


def _meet_landlock() -> str:
    kernel.forbid_new_privileges()
    landlock.restrict(["/dev"], ["/dev/null"])
    try:
        os.listdir("/")  # noqa: PTH208
    except PermissionError:
        return f"files by path, interface version {landlock.version()}"
    raise _Holed("a folder that was not named can be read")


def _meet_seccomp() -> str:
    import platform

    kernel.forbid_new_privileges()
    seccomp.install()
    try:
        kernel.system_call(_PTRACE[platform.machine()], 0, 0, 0, 0)
    except PermissionError:
        return "system calls that reach past the walls"
    raise _Holed("ptrace is let through")
