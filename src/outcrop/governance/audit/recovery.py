"""How a trail is taken up again after a stop or a crash: what is torn is mended, what is damaged is told.

A crash leaves at most one incomplete last line and one payload whose event was never written; both are cut off. Any
other departure from what the state and the checkpoints say is somebody's doing: it stays as it is, for the verifier
to name, and the trail goes on behind it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from outcrop.governance.audit.chain import Line, Secret, parse_line
from outcrop.governance.audit.layout import Layout, drop_incomplete_line, moment_of
from outcrop.governance.audit.reading import Content, lines_backwards, opened
from outcrop.governance.audit.state import State
from outcrop.governance.audit.statements import Checkpoint, Link, last_of

_ID_START = b'{"eventID":"'
_TIME_START = b'"eventTime":"'
_TIME_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class Epoch:
    """What lies, or will lie, between two checkpoints.

    Attributes:
        first: sequence number of its first event.
        previous: tag of the line before that.
        last: sequence number of its last event; first - 1 while it is empty.
        head: tag of the last line.
    """

    partition: str
    number: int
    secret: Secret
    first: int
    previous: bytes
    last: int
    head: bytes

    @classmethod
    def opened(cls, state: State) -> "Epoch":
        """Return the empty epoch that a state says comes next."""
        return cls(
            partition=state.partition,
            number=state.epoch,
            secret=state.epoch_secret,
            first=state.sequence + 1,
            previous=state.head.encode(),
            last=state.sequence,
            head=state.head.encode(),
        )

    def following(self) -> "Epoch":
        """Return the empty epoch after this one."""
        return Epoch(
            partition=self.partition,
            number=self.number + 1,
            secret=self.secret.next(),
            first=self.last + 1,
            previous=self.head,
            last=self.last,
            head=self.head,
        )


@dataclass(slots=True)
class Findings:
    """What a start found.

    Attributes:
        mended: name of a file → how many bytes of an incomplete line were cut off.
        damage: what else is wrong, in words.
    """

    mended: dict[str, int] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Recovered:
    """Where the trail goes on.

    Attributes:
        state: brought up to the statements that are written.
        epoch: the open one, with the events that it already has.
        second: the time of the last event, in seconds since 1970; no later one may come before it.
        ended: epochs that ended before the crash, whose checkpoints are still to be written.
    """

    state: State
    epoch: Epoch
    second: int = 0
    ended: list[Epoch] = field(default_factory=list)


def after_written_link(layout: Layout, state: State, findings: Findings) -> State:
    """Return the state brought up to the last link: a crash may have come between the two."""
    _mend(layout, layout.links, findings)
    link = last_of(layout.links, Link)
    if link is not None and link.number == state.link + 1:
        return state.after_link(link.partition)
    if (-1 if link is None else link.number) != state.link:
        findings.damage.append(f"links.jsonl does not end with link {state.link}")
    return state


def recover(layout: Layout, state: State, findings: Findings) -> Recovered:
    """Mend the open partition and return where the trail goes on."""
    partition = state.partition
    for path in (
        layout.events(partition),
        layout.payloads(partition),
        layout.checkpoints(partition),
    ):
        _mend(layout, path, findings)
    state = _after_written_checkpoint(layout, state, findings)
    recovered = Recovered(state, Epoch.opened(state))
    with opened(layout.events(partition)) as events:
        tail = _tail(events, state, findings)
        _walk(tail, recovered, findings)
        recovered.second = _last_second(events)
        if not findings.damage:  # else it may be the last trace of an event that somebody removed
            _drop_orphan(layout, partition, events, findings)
    return recovered


def _last_second(events: Content) -> int:
    found = next(lines_backwards(events, 0, len(events), _TIME_START), None)
    if found is None:
        return 0
    text = found[1].partition(_TIME_START)[2][:_TIME_CHARACTERS]
    try:
        return int(moment_of(text.decode("ascii")).timestamp())
    except ValueError:
        return 0


def _mend(layout: Layout, path: Path, findings: Findings) -> None:
    dropped = drop_incomplete_line(path)
    if dropped:
        _note_mended(layout, path, dropped, findings)


def _note_mended(layout: Layout, path: Path, dropped: int, findings: Findings) -> None:
    name = path.relative_to(layout.folder).as_posix()
    findings.mended[name] = findings.mended.get(name, 0) + dropped


def _after_written_checkpoint(layout: Layout, state: State, findings: Findings) -> State:
    last = last_of(layout.checkpoints(state.partition), Checkpoint)
    if last is not None and last.number == state.epoch:
        return state.after_checkpoint(last.last, last.head)
    if (-1 if last is None else last.number) != state.epoch - 1:
        findings.damage.append(
            f"{state.partition}/checkpoints.jsonl does not end with checkpoint {state.epoch - 1}"
        )
    return state


def _tail(events: Content, state: State, findings: Findings) -> list[bytes]:
    """Return the lines behind the last checkpoint, oldest first."""
    gathered: list[bytes] = []
    reached = 0
    for _, text in lines_backwards(events, 0, len(events)):
        line = parse_line(text)
        if line is not None and line.sequence <= state.sequence:
            reached = line.sequence
            break
        gathered.append(text)
    # The first epoch of a partition follows a line of the partition before.
    if state.epoch > 0 and reached != state.sequence:
        findings.damage.append(
            f"{state.partition}/events.jsonl has lost events up to number {state.sequence}, "
            "which a checkpoint covers"
        )
    return gathered[::-1]


def _walk(tail: list[bytes], recovered: Recovered, findings: Findings) -> None:
    """Follow the chain through the tail, over the borders of epochs that ended before a crash."""
    is_genuine = True
    for text in tail:
        line = parse_line(text)
        if line is None:
            is_genuine = False
            continue
        epoch = recovered.epoch
        if is_genuine and not _follows(line, epoch):
            following = epoch.following()
            if epoch.last >= epoch.first and _follows(line, following):
                recovered.ended.append(epoch)
                epoch = following
            else:
                is_genuine = False
        recovered.epoch = replace(epoch, last=max(line.sequence, epoch.last), head=line.tag)
    if not is_genuine:
        findings.damage.append(
            f"{recovered.state.partition}/events.jsonl was changed behind its last checkpoint"
        )


def _follows(line: Line, epoch: Epoch) -> bool:
    return line.sequence == epoch.last + 1 and line.tag == epoch.secret.chain_key.tag(
        epoch.head, line.body
    )


def _drop_orphan(layout: Layout, partition: str, events: Content, findings: Findings) -> None:
    """Cut off a last payload whose event was never written: the crash came between the two."""
    path = layout.payloads(partition)
    with opened(path) as payloads:
        found = next(lines_backwards(payloads, 0, len(payloads)), None)
        size = len(payloads)
    if found is None or not found[1].startswith(_ID_START):
        return
    offset, text = found
    needle = b'"eventID":"' + text[len(_ID_START) :].partition(b'"')[0] + b'"'
    if next(lines_backwards(events, 0, len(events), needle), None) is None:
        with path.open("r+b") as file:
            file.truncate(offset)
        _note_mended(layout, path, size - offset, findings)
