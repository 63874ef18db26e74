"""What a verifier can find, and the report that it gives."""

from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.core.errors import ConfigurationError


class Kind(StrEnum):
    """What was done to a trail."""

    EDITED = "edited"
    CUT = "cut"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    RESTAMPED = "re-stamped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written.

    Attributes:
        file: relative to the trail's folder.
        line: from 1; 0 where it concerns the file as a whole.
        what: in words.
    """

    kind: Kind
    file: str
    line: int
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.kind}: {place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the trail, to be noted elsewhere and expected later.

    Attributes:
        sequence: number of an event.
        tag: of its line.
    """

    sequence: int
    tag: str

    @classmethod
    def parse(cls, text: str) -> "Mark":
        """Return the mark in a text "number:tag".

        Raises:
            ConfigurationError: the text has another form.
        """
        number, _, tag = text.strip().partition(":")
        if not number.isdigit() or len(tag) != 64:
            raise ConfigurationError(
                f"{text!r} is no checkpoint: expected the number:tag that `outcrop audit verify` printed"
            )
        return cls(int(number), tag)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.tag}"


@dataclass(slots=True)
class Report:
    """What verification came to.

    Attributes:
        findings: empty where the trail is whole.
        notes: what is as it should be but worth knowing, such as months removed by retention.
        partitions: partition → how many events were verified in it.
        checkpoints: how many signatures hold.
        covered: the last event under a checkpoint; to be kept elsewhere and expected later.
        uncovered: events behind it, not proven yet.
        fingerprint: of the public key that everything hangs on.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    partitions: dict[str, int] = field(default_factory=dict)
    checkpoints: int = 0
    covered: Mark | None = None
    uncovered: int = 0
    fingerprint: str = ""

    def find(self, kind: Kind, file: str, line: int, what: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, file, line, what))

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed."""
        return not self.findings
