"""Objects through boto3: content, headers, ranges, conditions, deletions, checksums."""

import base64
import gzip
import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


def test_an_object_comes_back_with_all_that_was_said_of_it(s3: Any, bucket: str) -> None:
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    said = {
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "max-age=1",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "ContentLanguage": "de",
        "WebsiteRedirectLocation": "/other",
        "StorageClass": "STANDARD_IA",
        "Metadata": {"one": "1", "Two-Words": "x y"},
    }
    put = s3.put_object(Bucket=bucket, Key="a/b c+d%é", Body=b"content", Expires=expires, **said)
    got = s3.get_object(Bucket=bucket, Key="a/b c+d%é")
    assert got["Body"].read() == b"content"
    said["Metadata"] = {"one": "1", "two-words": "x y"}
    assert {name: got[name] for name in said} == said
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
    assert got["ContentLength"] == 7
    assert datetime.now(UTC) - got["LastModified"] < timedelta(minutes=1)
    head = s3.head_object(Bucket=bucket, Key="a/b c+d%é")
    assert {name: head[name] for name in [*said, "ETag", "ContentLength"]} == {
        name: got[name] for name in [*said, "ETag", "ContentLength"]
    }


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size_bytes", [0, 1, 65_536, 65_537, 3_000_000])
def test_content_of_any_size_over_http_and_https(
    s3_server: Any, bucket: str, tls: bool, size_bytes: int
) -> None:
    s3 = s3_server.client(tls=tls)
    content = os.urandom(size_bytes)
    s3.put_object(Bucket=bucket, Key="key", Body=content)
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    assert got["ChecksumType"] == "FULL_OBJECT"
    assert got["Body"].read() == content
    assert s3_server.litter() == []


@pytest.mark.parametrize(
    "algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64", "MD5"]
)
def test_a_checksum_is_verified_kept_and_returned(
    s3: Any, bucket: str, refused: Any, algorithm: str
) -> None:
    from outcrop.storage.objects.checksums import encode, new_checksum

    checksum = new_checksum(algorithm)
    checksum.update(b"content")
    name, value = f"Checksum{algorithm}", encode(checksum.digest())
    put = s3.put_object(Bucket=bucket, Key="key", Body=b"content", **{name: value})
    assert put[name] == value
    got = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert got[name] == value
    assert name not in s3.head_object(Bucket=bucket, Key="key")
    wrong = encode(bytes(len(checksum.digest())))
    assert refused(s3.put_object, Bucket=bucket, Key="key", Body=b"other", **{name: wrong}) == (
        "BadDigest",
        400,
    )
    assert refused(s3.put_object, Bucket=bucket, Key="key", Body=b"other", **{name: "AAA="}) == (
        "InvalidRequest",
        400,
    )
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_an_object_put_without_a_checksum_gets_one(s3_server: Any, bucket: str) -> None:
    plain = s3_server.client(request_checksum_calculation="when_required")
    put = plain.put_object(Bucket=bucket, Key="key", Body=b"123456789")
    assert base64.b64decode(put["ChecksumCRC64NVME"]).hex() == "ae8b14860a799888"


def test_content_md5_is_verified(s3: Any, bucket: str, refused: Any) -> None:
    right = base64.b64encode(hashlib.md5(b"content").digest()).decode()
    s3.put_object(Bucket=bucket, Key="key", Body=b"content", ContentMD5=right)
    call = {"Bucket": bucket, "Key": "key", "Body": b"other"}
    assert refused(s3.put_object, **call, ContentMD5=right) == ("BadDigest", 400)
    assert refused(s3.put_object, **call, ContentMD5="AAAA") == ("InvalidDigest", 400)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=99990-", slice(99_990, None)),
        ("bytes=99990-200000", slice(99_990, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=-200000", slice(0, None)),
    ],
)
def test_a_range_is_answered_with_206(s3: Any, bucket: str, header: str, expected: slice) -> None:
    content = os.urandom(100_000)
    s3.put_object(Bucket=bucket, Key="key", Body=content)
    got = s3.get_object(Bucket=bucket, Key="key", Range=header)
    part = content[expected]
    assert got["Body"].read() == part
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    first = content.index(part)
    assert got["ContentRange"] == f"bytes {first}-{first + len(part) - 1}/100000"
    assert got["ContentLength"] == len(part)
    head = s3.head_object(Bucket=bucket, Key="key", Range=header)
    assert head["ContentLength"] == len(part)


@pytest.mark.parametrize("header", ["bytes=7-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_object_is_refused(
    s3: Any, bucket: str, refused: Any, header: str
) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    assert refused(s3.get_object, Bucket=bucket, Key="key", Range=header) == ("InvalidRange", 416)


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-"])
def test_what_is_no_single_range_is_answered_with_the_whole(
    s3: Any, bucket: str, header: str
) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    got = s3.get_object(Bucket=bucket, Key="key", Range=header)
    assert got["Body"].read() == b"content"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_conditions_of_reads(s3: Any, bucket: str, refused: Any) -> None:
    etag = s3.put_object(Bucket=bucket, Key="key", Body=b"content")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="key")["LastModified"]
    earlier = modified - timedelta(hours=1)
    later = modified + timedelta(hours=1)
    key = {"Bucket": bucket, "Key": "key"}
    passing: list[dict[str, Any]] = [
        {"IfMatch": etag},
        {"IfMatch": etag.strip('"')},
        {"IfMatch": "*"},
        {"IfNoneMatch": '"0"'},
        {"IfModifiedSince": earlier},
        {"IfUnmodifiedSince": modified},
        {"IfMatch": etag, "IfUnmodifiedSince": earlier},
        {"IfNoneMatch": '"0"', "IfModifiedSince": later},
    ]
    for condition in passing:
        assert s3.get_object(**key, **condition)["Body"].read() == b"content", condition
    assert refused(s3.get_object, **key, IfMatch='"0"') == ("PreconditionFailed", 412)
    assert refused(s3.get_object, **key, IfUnmodifiedSince=earlier) == ("PreconditionFailed", 412)
    for condition in ({"IfNoneMatch": etag}, {"IfNoneMatch": "*"}, {"IfModifiedSince": modified}):
        assert refused(s3.get_object, **key, **condition) == ("304", 304), condition
        assert refused(s3.head_object, **key, **condition) == ("304", 304), condition


def test_conditions_of_writes(s3: Any, bucket: str, refused: Any) -> None:
    key = {"Bucket": bucket, "Key": "key"}
    assert refused(s3.put_object, **key, Body=b"x", IfMatch='"0"') == ("NoSuchKey", 404)
    etag = s3.put_object(**key, Body=b"first", IfNoneMatch="*")["ETag"]
    assert refused(s3.put_object, **key, Body=b"x", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refused(s3.put_object, **key, Body=b"x", IfMatch='"0"') == ("PreconditionFailed", 412)
    s3.put_object(**key, Body=b"second", IfMatch=etag)
    assert refused(s3.delete_object, **key, IfMatch=etag) == ("PreconditionFailed", 412)
    assert s3.get_object(**key)["Body"].read() == b"second"


def test_headers_of_an_answer_can_be_overridden(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    got = s3.get_object(
        Bucket=bucket,
        Key="key",
        ResponseContentType="text/x",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-store",
    )
    assert got["ContentType"] == "text/x"
    assert got["ContentDisposition"] == "inline"
    assert got["CacheControl"] == "no-store"


def test_an_encoding_is_kept_and_the_transfer_form_is_not(s3_server: Any, bucket: str) -> None:
    s3 = s3_server.client(tls=True)  # sends aws-chunked
    content = gzip.compress(b"content")
    s3.put_object(Bucket=bucket, Key="zipped", Body=content, ContentEncoding="gzip")
    s3.put_object(Bucket=bucket, Key="plain", Body=b"content")
    assert s3.head_object(Bucket=bucket, Key="zipped")["ContentEncoding"] == "gzip"
    assert "ContentEncoding" not in s3.head_object(Bucket=bucket, Key="plain")


def test_what_is_missing_is_named(s3: Any, bucket: str, refused: Any) -> None:
    assert refused(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refused(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert refused(s3.get_object, Bucket="no-such-bucket", Key="k") == ("NoSuchBucket", 404)
    missing = {"Bucket": "no-such-bucket", "Key": "k", "Body": b"x" * 200_000}
    assert refused(s3.put_object, **missing) == ("NoSuchBucket", 404)
    assert refused(s3.delete_object, Bucket="no-such-bucket", Key="k") == ("NoSuchBucket", 404)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")


def test_limits_of_names_and_metadata(s3: Any, bucket: str, refused: Any) -> None:
    key = "é" * 512
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    long = {"Bucket": bucket, "Key": key + "x", "Body": b"x"}
    assert refused(s3.put_object, **long) == ("KeyTooLongError", 400)
    heavy = {"Bucket": bucket, "Key": "k", "Body": b"x", "Metadata": {"a": "b" * 2048}}
    assert refused(s3.put_object, **heavy) == ("MetadataTooLarge", 400)


@pytest.mark.parametrize(
    ("request_members", "expected"),
    [
        ({"ServerSideEncryption": "aws:kms:dsse"}, ("NotImplemented", 501)),
        ({"ObjectLockMode": "GOVERNANCE"}, ("InvalidRequest", 400)),
        ({"ACL": "public-read"}, ("AccessControlListNotSupported", 400)),
        ({"ExpectedBucketOwner": "999999999999"}, ("AccessDenied", 403)),
        ({"StorageClass": "DEEP_ARCHIVE"}, ("InvalidStorageClass", 400)),
    ],
)
def test_what_is_not_built_is_refused_rather_than_ignored(
    s3: Any, bucket: str, refused: Any, request_members: dict[str, str], expected: tuple[str, int]
) -> None:
    call = {"Bucket": bucket, "Key": "k", "Body": b"x", **request_members}
    assert refused(s3.put_object, **call) == expected
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


def test_deleting_is_idempotent(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for _ in range(2):
        deleted = s3.delete_object(Bucket=bucket, Key="k")
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


def test_many_are_deleted_at_once(s3: Any, bucket: str, refused: Any) -> None:
    keys = [f"k{number}" for number in range(20)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": key} for key in [*keys[:10], "never"]]},
    )
    assert [item["Key"] for item in answer["Deleted"]] == [*keys[:10], "never"]
    assert "Errors" not in answer
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": key} for key in keys[10:]], "Quiet": True},
    )
    assert "Deleted" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    too_many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    assert refused(s3.delete_objects, Bucket=bucket, Delete=too_many) == ("MalformedXML", 400)


@pytest.mark.parametrize(
    ("header", "value"),
    [("x-amz-checksum-crc32", "AAAAAA=="), ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")],
)
def test_a_list_of_deletions_that_was_garbled_on_the_way_deletes_nothing(
    s3: Any, bucket: str, refused: Any, header: str, value: str
) -> None:
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x")

    def garble(request: Any, **_: Any) -> None:
        for name in [name for name in request.headers if name.lower().startswith("x-amz-checksum")]:
            del request.headers[name]
        request.headers[header] = value

    s3.meta.events.register("before-sign.s3.DeleteObjects", garble)
    try:
        listed = {"Objects": [{"Key": "kept"}]}
        assert refused(s3.delete_objects, Bucket=bucket, Delete=listed) == ("BadDigest", 400)
    finally:
        s3.meta.events.unregister("before-sign.s3.DeleteObjects", garble)
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"


def test_one_failure_among_many_deletions_is_reported_alone(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    s3.put_object(Bucket=bucket, Key="b", Body=b"y")
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [
                {"Key": "a", "ETag": etag},
                {"Key": "b", "ETag": etag},
                {"Key": "c", "VersionId": "v1"},
            ]
        },
    )
    assert [item["Key"] for item in answer["Deleted"]] == ["a"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [
        ("b", "PreconditionFailed"),
        ("c", "NoSuchVersion"),
    ]


def test_attributes_of_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert found["ETag"] == hashlib.md5(b"content").hexdigest()
    assert found["ObjectSize"] == 7
    assert found["StorageClass"] == "STANDARD"
    assert found["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectParts" not in found


def test_readers_and_writers_of_one_key_never_see_a_mixture(s3: Any, bucket: str) -> None:
    contents = [bytes([number]) * 200_000 for number in range(4)]
    s3.put_object(Bucket=bucket, Key="k", Body=contents[0])

    def write(number: int) -> None:
        s3.put_object(Bucket=bucket, Key="k", Body=contents[number % 4])

    def read(_: int) -> None:
        got = s3.get_object(Bucket=bucket, Key="k")
        content = got["Body"].read()
        assert content in contents
        assert got["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(work, n) for n in range(40) for work in (write, read)]
        for call in calls:
            call.result()
