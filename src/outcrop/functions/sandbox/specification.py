"""What the server asks the launcher for: one function's process, as plain data that crosses a socket."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

NAMESPACES = "namespaces"
NETWORK = "network"
LANDLOCK = "landlock"
SECCOMP = "seccomp"
ALL_WALLS = (NAMESPACES, NETWORK, LANDLOCK, SECCOMP)

TASK_ROOT = "/var/task"
LAYERS_ROOT = "/opt"
RUNTIME_ROOT = "/var/runtime"
REQUIREMENTS_ROOT = "/var/lang/requirements"
CERTIFICATES = "/var/runtime/ca-bundle.pem"
RUNTIME_API_PORT = 9001

# As on Lambda: the user's name is sbx_user1051.
USER_ID = 993
GROUP_ID = 990


@dataclass(frozen=True, slots=True)
class Specification:
    """One process to start.

    Attributes:
        walls: names of the walls to put up, of `ALL_WALLS`.
        handler: `module.function`.
        folder: the package, outside.
        layers: folder shown as /opt, outside; empty for none.
        requirements: folder of installed distributions, outside; empty for none.
        runtime: distribution name → its folder or file outside: what a function may import without bringing it.
        links: folder of links to what `runtime` names, for a process without a root of its own; empty otherwise.
        python: folders of the Python installation.
        certificates: file of CA certificates, outside; empty for none.
        temporary: folder for /tmp, outside; used where /tmp is no file system in memory.
        temporary_bytes: size of /tmp as a file system in memory; 0 for the folder.
        staging: empty folder to build the root on, outside.
        ports: of the endpoint, which the function can reach on its own loopback address.
        environment: complete.
        outer_user: user and group outside that the function's are mapped to, where the launcher is root.
        file_bytes: largest file that can be written; 0 for no limit.
        processes: most processes and threads; 0 for no limit.
        api_prefix: what to put before the Runtime API's paths, where others could reach its port.
    """

    walls: tuple[str, ...]
    handler: str
    folder: str
    runtime: dict[str, str]
    python: tuple[str, ...]
    staging: str
    temporary: str
    environment: dict[str, str] = field(repr=False)
    links: str = ""
    layers: str = ""
    requirements: str = ""
    certificates: str = ""
    temporary_bytes: int = 0
    ports: tuple[int, ...] = ()
    outer_user: int = 0
    file_bytes: int = 0
    processes: int = 0
    api_prefix: str = field(default="", repr=False)

    def to_json(self) -> bytes:
        """Return it as it crosses the socket."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Specification":
        """Return what `to_json` wrote."""
        lists = ("walls", "python", "ports")
        return cls(**{**values, **{name: tuple(values[name]) for name in lists}})

    def stands(self, wall: str) -> bool:
        """Return whether a wall is to be put up."""
        return wall in self.walls
