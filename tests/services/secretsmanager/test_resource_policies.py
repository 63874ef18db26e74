"""Resource policies of secrets."""

import json
from typing import Any

import pytest

from outcrop.services.secretsmanager.resource_policies import is_public
from support.composed_server import Refused

READER = "arn:aws:iam::123456789012:root"


def policy(principal: Any, condition: Any = None, effect: str = "Allow") -> str:
    statement = {
        "Effect": effect,
        "Principal": principal,
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    if condition is not None:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_policy_is_kept_as_it_was_written(client: Any, name: str) -> None:
    client.create_secret(Name=name, SecretString="a")
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)
    written = policy({"AWS": READER})
    client.put_resource_policy(SecretId=name, ResourcePolicy=written)
    assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == written
    client.delete_resource_policy(SecretId=name)
    client.delete_resource_policy(SecretId=name)
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        '"text"',
        "{}",
        policy("*", effect="Maybe"),
    ],
)
def test_what_is_no_policy_is_refused(
    client: Any, name: str, refused: Refused, document: str
) -> None:
    client.create_secret(Name=name, SecretString="a")
    for call in (client.put_resource_policy, client.validate_resource_policy):
        code, _ = refused(call, SecretId=name, ResourcePolicy=document)
        assert code == "MalformedPolicyDocumentException"
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)


def test_a_policy_for_everybody_is_blocked_on_request(
    client: Any, name: str, refused: Refused
) -> None:
    client.create_secret(Name=name, SecretString="a")
    open_to_all = policy("*")
    code, _ = refused(
        client.put_resource_policy,
        SecretId=name,
        ResourcePolicy=open_to_all,
        BlockPublicPolicy=True,
    )
    assert code == "PublicPolicyException"
    client.put_resource_policy(SecretId=name, ResourcePolicy=open_to_all)
    validated = client.validate_resource_policy(ResourcePolicy=open_to_all)
    assert validated["PolicyValidationPassed"] is False
    assert "everybody" in validated["ValidationErrors"][0]["ErrorMessage"]
    narrow = client.validate_resource_policy(ResourcePolicy=policy({"AWS": READER}))
    assert narrow["PolicyValidationPassed"] is True


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (policy("*"), True),
        (policy({"AWS": "*"}), True),
        (policy({"AWS": [READER, "*"]}), True),
        (policy({"AWS": READER}), False),
        (policy({"Service": "lambda.amazonaws.com"}), False),
        (policy("*", effect="Deny"), False),
        (policy("*", {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}), False),
        (policy("*", {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::1:role/*"}}), False),
        (policy("*", {"StringLike": {"aws:PrincipalArn": "*"}}), True),
        (policy("*", {"StringEquals": {"aws:PrincipalAccount": ["1", "${x}"]}}), True),
        (policy("*", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), False),
        (policy("*", {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}), True),
        (policy("*", {"Bool": {"aws:SecureTransport": "true"}}), True),
        (policy("*", {"StringNotEquals": {"aws:PrincipalAccount": "1"}}), True),
    ],
)
def test_a_policy_is_public_when_nobody_chose_whom_it_lets_in(
    document: str, expected: bool
) -> None:
    assert is_public(json.loads(document)) is expected
