"""Whoever does not prove to be the root gets in nowhere."""

import base64
import http.client
import json
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gateway.conftest import Served


def call(service: str, client: Any) -> Any:
    if service == "bedrock":
        return client.get_custom_model(modelIdentifier="m")
    if service == "s3":
        return client.get_object(Bucket="b", Key="k")
    return client.get_caller_identity()


def refusal(service: str, client: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as failed:
        call(service, client)
    error = failed.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


def send(
    served: Served,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes = b"",
    *,
    tls: bool = False,
) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context(cafile=served.certificate.authority)
    connection = (
        http.client.HTTPSConnection("localhost", served.tls_port, context=context)
        if tls
        else http.client.HTTPConnection("127.0.0.1", served.port)
    )
    connection.request(method, url, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("bedrock", ("UnrecognizedClientException", 403)),
        ("s3", ("InvalidAccessKeyId", 403)),
        ("sts", ("InvalidClientTokenId", 403)),
    ],
)
def test_an_unknown_key_is_refused(served: Served, service: str, expected: tuple[str, int]) -> None:
    assert refusal(service, served.client(service, key_id="AKIAUNKNOWNUNKNOWN22")) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("bedrock", ("InvalidSignatureException", 403)),
        ("s3", ("SignatureDoesNotMatch", 403)),
        ("sts", ("SignatureDoesNotMatch", 403)),
    ],
)
def test_a_wrong_secret_is_refused(served: Served, service: str, expected: tuple[str, int]) -> None:
    assert refusal(service, served.client(service, secret="x" * 40)) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("bedrock", ("UnrecognizedClientException", 403)),
        ("s3", ("InvalidToken", 400)),
        ("sts", ("InvalidClientTokenId", 403)),
    ],
)
def test_a_session_token_does_not_belong_to_the_root_key(
    served: Served, service: str, expected: tuple[str, int]
) -> None:
    assert refusal(service, served.client(service, aws_session_token="token")) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("bedrock", ("MissingAuthenticationTokenException", 403)),
        ("s3", ("AccessDenied", 403)),
        ("sts", ("MissingAuthenticationToken", 403)),
    ],
)
def test_an_unsigned_request_is_refused(
    served: Served, service: str, expected: tuple[str, int]
) -> None:
    client = served.client(service, config={"signature_version": UNSIGNED})
    assert refusal(service, client) == expected


def signed_headers(
    served: Served, service: str, body: bytes = b"", when: datetime | None = None
) -> dict[str, str]:
    path = "/bucket/key" if service == "s3" else "/model/m/invoke"
    request = AWSRequest(
        "PUT" if service == "s3" else "POST",
        served.url + path,
        {"host": f"127.0.0.1:{served.port}"},
        body,
    )
    key = Credentials(served.root_key.access_key_id, served.root_key.secret_access_key)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(key, service, "us-east-1")
    if when is None:
        signer.add_auth(request)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.get_current_datetime", lambda: when)
            signer.add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_skewed_request_is_refused(served: Served, minutes: int) -> None:
    when = datetime.now(UTC) + timedelta(minutes=minutes)
    status, headers, body = send(
        served, "POST", "/model/m/invoke", signed_headers(served, "bedrock", b"{}", when), b"{}"
    )
    assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert b"Signature expired" in body or b"Signature not yet current" in body
    status, _, body = send(
        served, "PUT", "/bucket/key", signed_headers(served, "s3", b"x", when), b"x"
    )
    assert status == 403
    assert b"<Code>RequestTimeTooSkewed</Code>" in body


def test_a_body_that_was_changed_on_the_way_is_refused_and_not_kept(served: Served) -> None:
    status, _, _ = send(
        served, "POST", "/model/m/invoke", signed_headers(served, "bedrock", b"{}"), b"[]"
    )
    assert status == 403
    served.platform.objects.pop("key", None)
    status, _, body = send(
        served, "PUT", "/bucket/key", signed_headers(served, "s3", b"good"), b"evil"
    )
    assert status == 400
    assert b"<Code>XAmzContentSHA256Mismatch</Code>" in body
    assert "key" not in served.platform.objects


def test_a_request_for_another_path_is_refused(served: Served) -> None:
    status, _, body = send(
        served, "PUT", "/bucket/other", signed_headers(served, "s3", b"good"), b"good"
    )
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in body
    assert served.root_key.secret_access_key.encode() not in body


def test_an_unknown_path_is_no_operation(served: Served) -> None:
    headers = signed_headers(served, "bedrock", b"")
    status, answered, _ = send(served, "POST", "/no/such/path", headers)
    assert status == 404
    assert answered["x-amzn-errortype"] == "UnknownOperationException"


def bearer_client(
    served: Served, key: str, monkeypatch: pytest.MonkeyPatch, service: str = "bedrock"
) -> Any:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key)
    return boto3.client(
        service,
        endpoint_url=served.tls_url,
        region_name="us-east-1",
        verify=str(served.certificate.authority),
        config=Config(retries={"total_max_attempts": 1}),
    )


def short_term_key(served: Served) -> str:
    host = "bedrock.amazonaws.com"
    request = AWSRequest(
        "POST", f"https://{host}/", {"host": host}, params={"Action": "CallWithBearerToken"}
    )
    key = Credentials(served.root_key.access_key_id, served.root_key.secret_access_key)
    SigV4QueryAuth(key, "bedrock", "us-east-1", expires=600).add_auth(request)
    address = str(request.url).removeprefix("https://") + "&Version=1"
    return "bedrock-api-key-" + base64.b64encode(address.encode()).decode()


def test_bedrock_api_keys_work_over_tls(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (served.root_key.bedrock_api_key, short_term_key(served)):
        client = bearer_client(served, key, monkeypatch)
        assert client.get_custom_model(modelIdentifier="m")["modelName"] == "m"
        runtime = bearer_client(served, key, monkeypatch, "bedrock-runtime")
        assert runtime.invoke_model(modelId="m", body=b"{}")["contentType"] == "text/plain"


def test_a_wrong_api_key_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = served.root_key.bedrock_api_key
    client = bearer_client(served, key[:-1] + ("A" if key[-1] != "A" else "B"), monkeypatch)
    assert refusal("bedrock", client) == ("AccessDeniedException", 403)


def test_an_api_key_is_not_accepted_in_the_clear_or_elsewhere(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.root_key.bedrock_api_key}"}
    status, _, body = send(served, "GET", "/custom-models/m", headers)
    assert status == 403
    assert b"HTTPS" in body
    status, _, _ = send(served, "GET", "/bucket/key", headers, tls=True)
    assert status in {403, 404}


def test_health_and_readiness_need_no_signature(served: Served) -> None:
    status, _, body = send(served, "GET", "/_outcrop/health", {})
    assert status == 200
    assert set(json.loads(body)) == {"version", "pid"}
    assert send(served, "GET", "/_outcrop/ready", {})[0] == 200
    assert send(served, "POST", "/_outcrop/health", {})[0] == 404
    assert send(served, "GET", "/_outcrop/other", {})[0] == 404


def test_an_expired_presigned_url_is_refused(served: Served) -> None:
    client = served.client("s3", config={"signature_version": "s3v4"})
    place = {"Bucket": "b", "Key": "k"}
    url = client.generate_presigned_url("get_object", Params=place, ExpiresIn=1)
    time.sleep(2.1)
    parts = urlsplit(url)
    status, _, body = send(served, "GET", f"{parts.path}?{parts.query}", {})
    assert status == 403
    assert b"Request has expired" in body
