"""People with some rights who try to reach more: by other addresses, by copies, by roles, by asking what exists."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from security.raw_requests import Key, Request, Wire
from support.people import Person, make_person
from support.running_server import RunningServer

MINE, OTHERS = "mine-bucket", "others-bucket"
DENIED = (403, "AccessDenied")


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@dataclass
class Thief:
    """A user with s3:* on one bucket."""

    person: Person
    key: Key


@pytest.fixture(scope="module")
def thief(attacked: RunningServer, wire: Wire) -> Thief:
    s3 = attacked.client("s3")
    for bucket in (MINE, OTHERS):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="secret", Body=bucket.encode())
    person = make_person(
        attacked, allow("s3:*", [f"arn:aws:s3:::{MINE}", f"arn:aws:s3:::{MINE}/*"])
    )
    key = Key.of(person.key)
    assert wire.call(Request("GET", f"/{MINE}/secret"), key=key).status == 200
    return Thief(person, key)


@pytest.fixture(autouse=True)
def _nothing_breaks(attacked: RunningServer) -> Iterator[None]:
    yield
    assert "Traceback" not in attacked.log


@pytest.mark.parametrize(
    "path",
    [
        f"/{OTHERS}/secret", f"/{OTHERS}", f"/{OTHERS}/", f"/{OTHERS}?list-type=2", f"/{OTHERS}//secret",
        f"/{MINE}/../{OTHERS}/secret", f"/{MINE}/%2e%2e/{OTHERS}/secret", f"/{MINE}%2f..%2f{OTHERS}/secret",
        f"/{OTHERS}%2Fsecret", f"/{OTHERS}/%73ecret", f"/{OTHERS}/secret%00", "/%6Fthers-bucket/secret",
        f"/{OTHERS}?policy", f"/{OTHERS}?acl", f"/{OTHERS}/secret?acl", f"/{OTHERS}/secret?versionId=null",
        f"/{OTHERS}?uploads", f"/{OTHERS}/secret?attributes", f"/{OTHERS}?prefix={MINE}/",
    ],
)  # fmt: skip
def test_rights_on_one_bucket_open_no_other(wire: Wire, thief: Thief, path: str) -> None:
    for method in ("GET", "HEAD", "DELETE", "PUT"):
        answer = wire.call(Request(method, path), key=thief.key)
        assert answer.status in {400, 403, 404, 405} or path.startswith(f"/{MINE}/"), method
        assert OTHERS.encode() != answer.body
    assert wire.call(Request("GET", f"/{OTHERS}/secret")).body == OTHERS.encode()


def test_a_virtual_host_opens_no_other_bucket(wire: Wire, thief: Thief) -> None:
    for host in (f"{OTHERS}.localhost", f"{OTHERS.upper()}.localhost", f"{OTHERS}.s3.amazonaws.com",
                 f"{OTHERS}.s3.us-east-1.amazonaws.com:80"):  # fmt: skip
        for path in ("/secret", f"/{MINE}/secret", f"/../{MINE}/secret", "/?list-type=2"):
            signed = wire.signed(Request("GET", path, {"host": host}), key=thief.key)
            assert wire.send(signed).status in {403, 404}, (host, path)
    # The host that is signed decides, not a second one.
    signed = wire.signed(Request("GET", "/secret", {"host": f"{MINE}.localhost"}), key=thief.key)
    assert wire.send(signed).status == 200
    content = signed.encode().replace(
        b"\r\n\r\n", f"\r\nhost: {OTHERS}.localhost\r\n\r\n".encode(), 1
    )
    assert wire.send(content).status in {400, 403}
    for name in ("x-forwarded-host", "x-original-url", "x-rewrite-url", "forwarded"):
        moved = signed.with_headers(**{name.replace("-", "_"): f"{OTHERS}.localhost"})
        assert wire.send(moved).body == MINE.encode()


@pytest.mark.parametrize(
    "source",
    [f"{OTHERS}/secret", f"/{OTHERS}/secret", f"{OTHERS}%2Fsecret", f"%2F{OTHERS}%2Fsecret",
     f"arn:aws:s3:::{OTHERS}/secret", f"{MINE}/../{OTHERS}/secret", f"{OTHERS}/secret?versionId=null",
     f"{OTHERS}/%73ecret"],
)  # fmt: skip
def test_a_copy_reads_with_the_copiers_rights(wire: Wire, thief: Thief, source: str) -> None:
    headers = {"x-amz-copy-source": source}
    # Dots are text: what they make is a key in the bucket that is named first.
    refused = {200, 404} if source.startswith(MINE) else {400, 403, 404}
    answer = wire.call(Request("PUT", f"/{MINE}/stolen", headers), key=thief.key)
    assert answer.status in refused
    s3 = thief.person.client("s3")
    upload = s3.create_multipart_upload(Bucket=MINE, Key="stolen")["UploadId"]
    target = f"/{MINE}/stolen?partNumber=1&uploadId={upload}"
    assert wire.call(Request("PUT", target, headers), key=thief.key).status in refused
    assert wire.call(Request("GET", f"/{MINE}/stolen"), key=thief.key).body != OTHERS.encode()


def test_many_deletions_are_judged_one_by_one(wire: Wire, thief: Thief) -> None:
    body = b"<Delete><Object><Key>secret</Key></Object></Delete>"
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()  # what S3 asks for
    request = Request("POST", f"/{OTHERS}?delete", {"content-md5": digest}, body)
    answer = wire.call(request, key=thief.key)
    assert b"<Deleted>" not in answer.body
    assert b"AccessDenied" in answer.body
    assert wire.call(Request("GET", f"/{OTHERS}/secret")).status == 200


def test_a_url_gives_no_more_than_its_signer_has(wire: Wire, thief: Thief) -> None:
    assert wire.send(wire.presigned(Request("GET", f"/{MINE}/secret"), key=thief.key)).status == 200
    answer = wire.send(wire.presigned(Request("GET", f"/{OTHERS}/secret"), key=thief.key))
    assert answer.refusal == DENIED


def test_nobody_gets_in_without_a_name(wire: Wire, thief: Thief) -> None:
    assert thief.key.key_id
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        for path in (f"/{OTHERS}/secret", f"/{OTHERS}", f"/{OTHERS}/new", "/"):
            assert wire.send(Request(method, path, {"host": wire.host})).status in {403, 405}


def test_the_denied_learn_nothing_of_what_exists(attacked: RunningServer, wire: Wire) -> None:
    stranger = Key.of(make_person(attacked, allow("sts:*")).key)
    reader = Key.of(make_person(attacked, allow("s3:GetObject")).key)
    there = wire.call(Request("GET", f"/{OTHERS}/secret"), key=stranger)
    absent = wire.call(Request("GET", f"/{OTHERS}/no-such-key"), key=stranger)
    assert there.refusal == absent.refusal == DENIED
    # Without s3:ListBucket a key that is not there is denied, not missing.
    assert wire.call(Request("GET", f"/{OTHERS}/secret"), key=reader).status == 200
    assert wire.call(Request("GET", f"/{OTHERS}/no-such-key"), key=reader).refusal == DENIED
    head = [
        wire.call(Request("HEAD", f"/{OTHERS}/{name}"), key=stranger).status
        for name in ("secret", "no-such-key")
    ]
    assert head == [403, 403]


def described(wire: Wire, key: Key, service: str, name: str) -> str:
    """Ask for a key or secret and return the error's code."""
    target, member = {
        "kms": ("TrentService.DescribeKey", "KeyId"),
        "secretsmanager": ("secretsmanager.GetSecretValue", "SecretId"),
    }[service]
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
    body = json.dumps({member: name}).encode()
    answer = wire.call(Request("POST", "/", headers, body), service, key=key)
    assert answer.status == 400
    return answer.code


def test_the_denied_learn_nothing_of_keys_and_secrets(attacked: RunningServer, wire: Wire) -> None:
    stranger = Key.of(make_person(attacked, allow("sts:*")).key)
    key_id = attacked.client("kms").create_key()["KeyMetadata"]["KeyId"]
    attacked.client("secretsmanager").create_secret(Name="known", SecretString="x")
    assert described(wire, stranger, "kms", key_id) == "AccessDeniedException"
    for name in ("known", "unknown"):
        assert described(wire, stranger, "secretsmanager", name) == "AccessDeniedException"
    # KMS says of a key that is not there that it is not, whoever asks; its ids cannot be guessed.
    absent = described(wire, stranger, "kms", "00000000-0000-0000-0000-000000000000")
    assert absent in {"AccessDeniedException", "NotFoundException"}


def test_a_role_is_handed_over_by_those_who_may_only(attacked: RunningServer) -> None:
    iam = attacked.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
    role = iam.create_role(RoleName="handed", AssumeRolePolicyDocument=json.dumps(trust))
    arn = role["Role"]["Arn"]
    person = make_person(attacked, allow(["bedrock:*", "s3:*"]))
    bedrock = person.client("bedrock")
    request = {
        "jobName": "a-job",
        "customModelName": "a-model",
        "roleArn": arn,
        "baseModelIdentifier": "outcrop.nano-v1:0",
        "trainingDataConfig": {"s3Uri": f"s3://{MINE}/none"},
        "outputDataConfig": {"s3Uri": f"s3://{MINE}/out/"},
    }
    with pytest.raises(bedrock.exceptions.AccessDeniedException, match="iam:PassRole"):
        bedrock.create_model_customization_job(**request)
    # A right to hand it to another service is none to hand it to this one.
    condition = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    person.may(allow(["bedrock:*", "s3:*"]), allow("iam:PassRole", arn, Condition=condition))
    with pytest.raises(bedrock.exceptions.AccessDeniedException, match="iam:PassRole"):
        bedrock.create_model_customization_job(**request)
    person.may(allow(["bedrock:*", "s3:*"]), allow("iam:PassRole", arn + "-other"))
    with pytest.raises(bedrock.exceptions.AccessDeniedException, match="iam:PassRole"):
        bedrock.create_model_customization_job(**request)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("create_access_key", {"UserName": "victim"}),
        ("put_user_policy", {"UserName": "victim", "PolicyName": "p", "PolicyDocument": "{}"}),
        (
            "attach_user_policy",
            {"UserName": "victim", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        ),
        ("update_assume_role_policy", {"RoleName": "victim", "PolicyDocument": "{}"}),
        ("add_user_to_group", {"UserName": "victim", "GroupName": "admins"}),
        (
            "create_service_specific_credential",
            {"UserName": "victim", "ServiceName": "bedrock.amazonaws.com"},
        ),
    ],
)
def test_nobody_raises_themselves(
    attacked: RunningServer, operation: str, request_: dict[str, str]
) -> None:
    person = make_person(attacked, allow(["iam:Get*", "iam:List*", "s3:*"]))
    iam = person.client("iam")
    own = {**request_, **({"UserName": person.name} if "UserName" in request_ else {})}
    for request in (request_, own):
        with pytest.raises(iam.exceptions.ClientError, match=r"AccessDenied.*not authorized"):
            getattr(iam, operation)(**request)


def test_a_session_policy_only_takes_away(attacked: RunningServer, wire: Wire) -> None:
    iam, sts = attacked.client("iam"), attacked.client("sts")
    account = attacked.root_key["account_id"]
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": "sts:AssumeRole",
        },
    }
    role = iam.create_role(RoleName="narrow", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    document = {
        "Version": "2012-10-17",
        "Statement": allow("s3:GetObject", f"arn:aws:s3:::{MINE}/*"),
    }
    iam.put_role_policy(RoleName="narrow", PolicyName="p", PolicyDocument=json.dumps(document))
    everything = json.dumps({"Version": "2012-10-17", "Statement": allow("*")})
    answered = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="wide", Policy=everything)
    key = Key.of(answered["Credentials"])
    assert wire.call(Request("GET", f"/{MINE}/secret"), key=key).status == 200
    assert wire.call(Request("GET", f"/{OTHERS}/secret"), key=key).refusal == DENIED
    assert wire.call(Request("PUT", f"/{MINE}/new", {}, b"x"), key=key).refusal == DENIED


def test_conditions_cannot_be_answered_by_the_caller(attacked: RunningServer, wire: Wire) -> None:
    condition = {"IpAddress": {"aws:SourceIp": "10.9.8.7"}, "Bool": {"aws:SecureTransport": "true"}}
    key = Key.of(make_person(attacked, allow("s3:*", Condition=condition)).key)
    headers = {
        "x-forwarded-for": "10.9.8.7",
        "x-forwarded-proto": "https",
        "x-real-ip": "10.9.8.7",
        "forwarded": "for=10.9.8.7;proto=https",
        "via": "10.9.8.7",
    }
    answer = wire.call(Request("GET", f"/{MINE}/secret", headers), key=key)
    assert answer.refusal == DENIED
