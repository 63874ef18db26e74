"""The account as a whole with real boto3."""

import json
from typing import Any

from support.identity_server import IdentityServer, allow, policy, refusal, trust


def test_the_account_has_one_alias(iam: Any) -> None:
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="first")
    iam.create_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == ["second"]
    assert refusal(iam.create_account_alias, AccountAlias="second").code == "EntityAlreadyExists"
    assert refusal(iam.delete_account_alias, AccountAlias="first").code == "NoSuchEntity"
    iam.delete_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == []


def test_the_summary_counts(iam: Any, identities: IdentityServer) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    identities.user()
    identities.role(trust({"Service": "bedrock.amazonaws.com"}))
    after = iam.get_account_summary()["SummaryMap"]
    assert after["Users"] == before["Users"] + 1
    assert after["Roles"] == before["Roles"] + 1
    assert after["Policies"] == before["Policies"]


def test_authorization_details_tell_everything(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user(allow("s3:GetObject"), Tags=[{"Key": "a", "Value": "b"}])
    role = identities.role(trust({"Service": "bedrock.amazonaws.com"}), allow("s3:PutObject"))
    document = policy(allow("s3:ListBucket"))
    arn = iam.create_policy(PolicyName=someone.name, PolicyDocument=document)["Policy"]["Arn"]
    iam.create_group(GroupName=someone.name)
    iam.add_user_to_group(GroupName=someone.name, UserName=someone.name)
    iam.attach_group_policy(GroupName=someone.name, PolicyArn=arn)
    pages = list(
        iam.get_paginator("get_account_authorization_details").paginate(
            Filter=["User", "Group", "Role", "LocalManagedPolicy"],
            PaginationConfig={"PageSize": 3},
        )
    )

    def found(member: str, key: str, value: str) -> Any:
        return next(item for page in pages for item in page[member] if item[key] == value)

    user = found("UserDetailList", "UserName", someone.name)
    assert user["GroupList"] == [someone.name]
    assert user["UserPolicyList"][0]["PolicyDocument"] == json.loads(policy(allow("s3:GetObject")))
    assert user["Tags"] == [{"Key": "a", "Value": "b"}]
    group = found("GroupDetailList", "GroupName", someone.name)
    assert group["AttachedManagedPolicies"] == [{"PolicyName": someone.name, "PolicyArn": arn}]
    detail = found("RoleDetailList", "RoleName", role["RoleName"])
    assert detail["RolePolicyList"][0]["PolicyName"] == "own"
    assert detail["AssumeRolePolicyDocument"] == role["AssumeRolePolicyDocument"]
    listed = found("Policies", "Arn", arn)
    assert listed["PolicyVersionList"][0]["Document"] == json.loads(document)
    aws = iam.get_account_authorization_details(Filter=["AWSManagedPolicy"], MaxItems=1000)
    assert aws["UserDetailList"] == []
    assert "AdministratorAccess" in {item["PolicyName"] for item in aws["Policies"]}
