"""The durable workflow of a customization job, from its first write to the customer's bucket to its model.

    probe → stage → train → publish → clean up → complete

Each step may be repeated after a kill: it looks at what is already there, or overwrites it with the same. The
job's row changes status only at the very end, after everything else is in place, or after everything that was
half made is gone; so an ended job never has leftovers.
"""

import errno
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import structlog

from outcrop.aws.errors import ServiceError
from outcrop.core.errors import JobFailed, OutcropError
from outcrop.core.jobs import JobStatus, Phase
from outcrop.crypto.sealed_folder import FolderSeal
from outcrop.services import model_keys
from outcrop.services.bedrock import customization_output, job_events, staging
from outcrop.services.bedrock.customization_jobs import STOPPED_MESSAGE, WORKFLOW
from outcrop.services.bedrock.job_access import JobAccess
from outcrop.services.bedrock.times import now_us
from outcrop.services.platform import Platform
from outcrop.storage import customization_jobs as repository
from outcrop.storage.customization_jobs import JobRow
from outcrop.training.job_folder import Event, JobSpec, TrainingResult

QUEUE = "training"
_LONGEST_MESSAGE = 2048  # failureMessage in the service model
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_log = structlog.get_logger(__name__)
ResultT = TypeVar("ResultT")


class _JobStopped(Exception):  # it is what was asked for, no error
    """Someone asked the job to stop."""


@dataclass(frozen=True, slots=True)
class CustomizationWorkflow:
    """Runs customization jobs; `run` is what the durable queue calls."""

    platform: Platform

    def register(self) -> None:
        """Declare the workflow; before the durable queue is launched."""
        self.platform.durable.register(WORKFLOW, self.run, QUEUE)

    def run(self, job_id: str) -> None:
        """Carry a job to its end. Returns at once when it has ended."""
        with self.platform.database.read() as connection:
            row = repository.get(connection, job_id)
        if row is None or JobStatus(row.status).is_terminal:
            return
        access = JobAccess(self.platform, row)
        log = _log.bind(job_id=job_id, job_name=row.name)
        log.info("job_started", base_model=row.plan.base_model_id, method=row.plan.method)
        try:
            self._carry_out(access)
        except _JobStopped:
            self._end(access, JobStatus.STOPPED, STOPPED_MESSAGE)
            log.info("job_stopped")
        except JobFailed as error:
            self._end(access, JobStatus.FAILED, str(error))
            log.info("job_failed", reason=str(error))
        else:
            log.info("job_completed", model_arn=row.model_arn)

    def _carry_out(self, access: JobAccess) -> None:
        self._enter(access.row, Phase.VALIDATION)
        self._step("probe output", access, lambda: customization_output.probe(access))
        self._step("stage data", access, lambda: staging.stage(access, self._check_stop))
        self._enter(access.row, Phase.DATA_PROCESSING)
        numbers = self._step("train", access, lambda: self._train(access))
        result = TrainingResult(**numbers)
        self._step("publish", access, lambda: customization_output.publish(access, result))
        self._step("clean up", access, access.remove_job_folder)
        self._guarded(access, lambda: self._complete(access, result))

    def _step(self, name: str, access: JobAccess, work: Callable[[], ResultT]) -> ResultT:
        """Run a journaled step; what ends the job is journaled as its result, so that a replay ends it too."""

        def attempt() -> dict[str, Any]:
            try:
                self._check_stop(access.row.id)
                return {"value": self._guarded(access, work)}
            except _JobStopped:
                return {"stopped": True}
            except JobFailed as error:
                return {"failed": str(error)}

        outcome = self.platform.durable.step(name, attempt)
        if "stopped" in outcome:
            raise _JobStopped
        if "failed" in outcome:
            raise JobFailed(outcome["failed"])
        value: ResultT = outcome["value"]
        return value

    def _guarded(self, access: JobAccess, work: Callable[[], ResultT]) -> ResultT:
        """Turn whatever goes wrong into the reason why the job failed."""
        try:
            return work()
        except _JobStopped:
            raise
        except Exception as error:
            # A shutdown breaks things under a job that are no fault of it: it goes on at the next start.
            self.platform.durable.check_stopping()
            raise self._reason(access, error) from error

    def _reason(self, access: JobAccess, error: Exception) -> JobFailed:
        if isinstance(error, JobFailed):
            return error
        if isinstance(error, (OutcropError, ServiceError)):
            return JobFailed(str(error))
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return JobFailed(
                f"No room left on the disk of {self.platform.home.path}: free some and run the job again"
            )
        _log.error("job_crashed", job_id=access.row.id, exc_info=error)
        return JobFailed(f"Internal error ({type(error).__name__}); the server's log has details")

    def _train(self, access: JobAccess) -> dict[str, Any]:
        result = self.platform.supervisor.run(
            access.folder,
            lambda: self._is_stopping(access.row.id),
            lambda event: self._follow(access.row, event),
            access.worker_keys(JobSpec.read(access.folder).base),
        )
        if result.status == "stopped":
            raise _JobStopped
        return asdict(result)

    def _follow(self, row: JobRow, event: Event) -> None:
        if event["event"] == "phase":
            self._enter(row, Phase(event["name"]))

    def _complete(self, access: JobAccess, result: TrainingResult) -> None:
        """Make the model exist and the job Completed, both or neither."""
        now = now_us(self.platform.clock)
        with self.platform.database.write(durable=True) as connection:
            row = repository.get(connection, access.row.id)
            assert row is not None, "jobs are never deleted"
            if row.status == JobStatus.STOPPING:
                raise _JobStopped
            if row.status == JobStatus.COMPLETED:
                return
            metrics = customization_output.final_metrics(result)
            customization_output.register_model(connection, access, metrics, now)
            repository.move(connection, row, JobStatus.COMPLETED, now, metrics=metrics)
            job_events.tell(connection, row.id, self.platform)

    def _end(self, access: JobAccess, status: JobStatus, message: str) -> None:
        """Take back what was made, then say why."""
        customization_output.discard(access)
        if noted := access.row.plan.seal_json:
            seal = FolderSeal.from_json(noted)
            self.platform.on_loop(model_keys.retire(self.platform, seal, access.row.region))
        now = now_us(self.platform.clock)
        with self.platform.database.write(durable=True) as connection:
            row = repository.get(connection, access.row.id)
            assert row is not None, "jobs are never deleted"
            if JobStatus(row.status).is_terminal:
                return
            if row.status == JobStatus.STOPPING:
                status = JobStatus.STOPPED
            repository.move(
                connection, row, status, now, failure_message=message[:_LONGEST_MESSAGE]
            )
            job_events.tell(connection, row.id, self.platform)

    def _enter(self, row: JobRow, phase: Phase) -> None:
        with self.platform.database.write() as connection:
            repository.enter_phase(connection, row.id, phase, now_us(self.platform.clock))

    def _is_stopping(self, job_id: str) -> bool:
        self.platform.durable.check_stopping()
        with self.platform.database.read() as connection:
            return repository.status_of(connection, job_id) != JobStatus.IN_PROGRESS

    def _check_stop(self, job_id: str) -> None:
        if self._is_stopping(job_id):
            raise _JobStopped
