"""The lines of a partition, the tags that chain them, and the secrets that the tags are made with.

A line is a JSON object whose first member is its tag: HMAC-SHA256, under the key of its epoch, over the tag of the
line before and the rest of the line. An epoch is what lies between two checkpoints. Secrets go forward only: an
epoch's secret yields its chain key, its signing key and the secret of the next epoch, and is then forgotten.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NO_TAG = b"0" * 64  # what the first line of all follows
LINE_START = b'{"tag":"'
_TAG_END = len(LINE_START) + 64
_BODY_START = _TAG_END + 2
_SEQUENCE_START = b'{"seq":'
_PAYLOAD_START = b',"payload":"'


class ChainKey:
    """An epoch's key, with the two hashes of HMAC-SHA256 begun: half the cost of beginning them each time.

    Args:
        key: 32 bytes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def tag(self, previous: bytes, body: bytes) -> bytes:
        """Return a line's tag, in hexadecimal.

        Args:
            previous: tag of the line before.
            body: the line's JSON object without its tag.
        """
        return self._hexadecimal(previous + body)

    def payload_digest(self, line: bytes) -> bytes:
        """Return the keyed digest of a line of the payload file, as the event's own line carries it."""
        return self._hexadecimal(b"payload" + line)

    def _hexadecimal(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest().encode()


def line_of(tag: bytes, body: bytes) -> bytes:
    """Return a whole line, newline included."""
    return LINE_START + tag + b'",' + body[1:] + b"\n"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in a file; whether it is genuine remains to be seen.

    Attributes:
        tag: in hexadecimal.
        body: what the tag covers.
        sequence: its number, counted from 1 through all partitions.
        payload: digest of the payload's line; b"" where the event has none.
    """

    tag: bytes
    body: bytes
    sequence: int
    payload: bytes


def parse_line(line: bytes) -> Line | None:
    """Return the parts of a line (without newline), or None where it does not have the form of one."""
    if not line.startswith(LINE_START) or line[_TAG_END:_BODY_START] != b'",':
        return None
    body = b"{" + line[_BODY_START:]
    if not body.startswith(_SEQUENCE_START) or not body.endswith(b"}"):
        return None
    end = body.find(b",", len(_SEQUENCE_START))
    digits = body[len(_SEQUENCE_START) : end]
    if not digits.isdigit():
        return None
    payload = b""
    if body.startswith(_PAYLOAD_START, end):
        start = end + len(_PAYLOAD_START)
        payload = body[start : start + 64]
    return Line(line[len(LINE_START) : _TAG_END], body, int(digits), payload)


def derive(secret: bytes, purpose: str) -> bytes:
    """Return 32 bytes from which neither the secret nor what it yields for another purpose can be told."""
    return hmac.digest(secret, f"outcrop audit {purpose}".encode(), hashlib.sha256)


@dataclass(frozen=True)
class Secret:
    """A secret that is used once and then replaced by the one that follows from it.

    Attributes:
        value: 32 bytes.
    """

    value: bytes = field(repr=False)

    @cached_property
    def chain_key_bytes(self) -> bytes:
        """Key of the tags of one epoch; its checkpoint discloses it, when it can do no more harm."""
        return derive(self.value, "chain")

    @cached_property
    def chain_key(self) -> ChainKey:
        """The same, ready for use."""
        return ChainKey(self.chain_key_bytes)

    @cached_property
    def signing_key(self) -> Ed25519PrivateKey:
        """Key that signs one statement, the one that ends the use of this secret."""
        return Ed25519PrivateKey.from_private_bytes(derive(self.value, "signature"))

    @cached_property
    def public_key(self) -> str:
        """Public half of the signing key, in hexadecimal."""
        return self.signing_key.public_key().public_bytes_raw().hex()

    def next(self) -> "Secret":
        """Return the secret that replaces this one."""
        return Secret(derive(self.value, "next"))

    def of_partition(self) -> "Secret":
        """Return the first epoch's secret of the partition that a link opens."""
        return Secret(derive(self.value, "partition"))
