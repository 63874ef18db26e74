"""Verifies a trail's folder, or a copy of it, with nothing but the public key.

The links lead from the public key through every month there ever was; in each month the checkpoints lead from one
signing key to the next; each checkpoint vouches for the head of its epoch and discloses the key with which every
line of it can be checked. Only the events behind the last checkpoint stay unproven, unless the sealed state is open.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from outcrop.core.errors import ConfigurationError
from outcrop.governance.audit.chain import ChainKey, Line, parse_line
from outcrop.governance.audit.diagnosis import Placed, Stretch, diagnose, disorder
from outcrop.governance.audit.findings import Kind, Mark, Report
from outcrop.governance.audit.layout import Layout
from outcrop.governance.audit.payload_check import PayloadCheck
from outcrop.governance.audit.recovery import Epoch
from outcrop.governance.audit.retention import REMOVAL_EVENT
from outcrop.governance.audit.state import State
from outcrop.governance.audit.statements import Checkpoint, Link, read_statements

_REMOVAL = f'"eventName":"{REMOVAL_EVENT}"'.encode()


def load_public_key(path: Path) -> str:
    """Return the key in a PEM file, in hexadecimal.

    Raises:
        ConfigurationError: there is no such file, or it holds no Ed25519 key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} holds no public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{path} holds no Ed25519 key")
    return key.public_bytes_raw().hex()


def verify(
    folder: Path,
    *,
    public_key: str | None = None,
    expected: Mark | None = None,
    state: State | None = None,
) -> Report:
    """Return what a trail's files prove and what is wrong with them.

    Args:
        folder: the trail's, or a copy.
        public_key: the known one, in hexadecimal; by default the one beside the trail, which proves less.
        expected: a place that the trail is known to have reached.
        state: the opened state, which also proves the events behind the last checkpoint.

    Raises:
        ConfigurationError: the folder holds no trail.
    """
    return _Verification(Layout(folder), expected, state).run(public_key)


@dataclass(slots=True)
class _Partition:
    """A month on its way through verification.

    Attributes:
        following: the next month's link; None while the month is open.
        last: number of the last event reached.
        head: tag of its line.
    """

    link: Link
    following: Link | None
    last: int
    head: bytes
    payloads: PayloadCheck


class _Verification:
    def __init__(self, layout: Layout, expected: Mark | None, state: State | None) -> None:
        self._layout = layout
        self._expected = expected
        self._state = state
        self._report = Report()
        self._was_met = False
        self._removed: dict[str, set[str]] = {}  # partition → what removals are on record
        self._without_payloads: list[str] = []

    def run(self, public_key: str | None) -> Report:
        report = self._report
        if not self._layout.links.exists():
            raise ConfigurationError(f"{self._layout.folder} holds no audit trail")
        anchor = self._anchor(public_key)
        report.fingerprint = hashlib.sha256(bytes.fromhex(anchor)).hexdigest()
        links = self._links(anchor)
        missing: list[Link] = []
        for link, following in zip(links, [*links[1:], None], strict=True):
            if (self._layout.folder / link.partition).is_dir():
                self._verify_partition(link, following)
            else:
                missing.append(link)
        self._judge_removals(missing)
        self._judge_strangers(links)
        self._judge_expected(links)
        self._judge_state(links)
        return report

    # -- links -----------------------------------------------------------------------------------

    def _anchor(self, public_key: str | None) -> str:
        path = self._layout.public_key
        if public_key is None:
            return load_public_key(path)
        if not path.exists() or load_public_key(path) != public_key:
            self._report.find(Kind.RESTAMPED, path.name, 0, "this is not the key that is known")
        return public_key

    def _links(self, signer: str) -> list[Link]:
        links: list[Link] = []
        name = self._layout.links.name
        for signed in read_statements(self._layout.links):
            link = signed.read(Link)
            if link is None:
                self._report.find(Kind.EDITED, name, signed.number, "the link cannot be read")
                continue
            if link.number != len(links):
                self._report.find(
                    Kind.CUT, name, signed.number, f"link {len(links)} is gone before this line"
                )
            elif not signed.is_signed_by(signer):
                self._report.find(
                    Kind.RESTAMPED,
                    name,
                    signed.number,
                    "the link was changed, or signed with another key than the known one",
                )
            signer = link.next_signer
            links.append(link)
        return links

    # -- a month ---------------------------------------------------------------------------------

    def _verify_partition(self, link: Link, following: Link | None) -> None:
        name = link.partition
        payloads = PayloadCheck(self._layout.payloads(name), f"{name}/payloads.jsonl", self._report)
        part = _Partition(link, following, link.first - 1, link.previous.encode(), payloads)
        checkpoints = self._checkpoints(part)
        lines = _Numbered(self._layout.events(name))
        position = 0
        while position < len(checkpoints):
            broken = self._follow_epoch(part, checkpoints[position], lines)
            if broken is None:
                position += 1
            else:
                position = self._examine(part, checkpoints, position, broken, lines)
        if checkpoints:
            self._report.covered = Mark(checkpoints[-1].last, checkpoints[-1].head)
        self._verify_tail(part, lines)
        payloads.finish(may_run_ahead=following is None)
        if payloads.is_missing and payloads.wanted:
            self._without_payloads.append(name)

    def _checkpoints(self, part: _Partition) -> list[Checkpoint]:
        """Return the month's checkpoints, which must be signed by key after key and leave no gap."""
        report = self._report
        name = f"{part.link.partition}/checkpoints.jsonl"
        found: list[Checkpoint] = []
        signer, last, head, number = part.link.signer, part.last, part.link.previous, 0
        for signed in read_statements(self._layout.checkpoints(part.link.partition)):
            checkpoint = signed.read(Checkpoint)
            if checkpoint is None:
                report.find(Kind.EDITED, name, signed.number, "the checkpoint cannot be read")
                continue
            if checkpoint.number != number:
                report.find(
                    Kind.CUT if checkpoint.number > number else Kind.INSERTED,
                    name,
                    signed.number,
                    f"checkpoint {number} should stand here, not {checkpoint.number}",
                )
            elif not signed.is_signed_by(signer):
                report.find(
                    Kind.RESTAMPED,
                    name,
                    signed.number,
                    "the checkpoint was changed, or signed with another key than the known one",
                )
            elif (checkpoint.first, checkpoint.previous) != (last + 1, head):
                report.find(Kind.CUT, name, signed.number, f"it does not go on behind event {last}")
            else:
                report.checkpoints += 1
            signer, last, head = checkpoint.next_signer, checkpoint.last, checkpoint.head
            number = checkpoint.number + 1
            found.append(checkpoint)
        following = part.following
        if following is not None and (following.first, following.previous) != (last + 1, head):
            report.find(
                Kind.TRUNCATED,
                name,
                0,
                f"the month's checkpoints end with event {last}, "
                f"but the next month goes on behind {following.first - 1}",
            )
        return found

    def _follow_epoch(
        self, part: _Partition, checkpoint: Checkpoint, lines: "_Numbered"
    ) -> tuple[int, bytes] | None:
        """Follow the chain to an epoch's end; return where it breaks: (number of the event, tag before it)."""
        key = ChainKey(bytes.fromhex(checkpoint.key))
        sequence, previous = checkpoint.first, checkpoint.previous.encode()
        while sequence <= checkpoint.last:
            numbered = next(lines, None)
            if numbered is None:
                return sequence, previous
            line = parse_line(numbered[1])
            is_next = line is not None and line.sequence == sequence
            if line is None or not is_next or line.tag != key.tag(previous, line.body):
                lines.give_back(numbered)
                return sequence, previous
            self._accept(part, Placed(numbered[0], line), key)
            sequence, previous = sequence + 1, line.tag
        if previous.decode() != checkpoint.head:
            self._report.find(
                Kind.RESTAMPED,
                f"{part.link.partition}/events.jsonl",
                0,
                f"its lines up to event {checkpoint.last} are not those that checkpoint "
                f"{checkpoint.number} covers",
            )
        return None

    def _examine(
        self,
        part: _Partition,
        checkpoints: list[Checkpoint],
        position: int,
        broken: tuple[int, bytes],
        lines: "_Numbered",
    ) -> int:
        """Find out what was done from a break on; return the position of the next epoch that begins well."""
        ahead = {item.first: place for place, item in enumerate(checkpoints) if place > position}
        damaged: list[tuple[int, bytes]] = []
        until = len(checkpoints)
        for numbered in lines:
            line = parse_line(numbered[1])
            place = None if line is None else ahead.get(line.sequence)
            if line is not None and place is not None and _begins(line, checkpoints[place]):
                lines.give_back(numbered)
                until = place
                break
            damaged.append(numbered)
        epochs = checkpoints[position:until]
        sorted_in = _sorted_in(damaged, [item.last for item in epochs])
        tail = sorted_in.pop()
        if until == len(checkpoints):
            lines.give_back(*tail)
        else:
            sorted_in[-1] += tail
        genuine: list[Placed] = []
        name = f"{part.link.partition}/events.jsonl"
        for place, (epoch, epoch_lines) in enumerate(zip(epochs, sorted_in, strict=True)):
            first, previous = broken if place == 0 else (epoch.first, epoch.previous.encode())
            key = ChainKey(bytes.fromhex(epoch.key))
            diagnosis = diagnose(
                Stretch(
                    file=name,
                    first=first,
                    last=epoch.last,
                    previous=previous,
                    head=epoch.head.encode(),
                    key=key,
                    lines=epoch_lines,
                    is_end=until == len(checkpoints) and not any([*sorted_in[place + 1 :], tail]),
                )
            )
            self._report.findings += diagnosis.findings
            for placed in diagnosis.genuine:
                self._accept(part, placed, key)
            part.payloads.lost_events += epoch.last + 1 - first - len(diagnosis.genuine)
            genuine += diagnosis.genuine
        reordered = disorder(name, genuine)
        if reordered is not None:
            self._report.findings.append(reordered)
        return until

    def _accept(self, part: _Partition, placed: Placed, key: ChainKey | None) -> None:
        line = placed.line
        name = part.link.partition
        self._report.partitions[name] = self._report.partitions.get(name, 0) + 1
        part.payloads.check(line, placed.number, key)
        if self._expected is not None and line.sequence == self._expected.sequence:
            self._was_met = True
            if line.tag.decode() != self._expected.tag:
                self._report.find(
                    Kind.RESTAMPED,
                    f"{name}/events.jsonl",
                    placed.number,
                    f"event {line.sequence} is not the one that was expected: the trail was made anew",
                )
        if _REMOVAL in line.body:
            details = orjson.loads(line.body)["event"].get("serviceEventDetails", {})
            self._removed.setdefault(details.get("partition", ""), set()).add(
                details.get("removed", "")
            )

    def _verify_tail(self, part: _Partition, lines: "_Numbered") -> None:
        """Look at what stands behind the last checkpoint."""
        name = f"{part.link.partition}/events.jsonl"
        covered = self._report.covered
        last = covered.sequence if covered is not None else part.last
        if part.following is not None:
            for number, _ in lines:
                self._report.find(
                    Kind.INSERTED, name, number, "the month's last checkpoint does not cover it"
                )
            return
        epoch = self._open_epoch(part)
        for number, text in lines:
            line = parse_line(text)
            if line is None:
                self._report.find(Kind.EDITED, name, number, "the line cannot be read")
                continue
            if line.sequence != last + 1:
                kind = Kind.CUT if line.sequence > last else Kind.REORDERED
                self._report.find(
                    kind, name, number, f"event {last + 1} should stand here, not {line.sequence}"
                )
            if epoch is not None:
                epoch = self._follow(epoch, line, name, number)
            self._report.uncovered += 1
            last = max(last, line.sequence)
            self._accept(part, Placed(number, line), None)

    def _open_epoch(self, part: _Partition) -> Epoch | None:
        state = self._state
        if state is None or state.partition != part.link.partition:
            return None
        covered = self._report.covered
        reached = covered.sequence if covered is not None else part.last
        return Epoch.opened(state) if state.sequence == reached else None

    def _follow(self, epoch: Epoch, line: Line, name: str, number: int) -> Epoch:
        """Check a line under the open secrets; return the epoch that it leaves open."""
        for candidate in (epoch, epoch.following()):
            if line.tag == candidate.secret.chain_key.tag(epoch.head, line.body):
                return Epoch(
                    candidate.partition,
                    candidate.number,
                    candidate.secret,
                    candidate.first,
                    candidate.previous,
                    line.sequence,
                    line.tag,
                )
        self._report.find(Kind.EDITED, name, number, f"event {line.sequence} was changed")
        return Epoch(
            epoch.partition,
            epoch.number,
            epoch.secret,
            epoch.first,
            epoch.previous,
            line.sequence,
            line.tag,
        )

    # -- judgements over all months ----------------------------------------------------------------

    def _judge_removals(self, missing: list[Link]) -> None:
        for link in missing:
            if "events" in self._removed.get(link.partition, ()):
                self._report.notes.append(f"{link.partition} was removed by retention")
            else:
                self._report.find(
                    Kind.CUT, link.partition, 0, "the month is gone, and no removal is on record"
                )
        for name in self._without_payloads:
            if "payloads" in self._removed.get(name, ()):
                self._report.notes.append(f"the payloads of {name} were removed by retention")
            else:
                self._report.find(
                    Kind.CUT,
                    f"{name}/payloads.jsonl",
                    0,
                    "the payloads are gone, and no removal is on record",
                )

    def _judge_strangers(self, links: list[Link]) -> None:
        known = {link.partition for link in links}
        for name in self._layout.partitions():
            if name not in known:
                self._report.find(Kind.INSERTED, name, 0, "no link leads to this month")

    def _judge_expected(self, links: list[Link]) -> None:
        expected = self._expected
        if expected is None or self._was_met:
            return
        reached = self._report.covered.sequence if self._report.covered is not None else 0
        reached += self._report.uncovered
        gone = [
            link.partition
            for link, following in zip(links, [*links[1:], None], strict=True)
            if link.first <= expected.sequence
            and (following is None or expected.sequence < following.first)
            and "events" in self._removed.get(link.partition, ())
        ]
        if expected.sequence > reached:
            self._report.find(
                Kind.TRUNCATED,
                "the trail",
                0,
                f"it ends with event {reached}, but event {expected.sequence} is known to have been there",
            )
        elif gone:
            self._report.notes.append(
                f"event {expected.sequence} lay in {gone[0]}, which retention removed"
            )
        elif self._report.is_whole:
            self._report.find(
                Kind.CUT, "the trail", 0, f"event {expected.sequence} is not there any more"
            )

    def _judge_state(self, links: list[Link]) -> None:
        state = self._state
        if state is None:
            return
        first_key = (
            load_public_key(self._layout.public_key) if self._layout.public_key.exists() else ""
        )
        if first_key != state.anchor:
            self._report.find(
                Kind.RESTAMPED, self._layout.public_key.name, 0, "this is not the server's own key"
            )
        reached = self._report.covered.sequence if self._report.covered is not None else 0
        if state.sequence > reached or state.link >= len(links):
            self._report.find(
                Kind.TRUNCATED,
                "the trail",
                0,
                f"its checkpoints end with event {reached}; the sealed state knows {state.sequence}",
            )


class _Numbered:
    """The whole lines of a file with their numbers; one can be given back."""

    def __init__(self, path: Path) -> None:
        self._lines = self._read(path)
        self._held: list[tuple[int, bytes]] = []

    @staticmethod
    def _read(path: Path) -> Iterator[tuple[int, bytes]]:
        if path.exists():
            with path.open("rb") as file:
                for number, text in enumerate(file, 1):
                    if text.endswith(b"\n"):
                        yield number, text[:-1]

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        return self._held.pop() if self._held else next(self._lines)

    def give_back(self, *numbered: tuple[int, bytes]) -> None:
        """Let the next calls return these again, in this order."""
        self._held += reversed(numbered)


def _begins(line: Line, checkpoint: Checkpoint) -> bool:
    """Whether a line is the genuine first one of an epoch."""
    key = ChainKey(bytes.fromhex(checkpoint.key))
    return line.tag == key.tag(checkpoint.previous.encode(), line.body)


def _sorted_in(lines: list[tuple[int, bytes]], lasts: list[int]) -> list[list[tuple[int, bytes]]]:
    """Return the lines of each epoch, told by their numbers, and at the end those of none.

    Args:
        lines: in the file's order; one that cannot be read goes where the one before it went.
        lasts: number of the last event of each epoch.
    """
    found: list[list[tuple[int, bytes]]] = [[] for _ in [*lasts, 0]]
    place = 0
    for numbered in lines:
        line = parse_line(numbered[1])
        if line is not None:
            place = bisect_left(lasts, line.sequence)
        found[place].append(numbered)
    return found
