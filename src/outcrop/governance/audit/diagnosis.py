"""What was done to an epoch whose chain does not hold: told from sequence numbers, tags and the disclosed key.

A line is genuine if its tag follows from the line before. A line that does not, but whose tag the next line follows
from, was edited. Where tags follow from nothing on either side, they were made with another key: re-stamped. What
is missing from the numbers was cut, what is too many was inserted, what is genuine but elsewhere was reordered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from outcrop.governance.audit.chain import ChainKey, Line, parse_line
from outcrop.governance.audit.findings import Finding, Kind


@dataclass(frozen=True, slots=True)
class Placed:
    """A line and where it stands.

    Attributes:
        number: from 1.
    """

    number: int
    line: Line


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines that should be a stretch of the chain, or an epoch's end.

    Attributes:
        file: for findings.
        first: sequence number that the stretch begins with.
        last: that it ends with.
        previous: tag of the line before.
        head: tag of the last line.
        key: of the epoch.
        lines: (number, text), in the file's order.
        is_end: no later event is there.
    """

    file: str
    first: int
    last: int
    previous: bytes
    head: bytes
    key: ChainKey
    lines: Sequence[tuple[int, bytes]]
    is_end: bool


@dataclass(slots=True)
class Diagnosis:
    """What became of a stretch.

    Attributes:
        findings: at least one.
        genuine: the lines that are as they were written, in order of their numbers.
    """

    findings: list[Finding] = field(default_factory=list)
    genuine: list[Placed] = field(default_factory=list)


def diagnose(stretch: Stretch) -> Diagnosis:
    """Return what was done to a stretch that does not hold."""
    return _Examination(stretch).run()


class _Examination:
    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        self._result = Diagnosis()
        self._candidates: dict[int, list[Placed]] = {}
        self._unreadable: list[int] = []
        self._missing: list[int] = []
        self._restamped: list[int] = []
        for number, text in stretch.lines:
            line = parse_line(text)
            if line is None:
                self._unreadable.append(number)
            else:
                self._candidates.setdefault(line.sequence, []).append(Placed(number, line))

    def run(self) -> Diagnosis:
        """Go through the numbers that should be there, then look at what is left."""
        stretch = self._stretch
        previous: bytes | None = stretch.previous
        last_missing_at_end = 0
        for sequence in range(stretch.first, stretch.last + 1):
            candidates = self._candidates.get(sequence, [])
            if not candidates:
                self._missing.append(sequence)
                previous = None
                continue
            last_missing_at_end = sequence
            chosen, previous = self._choose(sequence, candidates, previous)
            for other in candidates:
                if other is not chosen:
                    self._find(Kind.INSERTED, other.number, f"a second event {sequence}")
        self._report_restamped()
        self._report_unreadable()
        self._report_missing(last_missing_at_end)
        self._report_strangers()
        self._result.findings.sort(key=lambda finding: finding.line)
        return self._result

    def _choose(
        self, sequence: int, candidates: list[Placed], previous: bytes | None
    ) -> tuple[Placed, bytes | None]:
        """Return which line is meant to be an event's, and the tag that the next must follow."""
        if previous is not None:
            found = self._genuine(sequence, candidates, previous)
            if found is not None:
                return found
        for placed in candidates:
            if self._is_followed(placed.line.tag, sequence):
                if previous is not None:
                    self._find(Kind.EDITED, placed.number, f"event {sequence} was changed")
                return placed, placed.line.tag
        placed = candidates[0]
        if sequence == self._stretch.last or self._candidates.get(sequence + 1):
            self._restamped.append(placed.number)
        elif previous is not None:
            self._find(Kind.EDITED, placed.number, f"event {sequence} was changed")
        # Else its neighbours are gone, and nothing vouches for it or against it.
        return placed, None

    def _genuine(
        self, sequence: int, candidates: list[Placed], previous: bytes
    ) -> tuple[Placed, bytes] | None:
        """Return the line that follows from the one before, though its own tag may have been changed."""
        key = self._stretch.key
        true_tags = [key.tag(previous, placed.line.body) for placed in candidates]
        for placed, true_tag in zip(candidates, true_tags, strict=True):
            if placed.line.tag == true_tag:
                self._result.genuine.append(placed)
                return placed, true_tag
        for placed, true_tag in zip(candidates, true_tags, strict=True):
            if self._is_followed(true_tag, sequence):
                self._find(Kind.EDITED, placed.number, f"the tag of event {sequence}")
                self._result.genuine.append(placed)
                return placed, true_tag
        return None

    def _is_followed(self, tag: bytes, sequence: int) -> bool:
        """Whether what comes behind an event was made after a line of this tag."""
        if sequence == self._stretch.last:
            return tag == self._stretch.head
        return any(
            placed.line.tag == self._stretch.key.tag(tag, placed.line.body)
            for placed in self._candidates.get(sequence + 1, [])
        )

    def _report_restamped(self) -> None:
        if self._restamped:
            self._find(
                Kind.RESTAMPED,
                self._restamped[0],
                f"the tags of {len(self._restamped)} lines from here on were made with another key "
                "than the one that the signed checkpoint discloses",
            )

    def _report_unreadable(self) -> None:
        for number in self._unreadable:
            if self._missing:
                sequence = self._missing.pop(0)
                self._find(Kind.EDITED, number, f"event {sequence} cannot be read any more")
            else:
                self._find(Kind.INSERTED, number, "a line that is no event")

    def _report_missing(self, last_present: int) -> None:
        for first, last in _ranges(self._missing):
            events = f"event {first}" if first == last else f"events {first} to {last}"
            if self._stretch.is_end and first > last_present:
                self._find(
                    Kind.TRUNCATED,
                    0,
                    f"{events} are gone from the end, although a signed checkpoint covers them",
                )
            else:
                following = [
                    placed.number
                    for sequence, candidates in self._candidates.items()
                    if sequence > last
                    for placed in candidates
                ]
                self._find(
                    Kind.CUT, min(following, default=0), f"{events} are gone before this line"
                )

    def _report_strangers(self) -> None:
        for sequence, candidates in self._candidates.items():
            if not self._stretch.first <= sequence <= self._stretch.last:
                for placed in candidates:
                    self._find(
                        Kind.INSERTED, placed.number, f"event {sequence} does not belong here"
                    )

    def _find(self, kind: Kind, line: int, what: str) -> None:
        self._result.findings.append(Finding(kind, self._stretch.file, line, what))


def disorder(file: str, genuine: Sequence[Placed]) -> Finding | None:
    """Return a finding where genuine lines, given in order of their events, stand in another order."""
    highest = 0
    displaced: list[int] = []
    for placed in genuine:
        if placed.number < highest:
            displaced.append(placed.number)
        highest = max(highest, placed.number)
    if not displaced:
        return None
    lines = ", ".join(str(number) for number in displaced[:5])
    return Finding(
        Kind.REORDERED,
        file,
        displaced[0],
        f"genuine events do not stand in the order in which they were written (lines {lines})",
    )


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each run of consecutive numbers."""
    start = previous = 0
    for number in numbers:
        if start and number == previous + 1:
            previous = number
            continue
        if start:
            yield start, previous
        start = previous = number
    if start:
        yield start, previous
