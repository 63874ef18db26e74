"""Making, describing, changing and deleting functions."""

import base64
import hashlib
import urllib.request
from typing import Any

import pytest

from services.lambda_.conftest import ECHO, Make, archive
from support.composed_server import ComposedServer

REGION, ACCOUNT = "eu-west-1", "123456789012"


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def test_a_new_function_is_pending_and_then_active(lambda_client: Any, role: str) -> None:
    code = archive({"index.py": ECHO})
    made = lambda_client.create_function(
        FunctionName="fresh",
        Runtime="python3.12",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": code},
        Environment={"Variables": {"COLOUR": "blue"}},
        Tags={"team": "search"},
    )
    assert made["State"] == "Pending"
    assert made["StateReason"] == "The function is being created."
    assert made["StateReasonCode"] == "Creating"
    assert "LastUpdateStatus" not in made
    lambda_client.get_waiter("function_active_v2").wait(FunctionName="fresh")
    answer = lambda_client.get_function(FunctionName="fresh")
    found = answer["Configuration"]
    assert found["RevisionId"] != made["RevisionId"]
    expected = {
        "FunctionName": "fresh",
        "FunctionArn": arn_of("fresh"),
        "Runtime": "python3.12",
        "Role": role,
        "Handler": "index.handler",
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "Environment": {"Variables": {"COLOUR": "blue"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/fresh"},
    }
    assert {key: found[key] for key in expected} == expected
    assert set(found) - set(expected) == {"LastModified", "RevisionId", "RuntimeVersionConfig"}
    assert answer["Tags"] == {"team": "search"}
    assert "Concurrency" not in answer


def test_code_is_read_under_the_url_that_get_function_gives(
    lambda_client: Any, make: Make, server: ComposedServer
) -> None:
    code = archive({"index.py": ECHO, "large.txt": "x" * 3_000_000})
    name = make(Code={"ZipFile": code})
    answer = lambda_client.get_function(FunctionName=name)["Code"]
    assert answer["RepositoryType"] == "S3"
    with urllib.request.urlopen(answer["Location"]) as response:  # our own server
        assert response.read() == code
    forged = answer["Location"].replace(name, "another")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(forged)  # our own server
    assert "awslambda" not in str(server.client("s3").list_buckets()["Buckets"])


def test_code_lies_sealed_on_disk(make: Make, server: ComposedServer) -> None:
    make("SECRET_MARK = 'b3f1'\n" + ECHO)
    packages = list((server.home.functions / "packages").iterdir())
    assert packages
    assert all(b"index.py" not in path.read_bytes() for path in packages)


def test_variables_are_nowhere_in_clear(make: Make, server: ComposedServer) -> None:
    make(Environment={"Variables": {"TOKEN": "zq7-very-secret"}})
    files = [server.home.database, server.home.database.with_name("outcrop.db-wal")]
    assert all(b"zq7-very-secret" not in path.read_bytes() for path in files if path.exists())


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            {"Code": {"ZipFile": b"no archive"}},
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            {"Handler": None},
            "InvalidParameterValueException",
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            (
                "Lambda was unable to configure your environment variables because the environment variables you have "
                "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
                "in this request: AWS_REGION"
            ),
        ),
        (
            {"Environment": {"Variables": {"LARGE": "x" * 4096}}},
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            'provided exceeded the 4KB limit. String measured: {"LARGE":"' + "x" * 4096 + '"}',
        ),
        (
            {"Role": f"arn:aws:iam::{ACCOUNT}:role/nobody"},
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        ),
        (
            {"Timeout": 901},
            "ValidationException",
            (
                "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have "
                "value less than or equal to 900"
            ),
        ),
        (
            {"Code": {"S3Bucket": "no-such-bucket-here", "S3Key": "code.zip"}},
            "InvalidParameterValueException",
            (
                "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket "
                "does not exist"
            ),
        ),
        (
            {"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:none:1"]},
            "InvalidParameterValueException",
            f"Layer version arn:aws:lambda:{REGION}:{ACCOUNT}:layer:none:1 does not exist.",
        ),
    ],
)
def test_what_no_function_can_be_made_from_is_refused(  # noqa: PLR0917
    lambda_client: Any,
    role: str,
    refused: Any,
    request_: dict[str, Any],
    code: str,
    message: str,
) -> None:
    request = {
        "FunctionName": "never-made",
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": archive({"index.py": ECHO})},
        **request_,
    }
    given = {name: value for name, value in request.items() if value is not None}
    found_code, found_message = refused(lambda_client.create_function, **given)
    assert (found_code, found_message.rstrip(".")) == (code, message.rstrip("."))


def test_a_name_is_given_once(lambda_client: Any, make: Make, role: str, refused: Any) -> None:
    name = make()
    answer = refused(
        lambda_client.create_function,
        FunctionName=name,
        Runtime="python3.11",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": archive({"index.py": ECHO})},
    )
    assert answer == ("ResourceConflictException", f"Function already exist: {name}")


def test_a_function_is_found_by_every_form_of_its_name(lambda_client: Any, make: Make) -> None:
    name = make()
    for form in (name, arn_of(name), f"{ACCOUNT}:function:{name}", f"function:{name}"):
        found = lambda_client.get_function_configuration(FunctionName=form)
        assert found["FunctionArn"] == arn_of(name)
    found = lambda_client.get_function_configuration(FunctionName=name, Qualifier="$LATEST")
    assert found["FunctionArn"] == f"{arn_of(name)}:$LATEST"


def test_names_that_lead_nowhere_are_told_apart(lambda_client: Any, refused: Any) -> None:
    get = lambda_client.get_function
    missing = ("ResourceNotFoundException", f"Function not found: {arn_of('none')}")
    assert refused(get, FunctionName="none") == missing
    elsewhere = arn_of("none").replace(REGION, "us-west-2")
    assert refused(get, FunctionName=elsewhere) == (
        "ResourceNotFoundException",
        "Functions from 'us-west-2' are not reachable in this region ('eu-west-1')",
    )
    assert refused(get, FunctionName="none:1", Qualifier="2") == (
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def test_code_changes_with_a_new_revision(lambda_client: Any, make: Make, refused: Any) -> None:
    name = make()
    before = lambda_client.get_function_configuration(FunctionName=name)
    code = archive({"index.py": "def handler(event, context):\n    return 'new'\n"})
    dry = lambda_client.update_function_code(FunctionName=name, ZipFile=code, DryRun=True)
    assert dry["CodeSha256"] != before["CodeSha256"]
    assert lambda_client.get_function_configuration(FunctionName=name) | {
        "ResponseMetadata": None
    } == before | {"ResponseMetadata": None}
    changed = lambda_client.update_function_code(
        FunctionName=name, ZipFile=code, RevisionId=before["RevisionId"]
    )
    assert changed["LastUpdateStatus"] == "InProgress"
    assert changed["LastUpdateStatusReasonCode"] == "Creating"
    assert changed["CodeSha256"] == dry["CodeSha256"]
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name)
    answer = lambda_client.invoke(FunctionName=name)
    assert answer["Payload"].read() == b'"new"'
    stale = refused(
        lambda_client.update_function_code,
        FunctionName=name,
        ZipFile=code,
        RevisionId=before["RevisionId"],
    )
    assert stale[0] == "PreconditionFailedException"


def test_settings_that_are_left_out_stay(lambda_client: Any, make: Make) -> None:
    name = make(Environment={"Variables": {"COLOUR": "blue"}}, Description="first")
    changed = lambda_client.update_function_configuration(
        FunctionName=name, Timeout=30, MemorySize=256
    )
    assert (changed["Timeout"], changed["MemorySize"]) == (30, 256)
    assert changed["Description"] == "first"
    assert changed["Environment"] == {"Variables": {"COLOUR": "blue"}}
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name)
    changed = lambda_client.update_function_configuration(
        FunctionName=name,
        Environment={"Variables": {}},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
    )
    assert changed["Environment"] == {"Variables": {}}
    assert changed["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "DEBUG",
        "SystemLogLevel": "INFO",
        "LogGroup": f"/aws/lambda/{name}",
    }


def test_functions_are_listed_in_pages(lambda_client: Any, make: Make) -> None:
    names = {make() for _ in range(3)}
    pages = lambda_client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    found = [item for page in pages for item in page["Functions"]]
    assert names <= {item["FunctionName"] for item in found}
    assert [item["FunctionName"] for item in found] == sorted(
        item["FunctionName"] for item in found
    )
    assert all("State" not in item and "LastUpdateStatus" not in item for item in found)
    every = lambda_client.get_paginator("list_functions").paginate(FunctionVersion="ALL")
    arns = {item["FunctionArn"] for page in every for item in page["Functions"]}
    assert {f"{arn_of(name)}:$LATEST" for name in names} <= arns


def test_a_deleted_function_is_gone_with_its_code(
    lambda_client: Any, make: Make, server: ComposedServer, refused: Any
) -> None:
    packages = server.home.functions / "packages"
    before = set(packages.iterdir())
    name = make()
    assert len(set(packages.iterdir()) - before) == 1
    answer = lambda_client.delete_function(FunctionName=name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert set(packages.iterdir()) == before
    missing = ("ResourceNotFoundException", f"Function not found: {arn_of(name)}")
    assert refused(lambda_client.delete_function, FunctionName=name) == missing
    assert refused(lambda_client.invoke, FunctionName=name) == missing


def test_code_comes_from_a_version_of_an_object(
    lambda_client: Any, make: Make, server: ComposedServer
) -> None:
    s3 = server.client("s3")
    s3.create_bucket(
        Bucket="code-of-functions", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    s3.put_bucket_versioning(
        Bucket="code-of-functions", VersioningConfiguration={"Status": "Enabled"}
    )
    old = "def handler(event, context):\n    return 'old'\n"
    first = s3.put_object(Bucket="code-of-functions", Key="a.zip", Body=archive({"index.py": old}))
    s3.put_object(Bucket="code-of-functions", Key="a.zip", Body=archive({"index.py": ECHO}))
    name = make(
        Code={
            "S3Bucket": "code-of-functions",
            "S3Key": "a.zip",
            "S3ObjectVersion": first["VersionId"],
        }
    )
    assert lambda_client.invoke(FunctionName=name)["Payload"].read() == b'"old"'


def test_tags_change_and_are_read(lambda_client: Any, make: Make, refused: Any) -> None:
    arn = arn_of(make(Tags={"a": "1"}))
    lambda_client.tag_resource(Resource=arn, Tags={"a": "2", "b": "3"})
    assert lambda_client.list_tags(Resource=arn)["Tags"] == {"a": "2", "b": "3"}
    lambda_client.untag_resource(Resource=arn, TagKeys=["a", "never"])
    assert lambda_client.list_tags(Resource=arn)["Tags"] == {"b": "3"}
    too_many = {f"k{number}": "v" for number in range(50)}
    assert refused(lambda_client.tag_resource, Resource=arn, Tags=too_many) == (
        "InvalidParameterValueException",
        "Number of tags exceeds resource tag limit.",
    )
    assert refused(lambda_client.tag_resource, Resource=f"{arn}:$LATEST", Tags={"a": "1"}) == (
        "InvalidParameterValueException",
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    )


def test_reserved_concurrency_is_kept_and_counted(
    lambda_client: Any, make: Make, refused: Any
) -> None:
    name = make()
    put = lambda_client.put_function_concurrency
    assert (
        put(FunctionName=name, ReservedConcurrentExecutions=7)["ReservedConcurrentExecutions"] == 7
    )
    got = lambda_client.get_function(FunctionName=name)["Concurrency"]
    assert got == {"ReservedConcurrentExecutions": 7}
    limits = lambda_client.get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == 1000 - 7
    assert refused(put, FunctionName=name, ReservedConcurrentExecutions=950)[0] == (
        "InvalidParameterValueException"
    )
    put(FunctionName=name, ReservedConcurrentExecutions=0)
    assert refused(lambda_client.invoke, FunctionName=name) == (
        "TooManyRequestsException",
        "Rate Exceeded.",
    )
    lambda_client.delete_function_concurrency(FunctionName=name)
    answer = lambda_client.get_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in answer


def test_variables_under_a_kms_key_follow_the_key(
    lambda_client: Any, make: Make, server: ComposedServer, refused: Any
) -> None:
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    name = make(Environment={"Variables": {"COLOUR": "green"}}, KMSKeyArn=key["Arn"])
    found = lambda_client.get_function_configuration(FunctionName=name)
    assert found["KMSKeyArn"] == key["Arn"]
    assert found["Environment"] == {"Variables": {"COLOUR": "green"}}
    assert b'"green"' in lambda_client.invoke(FunctionName=name)["Payload"].read()
    assert len(kms.list_grants(KeyId=key["KeyId"])["Grants"]) == 1
    kms.disable_key(KeyId=key["KeyId"])
    assert refused(lambda_client.invoke, FunctionName=name)[0] == "KMSDisabledException"
    closed = lambda_client.get_function_configuration(FunctionName=name)["Environment"]
    assert closed["Error"]["ErrorCode"] == "AccessDeniedException"
    kms.enable_key(KeyId=key["KeyId"])
    lambda_client.delete_function(FunctionName=name)
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
