"""Customization jobs: their states, the phases inside them, and the plan they carry out.

A job is InProgress until it ends Completed or Failed; asked to stop it is Stopping until it is Stopped. Inside,
three phases follow each other. The spellings are AWS's own (API reference, GetModelCustomizationJob).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from outcrop.core.errors import JobStateError


class JobStatus(StrEnum):
    """Where a job stands."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended; nothing changes it afterwards."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED})
_NEXT = {
    JobStatus.IN_PROGRESS: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPING}),
    # A job that fails while it is being stopped is a stopped one: nobody waits for its reason any more.
    JobStatus.STOPPING: frozenset({JobStatus.STOPPED}),
}


def check_transition(before: JobStatus, after: JobStatus) -> None:
    """Let a job go from one status to another.

    Raises:
        JobStateError: the first status does not lead to the second.
    """
    if after not in _NEXT.get(before, frozenset()):
        raise JobStateError(f"a job that is {before} cannot become {after}")


class Phase(StrEnum):
    """A part of a job, in their order; the value names it in statusDetails without "Details"."""

    VALIDATION = "validation"
    DATA_PROCESSING = "dataProcessing"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class PhaseState:
    """How far a phase is.

    Attributes:
        status: InProgress, Completed, Stopping, Stopped, Failed or NotStarted.
        started_us: when it started, microseconds since 1970; None before.
        modified_us: when its status last changed.
    """

    status: str = "NotStarted"
    started_us: int | None = None
    modified_us: int | None = None


@dataclass(frozen=True, slots=True)
class Phases:
    """The three phases of a job. Every method returns the phases after a change."""

    states: Mapping[Phase, PhaseState] = field(
        default_factory=lambda: dict.fromkeys(Phase, PhaseState())
    )

    def entered(self, phase: Phase, now_us: int) -> Self:
        """Start a phase and complete those before it; a phase that has started is left alone."""
        states = dict(self.states)
        for earlier in list(Phase)[: list(Phase).index(phase)]:
            if states[earlier].status == "InProgress":
                states[earlier] = replace(states[earlier], status="Completed", modified_us=now_us)
        if states[phase].status == "NotStarted":
            states[phase] = PhaseState("InProgress", now_us, now_us)
        return replace(self, states=states)

    def ended(self, status: JobStatus, now_us: int) -> Self:
        """Give the running phase the status that the job gets: Completed, Failed, Stopping or Stopped."""
        states = {
            phase: replace(state, status=str(status), modified_us=now_us)
            if state.status in ("InProgress", "Stopping")
            else state
            for phase, state in self.states.items()
        }
        return replace(self, states=states)

    @property
    def has_begun(self) -> bool:
        """Whether any phase has started; before that the job waits for its turn."""
        return any(state.started_us is not None for state in self.states.values())

    def to_json(self) -> dict[str, list[Any]]:
        """Return plain JSON: phase → [status, started_us, modified_us]."""
        return {
            str(phase): [state.status, state.started_us, state.modified_us]
            for phase, state in self.states.items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, list[Any]]) -> Self:
        """Return the phases that `to_json` wrote."""
        return cls({phase: PhaseState(*values[phase]) for phase in Phase})


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a customization job does, fixed when it is created.

    Attributes:
        base_model_id: the foundation model, under the id that was asked for.
        parent_model_id: the custom model that training goes on from, or None for the foundation model.
        method: "lora" or "full".
        hyperparameters: as the caller gave them, keys and values checked.
        training_uri: S3 URI of the training records.
        validation_uri: S3 URI of the validation records, or None.
        output_uri: S3 URI under which the metrics are written, without a trailing slash.
        role_arn: role as which the job reads and writes S3.
        model_tags: tags that the custom model gets.
        seal_json: how the model is sealed under the KMS key that the caller named; "" for the service's own key.
    """

    base_model_id: str
    parent_model_id: str | None
    method: str
    hyperparameters: Mapping[str, str]
    training_uri: str
    validation_uri: str | None
    output_uri: str
    role_arn: str
    model_tags: Mapping[str, str]
    seal_json: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON that `JobPlan(**…)` reads back."""
        return asdict(self)
