"""Requests that are not exactly what the holder of a key signed, just now, for this service."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ssl
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.exceptions import ClientError

from outcrop.aws.signatures.sigv4 import derive_signing_key
from outcrop.crypto.key_source import FileKeySource
from outcrop.identity.sessions import SessionTokens
from outcrop.storage.database.engine import Database
from outcrop.storage.home import Home
from outcrop.storage.service_keys import ServiceKeys
from security.raw_requests import Answer, Key, Request, Wire
from support.running_server import RunningServer

GET_CALLER = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = {"content-type": "application/x-www-form-urlencoded"}
KMS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.ListKeys"}
MISMATCH = (403, "SignatureDoesNotMatch")
JSON_MISMATCH = "InvalidSignatureException"
ROLE_TRUST = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"AWS":"000000000000"}}}'
)
EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def put(bucket: str, key: str = "key", body: bytes = b"content", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("PUT", f"/{bucket}/{key}", named, body)


def get(bucket: str, key: str = "key", query: str = "") -> Request:
    return Request("GET", f"/{bucket}/{key}{'?' if query else ''}{query}")


def stored(attacked: RunningServer, bucket: str) -> list[str]:
    listed = attacked.client("s3").list_objects_v2(Bucket=bucket)
    return [item["Key"] for item in listed.get("Contents", [])]


def changed_digit(text: str, place: int = -1) -> str:
    """Return a text in which one hex digit is another one."""
    characters = list(text)
    characters[place] = "0" if characters[place] != "0" else "1"
    return "".join(characters)


@pytest.fixture(scope="module", autouse=True)
def _an_object(wire: Wire, bucket: str) -> None:
    assert wire.call(put(bucket)).status == 200


# --- what was signed was changed ----------------------------------------------------------------------------------


def test_a_changed_body_is_refused_and_not_kept(
    attacked: RunningServer, wire: Wire, bucket: str
) -> None:
    signed = wire.signed(put(bucket, "tampered", b"honest body"))
    for body in (b"honest bodY", b"honest body!", b"", b"x"):
        answer = wire.send(replace(signed, body=body))
        assert answer.refusal == (400, "XAmzContentSHA256Mismatch")
    assert "tampered" not in stored(attacked, bucket)


def test_a_changed_body_with_its_own_hash_is_refused(wire: Wire, bucket: str) -> None:
    signed = wire.signed(put(bucket, "tampered", b"honest body"))
    digest = hashlib.sha256(b"another").hexdigest()
    renamed = {n: v for n, v in signed.headers.items() if n.lower() != "x-amz-content-sha256"}
    answer = wire.send(
        replace(signed, body=b"another", headers={**renamed, "x-amz-content-sha256": digest})
    )
    assert answer.refusal == MISMATCH


def test_a_body_cannot_be_made_unsigned_afterwards(wire: Wire, bucket: str) -> None:
    signed = wire.signed(put(bucket, "tampered", b"honest body"))
    for marker in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        changed = signed.with_headers(x_amz_content_sha256=marker, x_amz_decoded_content_length="4")
        assert wire.send(replace(changed, body=b"evil")).status == 403


@pytest.mark.parametrize(
    ("request_", "service", "refusal"),
    [
        (Request("POST", "/", FORM, GET_CALLER), "sts", MISMATCH),
        (Request("POST", "/", KMS, b'{"Limit": 1}'), "kms", (400, "InvalidSignatureException")),
        (
            Request("POST", "/model-customization-jobs", {}, b'{"jobName": "1"}'),
            "bedrock",
            (403, "InvalidSignatureException"),
        ),
    ],
)
def test_a_changed_body_is_refused_by_every_protocol(
    wire: Wire, request_: Request, service: str, refusal: tuple[int, str]
) -> None:
    signed = wire.signed(request_, service)
    answer = wire.send(replace(signed, body=signed.body.replace(b"1", b"2")))
    assert answer.refusal == refusal


def test_changed_headers_are_refused(wire: Wire, bucket: str) -> None:
    signed = wire.signed(put(bucket, x_amz_meta_colour="blue", content_type="text/plain"))
    for changes in (
        {"x_amz_meta_colour": "red"},
        {"x_amz_meta_colour": None},
        {"x_amz_date": (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y%m%dT%H%M%SZ")},
        {"content_type": "text/html"},
        {"host": "localhost:1"},
    ):
        assert wire.send(signed.with_headers(**changes)).refusal == MISMATCH, changes


def test_blanks_and_order_of_headers_do_not_matter_but_values_do(wire: Wire, bucket: str) -> None:
    signed = wire.signed(put(bucket, x_amz_meta_colour="light blue"))
    assert wire.send(signed.with_headers(x_amz_meta_colour="  light   blue ")).status == 200
    assert wire.send(signed.with_headers(x_amz_meta_colour="lightblue")).refusal == MISMATCH
    turned = replace(signed, headers=dict(reversed(list(signed.headers.items()))))
    assert wire.send(turned).status == 200


def test_a_changed_query_method_or_path_is_refused(wire: Wire, bucket: str) -> None:
    signed = wire.signed(get(bucket, query="response-content-type=text%2Fplain"))
    assert wire.send(signed).status == 200
    target = signed.target
    for changed in (
        replace(signed, target=target.replace("plain", "html")),
        replace(signed, target=target + "&acl"),
        replace(signed, target=target.partition("?")[0]),
        replace(signed, target=target + "&response-content-type=text%2Fplain"),
        replace(signed, target=target.replace("/key", "/other")),
        replace(signed, target=target.replace("/key", "/key/")),
        replace(signed, target="/" + target),
        replace(signed, method="DELETE"),
        replace(signed, method="PUT"),
    ):
        assert wire.send(changed).status == 403, changed.target


def test_every_digit_of_the_signature_counts(wire: Wire, bucket: str) -> None:
    signed = wire.signed(get(bucket))
    authorization = signed.headers["Authorization"]
    for place in range(-64, 0):
        changed = signed.with_headers(authorization=changed_digit(authorization, place))
        assert wire.send(changed).refusal == MISMATCH
    for broken in (authorization[:-1], authorization + "0", authorization.upper()):
        assert wire.send(signed.with_headers(authorization=broken)).status == 400


def test_a_signature_serves_no_other_service_region_or_day(wire: Wire, bucket: str) -> None:
    signed = wire.signed(get(bucket))
    authorization = signed.headers["Authorization"]
    today = datetime.now(UTC)
    for old, new in (
        ("/us-east-1/", "/eu-west-1/"),
        ("/s3/", "/sts/"),
        ("/s3/", "/s3-outposts/"),
        (f"/{today:%Y%m%d}/", f"/{today - timedelta(days=1):%Y%m%d}/"),
        ("aws4_request", "aws5_request"),
    ):
        changed = signed.with_headers(authorization=authorization.replace(old, new))
        assert wire.send(changed).status in {400, 403, 404}, new


def test_a_scope_of_another_service_does_not_open_this_one(wire: Wire, bucket: str) -> None:
    for service in ("iam", "kms", "bedrock", "sts"):
        answer = wire.send(wire.signed(get(bucket), service))
        assert answer.status in {400, 403, 404}
        assert answer.body != b"content"
    for request, called in (
        (Request("POST", "/", KMS, b"{}"), "kms"),
        (Request("POST", "/", FORM, GET_CALLER), "sts"),
    ):
        for service in {"secretsmanager", "kms", "sts", "iam", "bedrock"} - {called}:
            answer = wire.send(wire.signed(request, service))
            assert answer.status in {400, 403, 404}, service
    answer = wire.send(wire.signed(Request("POST", "/", KMS, b"{}"), "secretsmanager"))
    assert answer.refusal == (400, JSON_MISMATCH)
    assert b"Credential should be scoped to correct service: 'kms'." in answer.body


# --- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-16, 16, -600, 600])
def test_a_replay_beyond_the_skew_is_refused(wire: Wire, bucket: str, minutes: int) -> None:
    when = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = wire.send(wire.signed(get(bucket), when=when))
    assert answer.refusal == (403, "RequestTimeTooSkewed")
    answer = wire.send(wire.signed(Request("POST", "/", FORM, GET_CALLER), "sts", when=when))
    assert answer.refusal == MISMATCH
    answer = wire.send(wire.signed(Request("POST", "/", KMS, b"{}"), "kms", when=when))
    assert answer.refusal == (400, JSON_MISMATCH)


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clocks_may_differ_by_less_than_the_skew(wire: Wire, bucket: str, minutes: int) -> None:
    when = datetime.now(UTC) + timedelta(minutes=minutes)
    assert wire.send(wire.signed(get(bucket), when=when)).status == 200


def test_an_old_signature_with_a_new_date_is_refused(wire: Wire, bucket: str) -> None:
    old = wire.signed(get(bucket), when=datetime.now(UTC) - timedelta(minutes=20))
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    assert wire.send(old.with_headers(x_amz_date=now)).status == 403
    # A Date header beside it counts for nothing.
    dated = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert wire.send(old.with_headers(date=dated)).refusal == (403, "RequestTimeTooSkewed")


def test_dates_that_are_none_are_refused(wire: Wire, bucket: str) -> None:
    signed = wire.signed(get(bucket))
    day = signed.headers["X-Amz-Date"][:8]
    for date in (
        None,
        "",
        "x",
        f"{day}T250000Z",
        f"{day}T000000",
        f"{day}T\u0660\u0660\u0660\u0660\u0660\u0660Z",
        "0" * 400,
    ):
        answer = wire.send(signed.with_headers(x_amz_date=date))
        assert answer.status in {400, 403}, date


# --- what must be signed ------------------------------------------------------------------------------------------


def without_signing(wire: Wire, request: Request, left_out: str) -> Answer:
    """Send a request whose signature leaves out one header, and is right otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        usual = S3SigV4Auth.headers_to_sign

        def headers_to_sign(self: Any, prepared: Any) -> Any:
            kept = usual(self, prepared)
            del kept[left_out]
            return kept

        patch.setattr(S3SigV4Auth, "headers_to_sign", headers_to_sign)
        signed = wire.signed(request)
    assert f"{left_out};" not in signed.headers["Authorization"]
    return wire.send(signed)


@pytest.mark.parametrize(
    "header",
    ["host", "x-amz-date", "x-amz-content-sha256", "x-amz-meta-colour", "x-amz-acl"],
)
def test_headers_that_must_be_signed_are(wire: Wire, bucket: str, header: str) -> None:
    request = put(bucket, x_amz_meta_colour="blue", x_amz_acl="private")
    assert wire.call(request).status == 200
    answer = without_signing(wire, request, header)
    assert answer.refusal == (403, "AccessDenied")
    assert b"not signed" in answer.body


@pytest.mark.parametrize(
    "name",
    ["x-amz-acl", "x-amz-copy-source", "x-amz-meta-extra", "x-amz-security-token",
     "x-amz-server-side-encryption", "x-amz-bypass-governance-retention"],
)  # fmt: skip
def test_headers_added_after_signing_are_refused(wire: Wire, bucket: str, name: str) -> None:
    signed = wire.signed(put(bucket))
    answer = wire.send(replace(signed, headers={**signed.headers, name: "added"}))
    assert answer.status in {400, 403}
    assert answer.code in {"AccessDenied", "InvalidToken"}


def test_a_doubled_header_is_not_the_one_that_was_signed(wire: Wire, bucket: str) -> None:
    signed = wire.signed(put(bucket, x_amz_meta_colour="blue"))
    for line in (b"x-amz-meta-colour: red", b"host: localhost", b"X-Amz-Date: 20200101T000000Z"):
        head, _, body = signed.encode().partition(b"\r\n")
        for content in (head + b"\r\n" + line + b"\r\n" + body,
                        signed.encode().replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n", 1)):  # fmt: skip
            assert wire.send(content).status in {400, 403}


def test_a_signed_repeated_header_is_accepted_in_its_order_only(wire: Wire, bucket: str) -> None:
    signed = wire.signed(put(bucket, x_amz_meta_colour="blue,red"))
    content = signed.encode()
    twice = content.replace(
        b"x-amz-meta-colour: blue,red", b"x-amz-meta-colour: blue\r\nx-amz-meta-colour: red"
    )
    assert wire.send(twice).status == 200
    turned = content.replace(
        b"x-amz-meta-colour: blue,red", b"x-amz-meta-colour: red\r\nx-amz-meta-colour: blue"
    )
    assert wire.send(turned).refusal == MISMATCH


def test_two_authorizations_are_none(wire: Wire, bucket: str) -> None:
    signed = wire.signed(get(bucket))
    content = signed.encode().replace(
        b"\r\n\r\n", b"\r\nAuthorization: " + signed.headers["Authorization"].encode() + b"\r\n\r\n"
    )
    assert wire.send(content).status == 400
    presigned = wire.presigned(get(bucket))
    both = replace(presigned, headers={**presigned.headers, **signed.headers})
    assert wire.send(both).status in {400, 403}


# --- presigned URLs -----------------------------------------------------------------------------------------------


def test_a_presigned_url_ends(wire: Wire, bucket: str) -> None:
    assert wire.send(wire.presigned(get(bucket))).status == 200
    past = datetime.now(UTC) - timedelta(seconds=61)
    answer = wire.send(wire.presigned(get(bucket), seconds=60, when=past))
    assert answer.refusal == (403, "AccessDenied")
    assert b"Request has expired" in answer.body
    ahead = datetime.now(UTC) + timedelta(minutes=16)
    assert wire.send(wire.presigned(get(bucket), when=ahead)).status == 403


@pytest.mark.parametrize("seconds", [604801, 10**9, 10**30])
def test_no_presigned_url_lives_longer_than_a_week(wire: Wire, bucket: str, seconds: int) -> None:
    answer = wire.send(wire.presigned(get(bucket), seconds=seconds))
    assert answer.refusal == (400, "AuthorizationQueryParametersError")
    assert wire.send(wire.presigned(get(bucket), seconds=604800)).status == 200


def test_nothing_of_a_presigned_url_can_be_changed(wire: Wire, bucket: str) -> None:
    presigned = wire.presigned(get(bucket, query="response-content-type=text%2Fplain"))
    target = presigned.target
    for old, new in (
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=600"),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1"),
        ("text%2Fplain", "text%2Fhtml"),
        ("response-content-type=text%2Fplain", "versionId=null"),
        ("us-east-1", "us-west-2"),
        ("/key?", "/other?"),
        ("SignedHeaders=host", "SignedHeaders=host%3Bx-amz-acl"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("X-Amz-Date=2", "X-Amz-Date=3"),
    ):
        assert old in target
        assert wire.send(replace(presigned, target=target.replace(old, new))).status in {400, 403}
    for added in ("&acl", "&x=y", "&X-Amz-Signature=" + "0" * 64):
        assert wire.send(replace(presigned, target=target + added)).status in {400, 403}
    assert wire.send(replace(presigned, method="DELETE")).status == 403
    assert wire.send(replace(presigned, target=changed_digit(target))).status == 403


def test_a_presigned_url_takes_no_further_amazon_headers(
    attacked: RunningServer, wire: Wire, bucket: str
) -> None:
    presigned = wire.presigned(Request("PUT", f"/{bucket}/by-url"))
    for name, value in (
        ("x-amz-copy-source", f"{bucket}/key"),
        ("x-amz-acl", "public-read"),
        ("x-amz-meta-a", "b"),
        ("x-amz-tagging", "a=b"),
    ):
        changed = replace(presigned, headers={**presigned.headers, name: value}, body=b"evil")
        assert wire.send(changed).status == 403, name
    assert "by-url" not in stored(attacked, bucket)


def test_a_url_presigned_for_one_method_or_key_serves_no_other(wire: Wire, bucket: str) -> None:
    presigned = wire.presigned(get(bucket))
    assert wire.send(replace(presigned, method="PUT", body=b"evil")).status == 403
    for path in (f"/{bucket}/key%00", f"/{bucket}//key", f"/{bucket}/./key", f"/{bucket}%2Fkey"):
        target = presigned.target.replace(f"/{bucket}/key", path)
        assert wire.send(replace(presigned, target=target)).status == 403, path


# --- keys ---------------------------------------------------------------------------------------------------------


class Someone:
    """A user who may do everything, with an access key."""

    def __init__(self, attacked: RunningServer) -> None:
        self.iam = attacked.client("iam")
        self.name = f"user-{uuid.uuid4().hex[:8]}"
        self.iam.create_user(UserName=self.name)
        self.iam.put_user_policy(UserName=self.name, PolicyName="all", PolicyDocument=EVERYTHING)
        self.key = self.new_key()

    def new_key(self) -> Key:
        return Key.of(self.iam.create_access_key(UserName=self.name)["AccessKey"])

    def switch(self, status: str) -> None:
        self.iam.update_access_key(UserName=self.name, AccessKeyId=self.key.key_id, Status=status)


@pytest.fixture
def someone(attacked: RunningServer) -> Someone:
    return Someone(attacked)


def test_a_key_works_with_its_own_secret_only(
    attacked: RunningServer, wire: Wire, bucket: str, someone: Someone
) -> None:
    other = Someone(attacked)
    assert wire.call(get(bucket), key=someone.key).status == 200
    for mixed in (
        Key(someone.key.key_id, other.key.secret),
        Key(other.key.key_id, someone.key.secret),
        Key(wire.root.key_id, someone.key.secret),
        Key(someone.key.key_id, ""),
        Key(someone.key.key_id, someone.key.secret[:-1]),
    ):
        assert wire.call(get(bucket), key=mixed).refusal == MISMATCH
    second = someone.new_key()
    assert wire.call(get(bucket), key=Key(second.key_id, someone.key.secret)).refusal == MISMATCH


@pytest.mark.parametrize("key_id", ["AKIA" + "2" * 16, "x", "AKIA%00", "a" * 3000, "*", "é"])
def test_keys_of_other_accounts_and_of_nobody_are_unknown(
    wire: Wire, bucket: str, key_id: str
) -> None:
    answer = wire.call(get(bucket), key=Key(key_id, "s" * 40))
    assert answer.refusal == (403, "InvalidAccessKeyId")
    signed = wire.signed(Request("POST", "/", FORM, GET_CALLER), "sts", key=Key(key_id, "s" * 40))
    assert wire.send(signed).refusal == (403, "InvalidClientTokenId")


def test_an_inactive_key_is_none_until_it_is_active_again(
    wire: Wire, bucket: str, someone: Someone
) -> None:
    presigned = wire.presigned(get(bucket), key=someone.key)
    assert wire.send(presigned).status == 200
    someone.switch("Inactive")
    assert wire.call(get(bucket), key=someone.key).refusal == (403, "InvalidAccessKeyId")
    assert wire.send(presigned).refusal == (403, "InvalidAccessKeyId")
    someone.switch("Active")
    assert wire.call(get(bucket), key=someone.key).status == 200


def test_a_deleted_key_and_a_deleted_users_key_are_none(
    wire: Wire, bucket: str, someone: Someone
) -> None:
    key = someone.key
    assert wire.call(get(bucket), key=key).status == 200
    someone.iam.delete_access_key(UserName=someone.name, AccessKeyId=key.key_id)
    assert wire.call(get(bucket), key=key).refusal == (403, "InvalidAccessKeyId")
    someone.iam.delete_user_policy(UserName=someone.name, PolicyName="all")
    someone.iam.delete_user(UserName=someone.name)
    assert wire.call(get(bucket), key=key).refusal == (403, "InvalidAccessKeyId")


# --- sessions -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def role(attacked: RunningServer) -> str:
    iam = attacked.client("iam")
    arn: str = iam.create_role(RoleName="taken", AssumeRolePolicyDocument=ROLE_TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="taken", PolicyName="all", PolicyDocument=EVERYTHING)
    return arn


def session(attacked: RunningServer, role: str, **request: Any) -> Key:
    sts = attacked.client("sts")
    answered = sts.assume_role(RoleArn=role, RoleSessionName="session", **request)
    return Key.of(answered["Credentials"])


def test_session_tokens_cannot_be_swapped_left_out_or_changed(
    attacked: RunningServer, wire: Wire, bucket: str, role: str
) -> None:
    one, other = session(attacked, role), session(attacked, role)
    assert wire.call(get(bucket), key=one).status == 200
    token = str(one.token)
    raw = bytearray(base64.b64decode(token))
    raw[len(raw) // 2] ^= 1
    for wrong in (
        str(other.token),
        base64.b64encode(raw).decode(),
        token[:-4],
        token + "AAAA",
        "x",
        "é",
        base64.b64encode(b"\0" * 200).decode(),
    ):
        answer = wire.call(get(bucket), key=replace(one, token=wrong))
        assert answer.refusal == (400, "InvalidToken")
        caller = Request("POST", "/", FORM, GET_CALLER)
        answer = wire.call(caller, "sts", key=replace(one, token=wrong))
        assert answer.refusal == (403, "InvalidClientTokenId")
    assert wire.call(get(bucket), key=replace(one, token=None)).status == 403
    assert wire.call(get(bucket), key=replace(wire.root, token=token)).status in {400, 403}


def test_a_swapped_token_is_refused_in_urls_too(
    attacked: RunningServer, wire: Wire, bucket: str, role: str
) -> None:
    one, other = session(attacked, role), session(attacked, role)
    assert wire.send(wire.presigned(get(bucket), key=one)).status == 200
    mixed = wire.presigned(get(bucket), key=replace(one, token=other.token))
    assert wire.send(mixed).refusal == (400, "InvalidToken")
    bare = wire.presigned(get(bucket), key=replace(one, token=None))
    assert wire.send(bare).refusal == (403, "InvalidAccessKeyId")
    late = wire.presigned(get(bucket), key=one)
    added = replace(late, headers={**late.headers, "x-amz-security-token": str(other.token)})
    assert wire.send(added).status in {400, 403}


def test_a_session_does_not_outlive_its_role(
    attacked: RunningServer, wire: Wire, bucket: str
) -> None:
    iam = attacked.client("iam")
    made = iam.create_role(RoleName="passing", AssumeRolePolicyDocument=ROLE_TRUST)["Role"]
    iam.put_role_policy(RoleName="passing", PolicyName="all", PolicyDocument=EVERYTHING)
    key = session(attacked, made["Arn"])
    presigned = wire.presigned(get(bucket), key=key)
    assert wire.call(get(bucket), key=key).status == 200
    iam.delete_role_policy(RoleName="passing", PolicyName="all")
    assert wire.call(get(bucket), key=key).refusal == (403, "AccessDenied")
    iam.delete_role(RoleName="passing")
    for answer in (wire.call(get(bucket), key=key), wire.send(presigned)):
        assert answer.status in {400, 403}
    # A role that is made anew under the old name is another one.
    iam.create_role(RoleName="passing", AssumeRolePolicyDocument=ROLE_TRUST)
    iam.put_role_policy(RoleName="passing", PolicyName="all", PolicyDocument=EVERYTHING)
    assert wire.call(get(bucket), key=key).status in {400, 403}


def test_an_expired_session_opens_nothing(
    attacked: RunningServer, wire: Wire, bucket: str, role: str
) -> None:
    home = Home(attacked.home)
    database = Database.at(home.database)
    keys = ServiceKeys(database, FileKeySource(home.key_file))
    tokens = SessionTokens(keys, attacked.root_key["account_id"])
    fresh = session(attacked, role)
    opened, _ = tokens.open(fresh.key_id, str(fresh.token))
    for seconds, refusal in ((60, (200, "")), (-1, (400, "ExpiredToken"))):
        ends_us = int((time.time() + seconds) * 1_000_000)
        made = tokens.issue(replace(opened, expires_us=ends_us))
        key = Key(made.access_key_id, made.secret_access_key, made.session_token)
        assert wire.call(get(bucket), key=key).refusal == refusal
        assert wire.send(wire.presigned(get(bucket), key=key)).refusal == refusal
    database.close()


# --- API keys -----------------------------------------------------------------------------------------------------


def test_api_keys_are_refused_over_plain_http_without_being_looked_at(
    attacked: RunningServer, wire: Wire
) -> None:
    for token in (attacked.root_key["bedrock_api_key"], "wrong", "", "bedrock-api-key-" + "A" * 99):
        headers = {"host": wire.host, "Authorization": f"Bearer {token}"}
        answer = wire.send(Request("GET", "/custom-models", headers))
        assert answer.status == 403, token
        # Whether the key is a real one cannot be told from the answer.
        if token:
            assert b"HTTPS" in answer.body


def test_api_keys_open_no_other_service(attacked: RunningServer) -> None:
    context = ssl.create_default_context(cafile=str(attacked.home / "ca" / "ca.pem"))
    port = attacked.description["tls_port"]
    token = attacked.root_key["bedrock_api_key"]
    for method, path, body, headers in (
        ("GET", "/", b"", {}),
        ("GET", "/attacked/key", b"", {}),
        ("POST", "/", b"{}", KMS),
        ("POST", "/", GET_CALLER, FORM),
    ):
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request(method, path, body, {**headers, "Authorization": f"Bearer {token}"})
        assert connection.getresponse().status in {400, 403, 404}
        connection.close()


# --- chunked uploads ----------------------------------------------------------------------------------------------


class Chunks:
    """An upload in signed chunks, put together by hand."""

    def __init__(self, wire: Wire, bucket: str, parts: list[bytes], name: str) -> None:
        size = sum(map(len, parts))
        request = Request(
            "PUT",
            f"/{bucket}/{name}",
            {
                "x-amz-decoded-content-length": str(size),
                "content-encoding": "aws-chunked",
            },
        )
        marker = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.S3SigV4Auth.payload", lambda *_: marker)
            self.request = wire.signed(request)
        authorization = self.request.headers["Authorization"]
        timestamp = self.request.headers["X-Amz-Date"]
        scope = authorization.split("Credential=")[1].split(",")[0].partition("/")[2]
        date, region = scope.split("/")[:2]
        key = derive_signing_key(wire.root.secret, date, region, "s3")
        previous = authorization[-64:]
        self.chunks = []
        empty = hashlib.sha256(b"").hexdigest()
        for part in [*parts, b""]:
            text = "\n".join(
                ["AWS4-HMAC-SHA256-PAYLOAD", timestamp, scope, previous, empty,
                 hashlib.sha256(part).hexdigest()]
            )  # fmt: skip
            previous = key.sign(text.encode())
            self.chunks.append(
                b"%x;chunk-signature=%b\r\n%b\r\n" % (len(part), previous.encode(), part)
            )

    def sent(self, wire: Wire, chunks: list[bytes]) -> Answer:
        return wire.send(replace(self.request, body=b"".join(chunks)))


def test_chunks_must_come_whole_in_order_and_once(
    attacked: RunningServer, wire: Wire, bucket: str
) -> None:
    parts = [b"a" * 8192, b"b" * 8192, b"c" * 100]
    upload = Chunks(wire, bucket, parts, "in-chunks")
    one, two, three, end = upload.chunks
    assert upload.sent(wire, [one, two, three, end]).status == 200
    attacked.client("s3").delete_object(Bucket=bucket, Key="in-chunks")
    for changed in (
        [two, one, three, end],
        [one, three, two, end],
        [one, two, end],
        [one, two, three],
        [end],
        [one, one, three, end],
        [one, two, three, end.replace(b"chunk-signature=", b"chunk-signature=0")[:85]],
        [one.replace(b"aaaa", b"aaab", 1), two, three, end],
        [one.replace(b"2000;", b"1fff;"), two, three, end],
        [one, b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"],
        [one, b"ffffffffffffffff;chunk-signature=" + b"0" * 64 + b"\r\n"],
        [one, b"-1;chunk-signature=" + b"0" * 64 + b"\r\n"],
        [b"x" * 9000],
        [],
    ):
        answer = upload.sent(wire, changed)
        assert answer.status in {400, 403}, (len(changed), answer.status)
    assert "in-chunks" not in stored(attacked, bucket)


def test_chunks_of_one_upload_do_not_fit_another(wire: Wire, bucket: str) -> None:
    one = Chunks(wire, bucket, [b"a" * 8192], "one")
    time.sleep(1.1)  # so that the seeds differ in time as well
    other = Chunks(wire, bucket, [b"a" * 8192], "other")
    assert one.sent(wire, other.chunks).refusal == MISMATCH


def test_unsigned_chunks_cannot_stand_in_for_signed_ones(wire: Wire, bucket: str) -> None:
    upload = Chunks(wire, bucket, [b"a" * 8192], "unsigned")
    answer = upload.sent(wire, [b"2000\r\n" + b"a" * 8192 + b"\r\n", b"0\r\n\r\n"])
    assert answer.status == 400


def test_refusals_show_neither_secrets_nor_what_was_expected(
    attacked: RunningServer, wire: Wire, bucket: str
) -> None:
    answer = wire.call(get(bucket), key=replace(wire.root, secret="x" * 40))
    assert answer.refusal == MISMATCH
    assert attacked.root_key["secret_access_key"].encode() not in answer.body
    right = wire.signed(get(bucket)).headers["Authorization"][-64:]
    assert right.encode() not in answer.body
    with pytest.raises(ClientError) as refused:
        attacked.client("s3").get_object(Bucket=bucket, Key="none")
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"
    assert "Traceback" not in attacked.log
