"""The policy simulators with real boto3."""

from typing import Any

from support.identity_server import ACCOUNT, IdentityServer, allow, policy, refusal, trust

OBJECT = "arn:aws:s3:::data/train.jsonl"


def results(answer: Any) -> dict[str, str]:
    return {item["EvalActionName"]: item["EvalDecision"] for item in answer["EvaluationResults"]}


def test_a_custom_policy_is_tried_out(iam: Any) -> None:
    document = policy(
        allow("s3:Get*", resource="arn:aws:s3:::data/*"),
        {"Effect": "Deny", "Action": "s3:GetObjectAcl", "Resource": "*"},
    )
    answer = iam.simulate_custom_policy(
        PolicyInputList=[document],
        ActionNames=["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"],
        ResourceArns=[OBJECT],
    )
    assert results(answer) == {
        "s3:GetObject": "allowed",
        "s3:GetObjectAcl": "explicitDeny",
        "s3:PutObject": "implicitDeny",
    }
    allowed = answer["EvaluationResults"][0]
    assert allowed["EvalResourceName"] == OBJECT
    statement = allowed["MatchedStatements"][0]
    assert (statement["SourcePolicyId"], statement["SourcePolicyType"]) == (
        "PolicyInputList.1",
        "IAM Policy",
    )
    start, end = statement["StartPosition"], statement["EndPosition"]
    assert (start["Line"], end["Line"]) == (1, 1)
    assert "s3:Get*" in document[start["Column"] - 2 : end["Column"]]
    specific = allowed["ResourceSpecificResults"][0]
    assert (specific["EvalResourceName"], specific["EvalResourceDecision"]) == (OBJECT, "allowed")


def test_missing_context_is_named_and_given_context_decides(iam: Any) -> None:
    document = policy(
        allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})
    )
    request = {
        "PolicyInputList": [document],
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": [OBJECT],
    }
    without = iam.simulate_custom_policy(**request)["EvaluationResults"][0]
    assert without["EvalDecision"] == "implicitDeny"
    assert without["MissingContextValues"] == ["aws:PrincipalTag/team"]
    given = {
        "ContextKeyName": "aws:PrincipalTag/team",
        "ContextKeyValues": ["red"],
        "ContextKeyType": "string",
    }
    with_it = iam.simulate_custom_policy(ContextEntries=[given], **request)
    assert with_it["EvaluationResults"][0]["EvalDecision"] == "allowed"
    assert with_it["EvaluationResults"][0]["MissingContextValues"] == []


def test_boundary_and_resource_policy_take_part(iam: Any) -> None:
    request = {
        "PolicyInputList": [policy(allow("s3:*"))],
        "ActionNames": ["s3:GetObject", "s3:PutObject"],
        "ResourceArns": [OBJECT],
    }
    bounded = iam.simulate_custom_policy(
        PermissionsBoundaryPolicyInputList=[policy(allow("s3:GetObject"))], **request
    )
    assert results(bounded) == {"s3:GetObject": "allowed", "s3:PutObject": "implicitDeny"}
    detail = [
        item["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"]
        for item in bounded["EvaluationResults"]
    ]
    assert detail == [True, False]
    denying = policy(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": OBJECT}
    )
    caller = f"arn:aws:iam::{ACCOUNT}:user/anybody"
    with_bucket = iam.simulate_custom_policy(ResourcePolicy=denying, CallerArn=caller, **request)
    assert results(with_bucket) == {"s3:GetObject": "allowed", "s3:PutObject": "explicitDeny"}
    assert refusal(iam.simulate_custom_policy, ResourcePolicy=denying, **request).code == (
        "InvalidInput"
    )


def test_the_policies_of_a_principal_are_tried_out(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user(
        allow("s3:GetObject", resource="arn:aws:s3:::${aws:username}/*"),
        Tags=[{"Key": "team", "Value": "red"}],
    )
    group = f"g-{someone.name}"
    iam.create_group(GroupName=group)
    iam.put_group_policy(
        GroupName=group, PolicyName="p", PolicyDocument=policy(allow("s3:PutObject"))
    )
    iam.add_user_to_group(GroupName=group, UserName=someone.name)
    iam.attach_user_policy(
        UserName=someone.name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    )
    answer = iam.simulate_principal_policy(
        PolicySourceArn=someone.arn,
        ActionNames=["s3:GetObject", "s3:PutObject", "iam:GetUser", "iam:DeleteUser"],
        ResourceArns=[f"arn:aws:s3:::{someone.name}/x"],
    )
    assert results(answer) == {
        "s3:GetObject": "allowed",
        "s3:PutObject": "allowed",
        "iam:GetUser": "allowed",
        "iam:DeleteUser": "implicitDeny",
    }
    quoted = [
        [(item["SourcePolicyId"], item["SourcePolicyType"]) for item in result["MatchedStatements"]]
        for result in answer["EvaluationResults"]
    ]
    assert quoted == [
        [(f"user_{someone.name}_own", "user")],
        [(f"group_{group}_p", "group")],
        [("IAMReadOnlyAccess", "aws-managed")],
        [],
    ]
    more = iam.simulate_principal_policy(
        PolicySourceArn=someone.arn,
        PolicyInputList=[policy(allow("iam:DeleteUser"))],
        ActionNames=["iam:DeleteUser"],
    )
    assert results(more) == {"iam:DeleteUser": "allowed"}


def test_the_own_boundary_of_a_principal_counts(iam: Any, identities: IdentityServer) -> None:
    role = identities.role(
        trust({"Service": "lambda.amazonaws.com"}),
        allow("s3:*"),
        PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    )
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role["Arn"], ActionNames=["s3:GetObject", "s3:PutObject"]
    )
    assert results(answer) == {"s3:GetObject": "allowed", "s3:PutObject": "implicitDeny"}


def test_results_come_in_pages(iam: Any) -> None:
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy(allow("s3:GetObject"))],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=[f"arn:aws:s3:::b/{number}" for number in range(3)],
        PaginationConfig={"PageSize": 4},
    )
    found = [
        [
            (item["EvalActionName"], item["EvalResourceName"][-1])
            for item in page["EvaluationResults"]
        ]
        for page in pages
    ]
    assert [len(page) for page in found] == [4, 2]
    assert [*found[0], *found[1]][:4] == [
        ("s3:GetObject", "0"),
        ("s3:GetObject", "1"),
        ("s3:GetObject", "2"),
        ("s3:PutObject", "0"),
    ]


def test_context_keys_are_found(iam: Any, identities: IdentityServer) -> None:
    document = policy(
        allow(
            "s3:GetObject",
            resource="arn:aws:s3:::${aws:username}/*",
            Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        )
    )
    custom = iam.get_context_keys_for_custom_policy(PolicyInputList=[document])
    assert set(custom["ContextKeyNames"]) == {"aws:username", "aws:SourceIp"}
    someone = identities.user(
        allow("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": "true"}})
    )
    own = iam.get_context_keys_for_principal_policy(
        PolicySourceArn=someone.arn, PolicyInputList=[document]
    )
    assert set(own["ContextKeyNames"]) == {"aws:username", "aws:SourceIp", "aws:SecureTransport"}


def test_what_cannot_be_simulated_is_refused(iam: Any) -> None:
    request = {"PolicyInputList": [policy(allow("s3:*"))]}
    simulate = iam.simulate_custom_policy
    assert refusal(simulate, ActionNames=["GetObject"], **request).code == "InvalidInput"
    bad = refusal(simulate, ActionNames=["s3:GetObject"], PolicyInputList=["{}"])
    assert bad.code == "InvalidInput"
    odd = refusal(simulate, ActionNames=["s3:GetObject"], CallerArn="somebody", **request)
    assert odd.code == "InvalidInput"
    nobody = refusal(
        iam.simulate_principal_policy,
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/nobody",
        ActionNames=["s3:GetObject"],
    )
    assert (nobody.code, nobody.message) == (
        "NoSuchEntity",
        "The user with name nobody cannot be found.",
    )
