"""Forms that browsers post to buckets: signed in both ways, held against their policies, answered as asked."""

import base64
import hmac
import json
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any

import pytest

BOUNDARY = "----outcrop-form"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirects)


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def post(
    server: Any, bucket: str, fields: dict[str, str], content: bytes, name: str = "file.txt"
) -> tuple[int, dict[str, str], str]:
    """Post a form; return status, headers and body."""
    body = b""
    for field, value in fields.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n'.encode()
        body += value.encode() + b"\r\n"
    body += (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{BOUNDARY}--\r\n".encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/{bucket}",
        body,
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    try:
        with OPENER.open(request) as answer:
            return answer.status, lowered(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, lowered(error.headers), error.read().decode()


def later(hours: float = 1) -> str:
    return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def signed(server: Any, policy: Any, **fields: str) -> dict[str, str]:
    """Return the fields of a form that is signed with SigV2."""
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    key = server.root_key
    digest = hmac.new(key.secret_access_key.encode(), encoded.encode(), sha1).digest()
    return {
        **fields,
        "AWSAccessKeyId": key.access_key_id,
        "policy": encoded,
        "signature": base64.b64encode(digest).decode(),
    }


def policy_for(bucket: str, *more: Any) -> dict[str, Any]:
    return {
        "expiration": later(),
        "conditions": [{"bucket": bucket}, ["starts-with", "$key", "a/"], *more],
    }


@pytest.mark.parametrize("size_bytes", [0, 1, 70_000, 3_000_000])
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_form_that_boto3_signs_stores_its_file(
    s3_server: Any, s3: Any, bucket: str, size_bytes: int, version: str
) -> None:
    content = os.urandom(size_bytes)
    form = s3_server.client(signature_version=version).generate_presigned_post(
        bucket,
        "a/${filename}",
        Fields={"Content-Type": "text/x", "x-amz-meta-m": "1"},
        Conditions=[{"Content-Type": "text/x"}, {"x-amz-meta-m": "1"}],
    )
    status, headers, _ = post(s3_server, bucket, form["fields"], content, "b c.txt")
    assert status == 204
    got = s3.get_object(Bucket=bucket, Key="a/b c.txt")
    assert got["Body"].read() == content
    assert (got["ContentType"], got["Metadata"]) == ("text/x", {"m": "1"})
    assert headers["etag"] == got["ETag"]
    assert s3_server.litter() == []


def test_a_form_says_how_it_is_answered(s3_server: Any, s3: Any, bucket: str) -> None:
    anything = [["starts-with", f"$success_action_{name}", ""] for name in ("status", "redirect")]
    policy = policy_for(bucket, anything[0])
    fields = signed(s3_server, policy, key="a/b&c", success_action_status="201")
    status, _, body = post(s3_server, bucket, fields, b"x")
    assert status == 201
    assert "<Key>a/b&amp;c</Key>" in body
    fields["success_action_status"] = "404"
    assert post(s3_server, bucket, fields, b"x")[0] == 204
    target = "http://localhost:9/done?x=1"
    fields = signed(
        s3_server, policy_for(bucket, anything[1]), key="a/b", success_action_redirect=target
    )
    status, headers, _ = post(s3_server, bucket, fields, b"x")
    etag = s3.head_object(Bucket=bucket, Key="a/b")["ETag"].replace('"', "%22")
    assert status == 303
    assert headers["location"] == f"{target}&bucket={bucket}&key=a%2Fb&etag={etag}"


def test_names_of_fields_and_operators_have_no_case(s3_server: Any, s3: Any, bucket: str) -> None:
    policy = {
        "expiration": later(),
        "conditions": [
            {"bUcKeT": bucket},
            ["StArTs-WiTh", "$KeY", "\\$foo"],
            ["eq", "$X-Amz-Meta-Foo", "bar"],
        ],
    }
    fields = signed(s3_server, policy, **{"kEy": "$foo", "X-AMZ-Meta-Foo": "bar"})
    fields["x-ignore-this"] = "anything"
    assert post(s3_server, bucket, fields, b"x")[0] == 204
    assert s3.head_object(Bucket=bucket, Key="$foo")["Metadata"] == {"foo": "bar"}


def test_a_form_brings_tags_and_customer_keys(s3_server: Any, s3: Any, bucket: str) -> None:
    document = "<Tagging><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>"
    policy = policy_for(bucket, ["starts-with", "$tagging", ""])
    fields = signed(s3_server, policy, key="a/b", tagging=document)
    assert post(s3_server, bucket, fields, b"x")[0] == 204
    tags = s3.get_object_tagging(Bucket=bucket, Key="a/b")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b c"}]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"expiration": later(-1)}, 403, "AccessDenied"),
        ({"expiration": "tomorrow"}, 400, "InvalidPolicyDocument"),
        ({"expiration": None}, 400, "InvalidPolicyDocument"),
        ({"conditions": None}, 400, "InvalidPolicyDocument"),
        ({"conditions": [{}]}, 400, "InvalidPolicyDocument"),
        ({"conditions": [["starts-with", "$key", ""]]}, 403, "AccessDenied"),
        ({"more": ["eq", "$x-amz-meta-foo", "bar"]}, 403, "AccessDenied"),
        ({"more": {"bucket": "other"}}, 403, "AccessDenied"),
        ({"more": ["content-length-range", 0, 3]}, 400, "EntityTooLarge"),
        ({"more": ["content-length-range", 8, 9]}, 400, "EntityTooSmall"),
        ({"more": ["content-length-range", 0]}, 400, "InvalidPolicyDocument"),
        ({"more": ["content-length-range", -1, 0]}, 400, "InvalidPolicyDocument"),
    ],
)
def test_a_form_that_its_policy_does_not_allow_stores_nothing(
    s3_server: Any, bucket: str, change: dict[str, Any], status: int, code: str
) -> None:
    policy = policy_for(bucket, *([change["more"]] if "more" in change else []))
    policy |= {name: value for name, value in change.items() if name != "more"}
    policy = {name: value for name, value in policy.items() if value is not None}
    answered, _, body = post(s3_server, bucket, signed(s3_server, policy, key="a/b"), b"1234567")
    assert (answered, code in body) == (status, True), body
    assert s3_server.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert s3_server.litter() == []


def test_forms_without_a_right_signature_are_refused(s3_server: Any, bucket: str) -> None:
    good = signed(s3_server, policy_for(bucket), key="a/b")

    def answer(**changes: str | None) -> tuple[int, str]:
        fields = {**good, **changes}
        kept = {name: value for name, value in fields.items() if value is not None}
        status, _, body = post(s3_server, bucket, kept, b"x")
        return status, body.partition("<Code>")[2].partition("</Code>")[0]

    assert answer(signature="AAAA") == (403, "SignatureDoesNotMatch")
    assert answer(AWSAccessKeyId="AKIANOBODY") == (403, "InvalidAccessKeyId")
    assert answer(signature=None) == (400, "InvalidArgument")
    assert answer(key=None) == (400, "InvalidArgument")
    assert answer(**{"x-amz-meta-extra": "1"}) == (403, "AccessDenied")
    assert answer(policy="!") == (403, "SignatureDoesNotMatch")
    assert answer(key="a/" + "k" * 70_000)[0] == 400
    assert answer() == (204, "")


def test_a_form_cannot_ask_for_anything_but_its_file(s3_server: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    source = "x-amz-copy-source"
    policy = policy_for(
        bucket, ["starts-with", f"${source}", ""], ["starts-with", "$x-amz-meta-m", ""]
    )
    fields = signed(
        s3_server, policy, key="a/b", **{source: f"{bucket}/secret", "x-amz-meta-m": "1"}
    )
    assert post(s3_server, bucket, fields, b"file")[0] == 204
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"file"
    fields["x-amz-meta-m"] = "1\r\nx-amz-meta-n: 2"
    assert post(s3_server, bucket, fields, b"file")[0] == 400
