"""Signatures in headers, made by botocore and then kept, damaged or delayed."""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures import sigv4
from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error

KEY_ID, SECRET = "AKIAEXAMPLEEXAMPLE22", "s" * 40
BODY = b'{"clientRequestToken": "abc"}'


def signed(
    path: str = "/model/m/invoke", service: str = "bedrock", query: str = "", body: bytes = BODY
) -> HttpRequest:
    url = f"http://127.0.0.1:4500{path}" + (f"?{query}" if query else "")
    headers = {"host": "127.0.0.1:4500", "x-amz-meta-note": "two  blanks"}
    request = AWSRequest("POST", url, headers=headers, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(KEY_ID, SECRET), service, "eu-west-1").add_auth(request)
    lowered = {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest("POST", path, query, lowered, body)


def check(request: HttpRequest, service: str = "bedrock", secret: str = SECRET) -> None:
    claim = sigv4.read_claim(request)
    if claim.access_key_id != KEY_ID:
        raise SignatureRefused(Reason.UNKNOWN_KEY)
    sigv4.check_skew(claim, datetime.now(UTC))
    key = sigv4.SigningKeys().derive(secret, claim)
    payload_hash = sha256(request.body).hexdigest()
    sigv4.verify(claim, request, key, payload_hash, is_s3=service == "s3")


def reason_of(request: HttpRequest, **options: str) -> Reason:
    with pytest.raises(SignatureRefused) as refused:
        check(request, **options)
    return refused.value.reason


@pytest.mark.parametrize(
    ("path", "service", "query"),
    [
        ("/model/m/invoke", "bedrock", ""),
        ("/model/arn%3Aaws%3Abedrock%3A%3A%3Acustom%2Fx/invoke", "bedrock", "b=2&a=1&a=0&flag="),
        ("/a/../b/./c//d/", "bedrock", ""),
        ("/bucket/a%20key/with%2Fslash/../dots//%C3%A9~", "s3", "prefix=a%2Fb&list-type=2"),
        ("/", "sts", ""),
    ],
)
def test_what_botocore_signs_verifies(path: str, service: str, query: str) -> None:
    check(signed(path, service, query), service)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_one_flipped_bit_anywhere_breaks_the_signature(data: st.DataObject) -> None:
    request = signed("/bucket/key", "s3", "partNumber=1&uploadId=abc")
    part = data.draw(st.sampled_from(["body", "path", "query", "method", *sorted(request.headers)]))
    original = {
        "body": request.body.decode(),
        "path": request.raw_path,
        "query": request.query_string,
        "method": request.method,
    }.get(part) or request.headers[part]
    at = data.draw(st.integers(0, len(original) - 1))
    bit = data.draw(st.integers(0, 6))
    damaged = original[:at] + chr(ord(original[at]) ^ 1 << bit) + original[at + 1 :]
    if part == "body":
        request.body = damaged.encode()
    elif part == "path":
        request.raw_path = damaged
    elif part == "query":
        request.query_string = damaged
    elif part == "method":
        request.method = damaged
    else:
        request.headers[part] = damaged
    if _means_the_same(part, original, damaged):
        return
    with pytest.raises(SignatureRefused):
        check(request, "s3")


def _means_the_same(part: str, original: str, damaged: str) -> bool:
    """Header values are signed without outer and repeated blanks; `/` and `%2F` are not touched by one bit."""
    if part in {"body", "path", "query", "method", "authorization"}:
        # A comma of the Authorization header may be followed by any blank.
        return part == "authorization" and original.split() == damaged.split()
    return original.split() == damaged.split()


@pytest.mark.parametrize("minutes", [-16, 16, 600, -100_000])
def test_a_stale_or_early_signature_is_refused(minutes: int) -> None:
    claim = sigv4.read_claim(signed())
    with pytest.raises(SignatureRefused) as refused:
        sigv4.check_skew(claim, datetime.now(UTC) + timedelta(minutes=minutes))
    assert refused.value.reason is Reason.SKEWED
    assert as_service_error(refused.value, "rest-xml").code == "RequestTimeTooSkewed"
    assert as_service_error(refused.value, "rest-json").code == "InvalidSignatureException"


def test_fourteen_minutes_of_skew_are_forgiven() -> None:
    claim = sigv4.read_claim(signed())
    sigv4.check_skew(claim, datetime.now(UTC) + timedelta(minutes=14))
    sigv4.check_skew(claim, datetime.now(UTC) - timedelta(minutes=14))


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_the_signing_key_is_the_standard_hmac(key: bytes, message: bytes) -> None:
    assert sigv4.SigningKey(key).sign(message) == hmac.digest(key, message, "sha256").hex()


def test_a_wrong_secret_is_refused() -> None:
    assert reason_of(signed(), secret="t" * 40) is Reason.MISMATCH


def test_an_unsigned_amazon_header_is_refused() -> None:
    request = signed()
    request.headers["x-amz-security-token"] = "smuggled"
    assert reason_of(request) is Reason.UNSIGNED_HEADERS


def test_other_unsigned_headers_are_ignored() -> None:
    request = signed()
    request.headers["x-amzn-trace-id"] = "Root=1"
    request.headers["user-agent"] = "anything"
    check(request)


def test_host_must_be_signed() -> None:
    request = signed()
    request.headers["authorization"] = request.headers["authorization"].replace("host;", "")
    assert reason_of(request) is Reason.UNSIGNED_HEADERS


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=A/20261120/r/s/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=A/20261120/r/aws4_request, SignedHeaders=host, Signature="
        + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=A/20261120/r/s/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_a_malformed_authorization_header_is_incomplete(authorization: str) -> None:
    request = signed()
    request.headers["authorization"] = authorization
    assert reason_of(request) is Reason.INCOMPLETE


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_no_authorization_header_crashes_the_reader(text: str) -> None:
    request = signed()
    request.headers["authorization"] = "AWS4-HMAC-SHA256 " + text
    with pytest.raises(SignatureRefused):
        check(request)


def test_a_scope_of_another_day_is_refused() -> None:
    request = signed()
    request.headers["x-amz-date"] = "20200101T000000Z"
    assert reason_of(request) is Reason.MISMATCH


def test_the_date_header_serves_where_there_is_no_amazon_date() -> None:
    now = datetime.now(UTC)
    request = AWSRequest("POST", "http://h/", headers={"host": "h", "Date": "x"}, data=b"")
    SigV4Auth(Credentials(KEY_ID, SECRET), "bedrock", "eu-west-1").add_auth(request)
    lowered = {name.lower(): value for name, value in request.headers.items()}
    assert "x-amz-date" not in lowered
    check(HttpRequest("POST", "/", "", lowered))
    assert abs(
        sigv4.parse_timestamp(sigv4.read_claim(HttpRequest("POST", "/", "", lowered)).timestamp)
        - now
    ) < timedelta(seconds=5)


def test_each_family_of_services_has_its_own_word_for_an_unknown_key() -> None:
    refusal = SignatureRefused(Reason.UNKNOWN_KEY)
    codes = {
        name: as_service_error(refusal, name).code for name in ("rest-json", "query", "rest-xml")
    }
    assert codes == {
        "rest-json": "UnrecognizedClientException",
        "query": "InvalidClientTokenId",
        "rest-xml": "InvalidAccessKeyId",
    }
