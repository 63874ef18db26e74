"""Who may use a key: its policy, the account's policies, grants, and the conditions of KMS."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from outcrop.aws.errors import ServiceError
from support.composed_server import ComposedServer, Refused

ROOT = "arn:aws:iam::123456789012:root"


@dataclass
class User:
    """An IAM user with a client of KMS and another way to give it permissions."""

    name: str
    arn: str
    kms: Any
    allow: Callable[..., None]


def statement(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def user(server: ComposedServer) -> User:
    iam = server.client("iam")
    name = f"user-{uuid4()}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    made = iam.create_access_key(UserName=name)["AccessKey"]
    client = server.client(
        "kms",
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
    )

    def allow(*statements: dict[str, Any]) -> None:
        iam.put_user_policy(UserName=name, PolicyName="given", PolicyDocument=document(*statements))

    return User(name, arn, client, allow)


def denied(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError, match="AccessDeniedException") as caught:
        function(**request)
    message: str = caught.value.response["Error"]["Message"]
    return message


def put_policy(kms: Any, key_id: str, *statements: dict[str, Any]) -> None:
    admin = statement("kms:*", Principal={"AWS": ROOT})
    admin["NotAction"] = [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
        "kms:RetireGrant",
    ]
    del admin["Action"]
    kms.put_key_policy(KeyId=key_id, Policy=document(admin, *statements))


def test_a_key_that_trusts_the_account_leaves_it_to_the_users_policies(
    user: User, key: dict[str, Any]
) -> None:
    message = denied(user.kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    beginning = f"User: {user.arn} is not authorized to perform: kms:Encrypt on resource: "
    assert message.replace('"', "").startswith(beginning + key["Arn"])
    assert message.endswith("because no identity-based policy allows the kms:Encrypt action")
    user.allow(statement("kms:Encrypt", resource=key["Arn"]))
    blob = user.kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert "kms:Decrypt" in denied(user.kms.decrypt, CiphertextBlob=blob)
    user.allow(statement("kms:Decrypt", resource=key["Arn"]))
    assert user.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_key_that_trusts_nobody_but_its_policy_overrules_the_users(
    kms: Any, user: User, key: dict[str, Any]
) -> None:
    user.allow(statement("kms:*"))
    put_policy(kms, key["KeyId"])
    assert "kms:Encrypt" in denied(user.kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    assert "kms:Encrypt" in denied(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")  # the root, too
    put_policy(kms, key["KeyId"], statement("kms:Encrypt", Principal={"AWS": user.arn}))
    user.kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


def test_an_encryption_context_can_be_a_condition(
    kms: Any, user: User, key: dict[str, Any]
) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:tenant": "blue"}}
    user.allow(statement("kms:Decrypt", Condition=condition))
    sealed = {
        tenant: kms.encrypt(
            KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"tenant": tenant}
        )["CiphertextBlob"]
        for tenant in ("blue", "red")
    }
    blue = {"tenant": "blue"}
    assert user.kms.decrypt(CiphertextBlob=sealed["blue"], EncryptionContext=blue)["Plaintext"]
    denied(user.kms.decrypt, CiphertextBlob=sealed["red"], EncryptionContext={"tenant": "red"})
    denied(user.kms.decrypt, CiphertextBlob=sealed["blue"])


def test_aliases_can_be_conditions(kms: Any, user: User, key: dict[str, Any]) -> None:
    name = f"alias/{uuid4()}"
    request = {"Plaintext": b"x"}
    requested = {"StringEquals": {"kms:RequestAlias": name}}
    user.allow(statement("kms:Encrypt", Condition=requested))
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    user.kms.encrypt(KeyId=name, **request)
    denied(user.kms.encrypt, KeyId=key["KeyId"], **request)
    carried = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name}}
    user.allow(statement("kms:Encrypt", Condition=carried))
    user.kms.encrypt(KeyId=key["KeyId"], **request)
    kms.delete_alias(AliasName=name)
    denied(user.kms.encrypt, KeyId=key["KeyId"], **request)


def test_tags_can_be_conditions_and_are_seen_at_once(
    kms: Any, user: User, key: dict[str, Any]
) -> None:
    user.allow(
        statement("kms:Encrypt", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})
    )
    denied(user.kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "team", "TagValue": "blue"}])
    user.kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    kms.untag_resource(KeyId=key["KeyId"], TagKeys=["team"])
    denied(user.kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")


def test_making_keys_is_limited_by_what_they_would_be(user: User) -> None:
    user.allow(
        statement(
            "kms:CreateKey",
            "kms:TagResource",
            Condition={"StringEquals": {"kms:KeySpec": "HMAC_256", "aws:RequestTag/team": "blue"}},
        )
    )
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    usage = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
    user.kms.create_key(Tags=tags, **usage)
    assert "kms:CreateKey" in denied(user.kms.create_key, **usage)
    assert "kms:CreateKey" in denied(user.kms.create_key, Tags=tags)


def test_an_alias_needs_permission_on_itself_and_on_its_key(
    kms: Any, user: User, key: dict[str, Any]
) -> None:
    name = f"alias/{uuid4()}"
    alias_arn = f"arn:aws:kms:eu-west-1:123456789012:{name}"
    for only in (key["Arn"], alias_arn):
        user.allow(statement("kms:CreateAlias", resource=only))
        denied(user.kms.create_alias, AliasName=name, TargetKeyId=key["KeyId"])
    user.allow({**statement("kms:*Alias"), "Resource": [key["Arn"], alias_arn]})
    user.kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    other = kms.create_key()["KeyMetadata"]
    assert other["Arn"] in denied(user.kms.update_alias, AliasName=name, TargetKeyId=other["KeyId"])
    user.kms.delete_alias(AliasName=name)


def test_reencrypting_needs_both_keys(kms: Any, user: User, key: dict[str, Any]) -> None:
    target = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    request = {"CiphertextBlob": blob, "DestinationKeyId": target["KeyId"]}
    source_half = statement("kms:ReEncryptFrom", resource=key["Arn"])
    user.allow(source_half)
    assert "kms:ReEncryptTo" in denied(user.kms.re_encrypt, **request)
    target_half = statement("kms:ReEncryptTo", resource=target["Arn"])
    user.allow(target_half)
    assert "kms:ReEncryptFrom" in denied(user.kms.re_encrypt, **request)
    user.allow(source_half, target_half)
    user.kms.re_encrypt(**request)


def test_a_grant_lets_in_within_its_constraint_until_it_is_revoked(
    kms: Any, user: User, key: dict[str, Any]
) -> None:
    blue = {"tenant": "blue"}
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=blue)["CiphertextBlob"]
    grant = kms.create_grant(
        KeyId=key["KeyId"],
        GranteePrincipal=user.arn,
        Operations=["Decrypt", "DescribeKey"],
        Constraints={"EncryptionContextSubset": blue},
    )
    assert user.kms.decrypt(CiphertextBlob=blob, EncryptionContext=blue)["Plaintext"] == b"x"
    assert user.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Arn"] == key["Arn"]
    denied(user.kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=blue)
    denied(user.kms.decrypt, CiphertextBlob=blob)
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=grant["GrantId"])
    denied(user.kms.decrypt, CiphertextBlob=blob, EncryptionContext=blue)


def test_only_the_named_principal_retires_a_grant(
    kms: Any, user: User, key: dict[str, Any]
) -> None:
    request = {"KeyId": key["KeyId"], "GranteePrincipal": ROOT, "Operations": ["Decrypt"]}
    others = kms.create_grant(**request)
    own = kms.create_grant(RetiringPrincipal=user.arn, **request)
    assert "kms:RetireGrant" in denied(user.kms.retire_grant, GrantToken=others["GrantToken"])
    user.kms.retire_grant(GrantToken=own["GrantToken"])
    denied(user.kms.retire_grant, KeyId=key["Arn"], GrantId=others["GrantId"])
    user.allow(statement("kms:RetireGrant"))
    user.kms.retire_grant(KeyId=key["Arn"], GrantId=others["GrantId"])


def test_who_may_pass_a_grant_on_cannot_widen_it(kms: Any, user: User, key: dict[str, Any]) -> None:
    kms.create_grant(
        KeyId=key["KeyId"],
        GranteePrincipal=user.arn,
        Operations=["CreateGrant", "Decrypt"],
        Constraints={"EncryptionContextSubset": {"tenant": "blue"}},
    )
    request = {
        "KeyId": key["KeyId"],
        "GranteePrincipal": ROOT,
        "Operations": ["Decrypt"],
        "Constraints": {"EncryptionContextSubset": {"tenant": "blue"}},
    }
    user.kms.create_grant(**request)
    wider: list[dict[str, Any]] = [
        {"Operations": ["Decrypt", "Encrypt"]},
        {"Constraints": {"EncryptionContextSubset": {"tenant": "red"}}},
    ]
    for change in wider:
        assert "kms:CreateGrant" in denied(user.kms.create_grant, **{**request, **change})
    del request["Constraints"]
    denied(user.kms.create_grant, **request)


def test_a_user_cannot_lock_himself_out_by_accident(
    kms: Any, user: User, key: dict[str, Any], refused: Refused
) -> None:
    user.allow(statement("kms:PutKeyPolicy"))
    only_root = document(
        statement(
            "kms:*",
            Principal={"AWS": ROOT},
            Condition={"ArnEquals": {"aws:PrincipalArn": ROOT}},
        )
    )
    code, message = refused(user.kms.put_key_policy, KeyId=key["KeyId"], Policy=only_root)
    assert code == "MalformedPolicyDocumentException"
    assert message.startswith("The new key policy will not allow you")
    user.kms.put_key_policy(
        KeyId=key["KeyId"], Policy=only_root, BypassPolicyLockoutSafetyCheck=True
    )
    kms.get_key_policy(KeyId=key["KeyId"])
    denied(user.kms.put_key_policy, KeyId=key["KeyId"], Policy=only_root)


def test_the_key_of_a_service_is_used_by_way_of_the_service_only(
    server: ComposedServer, kms: Any, user: User
) -> None:
    request = {"KeyId": "alias/aws/s3", "KeySpec": "AES_256"}
    assert "kms:GenerateDataKey" in denied(kms.generate_data_key, **request)
    user.allow(statement("kms:*"))
    assert "kms:GenerateDataKey" in denied(user.kms.generate_data_key, **request)
    root = server.root_key.principal

    def as_service(service: str) -> Any:
        return server.platform.invoke_blocking(
            "kms",
            "GenerateDataKey",
            request,
            principal=replace(root, via=service),
            region="eu-west-1",
        )

    first = as_service("s3")
    assert len(first["Plaintext"]) == 32
    with pytest.raises(ServiceError, match="not authorized to perform: kms:GenerateDataKey"):
        as_service("secretsmanager")
    described = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert described["Arn"] == first["KeyId"]
    assert as_service("s3")["KeyId"] == first["KeyId"]


def test_who_may_nothing_learns_nothing_of_keys_that_are_not_there(
    user: User, refused: Refused
) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    assert "kms:DescribeKey" in denied(user.kms.describe_key, KeyId=missing)
    user.allow(statement("kms:*"))
    assert refused(user.kms.describe_key, KeyId=missing)[0] == "NotFoundException"
    assert refused(user.kms.decrypt, CiphertextBlob=b"no blob")[0] == "InvalidCiphertextException"
