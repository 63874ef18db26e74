"""Key policies: kept as written, and refused where they would lock their author out."""

import json
from typing import Any

import pytest

from support.composed_server import ComposedServer, Refused

ROOT = "arn:aws:iam::123456789012:root"


def policy(*actions: str, principal: Any = ROOT, **more: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": principal},
        "Action": list(actions),
        "Resource": "*",
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_key_without_a_policy_hands_decisions_to_the_account(
    kms: Any, key: dict[str, Any]
) -> None:
    answer = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": ROOT},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    assert kms.list_key_policies(KeyId=key["KeyId"])["PolicyNames"] == ["default"]


def test_a_policy_is_kept_as_it_was_written(kms: Any, key: dict[str, Any]) -> None:
    written = policy("kms:*") + "\n"
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=written)
    assert kms.get_key_policy(KeyId=key["KeyId"])["Policy"] == written
    made = kms.create_key(Policy=written)["KeyMetadata"]["KeyId"]
    assert kms.get_key_policy(KeyId=made)["Policy"] == written


@pytest.mark.parametrize(
    "locking",
    [
        policy("kms:Encrypt", "kms:Decrypt"),
        policy("kms:*", Condition={"StringEquals": {"kms:CallerAccount": "999999999999"}}),
        policy("kms:*", principal="arn:aws:iam::999999999999:root"),
    ],
)
def test_a_policy_that_locks_its_author_out_is_refused_unless_that_is_meant(
    kms: Any, key: dict[str, Any], refused: Refused, locking: str
) -> None:
    expected = (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    )
    assert refused(kms.put_key_policy, KeyId=key["KeyId"], Policy=locking) == expected
    assert refused(kms.create_key, Policy=locking) == expected
    kms.create_key(Policy=locking, BypassPolicyLockoutSafetyCheck=True)


@pytest.mark.parametrize(
    "wrong", ["no JSON", "{}", policy("kms:*").replace("Allow", "Maybe"), "[]"]
)
def test_what_is_no_policy_is_refused(
    kms: Any, key: dict[str, Any], refused: Refused, wrong: str
) -> None:
    code, message = refused(kms.put_key_policy, KeyId=key["KeyId"], Policy=wrong)
    assert code == "MalformedPolicyDocumentException"
    assert message


def test_a_policy_names_only_principals_that_exist(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    unknown = "arn:aws:iam::123456789012:role/nobody"
    document = policy("kms:*", principal=[ROOT, unknown])
    code, message = refused(kms.put_key_policy, KeyId=key["KeyId"], Policy=document)
    assert code == "MalformedPolicyDocumentException"
    assert "invalid principals" in message
    assert unknown in message


def test_policies_have_a_size_and_one_name(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    long = policy("kms:*") + " " * 32768
    assert refused(kms.put_key_policy, KeyId=key["KeyId"], Policy=long)[0] == (
        "LimitExceededException"
    )
    code, message = refused(
        kms.put_key_policy, KeyId=key["KeyId"], PolicyName="other", Policy=policy("kms:*")
    )
    assert code == "ValidationException"
    assert "other" in message
    assert refused(kms.get_key_policy, KeyId=key["KeyId"], PolicyName="other")[0] == (
        "NotFoundException"
    )


def test_decisions_see_a_new_policy_at_once(
    server: ComposedServer, kms: Any, key: dict[str, Any]
) -> None:
    from outcrop.services.kms import access

    before = access.facts(key["Arn"], server.platform)
    assert access.facts(key["Arn"], server.platform) is before  # worked out once
    written = policy("kms:*", Sid="second")
    kms.put_key_policy(KeyId=key["KeyId"], Policy=written)
    assert access.facts(key["Arn"], server.platform).policy == written
