"""Which policies are public. Source: S3 User Guide, "The meaning of public"."""

from typing import Any

import pytest

from outcrop.services.s3.public_policies import is_public


def policy(**statement: Any) -> dict[str, Any]:
    base = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}
    return {"Version": "2012-10-17", "Statement": [{**base, **statement}]}


ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringLike": {"aws:SourceVpc": "vpc-*"}},
        {"StringEquals": {"aws:UserAgent": "mine"}},
        {"StringEquals": {"aws:SourceVpc": ["vpc-91237329", "vpc-*"]}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalTag/org}"}},
        {"StringNotEquals": {"aws:SourceAccount": "123456789012"}},
        {"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}},
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}},
        {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/0"]}},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:topic"}},
        {"Bool": {"aws:SecureTransport": "true"}},
    ],
)
def test_everybody_without_a_binding_condition_is_the_public(condition: Any) -> None:
    assert is_public(policy(Principal="*", Condition=condition))
    assert is_public(policy(Principal={"AWS": ["*", ROLE]}, Condition=condition))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceVpc": "vpc-91237329"}},
        {"StringLike": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}},
        {"StringEquals": {"AWS:PrincipalOrgID": "o-1234"}},
        {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:*"}},
        {"StringLike": {"aws:userid": "AROAEXAMPLEID:*"}},
        {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}},
        {"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:::key/1"}},
    ],
)
def test_everybody_bound_to_fixed_values_is_not(condition: Any) -> None:
    assert not is_public(policy(Principal="*", Condition=condition))


@pytest.mark.parametrize(
    "principal",
    [{"AWS": ROLE}, {"AWS": ["123456789012", ROLE]}, {"Service": "bedrock.amazonaws.com"}],
)
def test_named_principals_are_not_the_public(principal: Any) -> None:
    assert not is_public(policy(Principal=principal))


def test_a_denial_gives_nobody_anything() -> None:
    assert not is_public(policy(Principal="*", Effect="Deny"))


def test_all_but_one_is_the_public() -> None:
    assert is_public(policy(NotPrincipal={"AWS": ROLE}))


def test_one_public_statement_is_enough() -> None:
    document = policy(Principal={"AWS": ROLE})
    document["Statement"].append(policy(Principal="*")["Statement"][0])
    assert is_public(document)
