"""Following a customization job: its status from the API, its steps from the job's folder in the home."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from outcrop.cli.connection import Server
from outcrop.cli.terminal import duration, plural
from outcrop.training.job_folder import Event, read_events

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import GetModelCustomizationJobResponseTypeDef as Job

_POLL_SECONDS = 0.5
# Losses and speeds shown are means over this many steps: one batch alone jumps about.
_WINDOW_STEPS = 20
_QUIET_LINE_SECONDS = 15.0
_TERMINAL = {"Completed", "Failed", "Stopped"}
_PHASES = (
    ("validationDetails", "checking the data"),
    ("dataProcessingDetails", "tokenizing"),
    ("trainingDetails", "training"),
)


@dataclass(slots=True)
class Steps:
    """What the job's metrics.jsonl has said so far.

    Attributes:
        total: optimizer steps of the whole run, once the data is read.
        losses: (step, training loss in nats per token) of every step.
        validations: (step, validation loss); step 0 is the untrained model.
        dataset: the "dataset" event: numbers of records and tokens.
        restarts: how many times a worker had to begin again.
        kept_step: whose weights early stopping went back to; None when the run went to its end.
    """

    total: int | None = None
    per_epoch: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    validations: list[tuple[int, float]] = field(default_factory=list)
    dataset: Event = field(default_factory=dict)
    restarts: int = 0
    kept_step: int | None = None
    _recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_WINDOW_STEPS))

    def take(self, event: Event) -> None:
        """Add one line of metrics.jsonl."""
        match event["event"]:
            case "dataset":
                self.dataset = event
                self.total = event["total_steps"]
                self.per_epoch = event["steps_per_epoch"]
            case "step":
                self._recent.append((_seconds(event["time"]), event["tokens"]))
                self.losses.append((event["step"], event["loss"]))
            case "validation":
                self.validations.append((event["step"], event["loss"]))
            case "resumed":
                self.restarts += 1
                # The steps since that checkpoint are made again.
                self.losses = [item for item in self.losses if item[0] <= event["step"]]
                self.validations = [item for item in self.validations if item[0] <= event["step"]]
                self._recent.clear()
            case "early_stop":
                self.kept_step = event["kept_step"]

    @property
    def done(self) -> int:
        """Steps made."""
        return self.losses[-1][0] if self.losses else 0

    @property
    def epoch(self) -> int:
        """The epoch that runs, from 1."""
        return (max(0, self.done - 1) // self.per_epoch if self.per_epoch else 0) + 1

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return self.total // self.per_epoch if self.total and self.per_epoch else 0

    @property
    def loss(self) -> float | None:
        """Mean training loss of the last steps."""
        recent = [loss for _, loss in self.losses[-_WINDOW_STEPS:]]
        return sum(recent) / len(recent) if recent else None

    @property
    def tokens_per_second(self) -> float | None:
        """Speed over the last steps, prompts included."""
        if len(self._recent) < 2 or self._recent[-1][0] <= self._recent[0][0]:
            return None
        tokens = sum(count for _, count in list(self._recent)[1:])
        return tokens / (self._recent[-1][0] - self._recent[0][0])

    @property
    def seconds_left(self) -> float | None:
        """How long the remaining steps take at the present speed."""
        if self.total is None or len(self._recent) < 2:
            return None
        per_step = (self._recent[-1][0] - self._recent[0][0]) / (len(self._recent) - 1)
        return per_step * (self.total - self.done)


@dataclass(frozen=True, slots=True)
class Moment:
    """A job at one moment: what the API says, and its steps."""

    job: "Job"
    steps: Steps
    elapsed_seconds: float

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.job["status"] in _TERMINAL

    @property
    def phase(self) -> str:
        """What it does now, in words."""
        if self.has_ended or self.job["status"] == "Stopping":
            return self.job["status"].lower()
        details: Any = self.job.get("statusDetails", {})  # a TypedDict, looked up by computed keys
        for name, words in reversed(_PHASES):
            if details.get(name, {}).get("status") not in (None, "NotStarted"):
                return words
        return "waiting for its turn"


def follow(server: Server, identifier: str) -> Iterator[Moment]:
    """Yield a job's state about twice a second until it has ended; the last one is the end.

    Args:
        server: where it runs.
        identifier: the job's name or ARN.
    """
    bedrock = server.bedrock
    steps, offset_bytes = Steps(), 0
    while True:
        job = bedrock.get_model_customization_job(jobIdentifier=identifier)
        folder = job_folder(server, job["jobArn"])
        events, offset_bytes = read_events(folder, offset_bytes)
        for event in events:
            steps.take(event)
        end = job.get("endTime") or datetime.now(job["creationTime"].tzinfo)
        moment = Moment(job, steps, (end - job["creationTime"]).total_seconds())
        yield moment
        if moment.has_ended:
            return
        time.sleep(_POLL_SECONDS)


def job_folder(server: Server, job_arn: str) -> Path:
    """Return where a job's worker works; it exists only while the job runs."""
    return server.home.jobs / job_arn.rsplit("/", 1)[-1]


def show(console: Console, server: Server, identifier: str) -> Moment:
    """Show a job until it has ended, and return its end.

    On a terminal a bar moves; elsewhere a line comes at each change of phase and every 15 seconds.
    """
    moments = follow(server, identifier)
    if console.is_terminal:
        return _show_live(console, moments)
    return _show_lines(console, moments)


def _show_live(console: Console, moments: Iterator[Moment]) -> Moment:
    moment = next(moments)
    with Live(_panel(moment), console=console, refresh_per_second=8, transient=True) as live:
        for moment in moments:  # the last one is returned
            live.update(_panel(moment))
    console.print(_line(moment), soft_wrap=True)
    return moment


def _show_lines(console: Console, moments: Iterator[Moment]) -> Moment:
    phase, printed = "", 0.0
    for moment in moments:  # the last one is returned
        now = time.monotonic()
        if moment.phase != phase or now - printed >= _QUIET_LINE_SECONDS:
            phase, printed = moment.phase, now
            console.print(_line(moment), soft_wrap=True)
    return moment


def _panel(moment: Moment) -> RenderableType:
    steps = moment.steps
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        Text(f"  {moment.phase}", style="bold"),
        ProgressBar(
            total=steps.total or 1,
            completed=steps.done,
            width=32,
            pulse=steps.total is None or not steps.done,
        ),
        Text(_count(steps)),
    )
    return Group(grid, Text(f"  {_figures(moment)}", style="dim"))


def _line(moment: Moment) -> Text:
    parts = [part for part in (_count(moment.steps), _figures(moment)) if part]
    return Text.assemble("  ", (moment.phase, "bold"), f" · {' · '.join(parts)}" if parts else "")


def _count(steps: Steps) -> str:
    if steps.total is None:
        return ""
    return f"step {steps.done}/{steps.total} · epoch {steps.epoch}/{steps.epochs}"


def _figures(moment: Moment) -> str:
    steps = moment.steps
    figures = []
    if steps.loss is not None:
        figures.append(f"loss {steps.loss:.3f}")
    if steps.validations:
        figures.append(f"validation {steps.validations[-1][1]:.3f}")
    if steps.tokens_per_second is not None and not moment.has_ended:
        figures.append(f"{steps.tokens_per_second:,.0f} tokens/s")
    if steps.kept_step is not None:
        figures.append(f"stopped early, weights of step {steps.kept_step} kept")
    if steps.restarts:
        figures.append(f"resumed {plural(steps.restarts, 'time')}")
    figures.append(duration(moment.elapsed_seconds))
    if steps.seconds_left and not moment.has_ended:
        figures.append(f"{duration(steps.seconds_left)} left")
    return " · ".join(figures)


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
