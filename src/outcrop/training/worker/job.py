"""The job as a recipe sees it: its folder, its orders, its log, and the wish to stop."""

from dataclasses import dataclass
from pathlib import Path

from outcrop.training.job_folder import STOP_FILE, JobSpec, MetricsLog


class StopRequested(Exception):  # a request, not an error
    """The stop flag is up; the run ends without output."""


@dataclass(frozen=True, slots=True)
class Job:
    """An open job folder."""

    folder: Path
    spec: JobSpec
    metrics: MetricsLog

    @classmethod
    def open(cls, folder: Path) -> "Job":
        """Read the orders and note that a worker has started."""
        spec = JobSpec.read(folder)
        metrics = MetricsLog(folder)
        metrics.write("started")
        return cls(folder, spec, metrics)

    def check_stop(self) -> None:
        """Raise StopRequested when the stop flag is up."""
        if (self.folder / STOP_FILE).exists():
            raise StopRequested
