"""Tags of objects through boto3."""

from typing import Any

import pytest


def tags(**pairs: str) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in pairs.items()]}


@pytest.fixture
def key(s3: Any, bucket: str) -> dict[str, str]:
    key = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**key, Body=b"content")
    return key


def test_tags_are_put_counted_and_deleted(s3: Any, key: dict[str, str]) -> None:
    assert s3.get_object_tagging(**key)["TagSet"] == []
    assert "TagCount" not in s3.head_object(**key)
    s3.put_object_tagging(**key, Tagging=tags(b="2", a="1"))
    assert s3.get_object_tagging(**key)["TagSet"] == tags(a="1", b="2")["TagSet"]
    assert s3.get_object(**key)["TagCount"] == 2
    s3.put_object_tagging(**key, Tagging=tags(c=""))
    assert s3.get_object_tagging(**key)["TagSet"] == tags(c="")["TagSet"]
    deleted = s3.delete_object_tagging(**key)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_object_tagging(**key)["TagSet"] == []


def test_limits_of_tags(s3: Any, key: dict[str, str], refused: Any) -> None:
    full = tags(**{f"{number:0128d}": "v" * 256 for number in range(10)})
    s3.put_object_tagging(**key, Tagging=full)
    assert s3.get_object_tagging(**key)["TagSet"] == full["TagSet"]
    twice = {"TagSet": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]}
    for wrong in (
        tags(**{str(number): "" for number in range(11)}),
        tags(**{"k" * 129: "v"}),
        tags(k="v" * 257),
        tags(**{"aws:k": "v"}),
        tags(**{"k!": "v"}),
        twice,
    ):
        assert refused(s3.put_object_tagging, **key, Tagging=wrong) == ("InvalidTag", 400)
    assert s3.get_object_tagging(**key)["TagSet"] == full["TagSet"]


def test_uploads_and_copies_bring_tags(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="put", Body=b"x", Tagging="foo=bar&bar&a%20b=c%2Fd")
    expected = tags(**{"a b": "c/d", "bar": "", "foo": "bar"})["TagSet"]
    assert s3.get_object_tagging(Bucket=bucket, Key="put")["TagSet"] == expected
    copy = {"Bucket": bucket, "CopySource": f"{bucket}/put"}
    s3.copy_object(**copy, Key="copied")
    assert s3.get_object_tagging(Bucket=bucket, Key="copied")["TagSet"] == expected
    s3.copy_object(**copy, Key="replaced", TaggingDirective="REPLACE", Tagging="n=1")
    assert s3.get_object_tagging(Bucket=bucket, Key="replaced")["TagSet"] == tags(n="1")["TagSet"]
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Tagging="p=1")["UploadId"]
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    named = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=named)
    assert s3.get_object_tagging(Bucket=bucket, Key="parts")["TagSet"] == tags(p="1")["TagSet"]
    many = "&".join(f"k{number}=v" for number in range(11))
    call = {"Bucket": bucket, "Key": "none", "Body": b"x"}
    assert refused(s3.put_object, **call, Tagging=many) == ("InvalidTag", 400)
    assert refused(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)


def test_each_version_has_its_own_tags(s3: Any, key: dict[str, str], refused: Any) -> None:
    enabled = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=key["Bucket"], VersioningConfiguration=enabled)
    s3.put_object_tagging(**key, Tagging=tags(old="1"))
    new = s3.put_object(**key, Body=b"new", Tagging="new=1")["VersionId"]
    answer = s3.get_object_tagging(**key, VersionId="null")
    assert (answer["TagSet"], answer["VersionId"]) == (tags(old="1")["TagSet"], "null")
    assert s3.get_object_tagging(**key)["VersionId"] == new
    s3.delete_object_tagging(**key, VersionId=new)
    assert s3.get_object_tagging(**key)["TagSet"] == []
    marker = s3.delete_object(**key)["VersionId"]
    assert refused(s3.get_object_tagging, **key) == ("NoSuchKey", 404)
    assert refused(s3.get_object_tagging, **key, VersionId=marker) == ("MethodNotAllowed", 405)
