"""What S3 operations ask of their callers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outcrop.aws.operation import Principal
from outcrop.identity.permissions import Need, Scope
from outcrop.identity.permissions.s3 import NEEDS

SCOPE = Scope(
    "eu-west-1",
    "123456789012",
    Principal("User", "arn:aws:iam::123456789012:user/ann", "123456789012"),
    lambda _kind, identifier: identifier,
)


def needs(operation: str, **parameters: Any) -> list[Need]:
    return list(NEEDS[operation](parameters, SCOPE))


def actions(operation: str, **parameters: Any) -> dict[str, str]:
    return {need.action: need.resource for need in needs(operation, **parameters)}


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("HeadBucket", "s3:ListBucket"),
        ("ListObjectsV2", "s3:ListBucket"),
        ("ListObjectVersions", "s3:ListBucketVersions"),
        ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
        ("DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
        ("GetBucketCors", "s3:GetBucketCORS"),
        ("GetBucketNotificationConfiguration", "s3:GetBucketNotification"),
        ("GetBucketReplication", "s3:GetReplicationConfiguration"),
        ("GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration"),
        ("GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"),
        ("ListBucketInventoryConfigurations", "s3:GetInventoryConfiguration"),
        ("DeleteBucketTagging", "s3:PutBucketTagging"),
    ],
)
def test_an_operation_on_a_bucket_needs_one_action_on_the_bucket(
    operation: str, action: str
) -> None:
    assert actions(operation, Bucket="data") == {action: "arn:aws:s3:::data"}


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("GetObject", "s3:GetObject"),
        ("HeadObject", "s3:GetObject"),
        ("DeleteObject", "s3:DeleteObject"),
        ("UploadPart", "s3:PutObject"),
        ("CompleteMultipartUpload", "s3:PutObject"),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
        ("ListParts", "s3:ListMultipartUploadParts"),
        ("GetObjectTagging", "s3:GetObjectTagging"),
        ("GetObjectRetention", "s3:GetObjectRetention"),
    ],
)
def test_an_operation_on_an_object_needs_one_action_on_the_object(
    operation: str, action: str
) -> None:
    found = actions(operation, Bucket="data", Key="a/b c")
    assert found == {action: "arn:aws:s3:::data/a/b c"}


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("GetObject", "s3:GetObjectVersion"),
        ("DeleteObject", "s3:DeleteObjectVersion"),
        ("PutObjectTagging", "s3:PutObjectVersionTagging"),
        ("GetObjectAcl", "s3:GetObjectVersionAcl"),
    ],
)
def test_naming_a_version_asks_for_the_action_on_versions(operation: str, action: str) -> None:
    (need,) = needs(operation, Bucket="data", Key="k", VersionId="v1")
    assert need.action == action
    assert need.context["s3:VersionId"] == "v1"


def test_a_listing_carries_only_what_the_request_says() -> None:
    (need,) = needs("ListObjectsV2", Bucket="data", Prefix="", MaxKeys=5)
    assert need.context == {"s3:prefix": "", "s3:max-keys": "5"}
    (need,) = needs("ListObjects", Bucket="data", Delimiter="/")
    assert need.context == {"s3:delimiter": "/"}


def test_what_a_new_object_brings_along_needs_more() -> None:
    until = datetime.now(UTC) + timedelta(days=10, hours=1)
    found = needs(
        "PutObject",
        Bucket="data",
        Key="k",
        Tagging="team=red&empty=",
        ACL="public-read",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until,
        ObjectLockLegalHoldStatus="ON",
    )
    assert [need.action for need in found] == [
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:PutObjectAcl",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
    ]
    context = found[0].context
    assert context["s3:RequestObjectTag/team"] == "red"
    assert context["s3:RequestObjectTagKeys"] == ["team", "empty"]
    assert context["s3:x-amz-acl"] == "public-read"
    assert context["s3:object-lock-mode"] == "GOVERNANCE"
    assert context["s3:object-lock-remaining-retention-days"] == "10"


def test_encryption_and_storage_class_are_condition_keys() -> None:
    (need,) = needs(
        "PutObject",
        Bucket="data",
        Key="k",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="1234",
        StorageClass="STANDARD_IA",
        IfNoneMatch="*",
    )
    assert need.context == {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": (
            "arn:aws:kms:eu-west-1:123456789012:key/1234"
        ),
        "s3:x-amz-storage-class": "STANDARD_IA",
        "s3:if-none-match": "*",
        "s3:ObjectCreationOperation": "true",
    }


def test_a_condition_on_the_present_object_needs_the_right_to_read_it() -> None:
    found = actions("PutObject", Bucket="data", Key="k", IfMatch='"e"')
    assert set(found) == {"s3:PutObject", "s3:GetObject"}


@pytest.mark.parametrize(
    ("source", "action"),
    [
        ("from/some%20key", "s3:GetObject"),
        ("/from/some key?versionId=7", "s3:GetObjectVersion"),
        ({"Bucket": "from", "Key": "some key"}, "s3:GetObject"),
    ],
)
def test_a_copy_needs_to_read_the_source_and_to_write_the_target(
    source: object, action: str
) -> None:
    found = actions("CopyObject", Bucket="to", Key="k", CopySource=source)
    assert found == {action: "arn:aws:s3:::from/some key", "s3:PutObject": "arn:aws:s3:::to/k"}


def test_a_copy_with_tags_of_its_own_needs_the_right_to_tag() -> None:
    asked = {"Bucket": "to", "Key": "k", "CopySource": "from/s"}
    replaced = actions("CopyObject", **asked, TaggingDirective="REPLACE", Tagging="a=b")
    assert "s3:PutObjectTagging" in replaced
    assert "s3:GetObjectTagging" not in replaced


def test_bypassing_governance_is_a_permission_of_its_own() -> None:
    asked = {"Bucket": "data", "Key": "b", "VersionId": "v", "BypassGovernanceRetention": True}
    assert [(need.action, need.resource) for need in needs("DeleteObject", **asked)] == [
        ("s3:DeleteObjectVersion", "arn:aws:s3:::data/b"),
        ("s3:BypassGovernanceRetention", "arn:aws:s3:::data/b"),
    ]


def test_attributes_need_both_reading_and_attributes() -> None:
    assert set(actions("GetObjectAttributes", Bucket="data", Key="k")) == {
        "s3:GetObject",
        "s3:GetObjectAttributes",
    }


def test_what_a_new_bucket_comes_with_needs_more() -> None:
    found = needs(
        "CreateBucket",
        Bucket="data",
        CreateBucketConfiguration={
            "LocationConstraint": "eu-west-1",
            "Tags": [{"Key": "team", "Value": "red"}],
        },
        ObjectOwnership="ObjectWriter",
        ObjectLockEnabledForBucket=True,
        ACL="private",
    )
    assert [need.action for need in found] == [
        "s3:CreateBucket",
        "s3:TagResource",
        "s3:PutBucketAcl",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketVersioning",
    ]
    assert found[0].context["s3:LocationConstraint"] == "eu-west-1"
    assert found[0].context["aws:RequestTag/team"] == "red"
    assert found[0].context["aws:TagKeys"] == ["team"]
