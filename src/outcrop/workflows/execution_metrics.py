"""AWS/States in CloudWatch: what is counted of executions, under the dimensions that Step Functions uses."""

from outcrop.storage.executions.rows import RUNNING, ExecutionRow
from outcrop.storage.metrics import Metrics

NAMESPACE = "AWS/States"
_ENDS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


class ExecutionCounter:
    """Counts executions that begin, end or are redriven.

    Args:
        metrics: where to.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, row: ExecutionRow) -> None:
        """Count one change."""
        count = self._metrics.count
        for dimensions in _dimensions(row):
            if row.status == RUNNING:
                name = "ExecutionsStarted" if row.redriven_us is None else "ExecutionsRedriven"
                count(NAMESPACE, name, dimensions, region=row.region)
                continue
            count(NAMESPACE, _ENDS[row.status], dimensions, region=row.region)
            if row.stopped_us is not None:
                lasted_ms = (row.stopped_us - row.started_us) / 1000
                count(
                    NAMESPACE,
                    "ExecutionTime",
                    dimensions,
                    lasted_ms,
                    "Milliseconds",
                    region=row.region,
                )


def _dimensions(row: ExecutionRow) -> list[dict[str, str]]:
    """Return what an execution is counted under: its machine, and the version or alias that was started."""
    machine = {"StateMachineArn": row.machine_arn}
    found = [machine]
    if row.version_arn:
        found.append({**machine, "Version": row.version_arn.rpartition(":")[2]})
    if row.alias_arn:
        found.append({**machine, "Alias": row.alias_arn.rpartition(":")[2]})
    return found
