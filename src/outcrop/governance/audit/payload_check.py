"""Holds a partition's payloads against the digests that its events carry."""

from collections.abc import Iterator
from pathlib import Path

import orjson

from outcrop.governance.audit.chain import ChainKey, Line
from outcrop.governance.audit.findings import Kind, Report

_ID_START = b'{"eventID":"'


class PayloadCheck:
    """Goes through a payload file beside the events.

    Args:
        path: the file; its absence is judged by the caller.
        name: of the file, for findings.
        report: where findings go.
    """

    def __init__(self, path: Path, name: str, report: Report) -> None:
        self.is_missing = not path.exists()
        self._name = name
        self._report = report
        self._lines: Iterator[tuple[int, bytes]] = iter(_lines(path))
        # Filled once the file no longer runs beside the events: event id → (line number, line).
        self._by_id: dict[bytes, tuple[int, bytes]] | None = None
        self.wanted = 0
        self.lost_events = 0  # whose payloads may be there without them

    def check(self, line: Line, line_number: int, key: ChainKey | None) -> None:
        """Check the payload of a genuine event.

        Args:
            line: the event's.
            line_number: of the event.
            key: of its epoch; None where it is not known, then only the payload's presence is checked.
        """
        if not line.payload or self.is_missing:
            self.wanted += bool(line.payload)
            return
        if self._by_id is None:
            found = next(self._lines, None)
            if found is not None and (
                key.payload_digest(found[1]) == line.payload
                if key is not None
                else _id_of(found[1]) == _event_id(line)
            ):
                return
            self._by_id = {}
            for number, text in [found, *self._lines] if found is not None else []:
                self._by_id.setdefault(_id_of(text) or b"line %d" % number, (number, text))
        self._check_out_of_step(line, line_number, key)

    def _check_out_of_step(self, line: Line, line_number: int, key: ChainKey | None) -> None:
        assert self._by_id is not None
        found = self._by_id.pop(_event_id(line), None)
        if found is None:
            self._report.find(
                Kind.CUT, self._name, 0, f"the payload of the event in line {line_number} is gone"
            )
        elif key is not None and key.payload_digest(found[1]) != line.payload:
            self._report.find(
                Kind.EDITED,
                self._name,
                found[0],
                f"the payload of the event in line {line_number} was changed",
            )

    def finish(self, *, may_run_ahead: bool) -> None:
        """Report payloads that belong to no event.

        Args:
            may_run_ahead: a server writes to the partition, each payload before its event.
        """
        left = list(self._by_id.values()) if self._by_id is not None else list(self._lines)
        for number, _ in left[self.lost_events + may_run_ahead :]:
            self._report.find(
                Kind.INSERTED, self._name, number, "a payload that belongs to no event"
            )


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    if path.exists():
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.endswith(b"\n"):
                    yield number, text[:-1]


def _id_of(text: bytes) -> bytes:
    return text[len(_ID_START) :].partition(b'"')[0] if text.startswith(_ID_START) else b""


def _event_id(line: Line) -> bytes:
    return str(orjson.loads(line.body)["event"]["eventID"]).encode()
