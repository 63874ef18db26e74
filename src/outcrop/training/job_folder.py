"""The contract between the supervisor and a training worker: one folder per job.

job.json            what to do (JobSpec); written once, by whoever makes the job
sealed.json         how data, checkpoints and output are sealed (crypto/sealed_folder.py); without it they lie in clear
data/*.jsonl        training and validation records
metrics.jsonl       what happened, one JSON object a line, appended by the worker (see MetricsLog)
checkpoints/        step-00000010/ …; the newest two
output/             the result: a PEFT adapter folder, or a whole Hugging Face folder for full fine-tuning
result.json         the numbers of the result; written last, its presence ends the job
error.json          {"message"}: the job cannot succeed, do not retry
stop                a flag file: end at the next step
worker.log          the worker's output
worker.lock         held by the running worker

Everything in it is relative, so a home with jobs in it can be moved.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from outcrop.core.hyperparameters import FineTuningMethod, TrainingHyperparameters
from outcrop.core.weights import Weights

JOB_FILE = "job.json"
METRICS_FILE = "metrics.jsonl"
RESULT_FILE = "result.json"
ERROR_FILE = "error.json"
STOP_FILE = "stop"
LOG_FILE = "worker.log"
LOCK_FILE = "worker.lock"
CHECKPOINTS = "checkpoints"
OUTPUT = "output"

Event = dict[str, Any]  # Any: a line of JSON, whose members depend on "event"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a worker is told.

    Attributes:
        job_id: the last 12 characters of the job's ARN.
        method: low-rank adapter or all weights.
        base: the base folder, and the adapter to continue from, if any.
        hyperparameters: typed and complete.
        threads: CPU threads; another number gives other rounding, so it is fixed with the job.
        seed: of everything random in the run.
        context_tokens: longest record the model takes; a longer one is an error.
        training_path: relative to the folder.
        validation_path: relative to the folder, or None.
        training_name: how the user knows the training file (an S3 URI), for errors.
        validation_name: the same for the validation file.
    """

    job_id: str
    method: FineTuningMethod
    base: Weights
    hyperparameters: TrainingHyperparameters
    threads: int
    seed: int
    context_tokens: int
    training_path: str = "data/train.jsonl"
    validation_path: str | None = None
    training_name: str = ""
    validation_name: str = ""

    def write(self, folder: Path) -> None:
        """Write job.json into the folder, making it where needed."""
        folder.mkdir(parents=True, exist_ok=True)
        value = asdict(self)
        value["base"] = {
            "base": _portable(self.base.base, folder),
            "adapter": None if self.base.adapter is None else _portable(self.base.adapter, folder),
        }
        write_json(folder / JOB_FILE, value)

    @classmethod
    def read(cls, folder: Path) -> "JobSpec":
        """Return the spec in job.json."""
        value = json.loads((folder / JOB_FILE).read_text())
        base, adapter = value["base"]["base"], value["base"]["adapter"]
        value["base"] = Weights(
            Path(os.path.normpath(folder / base)),
            None if adapter is None else Path(os.path.normpath(folder / adapter)),
        )
        value["hyperparameters"] = TrainingHyperparameters(**value["hyperparameters"])
        return cls(**value)


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        status: "stopped" when the stop flag ended it; then there is no output.
        steps: optimizer steps of the run.
        epochs: finished passes over the training records.
        training_loss: mean over the labelled tokens of the last finished epoch, in nats per token; None when
            none was finished.
        validation_loss: of the weights in the output, in nats per token; None without validation data.
        base_validation_loss: the same before the first step.
        kept_step: the step whose weights the output holds.
        stopped_early: whether early stopping ended the run.
        train_records: records trained on.
        validation_records: records held out.
        train_tokens: tokens that went through training, all epochs, prompts included.
        labelled_tokens: those of them that carried a loss.
    """

    status: Literal["completed", "stopped"]
    steps: int = 0
    epochs: int = 0
    training_loss: float | None = None
    validation_loss: float | None = None
    base_validation_loss: float | None = None
    kept_step: int = 0
    stopped_early: bool = False
    train_records: int = 0
    validation_records: int = 0
    train_tokens: int = 0
    labelled_tokens: int = 0

    def write(self, folder: Path) -> None:
        """Write result.json, which ends the job."""
        write_json(folder / RESULT_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "TrainingResult | None":
        """Return the result in result.json, or None while there is none."""
        try:
            value = json.loads((folder / RESULT_FILE).read_text())
        except FileNotFoundError:
            return None
        known = {item.name for item in fields(cls)}
        return cls(**{name: item for name, item in value.items() if name in known})


@dataclass(frozen=True, slots=True)
class StepMetric:
    """One optimizer step: `loss` is the mean over the labelled tokens of its batch, in nats per token."""

    step: int
    epoch: int
    loss: float
    learning_rate: float
    tokens: int


@dataclass(frozen=True, slots=True)
class ValidationMetric:
    """One pass over the validation records; step 0 is the base model before training."""

    step: int
    epoch: int
    loss: float


@dataclass(frozen=True, slots=True)
class History:
    """The run as if no worker had ever died: of steps that were repeated, the last attempt counts."""

    steps: tuple[StepMetric, ...]
    validations: tuple[ValidationMetric, ...]


def read_history(folder: Path) -> History:
    """Return steps and validations in order of step, each step once."""
    steps: dict[int, StepMetric] = {}
    validations: dict[int, ValidationMetric] = {}
    for event in read_events(folder)[0]:
        if event["event"] == "step":
            names = (item.name for item in fields(StepMetric))
            steps[event["step"]] = StepMetric(**{name: event[name] for name in names})
        elif event["event"] == "validation":
            validations[event["step"]] = ValidationMetric(
                event["step"], event["epoch"], event["loss"]
            )
    return History(
        tuple(steps[step] for step in sorted(steps)),
        tuple(validations[step] for step in sorted(validations)),
    )


def read_events(folder: Path, offset_bytes: int = 0) -> tuple[list[Event], int]:
    """Return the complete lines of metrics.jsonl from an offset, and the offset after them."""
    try:
        with (folder / METRICS_FILE).open("rb") as stream:
            stream.seek(offset_bytes)
            content = stream.read()
    except FileNotFoundError:
        return [], offset_bytes
    complete = content[: content.rfind(b"\n") + 1]
    return [json.loads(line) for line in complete.splitlines()], offset_bytes + len(complete)


class MetricsLog:
    """Appends events to metrics.jsonl; used by the one worker that holds the lock.

    Events, each with "event", "attempt" and "time" (ISO 8601, UTC):
        started     a worker began; attempt counts from 1
        resumed     {"step"}: it goes on from that step's checkpoint
        phase       {"name": "dataProcessing" | "training"}; not repeated by later attempts
        dataset     {"train_records", "validation_records", "train_tokens", "labelled_tokens", "longest_tokens"}
        step        {"step", "epoch", "loss", "learning_rate", "tokens"}; steps count from 1, epochs from 0
        validation  {"step", "epoch", "loss"}
        checkpoint  {"step"}: written and durable
        early_stop  {"step", "kept_step"}

    Args:
        folder: the job's folder. A line that an earlier worker left torn is cut off.
    """

    def __init__(self, folder: Path) -> None:
        earlier, end_bytes = read_events(folder)
        self.attempt = 1 + sum(event["event"] == "started" for event in earlier)
        self._phases = {event["name"] for event in earlier if event["event"] == "phase"}
        # Unbuffered: one write a line, which a killed process has either made or not.
        self._stream = (folder / METRICS_FILE).open("ab", buffering=0)
        self._stream.truncate(end_bytes)

    def write(self, event: str, **members: object) -> None:
        """Append one event."""
        line = {
            "event": event,
            "attempt": self.attempt,
            **members,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        self._stream.write(json.dumps(line).encode() + b"\n")

    def phase(self, name: Literal["dataProcessing", "training"]) -> None:
        """Append the beginning of a phase, once in the life of the job."""
        if name not in self._phases:
            self._phases.add(name)
            self.write("phase", name=name)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def read_error(folder: Path) -> str | None:
    """Return the message in error.json, or None while there is none."""
    try:
        return cast("str", json.loads((folder / ERROR_FILE).read_text())["message"])
    except FileNotFoundError:
        return None


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a JSON file so that a reader, or a crash, sees all of it or nothing."""
    write_whole(path, json.dumps(value, indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader, or a crash, sees all of it or nothing."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder's files, and the folder, durable."""
    for path in _walk(folder):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    sync_folder(folder)


def _walk(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"), reverse=True)


def _portable(path: Path, folder: Path) -> str:
    """Return a path relative to the folder when both lie in one home (<home>/jobs/<id>), else absolute."""
    path, folder = path.absolute(), folder.absolute()
    if path.is_relative_to(folder.parent.parent):
        return os.path.relpath(path, folder)
    return str(path)
