"""Multipart uploads and copies through boto3 and its transfer manager."""

import base64
import hashlib
import os
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

PART = 5 << 20


def upload_parts(s3: Any, bucket: str, key: str, contents: list[bytes], **said: Any) -> Any:
    """Begin an upload and send its parts; return its id and the parts as they are to be named."""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **said)["UploadId"]
    parts = []
    for number, content in enumerate(contents, start=1):
        call = {"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number}
        answer = s3.upload_part(**call, Body=content)
        part = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": answer["ETag"], **part})
    return upload_id, parts


def complete(s3: Any, bucket: str, key: str, upload_id: str, parts: Any, **more: Any) -> Any:
    return s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}, **more
    )


@pytest.mark.parametrize("tls", [False, True])
def test_a_large_file_goes_up_and_comes_down(
    s3_server: Any, bucket: str, tmp_path: Path, tls: bool
) -> None:
    s3 = s3_server.client(tls=tls)
    content = os.urandom(3 * PART + 12_345)
    (tmp_path / "up").write_bytes(content)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
    extra = {"ContentType": "text/x", "Metadata": {"m": "1"}}
    s3.upload_file(str(tmp_path / "up"), bucket, "key", Config=config, ExtraArgs=extra)
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert head["ContentLength"] == len(content)
    assert head["ETag"].endswith('-4"')
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"m": "1"})
    assert "ChecksumCRC32" in head
    s3.download_file(bucket, "key", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == content
    assert s3_server.litter() == []


def test_parts_make_an_object_with_the_etag_of_aws(s3: Any, bucket: str) -> None:
    contents = [os.urandom(PART), os.urandom(100)]
    upload_id, parts = upload_parts(s3, bucket, "key", contents, ChecksumAlgorithm="CRC32")
    done = complete(s3, bucket, "key", upload_id, parts)
    digests = b"".join(hashlib.md5(content).digest() for content in contents)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    sums = b"".join(zlib.crc32(content).to_bytes(4, "big") for content in contents)
    composite = base64.b64encode(zlib.crc32(sums).to_bytes(4, "big")).decode() + "-2"
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (composite, "COMPOSITE")
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"".join(contents)
    for number, content in enumerate(contents, start=1):
        part = s3.get_object(Bucket=bucket, Key="key", PartNumber=number)
        assert part["Body"].read() == content
        assert part["PartsCount"] == 2
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="key", ObjectAttributes=["ObjectParts"]
    )
    assert [part["Size"] for part in attributes["ObjectParts"]["Parts"]] == [PART, 100]


def test_a_checksum_of_the_whole_is_verified(s3: Any, bucket: str, refused: Any) -> None:
    contents = [os.urandom(PART), os.urandom(100)]
    said = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    upload_id, parts = upload_parts(s3, bucket, "key", contents, **said)
    crc = zlib.crc32(b"".join(contents))
    wrong = base64.b64encode((crc ^ 1).to_bytes(4, "big")).decode()
    right = base64.b64encode(crc.to_bytes(4, "big")).decode()
    call = {
        "Bucket": bucket,
        "Key": "key",
        "UploadId": upload_id,
        "MultipartUpload": {"Parts": parts},
        "ChecksumType": "FULL_OBJECT",
    }
    code = refused(s3.complete_multipart_upload, **call, ChecksumCRC32=wrong)
    assert code == ("InvalidRequest", 400)
    code = refused(s3.complete_multipart_upload, **call, MpuObjectSize=PART)
    assert code == ("InvalidRequest", 400)
    done = s3.complete_multipart_upload(**call, ChecksumCRC32=right)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (right, "FULL_OBJECT")


def test_what_cannot_be_completed_says_why(s3: Any, bucket: str, refused: Any) -> None:
    upload_id, parts = upload_parts(
        s3, bucket, "key", [b"small", b"last"], ChecksumAlgorithm="CRC32"
    )
    call = {"Bucket": bucket, "Key": "key", "UploadId": upload_id}

    def code(named: Any) -> str:
        error: tuple[str, int] = refused(
            s3.complete_multipart_upload, **call, MultipartUpload={"Parts": named}
        )
        return error[0]

    assert code(parts) == "EntityTooSmall"
    assert code(parts[::-1]) == "InvalidPartOrder"
    assert code([{**parts[0], "ETag": '"0"'}]) == "InvalidPart"
    assert code([{**parts[0], "PartNumber": 7}]) == "InvalidPart"
    assert code([]) == "MalformedXML"
    bare = {name: parts[0][name] for name in ("PartNumber", "ETag")}
    assert code([bare]) == "InvalidRequest"
    wrong = {**call, "UploadId": "none"}
    assert refused(s3.list_parts, **wrong) == ("NoSuchUpload", 404)
    assert refused(s3.upload_part, **wrong, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    big = {**call, "PartNumber": 10_001, "Body": b"x"}
    assert refused(s3.upload_part, **big) == ("InvalidArgument", 400)
    other = {**call, "PartNumber": 1, "Body": b"x", "ChecksumAlgorithm": "SHA256"}
    assert refused(s3.upload_part, **other) == ("InvalidRequest", 400)
    s3.abort_multipart_upload(**call)
    assert refused(s3.abort_multipart_upload, **call) == ("NoSuchUpload", 404)


def test_parts_and_uploads_are_listed_in_pages(s3: Any, bucket: str) -> None:
    upload_id, parts = upload_parts(s3, bucket, "b/key", [b"1", b"22", b"333"])
    other, _ = upload_parts(s3, bucket, "a", [])
    pages = s3.get_paginator("list_parts").paginate(
        Bucket=bucket, Key="b/key", UploadId=upload_id, PaginationConfig={"PageSize": 2}
    )
    found = [part for page in pages for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in found] == [
        (part["PartNumber"], size, part["ETag"]) for size, part in enumerate(parts, start=1)
    ]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    listed = [(item["Key"], item["UploadId"]) for page in pages for item in page["Uploads"]]
    assert listed == [("a", other), ("b/key", upload_id)]
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in rolled["CommonPrefixes"]] == ["b/"]


def test_a_copy_keeps_or_replaces_what_is_said(s3: Any, bucket: str, refused: Any) -> None:
    said = {"ContentType": "text/x", "Metadata": {"m": "1"}}
    s3.put_object(Bucket=bucket, Key="source é+ %", Body=b"content", **said)
    source = {"Bucket": bucket, "Key": "source é+ %"}
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)["CopyObjectResult"]
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert got["Body"].read() == b"content"
    assert {name: got[name] for name in said} == said
    assert copied["ETag"] == got["ETag"]
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource={"Bucket": bucket, "Key": "copy"},
        MetadataDirective="REPLACE",
        Metadata={"n": "2"},
    )
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["Body"].read(), got["Metadata"]) == (b"content", {"n": "2"})
    same = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "copy"}}
    assert refused(s3.copy_object, **same) == ("InvalidRequest", 400)


def test_conditions_of_copies(s3: Any, bucket: str, refused: Any) -> None:
    etag = s3.put_object(Bucket=bucket, Key="source", Body=b"content")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="source")["LastModified"]
    call = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/source"}
    for condition in (
        {"CopySourceIfMatch": '"0"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": modified},
        {"CopySourceIfUnmodifiedSince": modified - timedelta(hours=1)},
    ):
        assert refused(s3.copy_object, **call, **condition) == ("PreconditionFailed", 412)
    s3.copy_object(**call, CopySourceIfMatch=etag)
    missing = {**call, "CopySource": f"{bucket}/none"}
    assert refused(s3.copy_object, **missing) == ("NoSuchKey", 404)
    assert refused(s3.copy_object, **{**call, "CopySource": "none"}) == ("InvalidArgument", 400)


def test_a_copy_with_another_checksum_is_summed_anew(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"content")
    call = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/source"}
    copied = s3.copy_object(**call, ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    expected = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    assert copied["ChecksumSHA256"] == expected


def test_parts_are_copied_from_ranges_of_objects(s3: Any, bucket: str, refused: Any) -> None:
    content = os.urandom(PART + 1000)
    s3.put_object(Bucket=bucket, Key="source", Body=content)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="joined")["UploadId"]
    call = {
        "Bucket": bucket,
        "Key": "joined",
        "UploadId": upload_id,
        "CopySource": {"Bucket": bucket, "Key": "source"},
    }
    first = s3.upload_part_copy(**call, PartNumber=1)["CopyPartResult"]
    second = s3.upload_part_copy(**call, PartNumber=2, CopySourceRange="bytes=10-19")
    outside = {**call, "PartNumber": 3, "CopySourceRange": f"bytes=0-{len(content)}"}
    assert refused(s3.upload_part_copy, **outside) == ("InvalidRange", 416)
    parts = []
    for number, result in ((1, first), (2, second["CopyPartResult"])):
        kept = {name: value for name, value in result.items() if name != "LastModified"}
        parts.append({"PartNumber": number, **kept})
    complete(s3, bucket, "joined", upload_id, parts)
    assert s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == content + content[10:20]


def test_the_transfer_manager_copies_large_objects(s3: Any, bucket: str) -> None:
    content = os.urandom(2 * PART + 10)
    s3.put_object(Bucket=bucket, Key="source", Body=content)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    s3.copy({"Bucket": bucket, "Key": "source"}, bucket, "copy", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == content
