"""Versions through boto3: ids, delete markers, what is hidden and what comes back, listings."""

from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def failure(function: Any, **request: Any) -> tuple[str, int, dict[str, str]]:
    """Code, status and headers of the error that is answered."""
    with pytest.raises(ClientError) as caught:
        function(**request)
    metadata = caught.value.response["ResponseMetadata"]
    code = caught.value.response["Error"]["Code"]
    return code, metadata["HTTPStatusCode"], metadata["HTTPHeaders"]


def test_versioning_is_off_until_it_is_enabled(s3: Any, bucket: str, refused: Any) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    for status in ("Enabled", "Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    missing = {"Bucket": "no-such-bucket", "VersioningConfiguration": {"Status": "Enabled"}}
    assert refused(s3.put_bucket_versioning, **missing) == ("NoSuchBucket", 404)


def test_every_version_can_be_read_by_its_id(s3: Any, versioned: str, refused: Any) -> None:
    key = {"Bucket": versioned, "Key": "k"}
    ids = [s3.put_object(**key, Body=b"%d" % number)["VersionId"] for number in range(3)]
    assert len(set(ids)) == 3
    for number, version in enumerate(ids):
        got = s3.get_object(**key, VersionId=version)
        assert (got["Body"].read(), got["VersionId"]) == (b"%d" % number, version)
        assert s3.head_object(**key, VersionId=version)["VersionId"] == version
    assert s3.get_object(**key)["VersionId"] == ids[-1]
    gone = s3.delete_object(**key, VersionId=ids[1])
    assert gone["VersionId"] == ids[1]
    assert "DeleteMarker" not in gone
    assert refused(s3.get_object, **key, VersionId=ids[1]) == ("NoSuchVersion", 404)
    assert refused(s3.get_object, **key, VersionId="v1") == ("InvalidArgument", 400)
    assert s3.delete_object(**key, VersionId=ids[1])["VersionId"] == ids[1]


def test_a_delete_marker_hides_a_key_and_answers_for_itself(s3: Any, versioned: str) -> None:
    key = {"Bucket": versioned, "Key": "k"}
    version = s3.put_object(**key, Body=b"content")["VersionId"]
    deleted = s3.delete_object(**key)
    assert deleted["DeleteMarker"] is True
    marker = deleted["VersionId"]
    for read in (s3.get_object, s3.head_object):
        code, status, headers = failure(read, **key)
        assert (code, status) == ("NoSuchKey" if read == s3.get_object else "404", 404)
        assert headers["x-amz-delete-marker"] == "true"
        assert headers["x-amz-version-id"] == marker
        _, status, headers = failure(read, **key, VersionId=marker)
        assert status == 405
        assert headers["x-amz-delete-marker"] == "true"
        assert "last-modified" in headers
    assert s3.list_objects_v2(Bucket=versioned)["KeyCount"] == 0
    assert s3.get_object(**key, VersionId=version)["Body"].read() == b"content"
    undeleted = s3.delete_object(**key, VersionId=marker)
    assert (undeleted["DeleteMarker"], undeleted["VersionId"]) == (True, marker)
    assert s3.get_object(**key)["VersionId"] == version


def test_many_versions_and_markers_are_deleted_at_once(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="b", Body=b"2")
    marker = s3.delete_object(Bucket=versioned, Key="c")["VersionId"]
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={
            "Objects": [
                {"Key": "a", "VersionId": first},
                {"Key": "b"},
                {"Key": "c", "VersionId": marker},
                {"Key": "d", "VersionId": "v1"},
            ]
        },
    )
    a, b, c = answer["Deleted"]
    assert a == {"Key": "a", "VersionId": first}
    assert (b["Key"], b["DeleteMarker"]) == ("b", True)
    assert b["DeleteMarkerVersionId"] != marker
    assert c == {
        "Key": "c",
        "VersionId": marker,
        "DeleteMarker": True,
        "DeleteMarkerVersionId": marker,
    }
    assert [error["Code"] for error in answer["Errors"]] == ["NoSuchVersion"]


def test_a_bucket_with_versions_is_not_empty(s3: Any, versioned: str, refused: Any) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    s3.delete_object(Bucket=versioned, Key="k")
    assert refused(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
    listed = s3.list_object_versions(Bucket=versioned)
    for item in listed["Versions"] + listed["DeleteMarkers"]:
        s3.delete_object(Bucket=versioned, Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket=versioned)


def test_suspension_leaves_versions_and_makes_null_ones(s3: Any, versioned: str) -> None:
    key = {"Bucket": versioned, "Key": "k"}
    kept = s3.put_object(**key, Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    for content in (b"one", b"two"):
        assert s3.put_object(**key, Body=content)["VersionId"] == "null"
    listed = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [(item["VersionId"], item["IsLatest"]) for item in listed] == [
        ("null", True),
        (kept, False),
    ]
    deleted = s3.delete_object(**key)
    assert (deleted["VersionId"], deleted["DeleteMarker"]) == ("null", True)
    listing = s3.list_object_versions(Bucket=versioned)
    assert [item["VersionId"] for item in listing["Versions"]] == [kept]
    assert [item["VersionId"] for item in listing["DeleteMarkers"]] == ["null"]
    assert s3.get_object(**key, VersionId=kept)["Body"].read() == b"kept"


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_versions_are_listed_in_pages(s3: Any, versioned: str, page_size: int) -> None:
    expected = []
    for key in ("a", "b/1", "b/2", "c +%"):
        ids = [s3.put_object(Bucket=versioned, Key=key, Body=b"x")["VersionId"] for _ in range(3)]
        expected += [(key, version, index == 0) for index, version in enumerate(reversed(ids))]
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=versioned, PaginationConfig={"PageSize": page_size}
    )
    found = [
        (item["Key"], item["VersionId"], item["IsLatest"])
        for page in pages
        for item in page.get("Versions", [])
    ]
    assert found == expected
    rolled = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [item["Prefix"] for item in rolled["CommonPrefixes"]] == ["b/"]
    assert {item["Key"] for item in rolled["Versions"]} == {"a", "c +%"}
    within = s3.list_object_versions(Bucket=versioned, Prefix="b/", MaxKeys=4)
    assert (within["NextKeyMarker"], within["NextVersionIdMarker"]) == ("b/2", expected[6][1])


def test_a_version_is_copied_and_restored(s3: Any, versioned: str, refused: Any) -> None:
    key = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**key, Body=b"first", Metadata={"m": "1"})["VersionId"]
    second = s3.put_object(**key, Body=b"second")["VersionId"]
    source = {"Bucket": versioned, "Key": "k", "VersionId": first}
    copied = s3.copy_object(**key, CopySource=source)
    assert copied["CopySourceVersionId"] == first
    assert copied["VersionId"] not in {first, second}
    got = s3.get_object(**key)
    assert (got["Body"].read(), got["Metadata"]) == (b"first", {"m": "1"})
    marker = s3.delete_object(**key)["VersionId"]
    hidden = {"Bucket": versioned, "Key": "copy", "CopySource": f"{versioned}/k"}
    assert refused(s3.copy_object, **hidden) == ("NoSuchKey", 404)
    hidden["CopySource"] = f"{versioned}/k?versionId={marker}"
    assert refused(s3.copy_object, **hidden) == ("InvalidRequest", 400)


def test_a_completed_upload_is_a_version_and_can_be_completed_again(
    s3: Any, versioned: str
) -> None:
    key = {"Bucket": versioned, "Key": "k"}
    s3.put_object(**key, Body=b"before")
    upload = {**key, "UploadId": s3.create_multipart_upload(**key)["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    named = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    done = s3.complete_multipart_upload(**upload, MultipartUpload=named)
    again = s3.complete_multipart_upload(**upload, MultipartUpload=named)
    assert done["VersionId"] == again["VersionId"]
    assert s3.get_object(**key)["VersionId"] == done["VersionId"]
    assert len(s3.list_object_versions(Bucket=versioned)["Versions"]) == 2


def test_conditions_of_deletions(s3: Any, versioned: str, refused: Any) -> None:
    key = {"Bucket": versioned, "Key": "k"}
    assert refused(s3.delete_object, **key, IfMatch="*") == ("NoSuchKey", 404)
    put = s3.put_object(**key, Body=b"content")
    modified = s3.head_object(**key)["LastModified"]
    assert refused(s3.delete_object, **key, IfMatch='"0"') == ("PreconditionFailed", 412)
    assert refused(s3.delete_object, **key, IfMatchSize=3) == ("PreconditionFailed", 412)
    s3.delete_object(
        **key,
        VersionId=put["VersionId"],
        IfMatch=put["ETag"],
        IfMatchSize=7,
        IfMatchLastModifiedTime=modified,
    )
    assert refused(s3.get_object, **key) == ("NoSuchKey", 404)
