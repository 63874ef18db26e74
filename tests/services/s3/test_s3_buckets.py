"""Buckets through boto3, and what clients read of one that was never configured."""

from typing import Any
from uuid import uuid4

import pytest


def test_a_bucket_is_made_found_listed_and_deleted(s3: Any, refused: Any) -> None:
    name = f"bucket-{uuid4()}"
    assert s3.create_bucket(Bucket=name)["Location"] == f"/{name}"
    head = s3.head_bucket(Bucket=name)
    assert head["BucketRegion"] == "us-east-1"
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"
    listed = s3.list_buckets(Prefix=name)
    assert [item["Name"] for item in listed["Buckets"]] == [name]
    assert len(listed["Owner"]["ID"]) == 64
    s3.delete_bucket(Bucket=name)
    assert refused(s3.head_bucket, Bucket=name) == ("404", 404)
    assert refused(s3.delete_bucket, Bucket=name) == ("NoSuchBucket", 404)
    assert refused(s3.list_objects_v2, Bucket=name) == ("NoSuchBucket", 404)


def test_a_bucket_with_objects_is_not_deleted(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)


def test_making_a_bucket_again_is_an_error_outside_us_east_1(s3_server: Any, refused: Any) -> None:
    name = f"bucket-{uuid4()}"
    west = s3_server.client(region="us-west-2")
    place = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    west.create_bucket(Bucket=name, **place)
    assert west.get_bucket_location(Bucket=name)["LocationConstraint"] == "us-west-2"
    assert refused(west.create_bucket, Bucket=name, **place) == ("BucketAlreadyOwnedByYou", 409)
    east = s3_server.client()
    assert refused(east.create_bucket, Bucket=name) == ("BucketAlreadyOwnedByYou", 409)


def test_in_us_east_1_making_a_bucket_again_is_harmless(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.create_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_the_location_must_fit_the_region(s3_server: Any, refused: Any) -> None:
    west = s3_server.client(region="us-west-2")
    other = {"LocationConstraint": "eu-west-1"}
    code = "IllegalLocationConstraintException"
    assert refused(west.create_bucket, Bucket="some-bucket") == (code, 400)
    call = {"Bucket": "some-bucket", "CreateBucketConfiguration": other}
    assert refused(west.create_bucket, **call) == (code, 400)


@pytest.mark.parametrize(
    "name", ["UPPER", "a..b", "-abc", "abc-", "under_score", "192.168.0.1", "a" * 64, "xn--abc"]
)
def test_names_that_break_the_rules_are_refused(s3: Any, refused: Any, name: str) -> None:
    assert refused(s3.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_buckets_are_listed_in_pages(s3: Any) -> None:
    prefix = f"paged-{uuid4().hex[:8]}"
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix=prefix, PaginationConfig={"PageSize": 2}
    )
    assert [item["Name"] for page in pages for item in page.get("Buckets", [])] == names


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_a_configuration_never_made_is_answered_as_in_aws(
    s3: Any, bucket: str, refused: Any, method: str, code: str
) -> None:
    assert refused(getattr(s3, method), Bucket=bucket) == (code, 404)
    assert refused(getattr(s3, method), Bucket="no-such-bucket") == ("NoSuchBucket", 404)


def test_defaults_of_a_bucket_are_those_of_a_new_one_in_aws(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"][0]["Permission"] == "FULL_CONTROL"


def test_configuring_what_is_not_built_is_answered_so(s3: Any, bucket: str, refused: Any) -> None:
    wanted = {"Status": "Enabled", "MFADelete": "Enabled"}
    call = {"Bucket": bucket, "VersioningConfiguration": wanted}
    assert refused(s3.put_bucket_versioning, **call) == ("NotImplemented", 501)
