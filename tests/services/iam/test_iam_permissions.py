"""What callers of IAM need: actions, resources with their paths, and IAM's own condition keys."""

from typing import Any
from uuid import uuid4

import pytest

from support.identity_server import ACCOUNT, IdentityServer, allow, policy, refusal, trust

SERVICE = trust({"Service": "bedrock.amazonaws.com"})
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def name() -> str:
    return f"name-{uuid4().hex[:8]}"


def test_a_refusal_names_caller_action_and_resource(identities: IdentityServer) -> None:
    someone = identities.user()
    answer = refusal(someone.client("iam").create_user, UserName="x", Path="/a/")
    assert (answer.code, answer.status) == ("AccessDenied", 403)
    assert answer.message == (
        f"User: {someone.arn} is not authorized to perform: iam:CreateUser on resource: "
        f"arn:aws:iam::{ACCOUNT}:user/a/x because no identity-based policy allows the "
        "iam:CreateUser action"
    )


def test_paths_limit_what_may_be_made(identities: IdentityServer, name: str) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:role/team/*"
    theirs = identities.user(allow("iam:CreateRole", "iam:DeleteRole", resource=own)).client("iam")
    request = {"RoleName": name, "AssumeRolePolicyDocument": SERVICE}
    assert refusal(theirs.create_role, **request).code == "AccessDenied"
    theirs.create_role(Path="/team/", **request)
    theirs.delete_role(RoleName=name)


def test_a_role_is_made_only_with_the_boundary_that_is_asked_for(
    identities: IdentityServer, name: str
) -> None:
    bounded = {"StringEquals": {"iam:PermissionsBoundary": READ_ONLY}}
    theirs = identities.user(allow("iam:CreateRole", Condition=bounded)).client("iam")
    request = {"RoleName": name, "AssumeRolePolicyDocument": SERVICE}
    assert refusal(theirs.create_role, **request).code == "AccessDenied"
    other = refusal(theirs.create_role, PermissionsBoundary=ADMINISTRATOR, **request)
    assert other.code == "AccessDenied"
    theirs.create_role(PermissionsBoundary=READ_ONLY, **request)


def test_the_boundary_of_the_changed_role_is_a_condition(
    iam: Any, identities: IdentityServer
) -> None:
    bounded = {"StringEquals": {"iam:PermissionsBoundary": READ_ONLY}}
    theirs = identities.user(allow("iam:PutRolePolicy", Condition=bounded)).client("iam")
    free = identities.role(SERVICE)["RoleName"]
    bound = identities.role(SERVICE, PermissionsBoundary=READ_ONLY)["RoleName"]
    document = policy(allow("s3:GetObject"))
    put = {"PolicyName": "p", "PolicyDocument": document}
    assert refusal(theirs.put_role_policy, RoleName=free, **put).code == "AccessDenied"
    theirs.put_role_policy(RoleName=bound, **put)
    assert iam.list_role_policies(RoleName=bound)["PolicyNames"] == ["p"]


def test_only_the_policy_that_is_asked_for_is_attached(identities: IdentityServer) -> None:
    only = {"ArnEquals": {"iam:PolicyARN": READ_ONLY}}
    someone = identities.user(allow("iam:AttachUserPolicy", Condition=only))
    theirs, target = someone.client("iam"), identities.user().name
    denied = refusal(theirs.attach_user_policy, UserName=target, PolicyArn=ADMINISTRATOR)
    assert denied.code == "AccessDenied"
    theirs.attach_user_policy(UserName=target, PolicyArn=READ_ONLY)


def test_tagging_at_creation_is_a_permission_of_its_own(
    identities: IdentityServer, name: str
) -> None:
    theirs = identities.user(allow("iam:CreateUser")).client("iam")
    tags = [{"Key": "team", "Value": "red"}]
    answer = refusal(theirs.create_user, UserName=name, Tags=tags)
    assert "not authorized to perform: iam:TagUser" in answer.message
    red = {"StringEquals": {"aws:RequestTag/team": "red"}}
    allowed = identities.user(allow("iam:CreateUser", "iam:TagUser", Condition=red))
    blue = [{"Key": "team", "Value": "blue"}]
    refused = refusal(allowed.client("iam").create_user, UserName=name, Tags=blue)
    assert refused.code == "AccessDenied"
    allowed.client("iam").create_user(UserName=name, Tags=tags)


def test_tags_of_the_entity_are_conditions(identities: IdentityServer) -> None:
    for key in ("aws:ResourceTag/team", "iam:ResourceTag/team"):
        red = {"StringEquals": {key: "red"}}
        theirs = identities.user(allow("iam:GetUser", Condition=red)).client("iam")
        tagged = identities.user(Tags=[{"Key": "team", "Value": "red"}])
        assert theirs.get_user(UserName=tagged.name)["User"]["Arn"] == tagged.arn
        other = identities.user(Tags=[{"Key": "team", "Value": "blue"}])
        assert refusal(theirs.get_user, UserName=other.name).code == "AccessDenied"


def test_users_see_to_themselves_by_a_variable(identities: IdentityServer) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    someone = identities.user(allow("iam:*AccessKey*", resource=own))
    theirs = someone.client("iam")
    assert len(theirs.list_access_keys()["AccessKeyMetadata"]) == 1
    other = identities.user()
    assert refusal(theirs.list_access_keys, UserName=other.name).code == "AccessDenied"


def test_the_age_of_api_keys_can_be_limited(identities: IdentityServer) -> None:
    short = {
        "NumericLessThanEquals": {"iam:ServiceSpecificCredentialAgeDays": "30"},
        "StringEquals": {"iam:ServiceSpecificCredentialServiceName": "bedrock.amazonaws.com"},
    }
    action = "iam:CreateServiceSpecificCredential"
    theirs = identities.user(allow(action, Condition=short)).client("iam")
    target = {"UserName": identities.user().name, "ServiceName": "bedrock.amazonaws.com"}
    make = theirs.create_service_specific_credential
    assert refusal(make, **target).code == "AccessDenied"
    assert refusal(make, CredentialAgeDays=31, **target).code == "AccessDenied"
    assert make(CredentialAgeDays=30, **target)["ServiceSpecificCredential"]["Status"] == "Active"


def test_a_service_linked_role_is_made_for_the_service_that_is_allowed(
    identities: IdentityServer,
) -> None:
    only = {"StringEquals": {"iam:AWSServiceName": "ses.amazonaws.com"}}
    theirs = identities.user(allow("iam:CreateServiceLinkedRole", Condition=only)).client("iam")
    make = theirs.create_service_linked_role
    assert refusal(make, AWSServiceName="events.amazonaws.com").code == "AccessDenied"
    assert make(AWSServiceName="ses.amazonaws.com")["Role"]["Path"].endswith("ses.amazonaws.com/")


def test_a_renaming_needs_both_names(iam: Any, identities: IdentityServer) -> None:
    target = identities.user()
    theirs = identities.user(allow("iam:UpdateUser", resource=target.arn)).client("iam")
    answer = refusal(theirs.update_user, UserName=target.name, NewUserName=f"{target.name}-2")
    assert f"user/{target.name}-2" in answer.message
    assert iam.get_user(UserName=target.name)["User"]["Arn"] == target.arn


def test_a_role_is_passed_into_an_instance_profile(
    iam: Any, identities: IdentityServer, name: str
) -> None:
    iam.create_instance_profile(InstanceProfileName=name)
    role = identities.role(SERVICE)["RoleName"]
    theirs = identities.user(allow("iam:AddRoleToInstanceProfile")).client("iam")
    add = theirs.add_role_to_instance_profile
    answer = refusal(add, InstanceProfileName=name, RoleName=role)
    assert "not authorized to perform: iam:PassRole" in answer.message
