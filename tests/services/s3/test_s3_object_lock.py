"""Object Lock: retention and legal holds keep versions from being deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest


def soon(days: int = 1) -> datetime:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)


@pytest.fixture
def locked(s3: Any) -> str:
    """A bucket whose objects can be locked."""
    name = f"locked-{uuid4()}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def test_a_bucket_made_with_it_keeps_versions_and_says_so(
    s3: Any, locked: str, refused: Any
) -> None:
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    read = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert read == {"ObjectLockEnabled": "Enabled"}
    call = {"Bucket": locked, "VersioningConfiguration": {"Status": "Suspended"}}
    assert refused(s3.put_bucket_versioning, **call) == ("InvalidBucketState", 409)


def test_it_can_be_enabled_where_versions_are_kept(s3: Any, bucket: str, refused: Any) -> None:
    call = {"Bucket": bucket, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
    assert refused(s3.put_object_lock_configuration, **call) == ("InvalidBucketState", 409)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(**call)
    s3.get_object_lock_configuration(Bucket=bucket)


@pytest.mark.parametrize(
    ("retention", "code"),
    [
        ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
        ({"Mode": "GOVERNANCE"}, "MalformedXML"),
        ({"Days": 1}, "MalformedXML"),
        ({"Mode": "FOREVER", "Days": 1}, "MalformedXML"),
        ({"Mode": "COMPLIANCE", "Days": 0}, "InvalidRetentionPeriod"),
        ({"Mode": "COMPLIANCE", "Years": -1}, "InvalidRetentionPeriod"),
        ({"Mode": "COMPLIANCE", "Days": 36_501}, "InvalidRetentionPeriod"),
    ],
)
def test_a_default_that_s3_does_not_take_is_refused(
    s3: Any, locked: str, refused: Any, retention: Any, code: str
) -> None:
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
    call = {"Bucket": locked, "ObjectLockConfiguration": rule}
    assert refused(s3.put_object_lock_configuration, **call) == (code, 400)


def test_new_objects_get_the_default_retention(s3: Any, locked: str, refused: Any) -> None:
    rule = {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}},
    }
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=rule)
    read = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert read == rule
    version = s3.put_object(Bucket=locked, Key="k", Body=b"x")["VersionId"]
    kept = s3.get_object_retention(Bucket=locked, Key="k")["Retention"]
    assert kept["Mode"] == "GOVERNANCE"
    assert soon(1) < kept["RetainUntilDate"] <= soon(2) + timedelta(seconds=60)
    call = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert refused(s3.delete_object, **call) == ("AccessDenied", 403)
    assert "DeleteMarker" in s3.delete_object(Bucket=locked, Key="k")
    s3.delete_object(**call, BypassGovernanceRetention=True)


def test_compliance_is_for_nobody_to_bypass(s3: Any, locked: str, refused: Any) -> None:
    version = s3.put_object(
        Bucket=locked,
        Key="k",
        Body=b"x",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=soon(),
    )["VersionId"]
    head = s3.head_object(Bucket=locked, Key="k")
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] == soon()
    call = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert refused(s3.delete_object, **call, BypassGovernanceRetention=True) == (
        "AccessDenied",
        403,
    )
    answer = s3.delete_objects(
        Bucket=locked,
        Delete={"Objects": [{"Key": "k", "VersionId": version}]},
        BypassGovernanceRetention=True,
    )
    assert [item["Code"] for item in answer["Errors"]] == ["AccessDenied"]
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=5)}
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": soon(9)}
    for eased in (shorter, weaker):
        asked = {**call, "Retention": eased, "BypassGovernanceRetention": True}
        assert refused(s3.put_object_retention, **asked) == ("AccessDenied", 403)
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": soon(9)}
    s3.put_object_retention(**call, Retention=longer)
    assert s3.get_object_retention(**call)["Retention"] == longer


def test_governance_is_eased_by_who_may_bypass_it(s3: Any, locked: str, refused: Any) -> None:
    s3.put_object(Bucket=locked, Key="k")
    call = {"Bucket": locked, "Key": "k"}
    s3.put_object_retention(**call, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon(5)})
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": soon(1)}
    assert refused(s3.put_object_retention, **call, Retention=shorter) == ("AccessDenied", 403)
    s3.put_object_retention(**call, Retention=shorter, BypassGovernanceRetention=True)
    s3.put_object_retention(**call, Retention={}, BypassGovernanceRetention=True)
    code = "NoSuchObjectLockConfiguration"
    assert refused(s3.get_object_retention, **call) == (code, 404)


def test_a_legal_hold_lasts_until_it_is_lifted(s3: Any, locked: str, refused: Any) -> None:
    version = s3.put_object(Bucket=locked, Key="k", ObjectLockLegalHoldStatus="ON")["VersionId"]
    call = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert s3.get_object_legal_hold(**call)["LegalHold"] == {"Status": "ON"}
    assert s3.head_object(**call)["ObjectLockLegalHoldStatus"] == "ON"
    assert refused(s3.delete_object, **call, BypassGovernanceRetention=True) == (
        "AccessDenied",
        403,
    )
    s3.put_object_legal_hold(**call, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**call)["LegalHold"] == {"Status": "OFF"}
    s3.delete_object(**call)


def test_each_version_has_a_lock_of_its_own(s3: Any, locked: str) -> None:
    first = s3.put_object(Bucket=locked, Key="k", ObjectLockLegalHoldStatus="ON")["VersionId"]
    s3.put_object(Bucket=locked, Key="k")
    call = {"Bucket": locked, "Key": "k"}
    assert s3.get_object_legal_hold(**call)["LegalHold"] == {"Status": "OFF"}
    assert s3.get_object_legal_hold(**call, VersionId=first)["LegalHold"] == {"Status": "ON"}


def test_uploads_in_parts_and_copies_are_locked_too(s3: Any, locked: str, refused: Any) -> None:
    asked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": soon()}
    upload = s3.create_multipart_upload(Bucket=locked, Key="parts", **asked)["UploadId"]
    named = {"Bucket": locked, "Key": "parts", "UploadId": upload}
    etag = s3.upload_part(**named, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(
        **named, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]}
    )
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/parts", **asked)
    for key in ("parts", "copy"):
        version = s3.head_object(Bucket=locked, Key=key)["VersionId"]
        assert s3.get_object_retention(Bucket=locked, Key=key)["Retention"]["Mode"] == "GOVERNANCE"
        call = {"Bucket": locked, "Key": key, "VersionId": version}
        assert refused(s3.delete_object, **call) == ("AccessDenied", 403)


def test_locks_that_contradict_themselves_are_refused(
    s3: Any, locked: str, bucket: str, refused: Any
) -> None:
    only_mode = {"Bucket": locked, "Key": "k", "ObjectLockMode": "GOVERNANCE"}
    assert refused(s3.put_object, **only_mode) == ("InvalidArgument", 400)
    past = {**only_mode, "ObjectLockRetainUntilDate": soon(-1)}
    assert refused(s3.put_object, **past) == ("InvalidArgument", 400)
    elsewhere = {"Bucket": bucket, "Key": "k", "ObjectLockLegalHoldStatus": "ON"}
    assert refused(s3.put_object, **elsewhere) == ("InvalidRequest", 400)
    s3.put_object(Bucket=bucket, Key="k")
    asked = {"Bucket": bucket, "Key": "k"}
    assert refused(s3.get_object_retention, **asked) == ("InvalidRequest", 400)
    hold = {**asked, "LegalHold": {"Status": "ON"}}
    assert refused(s3.put_object_legal_hold, **hold) == ("InvalidRequest", 400)
