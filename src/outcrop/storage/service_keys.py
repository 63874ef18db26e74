"""The services' own keys: what is encrypted although nobody named a KMS key.

They are this server's counterpart of AWS-owned keys. One key a service, made at first use, wrapped in the database
and in clear only in memory; it wraps data keys, one for each object, secret or model.
"""

import threading
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from outcrop.crypto.key_source import KeySource
from outcrop.crypto.sealed import new_data_key, open_bytes, seal_bytes
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.service_keys import service_keys


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key for one thing.

    Attributes:
        plain: 32 bytes; never stored.
        wrapped: what to keep beside the thing.
    """

    plain: bytes = field(repr=False)
    wrapped: bytes


class ServiceKeys:
    """Data keys under the services' own keys.

    Args:
        database: keeps the wrapped keys.
        source: the root of trust.
    """

    def __init__(self, database: Database, source: KeySource) -> None:
        self._database = database
        self._source = source
        self._keys: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def new_data_key(self, service: str, context: bytes) -> DataKey:
        """Return a fresh data key, wrapped for a service.

        Args:
            service: such as "s3".
            context: what the key is for; must be given again to unwrap it.

        Raises:
            KeySourceUnavailable: at a service's first use, where the root of trust cannot be reached.
        """
        plain = new_data_key()
        return DataKey(plain, seal_bytes(self._key(service), plain, context))

    def unwrap(self, service: str, wrapped: bytes, context: bytes) -> bytes:
        """Return a data key.

        Raises:
            SealBroken: it was wrapped for another service or context.
            KeySourceUnavailable: at a service's first use, where the root of trust cannot be reached.
        """
        return open_bytes(self._key(service), wrapped, context)

    def seal(self, service: str, plaintext: bytes, context: bytes) -> bytes:
        """Seal a short value, such as a secret access key, for a column of the database."""
        return seal_bytes(self._key(service), plaintext, context)

    def open(self, service: str, sealed: bytes, context: bytes) -> bytes:
        """Return what `seal` sealed.

        Raises:
            SealBroken: sealed for another service or context, or changed.
        """
        return open_bytes(self._key(service), sealed, context)

    def _key(self, service: str) -> bytes:
        key = self._keys.get(service)
        if key is None:
            with self._lock:
                key = self._keys.get(service) or self._load_or_make(service)
                self._keys[service] = key
        return key

    def _load_or_make(self, service: str) -> bytes:
        context = wrap_context(service)
        wrapped = self._load(service)
        if wrapped is None:
            try:
                with self._database.write(durable=True) as connection:
                    made = self._source.wrap(new_data_key(), context)
                    connection.execute(service_keys.insert(), {"name": service, "wrapped": made})
            except IntegrityError:
                pass  # another process of this installation was first
            wrapped = self._load(service)
        assert wrapped is not None
        return self._source.unwrap(wrapped, context)

    def _load(self, service: str) -> bytes | None:
        query = select(service_keys.c.wrapped).where(service_keys.c.name == service)
        with self._database.read() as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found


def wrap_context(service: str) -> bytes:
    """Return what a wrapped service key is bound to: it opens in no other service's place."""
    return f"service key {service}".encode()
