"""The states of customization jobs, and the phases inside them."""

import itertools

import pytest

from outcrop.core.errors import JobStateError
from outcrop.core.jobs import JobStatus, Phase, Phases, check_transition

ALLOWED = {
    (JobStatus.IN_PROGRESS, JobStatus.COMPLETED),
    (JobStatus.IN_PROGRESS, JobStatus.FAILED),
    (JobStatus.IN_PROGRESS, JobStatus.STOPPING),
    (JobStatus.STOPPING, JobStatus.STOPPED),
}


@pytest.mark.parametrize(("before", "after"), [*itertools.product(JobStatus, JobStatus)])
def test_a_job_takes_only_the_documented_ways(before: JobStatus, after: JobStatus) -> None:
    if (before, after) in ALLOWED:
        check_transition(before, after)
    else:
        with pytest.raises(JobStateError, match=f"{before} cannot become {after}"):
            check_transition(before, after)


def test_nothing_leads_out_of_a_terminal_status() -> None:
    assert {status for status in JobStatus if status.is_terminal} == {
        status for status in JobStatus if not any(before == status for before, _ in ALLOWED)
    }


def test_entering_a_phase_completes_those_before_it() -> None:
    phases = Phases().entered(Phase.VALIDATION, 1).entered(Phase.TRAINING, 2)

    assert phases.states[Phase.VALIDATION].status == "Completed"
    assert phases.states[Phase.VALIDATION].modified_us == 2
    assert phases.states[Phase.TRAINING].status == "InProgress"


def test_entering_a_phase_twice_changes_nothing() -> None:
    once = Phases().entered(Phase.VALIDATION, 1).entered(Phase.DATA_PROCESSING, 2)

    assert once.entered(Phase.VALIDATION, 3).entered(Phase.DATA_PROCESSING, 4) == once


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", "Stopping"])
def test_only_the_running_phase_takes_the_status_of_the_job(status: str) -> None:
    running = Phases().entered(Phase.VALIDATION, 1).entered(Phase.DATA_PROCESSING, 2)

    ended = running.ended(JobStatus(status), 3)

    assert [ended.states[phase].status for phase in Phase] == ["Completed", status, "NotStarted"]


def test_a_stopping_phase_becomes_stopped() -> None:
    stopping = Phases().entered(Phase.VALIDATION, 1).ended(JobStatus.STOPPING, 2)

    assert stopping.ended(JobStatus.STOPPED, 3).states[Phase.VALIDATION].status == "Stopped"


def test_a_job_that_waits_for_its_turn_has_not_begun() -> None:
    assert not Phases().has_begun
    assert Phases().entered(Phase.VALIDATION, 1).has_begun


def test_phases_survive_json() -> None:
    phases = Phases().entered(Phase.VALIDATION, 1).entered(Phase.TRAINING, 2)

    assert Phases.from_json(phases.to_json()) == phases
