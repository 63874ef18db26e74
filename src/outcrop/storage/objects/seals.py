"""Seals: the keys that contents are encrypted under.

Every object (and every multipart upload, for the object that it becomes) has one data key, kept wrapped in its row:
by this server's key for S3, by a KMS key, or by a key that only the customer has. Its files are all sealed under it,
each bound to its own name.
"""

from dataclasses import dataclass, field

from outcrop.crypto.sealed import new_data_key, open_bytes, seal_bytes
from outcrop.storage.service_keys import ServiceKeys

SERVICE = "s3"
IN_CLEAR, SSE_S3, SSE_KMS, SSE_C = "", "AES256", "aws:kms", "SSE-C"


@dataclass(frozen=True, slots=True)
class Seal:
    """How the contents of one object are sealed.

    Attributes:
        sealing: "" (in clear), AES256, aws:kms or SSE-C.
        data_key: 32 bytes; never stored.
        wrapped: what the row keeps of the data key.
        particulars_json: what else has to be known to unwrap it, and to describe it.
    """

    sealing: str
    data_key: bytes = field(repr=False)
    wrapped: bytes | None = field(default=None, repr=False)
    particulars_json: str = ""

    @property
    def hides_digest(self) -> bool:
        """Whether the entity tag must not be the content's MD5, which would tell something of it."""
        return self.sealing in {SSE_KMS, SSE_C}


UNSEALED = Seal(IN_CLEAR, b"")


def file_context(content_id: str) -> bytes:
    """Return what a file is bound to beside its key."""
    return f"{SERVICE}/{content_id}".encode()


def new_seal(keys: ServiceKeys, bucket: str, key: str) -> Seal:
    """Return a seal under this server's own key for S3 (SSE-S3)."""
    made = keys.new_data_key(SERVICE, _context(bucket, key))
    return Seal(SSE_S3, made.plain, made.wrapped)


def unwrap(keys: ServiceKeys, bucket: str, key: str, wrapped: bytes) -> bytes:
    """Return the data key of an SSE-S3 object.

    Raises:
        SealBroken: the row is another object's, or was changed.
    """
    return keys.unwrap(SERVICE, wrapped, _context(bucket, key))


def new_customer_seal(customer_key: bytes, bucket: str, key: str) -> Seal:
    """Return a seal under a key that the customer keeps (SSE-C)."""
    data_key = new_data_key()
    return Seal(SSE_C, data_key, seal_bytes(customer_key, data_key, _context(bucket, key)))


def unwrap_customer(customer_key: bytes, bucket: str, key: str, wrapped: bytes) -> bytes:
    """Return the data key of an SSE-C object.

    Raises:
        SealBroken: this is not the key that the object was put with.
    """
    return open_bytes(customer_key, wrapped, _context(bucket, key))


def _context(bucket: str, key: str) -> bytes:
    return f"{SERVICE}/{bucket}/{key}".encode()
