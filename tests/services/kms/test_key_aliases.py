"""Aliases: made, moved, listed, deleted; and the names that nobody may take."""

from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import Refused

PREFIX = "arn:aws:kms:eu-west-1:123456789012:"


@pytest.fixture
def name() -> str:
    return f"alias/app/{uuid4()}"


def test_an_alias_moves_from_key_to_key(kms: Any, key: dict[str, Any], name: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=name, TargetKeyId=key["Arn"])
    blob = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    kms.update_alias(AliasName=name, TargetKeyId=other)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == other
    assert kms.decrypt(CiphertextBlob=blob)["KeyId"] == key["Arn"]
    (listed,) = kms.list_aliases(KeyId=other)["Aliases"]
    assert (listed["AliasName"], listed["AliasArn"], listed["TargetKeyId"]) == (
        name,
        PREFIX + name,
        other,
    )
    assert listed["LastUpdatedDate"] > listed["CreationDate"]
    assert kms.list_aliases(KeyId=key["KeyId"])["Aliases"] == []
    kms.delete_alias(AliasName=name)
    assert kms.list_aliases(KeyId=other)["Aliases"] == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("name", ("ValidationException", 'Alias must start with the prefix "alias/".')),
        ("alias/", ("InvalidAliasNameException", 'needs a name after "alias/"')),
        ("alias/a:b", ("ValidationException", "contains invalid characters for an alias")),
        ("alias/a b", ("ValidationException", "failed to satisfy constraint")),
        ("alias/aws/mine", ("NotAuthorizedException", "reserved")),
    ],
)
def test_names_that_are_none_are_refused(
    kms: Any, key: dict[str, Any], refused: Refused, wrong: str, expected: tuple[str, str]
) -> None:
    code, message = refused(kms.create_alias, AliasName=wrong, TargetKeyId=key["KeyId"])
    assert code == expected[0]
    assert expected[1] in message


def test_a_name_is_taken_once_and_missing_ones_are_named(
    kms: Any, key: dict[str, Any], refused: Refused, name: str
) -> None:
    missing = ("NotFoundException", f"Alias {PREFIX}{name} is not found.")
    assert refused(kms.delete_alias, AliasName=name) == missing
    assert refused(kms.update_alias, AliasName=name, TargetKeyId=key["KeyId"]) == missing
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    assert refused(kms.create_alias, AliasName=name, TargetKeyId=key["KeyId"]) == (
        "AlreadyExistsException",
        f"An alias with the name {PREFIX}{name} already exists",
    )
    # Only a key itself can be switched, so that nobody switches what an alias happens to mean.
    assert refused(kms.disable_key, KeyId=name) == (
        "NotFoundException",
        f"Invalid keyId '{name}'",
    )


def test_an_alias_keeps_to_one_kind_of_key(
    kms: Any, key: dict[str, Any], refused: Refused, name: str
) -> None:
    mac_key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    code, message = refused(kms.update_alias, AliasName=name, TargetKeyId=mac_key["KeyId"])
    assert code == "ValidationException"
    assert "HMAC_256" in message


def test_a_key_has_at_most_fifty_aliases_and_they_come_in_pages(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    made = [f"alias/many/{key['KeyId']}/{number:02d}" for number in range(50)]
    for each in made:
        kms.create_alias(AliasName=each, TargetKeyId=key["KeyId"])
    code, message = refused(
        kms.create_alias, AliasName=f"alias/{uuid4()}", TargetKeyId=key["KeyId"]
    )
    assert code == "LimitExceededException"
    assert "50" in message
    pages = list(
        kms.get_paginator("list_aliases").paginate(
            KeyId=key["KeyId"], PaginationConfig={"PageSize": 20}
        )
    )
    assert [len(page["Aliases"]) for page in pages] == [20, 20, 10]
    assert [item["AliasName"] for page in pages for item in page["Aliases"]] == made


def test_a_key_that_is_to_be_deleted_gets_no_alias(
    kms: Any, key: dict[str, Any], refused: Refused, name: str
) -> None:
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    assert refused(kms.create_alias, AliasName=name, TargetKeyId=key["KeyId"]) == (
        "KMSInvalidStateException",
        f"{key['Arn']} is pending deletion.",
    )
