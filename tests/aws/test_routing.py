"""Requests find their operation by path, target, action, or sub-resource."""

import pytest

from outcrop.aws.errors import ServiceError, UnknownOperationException
from outcrop.aws.http import HttpRequest
from outcrop.aws.routing import Route, Router

SERVICES = (
    "bedrock",
    "bedrock-runtime",
    "s3",
    "iam",
    "sts",
    "kms",
    "stepfunctions",
    "cloudwatch",
    "ses",
    "sesv2",
)
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(SERVICES, hosts=("localhost", "outcrop.test"))


def find(router: Router, request: HttpRequest, signing_name: str | None) -> Route:
    return router.match(request, signing_name)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "", {}, "ListObjects"),
        ("GET", "/b", "list-type=2&prefix=x", {}, "ListObjectsV2"),
        ("GET", "/b", "versions", {}, "ListObjectVersions"),
        ("GET", "/b", "location=", {}, "GetBucketLocation"),
        ("GET", "/b", "analytics", {}, "ListBucketAnalyticsConfigurations"),
        ("GET", "/b", "analytics&id=1", {}, "GetBucketAnalyticsConfiguration"),
        ("GET", "/b", "lifecycle", {}, "GetBucketLifecycleConfiguration"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "/a/k"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {"x-amz-copy-source": "/a/k"}, "UploadPartCopy"),
        ("GET", "/b/k", "uploadId=u", {}, "ListParts"),
        ("GET", "/b/k", "x-id=GetObject", {}, "GetObject"),
        ("DELETE", "/b/k", "uploadId=u", {}, "AbortMultipartUpload"),
        ("DELETE", "/b/k", "", {}, "DeleteObject"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("HEAD", "/b", "", {}, "HeadBucket"),
        ("HEAD", "/b/k", "", {}, "HeadObject"),
    ],
)
def test_s3_tells_its_operations_apart_by_query_and_headers(  # noqa: PLR0917  # a table
    router: Router, method: str, path: str, query: str, headers: dict[str, str], operation: str
) -> None:
    request = HttpRequest(method, path, query, headers)
    assert find(router, request, "s3").operation == operation


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("127.0.0.1:4566", "/b/k", "b", "k"),
        ("localhost:4566", "/b/k", "b", "k"),
        ("[::1]:4566", "/b/k", "b", "k"),
        ("b.localhost:4566", "/k", "b", "k"),
        ("b.outcrop.test", "/k/l", "b", "k/l"),
        ("a.b.s3.localhost:4566", "/k", "a.b", "k"),
        ("b.s3.eu-west-1.amazonaws.com", "/k", "b", "k"),
        ("s3.eu-west-1.amazonaws.com", "/b/k", "b", "k"),
        ("outcrop.test", "/b//k", "b", "/k"),
        ("localhost", "/b/a%20b%2Fc%25", "b", "a b/c%"),
    ],
)
def test_the_bucket_stands_in_the_host_or_in_the_path(
    router: Router, host: str, path: str, bucket: str, key: str
) -> None:
    route = find(router, HttpRequest("GET", path, headers={"host": host}), "s3")
    assert route.path_parameters == {"Bucket": bucket, "Key": key}


def test_an_arn_in_one_segment_is_decoded_after_the_path_is_matched(router: Router) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:custom-model/outcrop.nano-v1:0/abcdefghijkl"
    path = "/custom-models/" + arn.replace(":", "%3A").replace("/", "%2F")
    route = find(router, HttpRequest("GET", path), "bedrock")
    assert (route.operation, route.path_parameters) == ("GetCustomModel", {"modelIdentifier": arn})


@pytest.mark.parametrize("signing_name", ["bedrock", None])
def test_bedrock_and_its_runtime_are_told_apart_by_path(
    router: Router, signing_name: str | None
) -> None:
    headers = {"authorization": "Bearer key"}
    control = HttpRequest("GET", "/foundation-models", headers=headers)
    runtime = HttpRequest("POST", "/model/m/invoke", headers=headers)
    assert find(router, control, signing_name).service == "bedrock"
    assert find(router, runtime, signing_name).service == "bedrock-runtime"


def test_whether_the_body_streams_is_known_before_it_is_read(router: Router) -> None:
    put = HttpRequest("PUT", "/b/k")
    complete = HttpRequest("POST", "/b/k", "uploadId=u")
    assert find(router, put, "s3").streams_request
    assert not find(router, complete, "s3").streams_request
    assert not find(router, HttpRequest("POST", "/model/m/invoke"), "bedrock").streams_request


def test_json_services_are_found_by_target(router: Router) -> None:
    request = HttpRequest("POST", "/", headers={"x-amz-target": "AWSStepFunctions.StartExecution"})
    route = find(router, request, "states")
    assert (route.service, route.operation, route.protocol) == (
        "stepfunctions",
        "StartExecution",
        "json",
    )


def test_cloudwatch_speaks_three_protocols(router: Router) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    cbor = HttpRequest("POST", path, headers={"smithy-protocol": "rpc-v2-cbor"})
    target = {"x-amz-target": "GraniteServiceVersion20100801.PutMetricData"}
    form = HttpRequest("POST", "/", headers=FORM, body=b"Action=PutMetricData&Version=2010-08-01")
    protocols = [
        find(router, request, "monitoring").protocol
        for request in (cbor, HttpRequest("POST", "/", headers=target), form)
    ]
    assert protocols == ["smithy-rpc-v2-cbor", "json", "query"]


def test_forms_are_found_by_action_once_the_body_is_read(router: Router) -> None:
    request = HttpRequest("POST", "/", headers=FORM)
    assert router.needs_body(request, "iam")
    assert not router.needs_body(HttpRequest("PUT", "/b/k", headers=FORM), "s3")
    request.body = b"Action=CreateRole&Version=2010-05-08&RoleName=r"
    assert find(router, request, "iam").operation == "CreateRole"


def test_an_unsigned_form_is_found_by_its_version(router: Router) -> None:
    body = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    assert find(router, HttpRequest("POST", "/", headers=FORM, body=body), None).service == "sts"


@pytest.mark.parametrize(
    ("request_", "signing_name"),
    [
        (HttpRequest("GET", "/no-such-path"), "bedrock"),
        (HttpRequest("DELETE", "/foundation-models"), "bedrock"),
        (HttpRequest("GET", "/custom-models//"), "bedrock"),
        (HttpRequest("GET", "/"), "no-such-service"),
        (HttpRequest("POST", "/", headers={"x-amz-target": "TrentService.NoSuch"}), "kms"),
        (HttpRequest("POST", "/", headers={"x-amz-target": "NoSuch.Encrypt"}), "kms"),
    ],
)
def test_what_no_operation_answers_is_unknown(
    router: Router, request_: HttpRequest, signing_name: str
) -> None:
    with pytest.raises(UnknownOperationException):
        find(router, request_, signing_name)


def test_an_unknown_action_and_method_are_said_as_aws_says_them(router: Router) -> None:
    with pytest.raises(ServiceError) as action:
        find(router, HttpRequest("POST", "/", headers=FORM, body=b"Action=No"), "iam")
    with pytest.raises(ServiceError) as method:
        find(router, HttpRequest("PATCH", "/b"), "s3")
    assert (action.value.code, action.value.status) == ("InvalidAction", 400)
    assert (method.value.code, method.value.status) == ("MethodNotAllowed", 405)
