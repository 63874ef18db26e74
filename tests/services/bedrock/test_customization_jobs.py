"""Customization jobs from creation to model, driven by boto3."""

import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.customer import BASE_MODEL, ROLE, Customer, make_customer, records, wait_for
from support.running_server import RunningServer

TAG = {"key": "team", "value": "support"}


@pytest.fixture(scope="module")
def customer(server: RunningServer) -> Customer:
    return make_customer(server)


@pytest.fixture(scope="module")
def completed(customer: Customer) -> dict[str, Any]:
    """A job that trained on 40 records, validated on 8 others, and completed."""
    customer.put("train.jsonl", records(40))
    uri = customer.put("validation.jsonl", records(8))
    request = customer.create(
        validationDataConfig={"validators": [{"s3Uri": uri}]},
        jobTags=[TAG],
        customModelTags=[{"key": "kind", "value": "colours"}],
        clientRequestToken=str(uuid.uuid4()),
    )
    job = customer.ended(request["jobName"])
    assert job["status"] == "Completed", job["failureMessage"]
    return {**job, "request": request}


def test_a_completed_job_is_described_by_name_and_arn(
    customer: Customer, completed: dict[str, Any]
) -> None:
    by_arn = customer.job(completed["jobArn"])

    assert by_arn["jobName"] == completed["request"]["jobName"]
    assert by_arn["baseModelArn"].endswith(f"::foundation-model/{BASE_MODEL}")
    assert by_arn["roleArn"] == ROLE
    assert by_arn["hyperParameters"] == {"epochCount": "1", "batchSize": "8"}
    assert by_arn["trainingDataConfig"] == completed["request"]["trainingDataConfig"]
    assert by_arn["customizationType"] == "FINE_TUNING"
    assert by_arn["trainingMetrics"]["trainingLoss"] > 0
    assert by_arn["validationMetrics"][0]["validationLoss"] > 0
    phases = by_arn["statusDetails"]
    assert {phase["status"] for phase in phases.values()} == {"Completed"}
    assert (
        by_arn["creationTime"]
        <= phases["validationDetails"]["creationTime"]
        <= phases["dataProcessingDetails"]["creationTime"]
        <= phases["trainingDetails"]["creationTime"]
        <= by_arn["endTime"]
    )


def test_the_model_carries_what_made_it(customer: Customer, completed: dict[str, Any]) -> None:
    model = customer.bedrock.get_custom_model(modelIdentifier=completed["outputModelName"])

    assert model["modelArn"] == completed["outputModelArn"]
    assert model["modelStatus"] == "Active"
    assert model["jobArn"] == completed["jobArn"]
    assert model["trainingMetrics"] == completed["trainingMetrics"]
    assert model["validationMetrics"] == completed["validationMetrics"]
    listed = customer.bedrock.list_custom_models(
        nameContains=completed["outputModelName"], foundationModelArnEquals=model["baseModelArn"]
    )["modelSummaries"]
    assert [item["modelArn"] for item in listed] == [model["modelArn"]]
    assert listed[0]["baseModelName"] == "outcrop.nano-v1"
    assert customer.bedrock.list_custom_models(isOwned=False)["modelSummaries"] == []


def test_the_output_bucket_holds_the_metrics_of_every_step(
    customer: Customer, completed: dict[str, Any]
) -> None:
    folder = f"out/model-customization-job-{completed['jobArn'].rsplit('/', 1)[-1]}"

    # Other jobs of this module write to the same bucket, before or after, as the order of tests falls.
    assert customer.keys(f"{folder}/") == [
        f"{folder}/training_artifacts/step_wise_training_metrics.csv",
        f"{folder}/validation_artifacts/post_fine_tuning_validation/validation_metrics.csv",
    ]
    content = customer.s3.get_object(Bucket=customer.bucket, Key=customer.keys(f"{folder}/")[0])
    lines = content["Body"].read().decode().splitlines()
    assert lines[0] == "step_number,epoch_number,training_loss,perplexity"
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "2", "3", "4"]


def test_nothing_staged_is_left(customer: Customer, completed: dict[str, Any]) -> None:
    job_id = completed["jobArn"].rsplit("/", 1)[-1]

    assert not (customer.server.home / "jobs" / job_id).exists()


def test_the_same_token_gets_the_same_answer_even_after_the_end(
    customer: Customer, completed: dict[str, Any]
) -> None:
    again = customer.bedrock.create_model_customization_job(**completed["request"])

    assert again["jobArn"] == completed["jobArn"]
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 201


def test_a_token_used_for_another_request_is_a_conflict(
    customer: Customer, completed: dict[str, Any]
) -> None:
    other = {**completed["request"], "customModelName": "another"}

    with pytest.raises(customer.bedrock.exceptions.ConflictException, match="already used"):
        customer.bedrock.create_model_customization_job(**other)


def test_jobs_and_models_carry_separate_tags(customer: Customer, completed: dict[str, Any]) -> None:
    def tags(arn: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = customer.bedrock.list_tags_for_resource(resourceARN=arn)[
            "tags"
        ]
        return found

    job_arn, model_arn = completed["jobArn"], completed["outputModelArn"]
    assert tags(job_arn) == [TAG]
    assert tags(model_arn) == [{"key": "kind", "value": "colours"}]

    customer.bedrock.tag_resource(
        resourceARN=model_arn, tags=[{"key": "kind", "value": "new"}, TAG]
    )
    customer.bedrock.untag_resource(resourceARN=model_arn, tagKeys=["kind", "unknown"])

    assert tags(model_arn) == [TAG]
    with pytest.raises(customer.bedrock.exceptions.TooManyTagsException) as raised:
        customer.bedrock.tag_resource(
            resourceARN=model_arn, tags=[{"key": f"k{i}", "value": ""} for i in range(50)]
        )
    assert raised.value.response["resourceName"] == model_arn
    with pytest.raises(customer.bedrock.exceptions.ResourceNotFoundException):
        tags(job_arn[:-12] + "aaaaaaaaaaaa")


def test_a_model_serves_until_what_serves_it_is_deleted(
    customer: Customer, completed: dict[str, Any]
) -> None:
    bedrock, model_arn = customer.bedrock, completed["outputModelArn"]
    name = f"serving-{uuid.uuid4().hex[:8]}"
    throughput_arn = bedrock.create_provisioned_model_throughput(
        provisionedModelName=name, modelId=completed["outputModelName"], modelUnits=1, tags=[TAG]
    )["provisionedModelArn"]
    deployment_arn = bedrock.create_custom_model_deployment(
        modelDeploymentName=name, modelArn=model_arn, description="on demand"
    )["customModelDeploymentArn"]

    throughput = wait_for(
        lambda: bedrock.get_provisioned_model_throughput(provisionedModelId=name),
        lambda found: found["status"] != "Creating",
    )
    deployment = wait_for(
        lambda: bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name),
        lambda found: found["status"] != "Creating",
    )

    assert throughput["status"] == "InService", throughput["failureMessage"]
    assert throughput["provisionedModelArn"] == throughput_arn
    assert throughput["modelArn"] == throughput["desiredModelArn"] == model_arn
    assert throughput["foundationModelArn"] == completed["baseModelArn"]
    assert deployment["status"] == "Active", deployment["failureMessage"]
    assert deployment["customModelDeploymentArn"] == deployment_arn
    assert deployment["modelDeploymentName"] == name
    for status, found in (("InService", [throughput_arn]), ("Failed", [])):
        listed = bedrock.list_provisioned_model_throughputs(
            nameContains=name, statusEquals=status, modelArnEquals=model_arn
        )["provisionedModelSummaries"]
        assert [item["provisionedModelArn"] for item in listed] == found
    listed = bedrock.list_custom_model_deployments(nameContains=name, statusEquals="Active")
    assert listed["modelDeploymentSummaries"][0]["customModelDeploymentName"] == name

    bedrock.update_provisioned_model_throughput(
        provisionedModelId=name, desiredModelId=BASE_MODEL, desiredProvisionedModelName=f"{name}-b"
    )
    updated = wait_for(
        lambda: bedrock.get_provisioned_model_throughput(provisionedModelId=throughput_arn),
        lambda found: found["status"] != "Updating",
    )
    assert updated["modelArn"] == updated["desiredModelArn"] == completed["baseModelArn"]
    assert updated["provisionedModelName"] == f"{name}-b"

    with pytest.raises(bedrock.exceptions.ConflictException, match=deployment_arn):
        bedrock.delete_custom_model(modelIdentifier=model_arn)
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=deployment_arn)
    bedrock.delete_provisioned_model_throughput(provisionedModelId=throughput_arn)
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_provisioned_model_throughput(provisionedModelId=throughput_arn)
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name)
    assert bedrock.get_custom_model(modelIdentifier=model_arn)["modelArn"] == model_arn


def test_committed_throughput_cannot_be_deleted_before_its_term_ends(customer: Customer) -> None:
    bedrock, name = customer.bedrock, f"committed-{uuid.uuid4().hex[:8]}"
    bedrock.create_provisioned_model_throughput(
        provisionedModelName=name,
        modelId=BASE_MODEL,
        modelUnits=2,
        commitmentDuration="OneMonth",
    )

    with pytest.raises(bedrock.exceptions.ConflictException, match="committed until"):
        bedrock.delete_provisioned_model_throughput(provisionedModelId=name)

    found = bedrock.get_provisioned_model_throughput(provisionedModelId=name)
    assert found["modelUnits"] == 2
    assert (found["commitmentExpirationTime"] - found["creationTime"]).days == 30


def test_training_goes_on_from_a_custom_model(
    customer: Customer, completed: dict[str, Any]
) -> None:
    request = customer.create(baseModelIdentifier=completed["outputModelArn"])

    with pytest.raises(customer.bedrock.exceptions.ConflictException, match="trains from it"):
        customer.bedrock.delete_custom_model(modelIdentifier=completed["outputModelArn"])
    job = customer.ended(request["jobName"])

    assert job["status"] == "Completed", job["failureMessage"]
    assert job["baseModelArn"] == completed["baseModelArn"]
    assert job["trainingMetrics"]["trainingLoss"] < completed["trainingMetrics"]["trainingLoss"]
    model = customer.bedrock.get_custom_model(modelIdentifier=job["outputModelArn"])
    assert model["baseModelArn"] == completed["outputModelArn"]
    # Nothing was held out: to Terraform, an empty list would be a change that needs another job.
    assert "validationDataConfig" not in job
    assert "validationDataConfig" not in model

    customer.bedrock.delete_custom_model(modelIdentifier=job["outputModelArn"])

    with pytest.raises(customer.bedrock.exceptions.ResourceNotFoundException):
        customer.bedrock.get_custom_model(modelIdentifier=job["outputModelArn"])
    weights = customer.server.home / "models" / "custom" / job["outputModelArn"].rsplit("/", 1)[-1]
    assert not weights.exists()


def test_a_running_job_stops_and_leaves_no_model_and_a_waiting_one_stops_at_once(
    customer: Customer,
) -> None:
    customer.put("train.jsonl", records(400))
    running = customer.create(hyperParameters={"epochCount": "50"})["jobName"]
    waiting = customer.create()["jobName"]
    wait_for(
        lambda: customer.job(running)["statusDetails"]["dataProcessingDetails"]["status"],
        lambda status: status != "NotStarted",
    )

    customer.bedrock.stop_model_customization_job(jobIdentifier=waiting)
    begun = time.monotonic()
    assert customer.job(waiting)["status"] == "Stopped"
    assert time.monotonic() - begun < 5

    customer.bedrock.stop_model_customization_job(jobIdentifier=running)
    assert customer.job(running)["status"] in {"Stopping", "Stopped"}
    job = customer.ended(running)

    assert job["status"] == "Stopped"
    assert "outputModelArn" not in job
    assert "stopped" in job["failureMessage"]
    assert customer.leftovers(job) == []
    with pytest.raises(ClientError, match="only a job that is InProgress can be stopped"):
        customer.bedrock.stop_model_customization_job(jobIdentifier=running)


def test_a_full_disk_fails_the_one_job_with_its_reason(server: RunningServer) -> None:
    customer = make_customer(server)
    customer.put("train.jsonl", records(400))
    first = customer.create(hyperParameters={"epochCount": "50"})["jobName"]
    job = customer.job(customer.create()["jobName"])
    # Where the waiting job will stage its data, there is never any room.
    data = customer.server.home / "jobs" / job["jobArn"].rsplit("/", 1)[-1] / "data"
    data.mkdir(parents=True)
    (data / "train.jsonl.sealed").symlink_to("/dev/full")

    customer.bedrock.stop_model_customization_job(jobIdentifier=first)
    job = customer.ended(job["jobName"])

    assert job["status"] == "Failed"
    assert "No room left on the disk" in job["failureMessage"]
    assert customer.leftovers(job) == []
    assert customer.ended(first)["status"] == "Stopped"
    customer.put("train.jsonl", records(3))
    after = customer.ended(customer.create()["jobName"])
    assert "3 records" in after["failureMessage"], "the server works on"


def test_jobs_are_listed_in_pages_newest_first(server: RunningServer) -> None:
    customer = make_customer(server)
    customer.put("train.jsonl", records(3))  # too few: the jobs fail at once
    mark = f"page-{uuid.uuid4().hex[:6]}"
    names = [customer.create(jobName=f"{mark}-{i}")["jobName"] for i in range(5)]
    for name in names:
        customer.ended(name)
    pages = customer.bedrock.get_paginator("list_model_customization_jobs")

    def listed(**filters: Any) -> list[list[str]]:
        return [
            [job["jobName"] for job in page["modelCustomizationJobSummaries"]]
            for page in pages.paginate(nameContains=mark, maxResults=2, **filters)
        ]

    assert listed() == [names[4:2:-1], names[2:0:-1], names[0:1]]
    assert listed(sortBy="CreationTime", sortOrder="Ascending") == [
        names[:2],
        names[2:4],
        names[4:],
    ]
    assert listed(statusEquals="Completed") == [[]]
    middle = customer.job(names[2])["creationTime"]
    assert listed(creationTimeAfter=middle) in ([names[:2:-1]], [names[4:2:-1], names[2:3]])
    with pytest.raises(customer.bedrock.exceptions.ValidationException, match="nextToken"):
        customer.bedrock.list_model_customization_jobs(nextToken="made-up")


def test_an_unknown_job_is_not_found(customer: Customer) -> None:
    with pytest.raises(customer.bedrock.exceptions.ResourceNotFoundException):
        customer.job("no-such-job")
