"""The job as a recipe sees it: its folder, its orders, its log, and the wish to stop."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from outcrop.crypto.sealed_folder import Sealing, buffered
from outcrop.training.job_folder import STOP_FILE, JobSpec, MetricsLog
from outcrop.training.job_keys import NO_KEYS, JobKeys


class StopRequested(Exception):  # a request, not an error
    """The stop flag is up; the run ends without output."""


@dataclass(frozen=True, slots=True)
class Job:
    """An open job folder.

    Attributes:
        sealing: seals what is written into it and opens its data; None where it is in clear.
    """

    folder: Path
    spec: JobSpec
    metrics: MetricsLog
    sealing: Sealing | None = None

    @classmethod
    def open(cls, folder: Path, keys: JobKeys = NO_KEYS) -> "Job":
        """Read the orders and note that a worker has started.

        Raises:
            SealBroken: a key is given for a folder that is not sealed.
        """
        spec = JobSpec.read(folder)
        spec = replace(spec, base=replace(spec.base, base_key=keys.base, adapter_key=keys.adapter))
        metrics = MetricsLog(folder)
        metrics.write("started")
        return cls(folder, spec, metrics, Sealing.of(folder, keys.job))

    def open_data(self, path: str) -> BinaryIO | None:
        """Return a sealed data file as a stream, None where data lie in clear."""
        if self.sealing is None:
            return None
        return buffered(self.sealing.open(self.folder / path))

    def check_stop(self) -> None:
        """Raise StopRequested when the stop flag is up."""
        if (self.folder / STOP_FILE).exists():
            raise StopRequested
