"""A server with the bundled model, an adapter on it, and endpoints that serve the adapter."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inference.tiny_llama import build_adapter
from outcrop.app import BUNDLED_MODEL
from outcrop.aws.arns import (
    custom_model_arn,
    custom_model_deployment_arn,
    foundation_model_arn,
    provisioned_model_arn,
)
from outcrop.core.models import EndpointStatus
from outcrop.storage import endpoints, models
from outcrop.storage.database.engine import Database
from support.running_server import RunningServer, running_server

BASE = "outcrop.nano-v1:0"
REGION = "us-east-1"


@dataclass(frozen=True)
class Runtime:
    """The server, its clients, and what can be invoked on it."""

    server: RunningServer
    client: Any
    base: str
    cohere: str
    custom_models: tuple[str, str]
    throughput: str
    throughput_name: str
    deployment: str
    creating: str


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    home = tmp_path_factory.mktemp("runtime") / "home"
    variables = {
        "OUTCROP_MODEL_ALIASES": f"cohere.command-light-text-v14={BASE}",
        "OUTCROP_MODEL_WAIT_SECONDS": "100",
        "OUTCROP_ENGINE_THREADS": "1",
    }
    with running_server(home, variables) as server:
        yield _fill(server)


def _fill(server: RunningServer) -> Runtime:
    """Write an adapter and the rows that a customization job would leave."""
    account = server.root_key["account_id"]
    model_id = "abcdefabcdef"
    build_adapter(BUNDLED_MODEL, server.home / "models" / "custom" / model_id, seed=5)
    base_arn = foundation_model_arn(REGION, BASE)
    model_arn = custom_model_arn(REGION, account, BASE, model_id)
    throughputs = {
        provisioned_model_arn(REGION, account, "provisioned1"): EndpointStatus.READY,
        provisioned_model_arn(REGION, account, "provisioned2"): EndpointStatus.CREATING,
    }
    deployment_arn = custom_model_deployment_arn(REGION, account, "deployment12")
    database = Database.at(Path(server.home) / "outcrop.db")
    with database.write() as connection:
        models.insert(connection, _model_row(model_id, model_arn, base_arn))
        for arn, status in throughputs.items():
            endpoints.THROUGHPUTS.insert(
                connection, _throughput_row(arn, status, model_arn, base_arn)
            )
        endpoints.DEPLOYMENTS.insert(connection, _deployment_row(deployment_arn, model_arn))
    database.close()
    ready, creating = throughputs
    return Runtime(
        server=server,
        client=server.client("bedrock-runtime"),
        base=BASE,
        cohere="cohere.command-light-text-v14:7:4k",
        custom_models=(model_arn, model_arn.replace("-v1:0/", "-v1/")),
        throughput=ready,
        throughput_name="provisioned1-name",
        deployment=deployment_arn,
        creating=creating,
    )


def _model_row(model_id: str, arn: str, base_arn: str) -> models.ModelRow:
    return models.ModelRow(
        id=model_id,
        region=REGION,
        name="tuned",
        arn=arn,
        job_id="job",
        base_model_arn=base_arn,
        foundation_model_arn=base_arn,
        customization_type="FINE_TUNING",
        created_us=1,
        detail_json="{}",
        method="lora",
        base_model_id=BASE,
        base_custom_model_id=None,
    )


def _throughput_row(
    arn: str, status: EndpointStatus, model_arn: str, base_arn: str
) -> endpoints.ThroughputRow:
    endpoint_id = arn.rsplit("/", 1)[1]
    return endpoints.ThroughputRow(
        created_us=1,
        id=endpoint_id,
        region=REGION,
        name=f"{endpoint_id}-name",
        arn=arn,
        status=status,
        model_arn=model_arn,
        desired_model_arn=model_arn,
        foundation_model_arn=base_arn,
        model_units=1,
        commitment=None,
        commitment_ends_us=None,
        modified_us=1,
        failure_message=None,
        generation=1,
    )


def _deployment_row(arn: str, model_arn: str) -> endpoints.DeploymentRow:
    return endpoints.DeploymentRow(
        created_us=1,
        id=arn.rsplit("/", 1)[1],
        region=REGION,
        name="deployed",
        arn=arn,
        status=EndpointStatus.READY,
        model_arn=model_arn,
        description=None,
        update_model_arn=None,
        update_status=None,
        modified_us=1,
        failure_message=None,
        generation=1,
    )
