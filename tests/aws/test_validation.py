"""Constraints are reported in AWS's words, all at once, and no value can hold the server up."""

import time
from typing import Any

import pytest

from outcrop.aws import service_models
from outcrop.aws.errors import ServiceError

FAILED = "failed to satisfy constraint:"


def message(service: str, operation: str, parameters: dict[str, Any]) -> str:
    with pytest.raises(ServiceError) as caught:
        service_models.load(service).operation(operation).validate(parameters)
    return caught.value.message


def test_a_broken_pattern_names_value_place_and_pattern() -> None:
    found = message("bedrock", "GetModelCustomizationJob", {"jobIdentifier": "a job"})
    assert found.startswith(
        f"1 validation error detected: Value 'a job' at 'jobIdentifier' {FAILED} "
        "Member must satisfy regular expression pattern: "
    )


def test_several_errors_are_counted_and_joined() -> None:
    found = message("bedrock", "ListModelCustomizationJobs", {"maxResults": 1001, "sortBy": "Name"})
    assert found == (
        f"2 validation errors detected: Value '1001' at 'maxResults' {FAILED} "
        f"Member must have value less than or equal to 1000; Value 'Name' at 'sortBy' {FAILED} "
        "Member must satisfy enum value set: [CreationTime]"
    )


def test_a_missing_member_is_null() -> None:
    found = message(
        "bedrock",
        "TagResource",
        {
            "resourceARN": "arn:aws:bedrock:us-east-1:123456789012:custom-model/imported/abcdefghijkl"
        },
    )
    assert found == (
        f"1 validation error detected: Value null at 'tags' {FAILED} Member must not be null"
    )


def test_places_within_lists_are_counted_from_one() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:custom-model/imported/abcdefghijkl"
    tags = [{"key": "a", "value": "b"}, {"key": "", "value": "b"}]
    found = message("bedrock", "TagResource", {"resourceARN": arn, "tags": tags})
    assert found == (
        f"1 validation error detected: Value '' at 'tags.2.member.key' {FAILED} "
        "Member must have length greater than or equal to 1"
    )


def test_plain_members_of_a_list_are_reported_at_the_list() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:custom-model/imported/abcdefghijkl"
    found = message("bedrock", "UntagResource", {"resourceARN": arn, "tagKeys": ["ok", ""]})
    assert found == (
        f"1 validation error detected: Value '[ok, ]' at 'tagKeys' {FAILED} "
        "Member must satisfy constraint: [Member must have length greater than or equal to 1]"
    )


def test_lengths_count_characters_not_bytes() -> None:
    validate = service_models.load("kms").operation("CreateKey").validate
    validate({"Description": "é" * 8192})
    assert "less than or equal to 8192" in message("kms", "CreateKey", {"Description": "é" * 8193})


def test_a_union_has_exactly_one_member() -> None:
    both = {"s3DataSource": {"s3Uri": "s3://bucket/a"}, "unknown": 1}
    parameters = {"modelName": "m", "modelSourceConfig": both}
    assert "Exactly one member" in message("bedrock", "CreateCustomModel", parameters)


def test_sensitive_values_are_not_repeated() -> None:
    found = message("iam", "CreateLoginProfile", {"UserName": "u", "Password": "x" * 200})
    assert "xxx" not in found


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("iam", "GetRole", "ValidationError"),
        ("s3", "CreateBucket", "InvalidArgument"),
        ("kms", "Encrypt", "ValidationException"),
    ],
)
def test_each_protocol_has_its_own_code(service: str, operation: str, code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        service_models.load(service).operation(operation).validate({})
    assert (caught.value.code, caught.value.status) == (code, 400)


def test_a_hostile_value_is_refused_in_time() -> None:
    # The pattern of job names backtracks exponentially on this.
    started = time.monotonic()
    found = message("bedrock", "CreateEvaluationJob", {"jobName": "a" + "-a" * 30 + "!"})
    message("bedrock", "CreateModelCustomizationJob", {"jobName": "a" + "-" * 61 + "!"})
    assert "at 'jobName'" in found
    assert time.monotonic() - started < 2


def test_statuses_of_executions_are_listed_in_the_order_of_aws() -> None:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:a"
    found = message(
        "stepfunctions", "ListExecutions", {"stateMachineArn": machine, "statusFilter": "DONE"}
    )
    assert found == (
        f"1 validation error detected: Value 'DONE' at 'statusFilter' {FAILED} Member must satisfy enum value set: "
        "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
    )


def test_too_many_routes_are_shown_by_the_name_of_their_kind() -> None:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:a"
    routes = [
        {"stateMachineVersionArn": f"{machine}:{number}", "weight": weight}
        for number, weight in ((1, 50), (2, 30), (3, 20))
    ]
    found = message(
        "stepfunctions", "CreateStateMachineAlias", {"name": "live", "routingConfiguration": routes}
    )
    shown = ", ".join(
        f"RoutingConfigurationListItem(stateMachineVersionArn={machine}:{number}, weight={weight})"
        for number, weight in ((1, 50), (2, 30), (3, 20))
    )
    assert found == (
        f"1 validation error detected: Value '[{shown}]' at 'routingConfiguration' {FAILED} "
        "Member must have length less than or equal to 2"
    )
