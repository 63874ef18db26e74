"""Session tokens, key ids, and session policies as one document."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.identity.directory import Directory
from outcrop.identity.managed_policies import managed_policies
from outcrop.identity.policy import (
    Caller,
    Policies,
    PolicyKind,
    Request,
    cached_policy,
    decide,
    parse_policy,
)
from outcrop.identity.session_policies import merged_session_policies
from outcrop.identity.sessions import (
    Session,
    TokenInvalid,
    account_of_key,
    new_access_key_id,
    new_unique_id,
)

CALLER = Caller("User", "arn:aws:iam::123456789012:user/anna", "123456789012")
FULL = Session(
    kind="role",
    holder_id="AROAEXAMPLE000000001",
    issued_us=1,
    expires_us=2,
    name="s",
    policy="{}",
    policy_arns=("arn:aws:iam::aws:policy/AdministratorAccess",),
    tags={"team": "rot"},
    transitive_tag_keys=("team",),
    source_identity="anna",
)


def test_a_token_holds_the_whole_session(directory: Directory) -> None:
    key = directory.tokens.issue(FULL)
    assert directory.tokens.open(key.access_key_id, key.session_token) == (
        FULL,
        key.secret_access_key,
    )
    for secret in (key.secret_access_key, key.session_token):
        assert secret not in repr(key)


def test_a_changed_token_does_not_open(directory: Directory) -> None:
    key = directory.tokens.issue(FULL)
    other = directory.tokens.issue(FULL)
    for key_id, token in (
        (other.access_key_id, key.session_token),
        (key.access_key_id, key.session_token[:-8]),
        (key.access_key_id, "AAAA" + key.session_token[4:]),
        (key.access_key_id, "é"),
        (key.access_key_id, ""),
    ):
        with pytest.raises(TokenInvalid, match="not one of this access key"):
            directory.tokens.open(key_id, token)


@given(st.integers(0, 10**12 - 1))
def test_key_ids_carry_their_account(number: int) -> None:
    account = f"{number:012d}"
    key_id = new_access_key_id("ASIA", account)
    assert len(key_id) == 20
    assert account_of_key(key_id) == account
    assert account_of_key(new_unique_id("AROA")) == ""


def statement(action: str, effect: str = "Allow", resource: str = "*") -> dict[str, Any]:
    return {"Sid": "One", "Effect": effect, "Action": action, "Resource": resource}


def document(*statements: Any, version: str = "2012-10-17") -> str:
    found: Any = statements[0] if len(statements) == 1 else list(statements)
    return json.dumps({"Version": version, "Statement": found})


def allowed(merged: str, action: str, resource: str = "*") -> bool:
    policy = cached_policy(merged, PolicyKind.SESSION)
    request = Request(action, resource, CALLER, {"aws:username": "anna"})
    return decide(request, Policies(identity=[("merged", policy)])).allowed


def test_session_policies_allow_together_and_deny_each() -> None:
    merged = merged_session_policies(
        [
            document(statement("s3:*"), statement("kms:Decrypt")),
            document(statement("iam:Get*")),
            document(statement("s3:DeleteObject", "Deny")),
        ]
    )
    for action in ("s3:GetObject", "kms:Decrypt", "iam:GetUser"):
        assert allowed(merged, action)
    for action in ("s3:DeleteObject", "iam:PutUserPolicy"):
        assert not allowed(merged, action)


def test_an_old_policy_knows_no_variables_beside_a_new_one() -> None:
    own = statement("s3:GetObject", resource="arn:aws:s3:::b/${aws:username}")
    new = statement("s3:PutObject", resource="arn:aws:s3:::b/${aws:username}")
    merged = merged_session_policies([document(own, version="2008-10-17"), document(new)])
    assert allowed(merged, "s3:PutObject", "arn:aws:s3:::b/anna")
    assert not allowed(merged, "s3:GetObject", "arn:aws:s3:::b/anna")
    assert allowed(merged, "s3:GetObject", "arn:aws:s3:::b/${aws:username}")


def test_no_policies_left_allow_nothing() -> None:
    merged = merged_session_policies([])
    assert not allowed(merged, "s3:GetObject")


def test_every_policy_of_aws_is_valid_and_says_that_it_is_ours() -> None:
    found = managed_policies()
    assert len({policy.id for policy in found.values()}) == len(found)
    for arn, policy in found.items():
        assert parse_policy(policy.document, PolicyKind.IDENTITY).text == policy.document
        assert arn == f"arn:aws:iam::aws:policy{policy.path}{policy.name}"


@pytest.mark.parametrize(
    ("name", "can", "cannot"),
    [
        ("AdministratorAccess", "iam:CreateUser", None),
        ("PowerUserAccess", "s3:DeleteBucket", "iam:CreateUser"),
        ("AmazonBedrockFullAccess", "bedrock:CreateModelCustomizationJob", "s3:GetObject"),
        ("AmazonBedrockReadOnly", "bedrock:ListCustomModels", "bedrock:InvokeModel"),
        ("AmazonBedrockLimitedAccess", "bedrock:InvokeModel", "bedrock:DeleteProvisionedModel"),
        ("AmazonS3ReadOnlyAccess", "s3:GetObject", "s3:PutObject"),
        ("ReadOnlyAccess", "s3:GetObject", "secretsmanager:GetSecretValue"),
        ("SecurityAudit", "s3:GetBucketPolicy", "s3:GetObject"),
        ("IAMReadOnlyAccess", "iam:GetUser", "iam:CreateAccessKey"),
    ],
)
def test_policies_of_aws_do_what_they_are_known_for(
    name: str, can: str, cannot: str | None
) -> None:
    text = managed_policies()[f"arn:aws:iam::aws:policy/{name}"].document
    assert allowed(text, can)
    assert cannot is None or not allowed(text, cannot)
