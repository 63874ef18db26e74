"""The durable workflows of provisioned throughputs and deployments: load the model, then say that it serves.

Each creation and each update is one workflow; its argument names the row and its generation, so that a workflow
that was overtaken, or whose row is gone, changes nothing.
"""

import time
from dataclasses import dataclass
from typing import Any

import structlog

from outcrop.aws.errors import ServiceError
from outcrop.core.errors import EngineGone, EngineNotReady, OutcropError
from outcrop.core.models import EndpointStatus
from outcrop.core.weights import Weights
from outcrop.services import model_keys
from outcrop.services.bedrock import deployments, provisioned_throughputs
from outcrop.services.bedrock.times import now_us
from outcrop.services.platform import Platform
from outcrop.storage.endpoints import (
    DEPLOYMENTS,
    THROUGHPUTS,
    DeploymentRow,
    Endpoints,
    RowT,
    ThroughputRow,
)
from outcrop.storage.models import weights_of

QUEUE = "serving"
CONCURRENCY = 4
_LONGEST_LOAD_SECONDS = 900.0
_RETRY_SECONDS = 0.5
_MOST_KILLS = (
    10  # of engines that load one model: what is killed so often does not fit this machine
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServingWorkflow:
    """Runs creations and updates of both resources."""

    platform: Platform

    def register(self) -> None:
        """Declare the workflows; before the durable queue is launched."""
        durable = self.platform.durable
        durable.register(provisioned_throughputs.WORKFLOW, self.serve_throughput, QUEUE)
        durable.register(deployments.WORKFLOW, self.serve_deployment, QUEUE)

    def serve_throughput(self, argument: str) -> None:
        """Load a throughput's desired model, then serve it."""
        self._serve(THROUGHPUTS, argument, _settle_throughput)

    def serve_deployment(self, argument: str) -> None:
        """Load a deployment's model, then serve it."""
        self._serve(DEPLOYMENTS, argument, _settle_deployment)

    def _serve(self, endpoints: Endpoints[RowT], argument: str, settle: Any) -> None:
        # settle: (RowT, reason) → columns to change; a Callable over RowT cannot be written for both.
        endpoint_id, _, generation = argument.rpartition("-")
        with self.platform.database.read() as connection:
            row = endpoints.get(connection, endpoint_id)
        if row is None or row.generation != int(generation):
            return
        reason = self._load(row.target_model_arn)
        with self.platform.database.write() as connection:
            row = endpoints.get(connection, endpoint_id)
            if row is None or row.generation != int(generation):
                return
            changes = settle(row, reason)
            now = now_us(self.platform.clock)
            endpoints.change(connection, endpoint_id, modified_us=now, **changes)
        _log.info("endpoint_settled", arn=row.arn, status=changes["status"], reason=reason)

    def _load(self, model_arn: str) -> str | None:
        """Return None once the model's engine answers, else why it does not."""
        platform = self.platform
        deadline = time.monotonic() + _LONGEST_LOAD_SECONDS
        kills = 0
        try:
            with platform.database.read() as connection:
                weights, _ = weights_of(connection, model_arn, platform.home, platform.base_models)
            region = model_arn.split(":")[3]
            while True:
                try:
                    if self._try_load(model_keys.unlock_for_job(platform, weights, region)):
                        break
                except EngineGone:
                    kills += 1
                    if kills == _MOST_KILLS:
                        raise
                platform.durable.check_stopping()
                if time.monotonic() > deadline:
                    return f"No engine was free for the model in {_LONGEST_LOAD_SECONDS:.0f} s"
                time.sleep(_RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001  # whatever it is, it becomes the endpoint's reason
            platform.durable.check_stopping()
            if not isinstance(error, (OutcropError, OSError, ServiceError)):
                _log.error("endpoint_crashed", model_arn=model_arn, exc_info=error)
            return f"The model could not be loaded: {error}"
        return None

    def _try_load(self, weights: Weights) -> bool:
        try:
            self.platform.on_loop(self.platform.engines.preload(weights))
        except EngineNotReady:
            return False
        return True


def _settle_throughput(row: ThroughputRow, reason: str | None) -> dict[str, Any]:
    if reason is None:
        ready = {"status": EndpointStatus.READY, "failure_message": None}
        return {**ready, "model_arn": row.desired_model_arn}
    if row.status == EndpointStatus.CREATING:
        return {"status": EndpointStatus.FAILED, "failure_message": reason}
    # An update that fails leaves the model that was served before.
    back = {"status": EndpointStatus.READY, "failure_message": reason}
    return {**back, "desired_model_arn": row.model_arn}


def _settle_deployment(row: DeploymentRow, reason: str | None) -> dict[str, Any]:
    if row.update_status == deployments.UPDATING:
        update = {
            "update_status": "UpdateCompleted" if reason is None else "UpdateFailed",
            "model_arn": row.target_model_arn if reason is None else row.model_arn,
        }
        return {**update, "status": EndpointStatus.READY, "failure_message": reason}
    status = EndpointStatus.READY if reason is None else EndpointStatus.FAILED
    return {"status": status, "failure_message": reason}
