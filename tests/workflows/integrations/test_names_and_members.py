"""How names, members and resources are spelled."""

from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.aws import service_models
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.integrations.members import iso, to_output, to_request
from outcrop.workflows.integrations.names import exception, member, parse_resource, sdk_service


@pytest.mark.parametrize(
    ("api", "spelled"),
    [
        ("jobName", "JobName"),
        ("customModelKmsKeyId", "CustomModelKmsKeyId"),
        ("KMSKeyId", "KmsKeyId"),
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("ETag", "ETag"),
        ("ContentMD5", "ContentMD5"),
        ("ARN", "Arn"),
        ("s3Uri", "S3Uri"),
        ("GrantReadACP", "GrantReadACP"),
        ("MD5OfMessageBody", "Md5OfMessageBody"),
    ],
)
def test_members_are_spelled_as_the_sdk_for_java_spells_them(api: str, spelled: str) -> None:
    assert member(api) == spelled


@pytest.mark.parametrize(
    ("shape", "spelled"),
    [
        ("NoSuchBucket", "NoSuchBucketException"),
        ("ResourceNotFoundException", "ResourceNotFoundException"),
        ("KMSInvalidStateException", "KmsInvalidStateException"),
        ("StateMachineDoesNotExist", "StateMachineDoesNotExistException"),
        ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
    ],
)
def test_every_error_ends_in_exception(shape: str, spelled: str) -> None:
    assert exception(shape) == spelled


@pytest.mark.parametrize(
    ("name", "botocore", "label"),
    [
        ("s3", "s3", "S3"),
        ("sfn", "stepfunctions", "Sfn"),
        ("bedrock", "bedrock", "Bedrock"),
        ("bedrockruntime", "bedrock-runtime", "BedrockRuntime"),
        ("secretsmanager", "secretsmanager", "SecretsManager"),
        ("eventbridge", "events", "EventBridge"),
        ("cloudwatchlogs", "logs", "CloudWatchLogs"),
        ("sesv2", "sesv2", "SesV2"),
        ("dynamodb", "dynamodb", "DynamoDb"),
    ],
)
def test_services_go_by_their_ids(name: str, botocore: str, label: str) -> None:
    service = sdk_service(name)
    assert service is not None
    assert (service.name, service.label) == (botocore, label)


def test_a_service_that_aws_does_not_have_is_none() -> None:
    assert sdk_service("nosuchservice") is None


def test_a_resource_is_taken_apart() -> None:
    sync = parse_resource("arn:aws:states:::states:startExecution.sync:2")
    assert (sync.type, sync.action, sync.pattern, sync.name) == (
        "states",
        "startExecution",
        ".sync:2",
        "startExecution.sync:2",
    )
    sdk = parse_resource("arn:aws:states:::aws-sdk:s3:getObject")
    assert (sdk.kind, sdk.type, sdk.name) == ("sdk", "aws-sdk:s3", "getObject")
    function = parse_resource("arn:aws:lambda:us-east-1:123456789012:function:score:live")
    assert function.kind == "lambda"
    activity = parse_resource("arn:aws:states:us-east-1:123456789012:activity:look")
    assert activity.kind == "activity"


@pytest.mark.parametrize("arn", ["", "arn:aws:s3:::bucket", "arn:aws:states:::lambda:invoke.later"])
def test_a_resource_that_is_none_is_a_runtime_error(arn: str) -> None:
    with pytest.raises(StatesError, match="is not recognized") as caught:
        parse_resource(arn)
    assert caught.value.error == "States.Runtime"


def _input(service: str, operation: str, arguments: Any) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []
    shape = service_models.load(service).operation(operation).model.input_shape
    return to_request(shape, arguments, problems), problems


def test_arguments_become_a_request_with_the_names_of_the_api() -> None:
    request, problems = _input(
        "bedrock",
        "CreateModelCustomizationJob",
        {
            "JobName": "job",
            "HyperParameters": {"epochCount": "2"},
            "TrainingDataConfig": {"S3Uri": "s3://bucket/data"},
            "JobTags": [{"Key": "k", "Value": "v"}],
            "ClientRequestToken": None,
        },
    )
    assert not problems
    assert request == {
        "jobName": "job",
        "hyperParameters": {"epochCount": "2"},
        "trainingDataConfig": {"s3Uri": "s3://bucket/data"},
        "jobTags": [{"key": "k", "value": "v"}],
    }


def test_what_is_no_string_is_written_as_json_where_the_api_takes_one() -> None:
    request, problems = _input(
        "stepfunctions", "StartExecution", {"StateMachineArn": "arn", "Input": {"key": "value"}}
    )
    assert not problems
    assert request["input"] == '{"key":"value"}'
    request, _ = _input("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": ["é", 1]})
    assert request["Body"] == '["é",1]'.encode()
    request, _ = _input("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": "as it is"})
    assert request["Body"] == b"as it is"


def test_documents_and_moments_keep_what_they_mean() -> None:
    request, problems = _input(
        "bedrock-runtime",
        "Converse",
        {"ModelId": "m", "AdditionalModelRequestFields": {"top_k": 5, "nested": {"aB": [1]}}},
    )
    assert not problems
    assert request["additionalModelRequestFields"] == {"top_k": 5, "nested": {"aB": [1]}}
    request, problems = _input(
        "bedrock", "ListModelCustomizationJobs", {"CreationTimeAfter": "2026-01-02T03:04:05Z"}
    )
    assert not problems
    assert request["creationTimeAfter"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_fields_that_do_not_exist_and_values_that_do_not_fit_are_told_apart() -> None:
    _, problems = _input(
        "bedrock",
        "CreateModelCustomizationJob",
        {"jobName": "j", "HyperParameters": [], "TrainingDataConfig": {"Uri": ""}},
    )
    assert problems == [
        'The field "jobName" is not supported by Step Functions',
        "The value of the field 'HyperParameters' has an invalid format",
        'The field "Uri" is not supported by Step Functions',
    ]


def test_a_result_becomes_json_in_pascal_case() -> None:
    shape = service_models.load("s3").operation("GetObject").model.output_shape
    output = to_output(
        shape,
        {
            "Body": b"caf\xc3\xa9",
            "ETag": '"e"',
            "SSEKMSKeyId": "key",
            "LastModified": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "VersionId": None,
        },
    )
    assert output == {
        "Body": "café",
        "ETag": '"e"',
        "SsekmsKeyId": "key",
        "LastModified": "2026-01-02T03:04:05Z",
        "Metadata": {},
    }


def test_moments_show_milliseconds_where_there_are_any() -> None:
    assert iso(datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)) == "2026-01-02T03:04:05.678Z"
    assert iso(0) == "1970-01-01T00:00:00Z"
