"""Keys: what they say of themselves, their states, and how they are called."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import ComposedServer, Refused

REGION = "eu-west-1"
ACCOUNT = "123456789012"


def test_a_new_key_says_all_of_itself(kms: Any) -> None:
    made = kms.create_key(Description="for tests", Tags=[{"TagKey": "team", "TagValue": "x"}])
    described = kms.describe_key(KeyId=made["KeyMetadata"]["KeyId"])["KeyMetadata"]
    assert described == made["KeyMetadata"]
    key_id = described["KeyId"]
    assert len(described.pop("CurrentKeyMaterialId")) == 64
    assert described.pop("CreationDate").tzinfo is not None
    assert described == {
        "AWSAccountId": ACCOUNT,
        "KeyId": key_id,
        "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}",
        "Enabled": True,
        "Description": "for tests",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "team", "TagValue": "x"}]


@pytest.mark.parametrize(
    ("request_members", "code", "message"),
    [
        (
            {"KeySpec": "HMAC_256"},
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ),
        (
            {"KeySpec": "ECC_NIST_P256", "KeyUsage": "ENCRYPT_DECRYPT"},
            "ValidationException",
            "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_P256",
        ),
        (
            {"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048"},
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request.",
        ),
        ({"MultiRegion": True}, "UnsupportedOperationException", "Multi-Region keys"),
        ({"Origin": "EXTERNAL"}, "UnsupportedOperationException", "cannot be imported"),
        ({"Origin": "AWS_CLOUDHSM"}, "UnsupportedOperationException", "no custom key stores"),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException", "SM2"),
        (
            {"Tags": [{"TagKey": "aws:x", "TagValue": "y"}]},
            "TagException",
            "Tags beginning with aws: are reserved",
        ),
        (
            {"Tags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]},
            "TagException",
            "Duplicate tag key: a",
        ),
    ],
)
def test_keys_that_cannot_be_are_refused(
    kms: Any, refused: Refused, request_members: dict[str, Any], code: str, message: str
) -> None:
    found_code, found_message = refused(kms.create_key, **request_members)
    assert found_code == code
    assert message in found_message


def test_a_key_is_called_by_id_arn_alias_and_alias_arn(kms: Any, key: dict[str, Any]) -> None:
    name = f"alias/{uuid4()}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    names = (key["KeyId"], key["Arn"], name, f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}")
    found = {kms.describe_key(KeyId=called)["KeyMetadata"]["Arn"] for called in names}
    assert found == {key["Arn"]}


@pytest.mark.parametrize(
    ("called", "code", "message"),
    [
        ("fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"),
        (
            "00000000-0000-0000-0000-000000000000",
            "NotFoundException",
            (
                f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000' "
                "does not exist"
            ),
        ),
        (
            "mrk-d3b95762d3b95762d3b95762d3b95762",
            "NotFoundException",
            (
                f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-d3b95762d3b95762d3b95762d3b95762' "
                "does not exist"
            ),
        ),
        (
            "alias/none",
            "NotFoundException",
            f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found.",
        ),
        (
            f"arn:aws:kms:us-west-2:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
            "NotFoundException",
            "Invalid arn us-west-2",
        ),
        ("arn:aws:s3:::bucket", "InvalidArnException", "arn:aws:s3:::bucket"),
    ],
)
def test_what_is_no_key_is_named_in_the_refusal(
    kms: Any, refused: Refused, called: str, code: str, message: str
) -> None:
    found_code, found_message = refused(kms.describe_key, KeyId=called)
    assert found_code == code
    assert message in found_message


def test_a_key_belongs_to_its_region(
    server: ComposedServer, key: dict[str, Any], refused: Refused
) -> None:
    elsewhere = server.client("kms", region="us-west-2")
    code, message = refused(elsewhere.describe_key, KeyId=key["KeyId"])
    assert code == "NotFoundException"
    assert message == (f"Key 'arn:aws:kms:us-west-2:{ACCOUNT}:key/{key['KeyId']}' does not exist")


def test_a_disabled_key_stops_at_once_and_works_again_when_enabled(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    expected = ("DisabledException", f"{key['Arn']} is disabled.")
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == expected
    assert refused(kms.decrypt, CiphertextBlob=blob) == expected
    assert refused(kms.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256") == expected
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_scheduling_deletion_stops_a_key_and_cancelling_leaves_it_disabled(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    scheduled = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert scheduled["KeyId"] == key["Arn"]
    assert scheduled["KeyState"] == "PendingDeletion"
    assert scheduled["PendingWindowInDays"] == 7
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["DeletionDate"] == scheduled["DeletionDate"]
    pending = ("KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    assert refused(kms.decrypt, CiphertextBlob=blob) == pending
    assert refused(kms.enable_key, KeyId=key["KeyId"]) == pending
    assert refused(kms.schedule_key_deletion, KeyId=key["KeyId"]) == pending
    assert kms.cancel_key_deletion(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    code, message = refused(kms.cancel_key_deletion, KeyId=key["KeyId"])
    assert (code, message) == (
        "KMSInvalidStateException",
        f"{key['Arn']} is not pending deletion.",
    )


@pytest.mark.parametrize("days", [6, 31])
def test_a_waiting_period_has_bounds(
    kms: Any, key: dict[str, Any], refused: Refused, days: int
) -> None:
    code, message = refused(kms.schedule_key_deletion, KeyId=key["KeyId"], PendingWindowInDays=days)
    assert code == "ValidationException"
    assert f"between 7 and 30, not {days}" in message


def test_a_key_whose_time_has_come_is_gone_with_its_material(
    server: ComposedServer, kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    name = f"alias/{uuid4()}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    blob = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    server.clock.ahead += timedelta(days=7, seconds=1)
    gone = ("NotFoundException", f"Key '{key['Arn']}' does not exist")
    assert refused(kms.describe_key, KeyId=key["KeyId"]) == gone
    assert refused(kms.cancel_key_deletion, KeyId=key["KeyId"]) == gone
    assert refused(kms.describe_key, KeyId=name)[0] == "NotFoundException"
    assert refused(kms.decrypt, CiphertextBlob=blob)[0] == "AccessDeniedException"
    assert key["KeyId"] not in {item["KeyId"] for item in kms.list_keys(Limit=1000)["Keys"]}

    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=name, TargetKeyId=other)  # the name is free again
    with server.database.read() as connection:
        kept = connection.exec_driver_sql(
            f"SELECT count(*) FROM kms_materials WHERE key_id = '{key['KeyId']}'"
        ).scalar()
    assert kept == 0
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == other


def test_keys_are_listed_in_pages(server: ComposedServer, refused: Refused) -> None:
    kms = server.client("kms", region="ap-southeast-2")
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Keys"]) for page in pages] == [2, 2, 1]
    assert [page["Truncated"] for page in pages] == [True, True, False]
    assert {item["KeyId"] for page in pages for item in page["Keys"]} == made
    assert refused(kms.list_keys, Marker="nonsense")[0] == "InvalidMarkerException"


def test_descriptions_and_tags_change(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    key_id = key["KeyId"]
    kms.update_key_description(KeyId=key_id, Description="new")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == "new"
    kms.tag_resource(
        KeyId=key_id,
        Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}],
    )
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "3"}])
    kms.untag_resource(KeyId=key_id, TagKeys=["b", "c"])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "a", "TagValue": "3"}]
    many = [{"TagKey": f"t{number}", "TagValue": ""} for number in range(50)]
    assert refused(kms.tag_resource, KeyId=key_id, Tags=many)[0] == "LimitExceededException"


def test_the_key_of_a_service_is_made_when_it_is_first_asked_for(
    server: ComposedServer, refused: Refused
) -> None:
    kms = server.client("kms", region="ca-central-1")
    assert kms.list_aliases()["Aliases"] == []
    described = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert described["KeyManager"] == "AWS"
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"] == described
    assert [item["TargetKeyId"] for item in kms.list_aliases()["Aliases"]] == [described["KeyId"]]
    assert kms.get_key_rotation_status(KeyId=described["KeyId"])["KeyRotationEnabled"]
    policy = kms.get_key_policy(KeyId=described["KeyId"])["Policy"]
    assert "s3.ca-central-1.amazonaws.com" in policy
    for function in (kms.disable_key, kms.schedule_key_deletion, kms.disable_key_rotation):
        assert refused(function, KeyId=described["KeyId"])[0] == "AccessDeniedException"
    assert refused(kms.describe_key, KeyId="alias/aws/unknown")[0] == "NotFoundException"
