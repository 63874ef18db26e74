"""What IAM's simulators are answered: outcomes, the statements that decided and where they stand, missing keys."""

from typing import Any

from outcrop.identity.policy import (
    Caller,
    DecisionKind,
    PolicyKind,
    Position,
    Simulation,
    Source,
    context_keys,
    parse_policy,
    simulate,
)
from outcrop.identity.policy.positions import statement_spans

HOME = "123456789012"
ABROAD = "210987654321"
USER = Caller("User", f"arn:aws:iam::{HOME}:user/alice", HOME)
# The example of the AWS CLI's reference for simulate-custom-policy.
AFTER_A_DATE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


def source(
    *statements: dict[str, Any],
    policy_id: str = "PolicyInputList.1",
    kind: PolicyKind = PolicyKind.IDENTITY,
) -> Source:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return Source(parse_policy(document, kind), policy_id)


def allow(action: str = "*", resource: str = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def deny(action: str = "*", resource: str = "*", **elements: Any) -> dict[str, Any]:
    return {**allow(action, resource, **elements), "Effect": "Deny"}


def test_the_example_of_the_reference_is_answered_as_there() -> None:
    simulation = Simulation(
        [Source(parse_policy(AFTER_A_DATE), "PolicyInputList.1")],
        USER,
        context={"aws:CurrentTime": ["2019-04-25T11:00:00Z"]},
    )
    found = simulate(simulation, "dynamodb:CreateBackup")
    assert (found.kind, found.resource) == (DecisionKind.ALLOWED, "*")
    assert found.missing_context_keys == ()
    (statement,) = found.statements
    assert statement.policy_id == "PolicyInputList.1"
    assert (statement.start, statement.end) == (Position(1, 38), Position(1, 167))


def test_the_example_of_the_reference_is_denied_before_its_date() -> None:
    simulation = Simulation(
        [Source(parse_policy(AFTER_A_DATE), "PolicyInputList.1")],
        USER,
        context={"aws:CurrentTime": "2014-04-25T11:00:00Z"},
    )
    found = simulate(simulation, "dynamodb:CreateBackup")
    assert (found.kind, found.statements) == (DecisionKind.IMPLICIT_DENY, ())


def test_statements_are_found_across_lines_whatever_stands_around_them() -> None:
    text = """{
  "Id" : "a, {\\"Statement\\": [",
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow",
     "Action": "s3:{Get}]*", "Resource": "*"}
    ,
        {
      "Effect": "Deny", "Action": "s3:*", "Resource": "*"
    }
  ]
}"""
    spans = [(span.start, span.end) for span in statement_spans(text)]
    assert spans == [
        (Position(5, 6), Position(6, 46)),
        (Position(8, 10), Position(10, 6)),
    ]


def test_a_denying_statement_is_the_only_one_named() -> None:
    simulation = Simulation(
        [source(allow()), source(allow("kms:*"), deny("s3:*"), policy_id="PolicyInputList.2")], USER
    )
    found = simulate(simulation, "s3:GetObject", "arn:aws:s3:::b/k")
    assert found.kind is DecisionKind.EXPLICIT_DENY
    (statement,) = found.statements
    assert statement.policy_id == "PolicyInputList.2"
    assert statement.policy_type == "IAM Policy"


def test_all_allowing_statements_are_named() -> None:
    simulation = Simulation(
        [source(allow(), allow("s3:*")), source(allow("s3:Get*"), policy_id="PolicyInputList.2")],
        USER,
    )
    found = simulate(simulation, "s3:GetObject")
    assert [statement.policy_id for statement in found.statements] == [
        "PolicyInputList.1",
        "PolicyInputList.1",
        "PolicyInputList.2",
    ]


def test_a_boundary_is_told_apart() -> None:
    boundary = [source(allow("kms:*"), policy_id="PermissionsBoundaryPolicyInputList.1")]
    simulation = Simulation([source(allow())], USER, boundaries=boundary)
    refused = simulate(simulation, "s3:GetObject")
    assert (refused.kind, refused.allowed_by_boundary) == (DecisionKind.IMPLICIT_DENY, False)
    allowed = simulate(simulation, "kms:Decrypt")
    assert (allowed.kind, allowed.allowed_by_boundary) == (DecisionKind.ALLOWED, True)
    assert simulate(Simulation([source(allow())], USER), "s3:GetObject").allowed_by_boundary is None


def test_a_boundary_that_denies_is_named() -> None:
    boundary = [source(allow(), deny(), policy_id="PermissionsBoundaryPolicyInputList.1")]
    found = simulate(Simulation([source(allow())], USER, boundaries=boundary), "s3:GetObject")
    assert (found.kind, found.allowed_by_boundary) == (DecisionKind.EXPLICIT_DENY, False)
    assert [s.policy_id for s in found.statements] == ["PermissionsBoundaryPolicyInputList.1"]


def test_keys_that_are_not_given_are_listed_once_each() -> None:
    conditions = {
        "StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    simulation = Simulation(
        [
            source(
                allow(Condition=conditions), deny(Condition={"Bool": {"AWS:securetransport": "x"}})
            )
        ],
        USER,
        context={"aws:requesttag/team": "a"},
    )
    found = simulate(simulation, "s3:GetObject")
    assert found.missing_context_keys == ("aws:SecureTransport", "aws:PrincipalTag/team")


def test_context_keys_are_those_of_conditions_and_variables() -> None:
    policy = source(
        allow(resource="arn:aws:s3:::b/${aws:username}/${*}", Condition={"Null": {"aws:x": "true"}})
    ).policy
    assert context_keys([policy]) == ("aws:x", "aws:username")


def test_a_resource_of_another_account_is_allowed_by_identity_policies_alone() -> None:
    # Without a resource policy the simulator knows nothing of the other side.
    simulation = Simulation([source(allow())], USER, resource_account=ABROAD)
    table = f"arn:aws:dynamodb:us-east-1:{ABROAD}:table/t"
    assert simulate(simulation, "dynamodb:GetItem", table).kind is DecisionKind.ALLOWED


def test_a_resource_policy_takes_part() -> None:
    policy = source(
        allow("s3:*", Principal={"AWS": USER.arn}),
        policy_id="ResourcePolicy",
        kind=PolicyKind.RESOURCE,
    )
    simulation = Simulation([source(allow("kms:*"))], USER, resource=policy)
    found = simulate(simulation, "s3:GetObject", "arn:aws:s3:::b/k")
    assert (found.kind, found.details) == (DecisionKind.ALLOWED, {})
    assert [s.policy_id for s in found.statements] == ["ResourcePolicy"]


def test_both_sides_of_a_simulation_across_accounts_are_told() -> None:
    policy = source(allow("s3:*", Principal={"AWS": USER.arn}), kind=PolicyKind.RESOURCE)
    simulation = Simulation(
        [source(allow("kms:*"))], USER, resource=policy, resource_account=ABROAD
    )
    found = simulate(simulation, "s3:GetObject", "arn:aws:s3:::b/k")
    assert found.kind is DecisionKind.IMPLICIT_DENY
    assert found.details == {
        "IAM Policy": DecisionKind.IMPLICIT_DENY,
        "Resource Policy": DecisionKind.ALLOWED,
    }


def test_the_account_in_a_resource_is_its_owner() -> None:
    policy = source(allow("sqs:*", Principal="*"), kind=PolicyKind.RESOURCE)
    simulation = Simulation([source(allow("kms:*"))], USER, resource=policy)
    home, abroad = (f"arn:aws:sqs:us-east-1:{account}:q" for account in (HOME, ABROAD))
    assert simulate(simulation, "sqs:SendMessage", home).kind is DecisionKind.ALLOWED
    assert simulate(simulation, "sqs:SendMessage", abroad).kind is DecisionKind.IMPLICIT_DENY


def test_a_key_policy_must_allow() -> None:
    policy = source(allow("kms:*", Principal={"AWS": ABROAD}), kind=PolicyKind.RESOURCE)
    simulation = Simulation([source(allow())], USER, resource=policy)
    key = f"arn:aws:kms:us-east-1:{HOME}:key/1"
    assert simulate(simulation, "kms:Decrypt", key).kind is DecisionKind.IMPLICIT_DENY
