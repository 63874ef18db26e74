"""What a record says of a call, and what it must never say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from governance.audit.conftest import ACCOUNT, START, Desk, call
from outcrop.aws.http import HttpRequest
from outcrop.aws.operation import Principal
from outcrop.governance.audit.lookup import Wanted, search
from outcrop.governance.audit.masking import HIDDEN, scrub

CANARY = "canary-5b1e7d2c"
ISSUED = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
USER = Principal(
    "User",
    f"arn:aws:iam::{ACCOUNT}:user/team/ada",
    ACCOUNT,
    access_key_id="AKIAADAADAADAADAADA1",
    principal_id="AIDAADA",
)
SESSION = Principal(
    "AssumedRole",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/Customize/job-1",
    ACCOUNT,
    access_key_id="ASIASESSIONSESSION12",
    principal_id="AROACUSTOMIZE:job-1",
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/service/Customize",
    session_issued_at=ISSUED,
    has_mfa=True,
    source_identity="ada",
)


def recorded(desk: Desk, *arguments: Any, **options: Any) -> dict[str, Any]:
    """Record one call and return its record, read back from the files."""
    desk.recorder().record(call(*arguments, **options), desk.now)
    return next(search(desk.trail().layout, Wanted())).record


def test_a_record_has_cloudtrails_form(desk: Desk) -> None:
    record = recorded(
        desk,
        "iam",
        "CreateRole",
        {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "Path": "/"},
        result={"Role": {"RoleName": "r", "Arn": "arn:aws:iam::1:role/r", "CreateDate": START}},
    )
    event_id = record.pop("eventID")
    assert len(event_id) == 36
    assert record == {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAROOTROOTROOTROOT",
        },
        "eventTime": "2026-11-21T12:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateRole",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "10.1.2.3",
        "userAgent": "tests/1.0",
        "requestID": "11111111-2222-3333-4444-555555555555",
        "readOnly": False,
        "resources": [
            {
                "ARN": f"arn:aws:iam::{ACCOUNT}:role/r",
                "type": "AWS::IAM::Role",
                "accountId": ACCOUNT,
            }
        ],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "requestParameters": {"roleName": "r", "assumeRolePolicyDocument": "{}", "path": "/"},
        "responseElements": {
            "role": {
                "roleName": "r",
                "arn": "arn:aws:iam::1:role/r",
                "createDate": "2026-11-21T12:00:00Z",
            }
        },
    }


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (
            USER,
            {
                "type": "IAMUser",
                "principalId": "AIDAADA",
                "arn": USER.arn,
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAADAADAADAADAADA1",
                "userName": "ada",
            },
        ),
        (
            SESSION,
            {
                "type": "AssumedRole",
                "principalId": "AROACUSTOMIZE:job-1",
                "arn": SESSION.arn,
                "accountId": ACCOUNT,
                "accessKeyId": "ASIASESSIONSESSION12",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": "AROACUSTOMIZE",
                        "arn": SESSION.role_arn,
                        "accountId": ACCOUNT,
                        "userName": "Customize",
                    },
                    "attributes": {
                        "creationDate": "2026-11-21T11:00:00Z",
                        "mfaAuthenticated": "true",
                    },
                    "sourceIdentity": "ada",
                },
            },
        ),
        (
            Principal("Anonymous", "", ""),
            {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"},
        ),
    ],
)
def test_each_kind_of_caller_is_named_as_cloudtrail_names_it(
    desk: Desk, principal: Principal, expected: dict[str, Any]
) -> None:
    record = recorded(desk, "s3", "ListBuckets", {}, principal=principal)
    assert record["userIdentity"] == expected


def test_a_call_that_a_service_makes_for_its_caller_says_so(desk: Desk) -> None:
    record = recorded(
        desk,
        "kms",
        "GenerateDataKey",
        {"KeyId": "alias/mine"},
        principal=replace(USER, via="s3"),
        is_internal=True,
    )
    assert record["userIdentity"]["invokedBy"] == "s3.amazonaws.com"
    assert record["sourceIPAddress"] == record["userAgent"] == "s3.amazonaws.com"
    assert record["readOnly"] is True
    assert record["resources"][0]["ARN"] == f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/mine"


def test_a_call_of_a_job_names_its_role(desk: Desk) -> None:
    record = recorded(
        desk, "s3", "GetObject", {"Bucket": "b", "Key": "k"}, principal=SESSION, is_internal=True
    )
    assert record["userIdentity"]["invokedBy"] == "AWS Internal"
    assert record["sourceIPAddress"] == "AWS Internal"
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "Customize"


def test_a_refused_call_says_why(desk: Desk) -> None:
    record = recorded(
        desk,
        "s3",
        "DeleteBucket",
        {"Bucket": "b"},
        principal=USER,
        failure="AccessDenied",
        failure_message="User: ada is not authorized",
        result={"ignored": 1},
    )
    assert (record["errorCode"], record["errorMessage"]) == (
        "AccessDenied",
        "User: ada is not authorized",
    )
    assert record["responseElements"] is None


def test_an_unknown_caller_is_told_by_the_key_id_that_was_claimed(desk: Desk) -> None:
    record = recorded(
        desk,
        "sts",
        "GetCallerIdentity",
        {},
        principal=None,
        claimed_key_id="AKIAGONEGONEGONEGONE",
        failure="InvalidClientTokenId",
    )
    assert record["userIdentity"] == {
        "type": "Unknown",
        "principalId": "",
        "accountId": ACCOUNT,
        "accessKeyId": "AKIAGONEGONEGONEGONE",
    }


def test_a_secret_pasted_as_a_key_id_is_not_recorded(desk: Desk) -> None:
    secret = "wJalrXUtnFEMIbK7MDENGbPxRfiCYEXAMPLEKEY1"
    record = recorded(desk, "s3", "ListBuckets", {}, principal=None, claimed_key_id=secret)
    assert secret not in str(record)


def test_a_request_that_no_operation_answers_is_recorded(desk: Desk) -> None:
    record = recorded(
        desk,
        "s3",
        "ListBuckets",
        {},
        route=None,
        signing_name="athena",
        principal=None,
        failure="UnknownOperationException",
    )
    assert (record["eventSource"], record["eventName"]) == ("athena.amazonaws.com", "Unknown")
    record = recorded(desk, "s3", "ListBuckets", {}, route=None, signing_name="../../x")
    assert record["eventSource"] == "unknown.amazonaws.com"


def test_tls_and_api_keys_are_noted(desk: Desk) -> None:
    request = HttpRequest(
        "GET",
        "/",
        headers={"host": "outcrop.test:4543"},
        scheme="https",
        tls=("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
    )
    record = recorded(
        desk,
        "bedrock",
        "ListCustomModels",
        {},
        request=request,
        principal=replace(USER, bearer_token_type="LONG_TERM"),
    )
    assert record["tlsDetails"] == {
        "clientProvidedHostHeader": "outcrop.test:4543",
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_256_GCM_SHA384",
    }
    assert record["additionalEventData"] == {"callWithBearerToken": True}


@pytest.mark.parametrize(
    ("service", "operation", "category", "only_reads"),
    [
        ("s3", "PutObject", "Data", False),
        ("s3", "GetObject", "Data", True),
        ("s3", "ListObjectsV2", "Data", True),
        ("s3", "CreateBucket", "Management", False),
        ("kms", "Decrypt", "Management", True),
        ("kms", "DisableKey", "Management", False),
        ("sts", "AssumeRole", "Management", True),
        ("bedrock-runtime", "InvokeModel", "Management", True),
        ("bedrock", "CreateModelCustomizationJob", "Management", False),
    ],
)
def test_events_are_sorted_as_cloudtrail_sorts_them(
    desk: Desk, service: str, operation: str, category: str, only_reads: bool
) -> None:
    record = recorded(desk, service, operation, {"Bucket": "b", "Key": "k"})
    assert record["eventCategory"] == category
    assert record["managementEvent"] is (category == "Management")
    assert record["readOnly"] is only_reads


SECRETS: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = [
    ("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": CANARY}, {"ARN": "arn:aws:x"}),
    ("secretsmanager", "PutSecretValue", {"SecretId": "n", "SecretBinary": CANARY.encode()}, {}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "n"}, {"SecretString": CANARY}),
    ("iam", "CreateLoginProfile", {"UserName": "u", "Password": CANARY}, {}),
    ("iam", "ChangePassword", {"OldPassword": CANARY, "NewPassword": CANARY}, {}),
    (
        "iam",
        "CreateAccessKey",
        {"UserName": "u"},
        {"AccessKey": {"AccessKeyId": "AKIA", "SecretAccessKey": CANARY}},
    ),
    (
        "iam",
        "CreateServiceSpecificCredential",
        {"UserName": "u", "ServiceName": "bedrock.amazonaws.com"},
        {"ServiceSpecificCredential": {"ServicePassword": CANARY, "ServiceCredentialSecret": CANARY}},
    ),
    (
        "sts",
        "GetFederationToken",
        {"Name": "n"},
        {"Credentials": {"SecretAccessKey": CANARY, "SessionToken": CANARY}},
    ),
    ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::1:role/r", "TokenCode": CANARY}, {}),
    ("kms", "Encrypt", {"KeyId": "k", "Plaintext": CANARY.encode()}, {"CiphertextBlob": b"x"}),
    ("kms", "CreateGrant", {"KeyId": "k"}, {"GrantToken": CANARY}),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": CANARY.encode()}, {}),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k", "SSECustomerKey": CANARY}, {}),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Metadata": {"note": CANARY}}, {}),
    ("bedrock-runtime", "InvokeModel", {"modelId": "m", "body": CANARY.encode()}, {"body": CANARY.encode()}),
    (
        "bedrock-runtime",
        "Converse",
        {
            "modelId": "m",
            "messages": [{"role": "user", "content": [{"text": CANARY}]}],
            "system": [{"text": CANARY}],
            "inferenceConfig": {"stopSequences": [CANARY]},
            "additionalModelRequestFields": {"prompt": CANARY},
        },
        {"output": {"message": {"content": [{"text": CANARY}]}}},
    ),
    ("lambda", "UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"KEY": CANARY}}}, {}),
    ("stepfunctions", "StartExecution", {"stateMachineArn": "arn:aws:x", "input": CANARY}, {}),
    ("sns", "Publish", {"TopicArn": "arn:aws:x", "Message": CANARY}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "parameters", "result"), SECRETS)
def test_neither_secrets_nor_content_reach_the_trail(
    desk: Desk,
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    result: Mapping[str, Any],
) -> None:
    recorder = desk.recorder()
    recorder.record(call(service, operation, parameters, result=result), desk.now)
    message = f"1 validation error detected: Value '{CANARY}' at 'x' failed"
    recorder.record(
        call(
            service, operation, parameters, failure="ValidationException", failure_message=message
        ),
        desk.now,
    )
    if CANARY in str(parameters):
        written = desk.path().read_text() + desk.path("payloads").read_text()
        assert CANARY not in written
    else:
        assert CANARY not in desk.path("payloads").read_text()
    assert len(desk.lines()) == 2


def test_what_names_the_thing_is_still_shown(desk: Desk) -> None:
    record = recorded(
        desk,
        "secretsmanager",
        "CreateSecret",
        {
            "Name": "n",
            "SecretString": CANARY,
            "ClientRequestToken": "11111111-aaaa",
            "Tags": [{"Key": "team", "Value": "ml"}],
        },
    )
    assert record["requestParameters"] == {
        "name": "n",
        "secretString": HIDDEN,
        "clientRequestToken": "11111111-aaaa",
        "tags": [{"key": "team", "value": "ml"}],
    }


def test_of_a_prompt_only_the_model_is_shown(desk: Desk) -> None:
    record = recorded(
        desk,
        "bedrock-runtime",
        "Converse",
        {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    )
    assert record["requestParameters"] == {"modelId": "m", "messages": HIDDEN}
    assert record["responseElements"] is None


def test_a_message_that_quotes_only_the_beginning_of_a_secret_is_scrubbed() -> None:
    text = "a long prompt that nobody else may read, ever"
    assert scrub(f"Value '{text[:30]}...' is wrong", {text}) == f"Value '{HIDDEN}...' is wrong"
    assert scrub(f"{text} and {text}", {text}) == f"{HIDDEN} and {HIDDEN}"
    assert scrub("nothing of it", {text}) == "nothing of it"


def test_a_body_that_a_message_quotes_in_part_is_scrubbed(desk: Desk) -> None:
    record = recorded(
        desk,
        "bedrock-runtime",
        "InvokeModel",
        {"modelId": "m", "body": orjson.dumps({"prompt": CANARY, "top": {"k": [CANARY + "2"]}})},
        failure="ValidationException",
        failure_message=f"Malformed input request: {CANARY} and {CANARY}2",
    )
    assert CANARY not in record["errorMessage"]


def test_credentials_of_the_request_are_scrubbed_from_messages(desk: Desk) -> None:
    request = HttpRequest("GET", "/", headers={"x-amz-security-token": CANARY})
    record = recorded(
        desk,
        "s3",
        "ListBuckets",
        {},
        request=request,
        failure="InvalidToken",
        failure_message=f"The token {CANARY} is not valid",
    )
    assert CANARY not in str(record)


def test_what_json_cannot_hold_does_not_stop_a_record(desk: Desk) -> None:
    request = HttpRequest("GET", "/", headers={"user-agent": "odd \ud800 agent"})
    record = recorded(
        desk,
        "s3",
        "PutBucketTagging",
        {
            "Bucket": "b\udc00",
            "Tagging": {"TagSet": [{"Key": "k", "Value": 2**70}, {"Key": object(), "Value": "v"}]},
        },
        request=request,
    )
    assert record["userAgent"] == "odd ? agent"
    assert record["requestParameters"]["bucketName"] == "b?"


def test_a_request_beyond_a_hundred_kilobytes_is_left_out_and_says_so(desk: Desk) -> None:
    record = recorded(
        desk, "iam", "PutRolePolicy", {"RoleName": "r", "PolicyDocument": "x" * 200_000}
    )
    assert record["requestParameters"]["omitted"] is True
    assert record["requestParameters"]["originalSize"] > 200_000
