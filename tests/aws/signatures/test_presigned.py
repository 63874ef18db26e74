"""Presigned URLs of both signature versions, made by botocore."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures import presigned, sigv2, sigv4
from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error

KEY_ID, SECRET = "AKIAEXAMPLEEXAMPLE22", "s" * 40
PARAMETERS = {
    "Bucket": "reports",
    "Key": "2026/a b+c.txt",
    "ResponseContentDisposition": 'attachment; filename="é.txt"',
    "VersionId": "v1",
}


def url(
    version: str, expires: int = 3600, operation: str = "get_object", style: str = "path"
) -> HttpRequest:
    client = boto3.client(
        "s3",
        endpoint_url="http://localhost:4500",
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(signature_version=version, s3={"addressing_style": style}),
    )
    made = urlsplit(
        client.generate_presigned_url(
            operation,
            Params=PARAMETERS
            if operation == "get_object"
            else {"Bucket": "reports", "Key": "k", "Metadata": {"note": "x y"}},
            ExpiresIn=expires,
        )
    )
    method = "GET" if operation == "get_object" else "PUT"
    return HttpRequest(method, made.path, made.query, {"host": made.netloc})


def check_v4(request: HttpRequest, now: datetime | None = None) -> None:
    claim = presigned.read_claim(request)
    presigned.check_lifetime(claim, now or datetime.now(UTC))
    key = sigv4.SigningKeys().derive(SECRET, claim)
    sigv4.verify(claim, request, key, sigv4.UNSIGNED_PAYLOAD, is_s3=True)


def check_v2(request: HttpRequest, now: datetime | None = None, bucket: str = "") -> None:
    claim = sigv2.read_claim(request)
    if claim.access_key_id != KEY_ID:
        raise SignatureRefused(Reason.UNKNOWN_KEY)
    sigv2.verify(claim, request, SECRET, now or datetime.now(UTC), bucket)


def test_a_presigned_url_verifies() -> None:
    request = url("s3v4")
    assert presigned.is_presigned(request.query_string)
    check_v4(request)


def test_a_presigned_url_expires() -> None:
    later = datetime.now(UTC) + timedelta(seconds=62)
    with pytest.raises(SignatureRefused) as refused:
        check_v4(url("s3v4", expires=60), later)
    error = as_service_error(refused.value, "rest-xml")
    assert (error.code, error.status, error.message) == ("AccessDenied", 403, "Request has expired")


def test_a_presigned_url_lives_a_week_at_most() -> None:
    check_v4(url("s3v4", expires=604800), datetime.now(UTC) + timedelta(days=6, hours=23))
    with pytest.raises(SignatureRefused, match="less than a week"):
        check_v4(url("s3v4", expires=604801))


def test_a_presigned_url_from_the_future_is_refused() -> None:
    with pytest.raises(SignatureRefused) as refused:
        check_v4(url("s3v4"), datetime.now(UTC) - timedelta(minutes=20))
    assert refused.value.reason is Reason.SKEWED


def test_a_presigned_url_does_not_cover_headers_added_later() -> None:
    request = url("s3v4")
    request.headers["x-amz-acl"] = "public-read"
    with pytest.raises(SignatureRefused) as refused:
        check_v4(request)
    assert refused.value.reason is Reason.UNSIGNED_HEADERS


@pytest.mark.parametrize(
    "parameter", ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"]
)
def test_an_incomplete_presigned_url_is_refused(parameter: str) -> None:
    request = url("s3v4")
    request.query_string = request.query_string.replace(f"{parameter}=", "X-Other=")
    with pytest.raises(SignatureRefused) as refused:
        check_v4(request)
    assert refused.value.reason is Reason.MALFORMED_QUERY


@cache
def made_once(version: str) -> HttpRequest:
    return url(version)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_one_flipped_bit_breaks_a_presigned_url(data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(["s3v4", "s3"]))
    request = replace(made_once(version))
    at = data.draw(st.integers(0, 9999)) % len(request.query_string)
    old = request.query_string[at]
    new = chr(ord(old) ^ 1 << data.draw(st.integers(0, 5)))
    request.query_string = request.query_string[:at] + new + request.query_string[at + 1 :]
    # Hex digits of an escape may change case and mean the same.
    if new.lower() == old.lower() or not new.isprintable() or new in "+ ":
        return
    with pytest.raises(SignatureRefused):
        check_v4(request) if version == "s3v4" else check_v2(request)


@pytest.mark.parametrize("operation", ["get_object", "put_object"])
def test_a_signature_version_2_url_verifies(operation: str) -> None:
    request = url("s3", operation=operation)
    assert sigv2.is_presigned(request.query_string)
    check_v2(request)


def test_a_signature_version_2_url_verifies_where_the_host_names_the_bucket() -> None:
    request = url("s3", style="virtual")
    assert request.headers["host"] == "reports.localhost:4500"
    check_v2(request, bucket="reports")
    with pytest.raises(SignatureRefused):
        check_v2(request)


def test_a_signature_version_2_url_expires() -> None:
    with pytest.raises(SignatureRefused) as refused:
        check_v2(url("s3", expires=10), datetime.now(UTC) + timedelta(seconds=12))
    assert refused.value.reason is Reason.EXPIRED


def test_a_signature_version_2_url_of_another_method_is_refused() -> None:
    request = url("s3")
    request.method = "DELETE"
    with pytest.raises(SignatureRefused):
        check_v2(request)
