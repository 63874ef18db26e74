"""What KMS's Encrypt returns: a blob that says which key and material open it.

Every blob has a key of its own, derived from the material and a salt (NIST SP 800-108 in counter mode over
HMAC-SHA-256), so that a material may encrypt without a bound that anybody reaches. The header and the encryption
context are authenticated with the content; the context's pairs are sorted, so their order means nothing.
"""

import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outcrop.core.errors import SealBroken

# In base64 blobs begin with AQICAHg, as those of AWS do: some programs tell a ciphertext by that.
_MAGIC = b"\x01\x02\x02\x00\x78"
_KEY = slice(5, 21)
_MATERIAL = slice(21, 53)
_SALT = slice(53, 69)
_NONCE = slice(69, 81)
_HEADER_BYTES = 81
_TAG_BYTES = 16
_LABEL = b"outcrop kms blob\x00"
_256_BITS = b"\x00\x00\x01\x00"


@dataclass(frozen=True, slots=True)
class BlobHeader:
    """Which key and material a blob names; not authentic before the blob was opened."""

    key_id: str
    material_id: str


def seal_blob(
    secret: bytes, header: BlobHeader, plaintext: bytes, encryption_context: Mapping[str, str]
) -> bytes:
    """Return a blob.

    Args:
        secret: the material, 32 bytes.
        header: id of the key, a UUID, and of the material, 64 hexadecimal digits.
        plaintext: what to encrypt.
        encryption_context: must be given again to open it.
    """
    names = bytes.fromhex(header.key_id.replace("-", "")) + bytes.fromhex(header.material_id)
    beginning = _MAGIC + names + os.urandom(28)
    cipher = AESGCM(_derive(secret, beginning[_SALT]))
    return beginning + cipher.encrypt(
        beginning[_NONCE], plaintext, beginning + encode_context(encryption_context)
    )


def read_header(blob: bytes) -> BlobHeader:
    """Return which key and material open a blob.

    Raises:
        SealBroken: the bytes are no blob of ours.
    """
    if not blob.startswith(_MAGIC) or len(blob) < _HEADER_BYTES + _TAG_BYTES:
        raise SealBroken("these bytes are no ciphertext of this server")
    key = blob[_KEY].hex()
    key_id = f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
    return BlobHeader(key_id, blob[_MATERIAL].hex())


def open_blob(secret: bytes, blob: bytes, encryption_context: Mapping[str, str]) -> bytes:
    """Return what a blob holds.

    Raises:
        SealBroken: another material or context, or the blob was changed.
    """
    cipher = AESGCM(_derive(secret, blob[_SALT]))
    associated = blob[:_HEADER_BYTES] + encode_context(encryption_context)
    try:
        return cipher.decrypt(blob[_NONCE], blob[_HEADER_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise SealBroken("a ciphertext does not open: wrong context, or changed") from None


def encode_context(encryption_context: Mapping[str, str]) -> bytes:
    """Return a context as bytes: the same for every order of its pairs, and for nothing else."""
    if not encryption_context:
        return b""
    parts: list[bytes] = []
    for key, value in sorted(encryption_context.items()):
        for text in (key.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")):
            parts += (struct.pack(">I", len(text)), text)
    return b"".join(parts)


def _derive(secret: bytes, salt: bytes) -> bytes:
    return hmac.digest(secret, b"\x00\x00\x00\x01" + _LABEL + salt + _256_BITS, "sha256")
