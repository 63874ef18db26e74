"""Custom models: their folders, what needs them, and what an ARN that may be invoked stands for."""

import pytest
from sqlalchemy import Connection

from outcrop.app import BUNDLED_MODEL
from outcrop.core.models import EndpointStatus
from outcrop.core.weights import Weights
from outcrop.storage import models
from outcrop.storage.base_models import BaseModelStore
from outcrop.storage.database.engine import Database
from outcrop.storage.endpoints import DEPLOYMENTS, THROUGHPUTS, DeploymentRow, ThroughputRow
from outcrop.storage.home import Home
from outcrop.storage.models import Invocable, ModelRow, resolve_invocable

REGION = "us-east-1"
BASE = "outcrop.nano-v1:0"
FOUNDATION_ARN = f"arn:aws:bedrock:{REGION}::foundation-model/{BASE}"


def model_arn(model_id: str) -> str:
    return f"arn:aws:bedrock:{REGION}:000000000000:custom-model/{BASE}/{model_id}"


def add_model(connection: Connection, model_id: str, **changes: str) -> None:
    values = {
        "id": model_id,
        "region": REGION,
        "name": f"name-{model_id}",
        "arn": model_arn(model_id),
        "job_id": "job",
        "base_model_arn": FOUNDATION_ARN,
        "foundation_model_arn": FOUNDATION_ARN,
        "customization_type": "FINE_TUNING",
        "detail_json": "{}",
        "method": "adapter",
        "base_model_id": BASE,
    }
    row = ModelRow(**{"base_custom_model_id": None, "created_us": 1, **values, **changes})  # type: ignore[arg-type]
    models.insert(connection, row)


def add_throughput(connection: Connection, arn: str, status: str = EndpointStatus.READY) -> str:
    row = ThroughputRow(
        created_us=1,
        id="throughput12",
        region=REGION,
        name="throughput",
        arn=f"arn:aws:bedrock:{REGION}:000000000000:provisioned-model/throughput12",
        status=status,
        model_arn=arn,
        desired_model_arn=arn,
        foundation_model_arn=FOUNDATION_ARN,
        model_units=1,
        commitment=None,
        commitment_ends_us=None,
        modified_us=1,
        failure_message=None,
        generation=0,
    )
    THROUGHPUTS.insert(connection, row)
    return row.arn


def add_deployment(connection: Connection, arn: str) -> str:
    row = DeploymentRow(
        created_us=1,
        id="deployment12",
        region=REGION,
        name="deployment",
        arn=f"arn:aws:bedrock:{REGION}:000000000000:custom-model-deployment/deployment12",
        status=EndpointStatus.CREATING,
        model_arn=arn,
        description=None,
        update_model_arn=None,
        update_status=None,
        modified_us=1,
        failure_message=None,
        generation=0,
    )
    DEPLOYMENTS.insert(connection, row)
    return row.arn


@pytest.fixture
def base_models(prepared_home: Home) -> BaseModelStore:
    return BaseModelStore(prepared_home, {}, BUNDLED_MODEL)


def resolve(
    database: Database, home: Home, base_models: BaseModelStore, identifier: str
) -> Invocable | None:
    with database.read() as connection:
        return resolve_invocable(
            connection, identifier, region=REGION, home=home, base_models=base_models
        )


def test_a_throughput_resolves_to_its_models_weights_by_arn_and_name(
    database: Database, prepared_home: Home, base_models: BaseModelStore
) -> None:
    with database.write() as connection:
        add_model(connection, "aaaaaaaaaaaa")
        arn = add_throughput(connection, model_arn("aaaaaaaaaaaa"))

    for identifier in (arn, "throughput"):
        found = resolve(database, prepared_home, base_models, identifier)
        assert found is not None
        assert found.weights == Weights(BUNDLED_MODEL, prepared_home.custom_models / "aaaaaaaaaaaa")
        assert (found.base_model_id, found.is_ready, found.status) == (BASE, True, "InService")
    assert resolve(database, prepared_home, base_models, arn.replace("us-east", "eu-east")) is None


def test_a_deployment_that_is_creating_is_not_ready(
    database: Database, prepared_home: Home, base_models: BaseModelStore
) -> None:
    with database.write() as connection:
        add_model(connection, "aaaaaaaaaaaa", method="full")
        arn = add_deployment(connection, model_arn("aaaaaaaaaaaa"))

    found = resolve(database, prepared_home, base_models, arn)

    assert found is not None
    assert found.weights == Weights(prepared_home.custom_models / "aaaaaaaaaaaa")
    assert (found.is_ready, found.status) == (False, "Creating")


def test_an_adapter_on_full_weights_resolves_to_both(
    database: Database, prepared_home: Home, base_models: BaseModelStore
) -> None:
    with database.write() as connection:
        add_model(connection, "aaaaaaaaaaaa", method="full")
        add_model(connection, "bbbbbbbbbbbb", base_custom_model_id="aaaaaaaaaaaa")
        arn = add_throughput(connection, model_arn("bbbbbbbbbbbb"))

    found = resolve(database, prepared_home, base_models, arn)

    assert found is not None
    assert found.weights == Weights(
        prepared_home.custom_models / "aaaaaaaaaaaa", prepared_home.custom_models / "bbbbbbbbbbbb"
    )


def test_a_throughput_of_a_foundation_model_resolves_to_the_base(
    database: Database, prepared_home: Home, base_models: BaseModelStore
) -> None:
    with database.write() as connection:
        arn = add_throughput(connection, FOUNDATION_ARN)

    found = resolve(database, prepared_home, base_models, arn)

    assert found is not None
    assert found.weights == Weights(BUNDLED_MODEL)


def test_what_needs_a_model_is_named(database: Database) -> None:
    with database.write() as connection:
        add_model(connection, "aaaaaaaaaaaa", method="full")
        add_model(connection, "bbbbbbbbbbbb", base_custom_model_id="aaaaaaaaaaaa")
        throughput = add_throughput(connection, model_arn("bbbbbbbbbbbb"))
        parent = models.get(connection, "aaaaaaaaaaaa")
        child = models.get(connection, "bbbbbbbbbbbb")
        assert parent is not None
        assert child is not None

        assert models.user_of(connection, child) == f"provisioned throughput {throughput}"
        assert "name-bbbbbbbbbbbb" in (models.user_of(connection, parent) or "")

        THROUGHPUTS.remove(connection, "throughput12")
        models.remove(connection, "bbbbbbbbbbbb")
        assert models.user_of(connection, parent) is None


def test_a_sweep_deletes_the_folders_that_no_row_knows(
    database: Database, prepared_home: Home
) -> None:
    with database.write() as connection:
        add_model(connection, "aaaaaaaaaaaa")
    for folder in (
        prepared_home.custom_models / "aaaaaaaaaaaa",
        prepared_home.custom_models / "deletedmodel",
        prepared_home.jobs / "endedjob1234",
    ):
        folder.mkdir()
        (folder / "file").write_text("content")

    swept = models.sweep(database, prepared_home)

    assert {folder.name for folder in swept} == {"deletedmodel", "endedjob1234"}
    assert [folder.name for folder in prepared_home.custom_models.iterdir()] == ["aaaaaaaaaaaa"]
    assert list(prepared_home.jobs.iterdir()) == []
