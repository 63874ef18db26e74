"""Bedrock's quotas: enforced, told, asked for, raised beside a running server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from outcrop.cli.main import app
from outcrop.governance import quota_catalogue as catalogue
from outcrop.governance.quota_catalogue import Quota
from outcrop.storage import models
from outcrop.storage.database.engine import Database
from outcrop.storage.models import ModelRow
from support.customer import BASE_MODEL, Customer, make_customer, records
from support.running_server import RunningServer, running_server

REGION = "us-east-1"
FOUNDATION = f"arn:aws:bedrock:{REGION}::foundation-model/{BASE_MODEL}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose quotas may be changed."""
    with running_server(tmp_path_factory.mktemp("quotas") / "home") as started:
        yield started


@pytest.fixture
def customer(server: RunningServer) -> Customer:
    return make_customer(server)


def command(server: RunningServer, *arguments: str) -> str:
    """Run `outcrop quotas …` on the server's home, as its administrator would."""
    result = CliRunner().invoke(app, ["quotas", *arguments, "--home", str(server.home)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def limit(server: RunningServer) -> Iterator[Any]:
    """Set quotas for the length of a test."""
    changed: list[Quota] = []

    def change(quota: Quota, value: int) -> None:
        changed.append(quota)
        command(server, "set", quota.service, quota.code, str(value))

    yield change
    for quota in changed:
        command(server, "set", quota.service, quota.code, str(quota.default))


def exceeded(function: Any, quota: Quota, **request: Any) -> str:
    """Call what a quota refuses, and return the message."""
    with pytest.raises(ClientError) as caught:
        function(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == "ServiceQuotaExceededException"
    assert quota.name in error["Message"]
    assert quota.code in error["Message"]
    message: str = error["Message"]
    return message


@pytest.fixture
def custom_model(server: RunningServer) -> Iterator[str]:
    """The ARN of a custom model without weights; nothing here comes to load it."""
    arn = f"arn:aws:bedrock:{REGION}:000000000000:custom-model/{BASE_MODEL}/quotaquota00"
    row = ModelRow(
        id="quotaquota00",
        region=REGION,
        name="of-no-weight",
        arn=arn,
        job_id="none",
        base_model_arn=FOUNDATION,
        foundation_model_arn=FOUNDATION,
        customization_type="FINE_TUNING",
        created_us=1,
        detail_json="{}",
        method="lora",
        base_model_id=BASE_MODEL,
        base_custom_model_id=None,
    )
    database = Database.at(server.home / "outcrop.db")
    with database.write() as connection:
        models.insert(connection, row)
    yield arn
    with database.write() as connection:
        models.remove(connection, row.id)
    database.close()


def test_jobs_wait_within_their_quota_only(customer: Customer, limit: Any) -> None:
    customer.put("train.jsonl", records(10))
    limit(catalogue.SCHEDULED_JOBS, 0)
    create = customer.bedrock.create_model_customization_job
    request = customer.request()
    assert "outcrop quotas set" in exceeded(create, catalogue.SCHEDULED_JOBS, **request)
    with pytest.raises(ClientError, match="no model customization job"):
        customer.job(request["jobName"])


def test_jobs_make_models_within_the_accounts_quota_only(
    customer: Customer, limit: Any, custom_model: str
) -> None:
    customer.put("train.jsonl", records(10))
    limit(catalogue.CUSTOM_MODELS, 1)
    create = customer.bedrock.create_model_customization_job
    assert customer.bedrock.get_custom_model(modelIdentifier=custom_model)
    message = exceeded(create, catalogue.CUSTOM_MODELS, **customer.request())
    assert "2 would be in use" in message


def test_a_request_for_more_is_granted_beside_the_running_server(
    server: RunningServer, customer: Customer, limit: Any
) -> None:
    quota = catalogue.UNITS_PER_MODEL
    limit(quota, 1)
    request = {
        "provisionedModelName": "units",
        "modelId": BASE_MODEL,
        "modelUnits": 2,
    }
    create = customer.bedrock.create_provisioned_model_throughput
    message = exceeded(create, quota, **request)
    assert "request-service-quota-increase" in message
    asked = server.client("service-quotas").request_service_quota_increase(
        ServiceCode="bedrock", QuotaCode=quota.code, DesiredValue=4
    )["RequestedQuota"]
    pending = json.loads(command(server, "requests", "--pending", "--json"))
    assert [(item["id"], item["desiredValue"]) for item in pending] == [(asked["Id"], 4.0)]
    command(server, "grant", asked["Id"])
    created = create(**request)["provisionedModelArn"]
    customer.bedrock.delete_provisioned_model_throughput(provisionedModelId=created)
    assert json.loads(command(server, "requests", "--pending", "--json")) == []


def test_model_units_without_commitment_share_a_quota(customer: Customer, limit: Any) -> None:
    limit(catalogue.UNITS_OF_BASE_MODELS, 3)
    create = customer.bedrock.create_provisioned_model_throughput
    first = create(provisionedModelName="first", modelId=BASE_MODEL, modelUnits=2)
    request = {"provisionedModelName": "second", "modelId": BASE_MODEL}
    message = exceeded(create, catalogue.UNITS_OF_BASE_MODELS, **request, modelUnits=2)
    assert "4 would be in use" in message
    second = create(**request, modelUnits=1)
    for made in (first, second):
        arn = made["provisionedModelArn"]
        customer.bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)


def test_deployments_are_made_within_their_quotas_only(
    customer: Customer, limit: Any, custom_model: str
) -> None:
    request = {"modelDeploymentName": "d", "modelArn": custom_model}
    create = customer.bedrock.create_custom_model_deployment
    limit(catalogue.CREATING_DEPLOYMENTS, 0)
    exceeded(create, catalogue.CREATING_DEPLOYMENTS, **request)
    limit(catalogue.DEPLOYMENTS, 0)
    exceeded(create, catalogue.DEPLOYMENTS, **request)


def test_profiles_are_made_within_their_quota_only(customer: Customer, limit: Any) -> None:
    limit(catalogue.INFERENCE_PROFILES, 0)
    exceeded(
        customer.bedrock.create_inference_profile,
        catalogue.INFERENCE_PROFILES,
        inferenceProfileName="p",
        modelSource={"copyFrom": FOUNDATION},
    )


def test_a_job_with_more_records_than_the_quota_fails_for_that_reason(
    customer: Customer, limit: Any
) -> None:
    quota = catalogue.records_quota("outcrop")
    limit(quota, 20)
    customer.put("train.jsonl", records(12))
    held_out = customer.put("validation.jsonl", records(9))
    job = customer.create(validationDataConfig={"validators": [{"s3Uri": held_out}]})
    failed = customer.ended(job["jobName"])
    assert failed["status"] == "Failed"
    assert "validation.jsonl" in failed["failureMessage"]
    assert quota.code in failed["failureMessage"]
    customer.put("train.jsonl", records(21))
    failed = customer.ended(customer.create()["jobName"])
    assert "train.jsonl" in failed["failureMessage"]
    assert quota.name in failed["failureMessage"]


def test_a_resource_carries_fifty_tags(customer: Customer) -> None:
    tags = [{"key": f"k{number}", "value": ""} for number in range(51)]
    with pytest.raises(ClientError) as caught:
        customer.bedrock.create_provisioned_model_throughput(
            provisionedModelName="tagged", modelId=BASE_MODEL, modelUnits=1, tags=tags
        )
    assert caught.value.response["Error"]["Code"] == "TooManyTagsException"
