"""What all processes of a host share."""

from dataclasses import dataclass
from pathlib import Path

from outcrop.functions.launching import Launcher
from outcrop.functions.sandbox.specification import NETWORK


@dataclass(slots=True)
class Surroundings:
    """What all processes of a host share.

    Attributes:
        folder: private; a folder for each process is made in it.
        walls: names of the walls to put up.
        doors: address and port where the server listens, the one of plain HTTP first; both are reachable from within.
        certificates: file of CA certificates; None for the system's.
        memory_for_temporary_bytes: what may still be given to /tmp folders in memory.
    """

    launcher: Launcher
    folder: Path
    walls: tuple[str, ...]
    doors: tuple[tuple[str, int], ...]
    certificates: Path | None
    memory_for_temporary_bytes: int
    next_user: int = 0

    @property
    def endpoint(self) -> str:
        """What AWS_ENDPOINT_URL is inside; empty while the server does not listen."""
        if not self.doors:
            return ""
        host, port = self.doors[0]
        # In its own network a function finds the server on its own loopback address.
        host = "127.0.0.1" if NETWORK in self.walls else host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def staging(self) -> Path:
        """Empty folder on which each process, in its own view of the system, builds its root."""
        return self.folder / "root"

    @property
    def links(self) -> Path:
        """Folder of links to what functions may import without bringing it, for those without a root of their own."""
        return self.folder / "runtime"

    def outer_user(self) -> int:
        """Return a user and group that own nothing, another for each process that lives at once."""
        self.next_user = (self.next_user + 1) % 5000
        return 60_000 + self.next_user
