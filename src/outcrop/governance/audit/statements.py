"""Signed statements about the trail: checkpoints within a partition, links from one partition to the next.

Every signing key signs once. A checkpoint covers an epoch, discloses its chain key and names the key that will sign
the next checkpoint; a link opens a partition, names the key of its first checkpoint and the key of the next link.
Private halves are forgotten after use, so that whoever steals those of today can sign nothing about yesterday, and
partitions can be removed without breaking the line of links, which is kept.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outcrop.governance.audit.chain import Secret

_START = b'{"signature":"'
_SIGNATURE_END = len(_START) + 128


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What an epoch held.

    Attributes:
        partition: such as "2026-11".
        number: from 0 in each partition.
        first: sequence number of the epoch's first event.
        last: of its last.
        previous: tag of the line before the first.
        head: tag of the last line.
        key: the epoch's chain key.
        next_signer: public key of the next checkpoint.
        time: when it was made.
    """

    partition: str
    number: int
    first: int
    last: int
    previous: str
    head: str
    key: str
    next_signer: str
    time: str


@dataclass(frozen=True, slots=True)
class Link:
    """The opening of a partition.

    Attributes:
        number: from 0.
        partition: that it opens.
        first: sequence number of the partition's first event.
        previous: tag of the last line of the partition before.
        signer: public key of the partition's first checkpoint.
        next_signer: public key of the next link.
        account_id: whose calls are recorded.
        time: when it was made.
    """

    number: int
    partition: str
    first: int
    previous: str
    signer: str
    next_signer: str
    account_id: str
    time: str


StatementT = TypeVar("StatementT", Checkpoint, Link)


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement as it stands in a file.

    Attributes:
        number: of its line, from 1.
        members: None where the line cannot be read.
    """

    number: int
    body: bytes
    signature: bytes
    members: dict[str, Any] | None

    def is_signed_by(self, public_key: str) -> bool:
        """Whether the key, in hexadecimal, signed it."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
            key.verify(bytes.fromhex(self.signature.decode("ascii")), self.body)
        except (InvalidSignature, ValueError):
            return False
        return True

    def read(self, kind: type[StatementT]) -> StatementT | None:
        """Return the statement, or None where it is of another kind or cannot be read."""
        if self.members is None or self.members.get("kind") != kind.__name__.lower():
            return None
        members = {name: value for name, value in self.members.items() if name != "kind"}
        try:
            return kind(**members)
        except TypeError:
            return None


def signed_line(statement: Checkpoint | Link, secret: Secret) -> bytes:
    """Return a statement's line, signed with the key of a secret that is not used again."""
    body = orjson.dumps({"kind": type(statement).__name__.lower(), **asdict(statement)})
    signature = secret.signing_key.sign(body).hex().encode()
    return _START + signature + b'",' + body[1:] + b"\n"


def read_statements(path: Path) -> Iterator[Signed]:
    """Yield the statements of a file; nothing where there is none. An incomplete last line is left out."""
    if not path.exists():
        return
    *lines, _incomplete = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        body = b"{" + line[_SIGNATURE_END + 2 :]
        members: dict[str, Any] | None = None
        if line.startswith(_START):
            try:
                loaded = orjson.loads(body)
                members = loaded if isinstance(loaded, dict) else None
            except orjson.JSONDecodeError:
                members = None
        yield Signed(number, body, line[len(_START) : _SIGNATURE_END], members)


def last_of(path: Path, kind: type[StatementT]) -> StatementT | None:
    """Return the last statement of a file that can be read."""
    found: StatementT | None = None
    for signed in read_statements(path):
        found = signed.read(kind) or found
    return found
