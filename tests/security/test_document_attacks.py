"""Bodies that would explode, never end, or hide what they are."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
from typing import Any

import pytest

from outcrop.aws.errors import SerializationException
from outcrop.aws.protocols.cbor_shapes import parse_cbor
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from security.raw_requests import Request, Wire
from security.test_mutations import change_bytes, change_json
from support.running_server import RunningServer

LEVELS = 100_000
DOCTYPES = {
    "laughs": b'<!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]>",
    "file": b'<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>',
    "address": b'<!DOCTYPE x [<!ENTITY j SYSTEM "http://127.0.0.1:1/">]>',
    "parameter": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "external": b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
}
OPERATIONS = {
    "CompleteMultipartUpload": (
        "POST",
        "key?uploadId=x",
        b"<CompleteMultipartUpload><Part><ETag>&j;</ETag></Part></CompleteMultipartUpload>",
    ),
    "DeleteObjects": ("POST", "?delete", b"<Delete><Object><Key>&j;</Key></Object></Delete>"),
    "PutBucketTagging": (
        "PUT",
        "?tagging",
        b"<Tagging><TagSet><Tag><Key>&j;</Key><Value>v</Value></Tag></TagSet></Tagging>",
    ),
    "PutBucketCors": (
        "PUT",
        "?cors",
        b"<CORSConfiguration><CORSRule><ID>&j;</ID></CORSRule></CORSConfiguration>",
    ),
}


@pytest.fixture(autouse=True)
def _no_traceback(attacked: RunningServer, wire: Wire) -> Any:
    yield
    assert "Traceback" not in attacked.log
    assert wire.is_serving()


def xml_request(bucket: str, operation: str, body: bytes) -> Request:
    method, target, _ = OPERATIONS[operation]
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()  # what S3 asks for
    return Request(method, f"/{bucket}/{target}", {"content-md5": digest}, body)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "cp037", "utf-7"])
@pytest.mark.parametrize("attack", DOCTYPES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_documents_with_types_and_entities_are_refused(
    wire: Wire, bucket: str, operation: str, attack: str, encoding: str
) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = (DOCTYPES[attack] + OPERATIONS[operation][2]).decode()
    # EBCDIC and its like begin after a declaration that every parser reads as ASCII.
    body = (
        declaration.encode() + text.encode(encoding)
        if encoding in {"cp037", "utf-7"}
        else (declaration + text).encode(encoding)
    )
    answer = wire.call(xml_request(bucket, operation, body))
    assert answer.status == 400
    assert b"root:" not in answer.body
    assert b"haha" not in answer.body


@pytest.mark.parametrize("operation", OPERATIONS)
def test_deeply_nested_and_very_wide_xml_is_refused(
    wire: Wire, bucket: str, operation: str
) -> None:
    root = OPERATIONS[operation][2].partition(b">")[0][1:]
    deep = b"<%b>" % root + b"<a>" * LEVELS + b"</a>" * LEVELS + b"</%b>" % root
    attributes = b"<%b %b/>" % (root, b" ".join(b'a%d="x"' % n for n in range(50_000)))
    for body in (
        deep,
        deep[: LEVELS * 3],
        attributes,
        b"<" * LEVELS,
        b"<a " * LEVELS,
        b"\0" * 1000,
    ):
        assert wire.call(xml_request(bucket, operation, body)).status in {400, 404}


def test_a_million_parts_or_objects_are_refused(wire: Wire, bucket: str) -> None:
    keys = b"<Object><Key>k</Key></Object>" * 200_000
    answer = wire.call(xml_request(bucket, "DeleteObjects", b"<Delete>" + keys + b"</Delete>"))
    assert answer.refusal == (400, "MalformedXML")


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("kms", "CreateKey"),
        ("secretsmanager", "CreateSecret"),
        ("cloudtrail", "LookupEvents"),
        ("service-quotas", "ListServices"),
    ],
)
def test_deeply_nested_json_is_refused(
    attacked: RunningServer, wire: Wire, service: str, operation: str
) -> None:
    model = attacked.client(service).meta.service_model
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"{model.metadata['targetPrefix']}.{operation}",
    }
    for body in (
        b"[" * LEVELS,
        b'{"a":' * LEVELS,
        b'{"Tags":' + b"[" * LEVELS + b"]" * LEVELS + b"}",
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"Name":' + b"9" * LEVELS + b"}",
        b'{"Name":"\\ud800"}',
        b"\xff\xfe{\0}\0",
        b"[]",
        b"null",
        b'"x"',
    ):
        answer = wire.call(Request("POST", "/", headers, body), model.signing_name)
        assert answer.status in {200, 400}, body[:40]


@pytest.mark.parametrize(
    "path",
    [
        "/model/none/invoke",
        "/model/none/converse",
        "/model-customization-jobs",
        "/inference-profiles",
    ],
)
def test_deeply_nested_json_is_refused_by_bedrock(wire: Wire, path: str) -> None:
    document = b'{"a":' * 900 + b"1" + b"}" * 900
    for body in (
        b"[" * LEVELS,
        b'{"a":' * LEVELS,
        b'{"messages":[{"role":"user","content":[{"text":"x"}]}],"additionalModelRequestFields":'
        + document
        + b"}",
        b'{"jobName":' + document + b"}",
    ):
        assert wire.call(Request("POST", path, {}, body), "bedrock").status in {400, 404}


def test_a_policy_of_many_levels_is_no_policy(wire: Wire) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for document in (
        "[" * 2000,
        '{"Statement":' * 1000,
        '{"Statement":[{"Condition":' + '{"a":' * 900 + "1" + "}" * 903,
    ):
        body = "Action=CreatePolicy&Version=2010-05-08&PolicyName=deep&PolicyDocument=" + document
        answer = wire.call(Request("POST", "/", form, body.encode()), "iam")
        assert answer.status == 400


def test_any_policy_is_read_or_refused_with_a_reason() -> None:
    chance = random.Random(20260101)
    statement = {
        "Sid": "a",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": "arn:aws:s3:::b/*",
        "Principal": {"AWS": ["000000000000"], "Service": "bedrock.amazonaws.com"},
        "Condition": {
            "StringEquals": {"aws:PrincipalTag/a": ["a"]},
            "NumericLessThan": {"s3:max-keys": "3"},
            "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
            "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
            "ForAnyValue:StringLike": {"aws:TagKeys": ["a*"]},
        },
    }
    read = refused = 0
    for _ in range(1500):
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
        for _ in range(chance.choice((1, 1, 2, 3))):
            document = (
                change_json(document, chance)
                if chance.random() < 0.8 and document.startswith(b"{") and _is_json(document)
                else change_bytes(document, chance)
            )
        for kind in PolicyKind:
            try:
                parse_policy(document.decode("utf-8", "replace"), kind)
                read += 1
            except PolicyError:
                refused += 1
    assert read > 50
    assert refused > 1000


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def test_a_small_body_does_not_grow_without_bound(wire: Wire) -> None:
    bomb = gzip.compress(b"a" * 300_000_000, compresslevel=9)
    headers = {"content-encoding": "gzip", "content-type": "application/x-www-form-urlencoded"}
    answer = wire.call(Request("POST", "/", headers, bomb), "sts")
    assert answer.status == 400


def is_read_or_refused(body: bytes) -> bool:
    try:
        parse_cbor(body)
    except SerializationException as refusal:
        return "not valid CBOR" in str(refusal)
    return True


@pytest.mark.parametrize(
    "body",
    [
        b"\x81" * LEVELS, b"\xa1" * LEVELS, b"\x9f" * LEVELS, b"\xd8\x1c\x81\xd8\x1d\x00", b"\xd8\x23\x41(",
        b"\xd8\x1e\x82\x01\x00", b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01", b"\x9b" + b"\xff" * 8,
        b"\x5b\x7f" + b"\xff" * 7, b"\x7b\x7f" + b"\xff" * 7, b"\xbb\x7f" + b"\xff" * 7, b"\xff", b"\x1c",
        b"\xc1\xfb\x7f\xf0\0\0\0\0\0\0", b"\xc0\x61x", b"\xd9\x01\x04\x43abc", b"\xa1\x80\x01\x00", b"\x61\xff",
    ],
)  # fmt: skip
def test_hostile_cbor_is_refused_or_read(body: bytes) -> None:
    assert is_read_or_refused(body)


def test_any_bytes_are_cbor_or_refused() -> None:
    chance = random.Random(20260102)
    for _ in range(20_000):
        assert is_read_or_refused(chance.randbytes(chance.randrange(1, 24)))


def test_cbor_for_a_service_without_operations_is_refused(wire: Wire) -> None:
    headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    answer = wire.call(Request("POST", path, headers, b"\x81" * LEVELS), "monitoring")
    assert answer.status in {400, 501}
