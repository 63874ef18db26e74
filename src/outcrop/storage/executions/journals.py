"""Journals as rows: chunks of records, each what one execution wrote in one commit, compressed and sealed.

A record is a list: [event id, previous event id, µs, type, details, frame, extra]. A note, which is no event of the
history, has the id 0. What types and frames mean is known to outcrop.workflows alone.
"""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.executions import execution_events as table
from outcrop.storage.executions.encoding import decoded, encoded
from outcrop.storage.executions.rows import SERVICE
from outcrop.storage.prepared import Prepared
from outcrop.storage.service_keys import ServiceKeys

Record = Sequence[Any]
_COMPRESSED_FROM_BYTES = 600
_CHUNKS = Prepared(
    select(table.c.number, table.c.content)
    .where(
        table.c.execution_id == bindparam("execution_id"),
        table.c.last_id >= bindparam("first"),
        table.c.first_id <= bindparam("last"),
    )
    .order_by(table.c.number)
)
_ANY_EVENT = 1 << 62


class JournalRows:
    """The table of chunks."""

    def __init__(self, database: Database, keys: ServiceKeys) -> None:
        self._database = database
        self._keys = keys

    def insert(
        self, connection: Connection, chunks: Sequence[tuple[int, int, Sequence[Record]]]
    ) -> None:
        """Add chunks: (execution id, chunk number, records)."""
        connection.execute(
            table.insert(),
            [
                {
                    "execution_id": execution_id,
                    "number": number,
                    "first_id": min((record[0] for record in records if record[0]), default=0),
                    "last_id": max((record[0] for record in records), default=0),
                    "content": self._sealed(execution_id, number, records),
                }
                for execution_id, number, records in chunks
            ],
        )

    def records(
        self, execution_id: int, first: int = 0, last: int = _ANY_EVENT
    ) -> Iterator[tuple[int, list[list[Any]]]]:
        """Yield (chunk number, its records) in order, for chunks with an event between two ids, inclusive."""
        rows = _CHUNKS.all(self._database.reader, execution_id=execution_id, first=first, last=last)
        for number, content in rows:
            yield number, self._opened(execution_id, number, bytes(content))

    def remove(self, connection: Connection, execution_id: int) -> None:
        """Forget an execution's journal."""
        connection.execute(delete(table).where(table.c.execution_id == execution_id))

    def _sealed(self, execution_id: int, number: int, records: Sequence[Record]) -> bytes:
        content = b"j" + encoded(records)
        if len(content) > _COMPRESSED_FROM_BYTES:
            content = b"z" + zlib.compress(content[1:], 1)
        return self._keys.seal(SERVICE, content, _context(execution_id, number))

    def _opened(self, execution_id: int, number: int, sealed: bytes) -> list[list[Any]]:
        content = self._keys.open(SERVICE, sealed, _context(execution_id, number))
        plain = zlib.decompress(content[1:]) if content[:1] == b"z" else content[1:]
        records: list[list[Any]] = decoded(plain)
        return records


def _context(execution_id: int, number: int) -> bytes:
    return f"journal {execution_id} {number}".encode()
