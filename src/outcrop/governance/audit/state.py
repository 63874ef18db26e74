"""The trail's present secrets, sealed under the root of trust and replaced whenever they have been used."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

import orjson

from outcrop.core.errors import HomeError, SealBroken
from outcrop.crypto.private_files import write_private
from outcrop.governance.audit.chain import NO_TAG, Secret

_SERVICE = "audit"
_CONTEXT = b"audit trail state"


class Seals(Protocol):
    """Seals short values under the root of trust; storage.service_keys.ServiceKeys does."""

    def seal(self, service: str, plaintext: bytes, context: bytes) -> bytes:
        """Return the sealed value."""

    def open(self, service: str, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed; raises SealBroken."""


@dataclass(frozen=True, slots=True)
class State:
    """What the trail needs to go on, as of the last checkpoint.

    Attributes:
        anchor: public key of the first link, with which all verification begins.
        partition: the open one; "" before the first.
        epoch: number of the checkpoint that comes next.
        secret: of the open epoch, in hexadecimal.
        link: number of the link that opened the partition; -1 before the first.
        link_secret: of the next link, in hexadecimal.
        sequence: number of the last event that a checkpoint covers.
        head: tag of that event's line.
    """

    anchor: str
    partition: str
    epoch: int
    secret: str = field(repr=False)
    link: int
    link_secret: str = field(repr=False)
    sequence: int
    head: str

    @classmethod
    def initial(cls, link_secret: Secret) -> "State":
        """Return the state of a trail whose first link is not yet made."""
        return cls(
            anchor=link_secret.public_key,
            partition="",
            epoch=0,
            secret="",
            link=-1,
            link_secret=link_secret.value.hex(),
            sequence=0,
            head=NO_TAG.decode(),
        )

    @property
    def epoch_secret(self) -> Secret:
        """The open epoch's secret."""
        return Secret(bytes.fromhex(self.secret))

    @property
    def next_link_secret(self) -> Secret:
        """The secret that signs the next link."""
        return Secret(bytes.fromhex(self.link_secret))

    def after_checkpoint(self, last: int, head: str) -> "State":
        """Return the state once the open epoch's checkpoint is written."""
        return replace(
            self,
            epoch=self.epoch + 1,
            secret=self.epoch_secret.next().value.hex(),
            sequence=last,
            head=head,
        )

    def after_link(self, partition: str) -> "State":
        """Return the state once the link that opens a partition is written."""
        secret = self.next_link_secret
        return replace(
            self,
            partition=partition,
            epoch=0,
            secret=secret.of_partition().value.hex(),
            link=self.link + 1,
            link_secret=secret.next().value.hex(),
        )


class StateFile:
    """Keeps the state.

    Args:
        path: the sealed file.
        seals: under the root of trust.
    """

    def __init__(self, path: Path, seals: Seals) -> None:
        self._path = path
        self._seals = seals

    def load(self) -> State | None:
        """Return the state, or None where none was ever saved.

        Raises:
            HomeError: the file does not open: it was changed, or the root of trust is another one.
        """
        if not self._path.exists():
            return None
        try:
            content = self._seals.open(_SERVICE, self._path.read_bytes(), _CONTEXT)
        except SealBroken:
            raise HomeError(
                f"{self._path} does not open: it was changed, or sealed under another root of trust. "
                f"Restore it, or move {self._path.parent} away to begin a new audit trail."
            ) from None
        return State(**orjson.loads(content))

    def save(self, state: State) -> None:
        """Replace the state; the secrets of the one before are gone from the file."""
        write_private(self._path, self._seals.seal(_SERVICE, orjson.dumps(asdict(state)), _CONTEXT))
