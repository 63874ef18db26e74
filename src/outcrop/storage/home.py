"""The home folder: where everything lives, and who may use it.

The folder can be moved as a whole while no server runs on it: nothing inside refers to its place.
"""

import fcntl
import os
from pathlib import Path

from outcrop.core.errors import HomeError


class Home:
    """The paths of one home folder, and the lock that keeps it to one server.

    Args:
        path: the folder; need not exist before `prepare`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock_descriptor: int | None = None

    def __repr__(self) -> str:
        return f"Home({str(self.path)!r})"

    @property
    def database(self) -> Path:
        """SQLite file with every row: ours and the durable job queue's."""
        return self.path / "outcrop.db"

    @property
    def configuration(self) -> Path:
        """Optional settings file."""
        return self.path / "outcrop.toml"

    @property
    def root_key(self) -> Path:
        """Root credentials, readable by the owner only."""
        return self.path / "root-key.json"

    @property
    def key_file(self) -> Path:
        """Root of trust of everything encrypted, readable by the owner only; unless Vault keeps it."""
        return self.path / "root-of-trust.key"

    @property
    def certificates(self) -> Path:
        """Own certificate authority and the server's certificate."""
        return self.path / "ca"

    @property
    def server_lock(self) -> Path:
        """File that the running server holds locked; contains its process id."""
        return self.path / "server.lock"

    @property
    def server_info(self) -> Path:
        """Process id and ports of the running server; exists only while it listens."""
        return self.path / "server.json"

    @property
    def objects(self) -> Path:
        """Content of S3 objects."""
        return self.path / "objects"

    @property
    def jobs(self) -> Path:
        """One folder for each training job that runs."""
        return self.path / "jobs"

    @property
    def base_models(self) -> Path:
        """Base models that the user added."""
        return self.path / "models" / "base"

    @property
    def custom_models(self) -> Path:
        """Weights of custom models, one folder each."""
        return self.path / "models" / "custom"

    @property
    def engines(self) -> Path:
        """Sockets and logs of running inference engines."""
        return self.path / "engines"

    @property
    def functions(self) -> Path:
        """Folders of running functions; nothing that must last."""
        return self.path / "functions"

    @property
    def audit(self) -> Path:
        """The audit trail: events, their payloads, signed checkpoints."""
        return self.path / "audit"

    @property
    def backups(self) -> Path:
        """Databases as they were before each migration."""
        return self.path / "backups"

    @property
    def logs(self) -> Path:
        """Logs of processes that the server starts."""
        return self.path / "logs"

    @property
    def log_events(self) -> Path:
        """What log groups hold, sealed, and the journal before it."""
        return self.path / "log-events"

    @property
    def invocations(self) -> Path:
        """Journal of the invocations that are still to be logged where their region wants them."""
        return self.path / "invocations"

    def prepare(self) -> None:
        """Make the folder and its parts where they are missing; the folder is the owner's alone.

        Raises:
            HomeError: the place cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (
                self.objects,
                self.jobs,
                self.base_models,
                self.custom_models,
                self.engines,
                self.backups,
                self.logs,
            ):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HomeError(f"{self.path} cannot be used as a home folder: {error}") from error

    def lock(self) -> None:
        """Keep every other server off this home until this process ends or `unlock` is called.

        Raises:
            HomeError: another server runs on it; names its process id.
        """
        descriptor = os.open(self.server_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise HomeError(
                f"another server (pid {holder}) is running on {self.path}; "
                "stop it, or choose another folder with --home or OUTCROP_HOME"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock_descriptor = descriptor

    def unlock(self) -> None:
        """Let another server use this home; does nothing when the lock is not held."""
        if self._lock_descriptor is not None:
            # The file stays: removing it would let two servers lock two different files.
            os.ftruncate(self._lock_descriptor, 0)
            os.close(self._lock_descriptor)
            self._lock_descriptor = None
