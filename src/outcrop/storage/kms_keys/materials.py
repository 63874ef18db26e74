"""The secrets of keys: wrapped in the database, in clear only in memory."""

import secrets
import threading
from dataclasses import dataclass, field, fields

from sqlalchemy import Connection, select

from outcrop.crypto.key_source import KeySource
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.kms_keys import kms_materials as table


@dataclass(frozen=True, slots=True)
class MaterialRow:
    """One material, columns as in tables/kms_keys.py."""

    id: str
    key_id: str
    number: int
    wrapped: bytes = field(repr=False)
    public_key: bytes | None
    created_us: int
    rotation_type: str | None


@dataclass(frozen=True, slots=True)
class Material:
    """A material ready for use.

    Attributes:
        secret: 32 bytes of a symmetric key, a HMAC key, or a private key as PKCS #8.
        public_key: SubjectPublicKeyInfo of an asymmetric key, else empty.
    """

    id: str
    key_id: str
    secret: bytes = field(repr=False)
    public_key: bytes = b""


_COLUMNS = [table.c[item.name] for item in fields(MaterialRow)]


class Materials:
    """Makes, keeps and unwraps materials.

    Whether a key may be used is asked of its row each time; only what never changes is remembered here.

    Args:
        database: keeps them wrapped.
        source: the root of trust.

    Attributes:
        facts: key id → (revision of its row, what decisions need to know of it); good while the revision is the row's.
    """

    def __init__(self, database: Database, source: KeySource) -> None:
        self._database = database
        self._source = source
        self._loaded: dict[str, Material] = {}
        self.facts: dict[str, tuple[int, object]] = {}
        self._lock = threading.Lock()

    def wrap(  # noqa: PLR0913  # the columns of a row
        self,
        key_id: str,
        secret: bytes,
        *,
        number: int,
        now_us: int,
        public_key: bytes | None = None,
        rotation_type: str | None = None,
    ) -> MaterialRow:
        """Return a material to insert. Asks the root of trust, so call it before the transaction.

        Raises:
            KeySourceUnavailable: the root of trust cannot be reached, or refuses.
        """
        material_id = secrets.token_hex(32)
        wrapped = self._source.wrap(secret, wrap_context(key_id, material_id))
        return MaterialRow(material_id, key_id, number, wrapped, public_key, now_us, rotation_type)

    def cached(self, material_id: str) -> Material | None:
        """Return a material that was used before, without any wait."""
        return self._loaded.get(material_id)

    def load(self, key_id: str, material_id: str) -> Material | None:
        """Return a material of a key, or None where the key has no such material.

        Raises:
            KeySourceUnavailable: at its first use, where the root of trust cannot be reached or refuses.
            SealBroken: the row was changed, or belongs to another root of trust.
        """
        with self._lock:
            found = self._loaded.get(material_id)
            if found is None:
                with self._database.read() as connection:
                    row = get(connection, material_id)
                if row is None:
                    return None
                found = Material(
                    id=row.id,
                    key_id=row.key_id,
                    secret=self._source.unwrap(row.wrapped, wrap_context(row.key_id, row.id)),
                    public_key=row.public_key or b"",
                )
                self._loaded[material_id] = found
        return found if found.key_id == key_id else None

    def forget(self, key_id: str) -> None:
        """Drop what memory holds of a key that was destroyed."""
        self.facts.pop(key_id, None)
        with self._lock:
            for material in [item for item in self._loaded.values() if item.key_id == key_id]:
                del self._loaded[material.id]


def wrap_context(key_id: str, material_id: str) -> bytes:
    """Return what a wrapped material is bound to: it opens in no other key's place."""
    return f"kms key {key_id} material {material_id}".encode()


def get(connection: Connection, material_id: str) -> MaterialRow | None:
    """Return the material of this id."""
    row = connection.execute(select(*_COLUMNS).where(table.c.id == material_id)).first()
    return None if row is None else MaterialRow(*row)


def of_key(connection: Connection, key_id: str) -> list[MaterialRow]:
    """Return every material of a key, the first one first."""
    rows = connection.execute(
        select(*_COLUMNS).where(table.c.key_id == key_id).order_by(table.c.number)
    )
    return [MaterialRow(*row) for row in rows]


def insert(connection: Connection, row: MaterialRow) -> None:
    """Add a material."""
    connection.execute(
        table.insert().values({item.name: getattr(row, item.name) for item in fields(MaterialRow)})
    )
