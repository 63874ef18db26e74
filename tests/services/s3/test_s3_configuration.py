"""What is configured of a bucket is kept and given back, as Terraform's provider and other clients read it."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"


def statement(bucket: str, **members: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        **members,
    }


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# Tags


def test_tags_of_a_bucket_are_replaced_as_a_whole(s3: Any, bucket: str, refused: Any) -> None:
    first = [{"Key": "team", "Value": "red"}, {"Key": "empty", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": first})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == first
    second = [{"Key": "only", "Value": "this"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": second})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == second
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "InvalidTag"),
        ([{"Key": "aws:mine", "Value": "1"}], "InvalidTag"),
        ([{"Key": "k" * 129, "Value": "1"}], "InvalidTag"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidTag"),
        ([{"Key": f"k{number}", "Value": ""} for number in range(51)], "BadRequest"),
    ],
)
def test_tags_that_break_the_rules_are_refused(
    s3: Any, bucket: str, refused: Any, tags: Any, code: str
) -> None:
    asked = {"Bucket": bucket, "Tagging": {"TagSet": tags}}
    assert refused(s3.put_bucket_tagging, **asked) == (code, 400)


def test_a_new_bucket_can_bring_its_tags(s3: Any) -> None:
    name, tags = f"bucket-{uuid4()}", [{"Key": "a", "Value": "b"}]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags


def test_a_bucket_made_anew_has_nothing_of_its_predecessor(s3: Any, refused: Any) -> None:
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_policy(Bucket=name, Policy=policy(statement(name)))
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    assert refused(s3.get_bucket_tagging, Bucket=name) == ("NoSuchTagSet", 404)
    assert refused(s3.get_bucket_policy, Bucket=name) == ("NoSuchBucketPolicy", 404)


# Policies


def test_a_policy_comes_back_as_it_was_put(s3: Any, bucket: str, refused: Any) -> None:
    text = policy(statement(bucket))
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    assert refused(s3.get_bucket_policy_status, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Resource": "arn:aws:s3:::some-other-bucket/*"}, "invalid resource"),
        ({"Resource": "*"}, "invalid resource"),
        ({"Action": "kms:Decrypt"}, "invalid action"),
        ({"Action": "s3:ListBucket"}, "does not apply to any resource"),
        ({"Action": ["s3:GetObject", "s3:GetBucketPolicy"]}, "does not apply to any resource"),
    ],
)
def test_a_policy_about_something_else_is_malformed(
    s3: Any, bucket: str, members: Any, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as caught:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement(bucket, **members)))
    assert caught.value.response["Error"]["Code"] == "MalformedPolicy"


@pytest.mark.parametrize("text", ["not json", "[]", '{"Version": "2012-10-17"}', "{}"])
def test_what_is_no_policy_is_malformed(s3: Any, bucket: str, refused: Any, text: str) -> None:
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=text) == ("MalformedPolicy", 400)


def test_a_policy_of_a_bucket_needs_a_principal(s3: Any, bucket: str, refused: Any) -> None:
    without = statement(bucket)
    del without["Principal"]
    call = {"Bucket": bucket, "Policy": policy(without)}
    assert refused(s3.put_bucket_policy, **call) == ("MalformedPolicy", 400)


def test_a_policy_over_20_kilobytes_is_refused(s3: Any, bucket: str, refused: Any) -> None:
    text = policy(statement(bucket, Sid="x" * 20_480))
    call = {"Bucket": bucket, "Policy": text}
    assert refused(s3.put_bucket_policy, **call) == ("PolicyTooLarge", 400)


def test_a_public_policy_waits_until_the_block_is_taken_away(
    s3: Any, bucket: str, refused: Any
) -> None:
    text = policy(statement(bucket, Principal="*"))
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=text) == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}


# Public access


def test_everything_public_is_blocked_until_said_otherwise(
    s3: Any, bucket: str, refused: Any
) -> None:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    read = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert read == dict.fromkeys(names, True)
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True}
    )
    read = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert read == {**dict.fromkeys(names, False), "BlockPublicPolicy": True}
    s3.delete_public_access_block(Bucket=bucket)
    code = "NoSuchPublicAccessBlockConfiguration"
    assert refused(s3.get_public_access_block, Bucket=bucket) == (code, 404)


# Ownership and lists


def test_lists_are_off_until_the_ownership_rule_lets_them_count(
    s3: Any, bucket: str, refused: Any
) -> None:
    call = {"Bucket": bucket, "ACL": "authenticated-read"}
    assert refused(s3.put_bucket_acl, **call) == ("AccessControlListNotSupported", 400)
    with_list = {"Bucket": bucket, "Key": "k", "ACL": "public-read"}
    assert refused(s3.put_object, **with_list) == ("AccessControlListNotSupported", 400)
    s3.put_object(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    rule = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rule)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == rule
    assert refused(s3.put_bucket_acl, **call) == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_acl(**call)
    grants = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL", "READ"]
    assert grants[1]["Grantee"]["URI"].endswith("/global/AuthenticatedUsers")
    off = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    code = "InvalidBucketAclWithObjectOwnership"
    turned_off = {"Bucket": bucket, "OwnershipControls": off}
    assert refused(s3.put_bucket_ownership_controls, **turned_off) == (code, 400)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_bucket_ownership_controls(**turned_off)


def test_deleted_ownership_controls_are_not_found(s3: Any, bucket: str, refused: Any) -> None:
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    code = "OwnershipControlsNotFoundError"
    assert refused(s3.get_bucket_ownership_controls, Bucket=bucket) == (code, 404)


@pytest.fixture
def listed(s3: Any, bucket: str) -> str:
    """A bucket whose lists count and may be public."""
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    s3.delete_public_access_block(Bucket=bucket)
    return bucket


def test_lists_of_objects_come_with_uploads_and_are_replaced(s3: Any, listed: str) -> None:
    s3.put_object(Bucket=listed, Key="k", ACL="public-read")
    grants = s3.get_object_acl(Bucket=listed, Key="k")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL", "READ"]
    owner = s3.get_object_acl(Bucket=listed, Key="k")["Owner"]
    everybody = "http://acs.amazonaws.com/groups/global/AllUsers"
    s3.put_object_acl(
        Bucket=listed,
        Key="k",
        AccessControlPolicy={
            "Owner": owner,
            "Grants": [{"Grantee": {"Type": "Group", "URI": everybody}, "Permission": "READ_ACP"}],
        },
    )
    (grant,) = s3.get_object_acl(Bucket=listed, Key="k")["Grants"]
    assert grant == {"Grantee": {"Type": "Group", "URI": everybody}, "Permission": "READ_ACP"}
    s3.put_object(Bucket=listed, Key="k")
    (grant,) = s3.get_object_acl(Bucket=listed, Key="k")["Grants"]
    assert grant["Grantee"]["ID"] == owner["ID"]


def test_a_list_by_headers_names_groups_and_the_owner(s3: Any, listed: str, refused: Any) -> None:
    owner = s3.get_bucket_acl(Bucket=listed)["Owner"]["ID"]
    s3.put_bucket_acl(
        Bucket=listed,
        GrantFullControl=f'id="{owner}"',
        GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"',
    )
    grants = s3.get_bucket_acl(Bucket=listed)["Grants"]
    assert {grant["Permission"] for grant in grants} == {"FULL_CONTROL", "READ"}
    both = {"Bucket": listed, "ACL": "private", "GrantRead": f"id={owner}"}
    assert refused(s3.put_bucket_acl, **both) == ("InvalidRequest", 400)
    other = {"Bucket": listed, "GrantRead": 'id="0123"'}
    assert refused(s3.put_bucket_acl, **other) == ("InvalidArgument", 400)
    mail = {"Bucket": listed, "GrantRead": 'emailAddress="a@example.com"'}
    assert refused(s3.put_bucket_acl, **mail) == ("UnresolvableGrantByEmailAddress", 400)
    nothing = {"Bucket": listed}
    assert refused(s3.put_bucket_acl, **nothing) == ("MissingSecurityHeader", 400)


def test_a_new_bucket_with_a_public_list_is_refused(s3: Any, refused: Any) -> None:
    call = {"Bucket": f"bucket-{uuid4()}", "ACL": "public-read"}
    code = "InvalidBucketAclWithObjectOwnership"
    assert refused(s3.create_bucket, **call) == (code, 400)
    call["ObjectOwnership"] = "ObjectWriter"
    code = "InvalidBucketAclWithBlockPublicAccessError"
    assert refused(s3.create_bucket, **call) == (code, 400)
    s3.create_bucket(Bucket=call["Bucket"], ObjectOwnership="ObjectWriter", ACL="private")


# Lifecycle


def test_lifecycle_rules_come_back_with_their_dates(s3: Any, bucket: str, refused: Any) -> None:
    rules = [
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}},
            "Expiration": {"Date": datetime(2040, 1, 1, tzinfo=UTC)},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
        },
        {
            "ID": "parts",
            "Status": "Disabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {
            "Status": "Enabled",
            "Filter": {},
            "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
        },
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    read = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert read["Rules"][:2] == rules[:2]
    assert len(read["Rules"][2].pop("ID")) == 48
    assert read["Rules"][2] == rules[2]
    assert read["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    s3.delete_bucket_lifecycle(Bucket=bucket)
    code = "NoSuchLifecycleConfiguration"
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == (code, 404)


# What is not built, and small things


def test_notifications_go_to_eventbridge_or_nowhere(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    read = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert read["EventBridgeConfiguration"] == {}
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:1:q", "Events": ["s3:ObjectCreated:*"]}
    call = {"Bucket": bucket, "NotificationConfiguration": {"QueueConfigurations": [queue]}}
    assert refused(s3.put_bucket_notification_configuration, **call) == ("NotImplemented", 501)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_payer_and_acceleration_are_kept(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"
    status = {"Status": "Suspended"}
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration=status)
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Suspended"
    s3.create_bucket(Bucket=f"a.{bucket[:40]}")
    call = {"Bucket": f"a.{bucket[:40]}", "AccelerateConfiguration": status}
    assert refused(s3.put_bucket_accelerate_configuration, **call) == ("InvalidRequest", 400)


def test_tags_decide_over_access_only_once_enabled(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Enabled"}


@pytest.mark.parametrize(
    ("method", "configuration"),
    [
        (
            "put_bucket_replication",
            {
                "ReplicationConfiguration": {
                    "Role": "r",
                    "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "b"}}],
                }
            },
        ),
        (
            "put_bucket_website",
            {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
        ),
        (
            "put_bucket_logging",
            {
                "BucketLoggingStatus": {
                    "LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}
                }
            },
        ),
        ("put_bucket_metrics_configuration", {"Id": "m", "MetricsConfiguration": {"Id": "m"}}),
    ],
)
def test_what_would_not_be_done_cannot_be_configured(
    s3: Any, bucket: str, refused: Any, method: str, configuration: Any
) -> None:
    call = {"Bucket": bucket, **configuration}
    assert refused(getattr(s3, method), **call) == ("NotImplemented", 501)


@pytest.mark.parametrize("kind", ["analytics", "inventory", "metrics", "intelligent_tiering"])
def test_configurations_by_id_are_read_as_none(
    s3: Any, bucket: str, refused: Any, kind: str
) -> None:
    get = getattr(s3, f"get_bucket_{kind}_configuration")
    assert refused(get, Bucket=bucket, Id="x") == ("NoSuchConfiguration", 404)
    listed = getattr(s3, f"list_bucket_{kind}_configurations")(Bucket=bucket)
    assert listed["IsTruncated"] is False


def test_an_expected_owner_is_the_account_or_the_call_is_refused(
    s3: Any, bucket: str, refused: Any
) -> None:
    s3.get_bucket_request_payment(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)
    call = {"Bucket": bucket, "ExpectedBucketOwner": "111122223333"}
    assert refused(s3.get_bucket_request_payment, **call) == ("AccessDenied", 403)
    assert refused(s3.delete_bucket, **call) == ("AccessDenied", 403)
    call["ExpectedBucketOwner"] = "somebody"
    code = "InvalidBucketOwnerAWSAccountID"
    assert refused(s3.get_bucket_request_payment, **call) == (code, 400)


def test_configurations_survive_a_restart_of_the_cache(s3_server: Any, bucket: str) -> None:
    s3 = s3_server.client()
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3_server.platform.bucket_configurations.forget(bucket)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("method", "document"),
    [
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "enabled"}}),
        (
            "put_bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "Nobody"}]}},
        ),
        (
            "put_bucket_lifecycle_configuration",
            {
                "LifecycleConfiguration": {
                    "Rules": [{"Status": "on", "Filter": {}, "Expiration": {"Days": 1}}]
                }
            },
        ),
        ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Nobody"}}),
    ],
)
def test_a_value_that_the_schema_does_not_know_makes_the_document_malformed(
    s3: Any, bucket: str, refused: Any, method: str, document: Any
) -> None:
    assert refused(getattr(s3, method), Bucket=bucket, **document) == ("MalformedXML", 400)


@pytest.mark.parametrize("body", [b"<Tagging><TagSet>", b"{}", b"<!DOCTYPE x><Tagging/>"])
def test_a_document_that_is_no_xml_is_malformed(s3_server: Any, bucket: str, body: bytes) -> None:
    url = f"http://127.0.0.1:{s3_server.port}/{bucket}?tagging"
    unsigned = AWSRequest("PUT", url, data=body, headers={"Content-Type": "application/xml"})
    key = Credentials(s3_server.root_key.access_key_id, s3_server.root_key.secret_access_key)
    S3SigV4Auth(key, "s3", "us-east-1").add_auth(unsigned)
    signed = Request(url, body, dict(unsigned.headers.items()), method="PUT")
    with pytest.raises(HTTPError) as caught:
        urlopen(signed)
    assert caught.value.code == 400
    assert b"<Code>MalformedXML</Code>" in caught.value.read()
    caught.value.close()
