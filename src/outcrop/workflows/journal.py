"""The journal: what executions do, written in groups, one transaction for all that gathered meanwhile.

`append` and `batch` only remember. What one turn of the event loop remembers is committed together or not at all, so
code that appends twice without an await between has appended atomically. `committed` returns once all that was
remembered before it is on disk; whoever acknowledges something or calls the outside world awaits it first.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection

from outcrop.storage.database.engine import Database
from outcrop.storage.executions.journals import JournalRows, Record

log = structlog.get_logger("outcrop.workflows.journal")

_LAZY_SECONDS = 0.02
_LAZY_RECORDS = 2_000
_RETRY_SECONDS = 1.0
BatchWriter = Callable[[Connection, list[Any]], None]
Listener = Callable[[int, Sequence[Record]], None]
_Chunks = list[tuple[int, int, Sequence[Record]]]


@dataclass(slots=True)
class _Group:
    """What one transaction will write."""

    records: dict[int, list[Record]] = field(default_factory=dict)
    batches: dict[tuple[int, BatchWriter], list[Any]] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    count: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.records and not self.batches and not self.waiting


class Journal:
    """Writes groups in a thread of its own, which exists while something was written lately.

    Args:
        database: where; its single writer is shared with all others.
        rows: the chunks' table.

    Attributes:
        on_committed: called on the loop with (execution id, its records) after they are on disk.
    """

    def __init__(self, database: Database, rows: JournalRows) -> None:
        self._database = database
        self._rows = rows
        self._group = _Group()
        self._chunks: dict[int, int] = {}
        self._is_writing = False
        self._timer: asyncio.Handle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self.on_committed: Listener | None = None

    def begin(self, execution_id: int, next_chunk: int = 0) -> None:
        """Take on an execution, whose next chunk has this number."""
        self._chunks[execution_id] = next_chunk

    def end(self, execution_id: int, ended: Callable[[], None]) -> None:
        """Let an execution go; `ended` is called once all that it wrote is on disk."""
        done = asyncio.get_running_loop().create_future()

        def gone(_done: "asyncio.Future[None]") -> None:
            self._chunks.pop(execution_id, None)
            ended()

        done.add_done_callback(gone)
        self._group.waiting.append(done)
        self._schedule(is_urgent=True)

    def append(self, execution_id: int, record: Record) -> None:
        """Remember a record of an execution."""
        group = self._group
        records = group.records.get(execution_id)
        if records is None:
            group.records[execution_id] = [record]
        else:
            records.append(record)
        group.count += 1
        if self._timer is None and not self._is_writing:
            self._schedule(is_urgent=False)

    def batch(self, order: int, write: BatchWriter, item: Any) -> None:
        """Remember an item for a writer of rows, which gets all items of a group at once.

        Args:
            order: writers run in this order within the transaction.
            write: must not fail, and may run again in another transaction.
            item: what it is given.
        """
        self._group.batches.setdefault((order, write), []).append(item)
        self._schedule(is_urgent=True)

    async def committed(self) -> None:
        """Return when everything remembered so far is on disk, power failures included."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.waiting.append(waiter)
        self._schedule(is_urgent=True)
        await waiter

    async def close(self) -> None:
        """Write what is remembered, and end the thread."""
        while not self._group.is_empty or self._is_writing:
            await self.committed()
        self._thread.shutdown(wait=True)

    def _schedule(self, *, is_urgent: bool) -> None:
        if self._is_writing:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if not is_urgent or not isinstance(self._timer, asyncio.TimerHandle):
                return
            self._timer.cancel()
        # Urgent is the turn after the next: tasks that were made in this one run before and join the group.
        self._timer = (
            loop.call_soon(self._soon) if is_urgent else loop.call_later(_LAZY_SECONDS, self._start)
        )

    def _soon(self) -> None:
        self._timer = asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._timer = None
        if self._is_writing or self._group.is_empty:
            return
        group, self._group = self._group, _Group()
        chunks: _Chunks = []
        for execution_id, records in group.records.items():
            number = self._chunks[execution_id]
            self._chunks[execution_id] = number + 1
            chunks.append((execution_id, number, records))
        self._is_writing = True
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(self._thread, self._write, group, chunks)
        writing.add_done_callback(lambda done: self._written(group, chunks, done))

    def _write(self, group: _Group, chunks: _Chunks) -> None:
        with self._database.write(durable=bool(group.waiting)) as connection:
            for (_order, write), items in sorted(group.batches.items(), key=_order_of):
                write(connection, items)
            if chunks:
                self._rows.insert(connection, chunks)

    def _written(
        self,
        group: _Group,
        chunks: _Chunks,
        done: "asyncio.Future[Any]",
    ) -> None:
        loop = asyncio.get_running_loop()
        if done.cancelled() or (error := done.exception()) is None:
            self._is_writing = False
            for waiter in group.waiting:
                if not waiter.done():
                    waiter.set_result(None)
            if self.on_committed is not None:
                for execution_id, _number, records in chunks:
                    self.on_committed(execution_id, records)
            if not self._group.is_empty:
                is_urgent = bool(
                    self._group.waiting or self._group.batches or self._group.count > _LAZY_RECORDS
                )
                self._schedule(is_urgent=is_urgent)
            return
        # A full disk, a database that is away: nothing is acknowledged, nothing is lost, and it is tried again.
        log.error("journal_not_written", error=str(error))
        writing = loop.create_task(self._write_again(group, chunks))
        writing.add_done_callback(lambda again: self._written(group, chunks, again))

    async def _write_again(self, group: _Group, chunks: _Chunks) -> None:
        await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, group, chunks)


def _order_of(entry: tuple[tuple[int, BatchWriter], list[Any]]) -> int:
    return entry[0][0]
