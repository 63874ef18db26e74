"""Managed policies, their versions, attachments, inline policies and boundaries with real boto3."""

import json
from typing import Any
from uuid import uuid4

import pytest

from support.identity_server import ACCOUNT, IdentityServer, allow, policy, refusal, trust

READ = policy(allow("s3:GetObject"))
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
SERVICE = {"Service": "bedrock.amazonaws.com"}


@pytest.fixture
def name() -> str:
    return f"policy-{uuid4().hex[:8]}"


def arn_of(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:policy/{name}"


def test_a_policy_is_described_as_it_was_made(iam: Any, name: str) -> None:
    made = iam.create_policy(
        PolicyName=name,
        Path="/ml/",
        PolicyDocument=READ,
        Description="reads",
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]
    found = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    assert found == made | {"Description": "reads"}
    assert found["Arn"] == arn_of(f"ml/{name}")
    assert found["PolicyId"].startswith("ANPA")
    assert (found["DefaultVersionId"], found["AttachmentCount"]) == ("v1", 0)
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(READ)
    assert version["IsDefaultVersion"] is True
    again = refusal(iam.create_policy, PolicyName=name.upper(), PolicyDocument=READ)
    assert again.code == "EntityAlreadyExists"


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*"}]}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}',
        trust(SERVICE),
    ],
)
def test_what_is_no_policy_is_refused_everywhere(iam: Any, name: str, document: str) -> None:
    iam.create_user(UserName=name)
    for call, request in (
        (iam.create_policy, {"PolicyName": name}),
        (iam.put_user_policy, {"UserName": name, "PolicyName": name}),
    ):
        answer = refusal(call, PolicyDocument=document, **request)
        assert (answer.code, answer.status) == ("MalformedPolicyDocument", 400)
        assert answer.message


def test_a_policy_has_five_versions_one_of_them_in_force(iam: Any, name: str) -> None:
    iam.create_policy(PolicyName=name, PolicyDocument=READ)
    arn = arn_of(name)
    second = iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=policy(allow("s3:PutObject")), SetAsDefault=True
    )["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", True)
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    full = refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=READ)
    assert (full.code, full.status) == ("LimitExceeded", 409)
    listed = iam.list_policy_versions(PolicyArn=arn, MaxItems=2)
    assert [item["VersionId"] for item in listed["Versions"]] == ["v5", "v4"]
    rest = iam.list_policy_versions(PolicyArn=arn, Marker=listed["Marker"])["Versions"]
    assert [item["VersionId"] for item in rest] == ["v3", "v2", "v1"]
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v2").code == (
        "DeleteConflict"
    )
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    assert refusal(iam.get_policy_version, PolicyArn=arn, VersionId="v2").code == "NoSuchEntity"
    assert refusal(iam.delete_policy, PolicyArn=arn).code == "DeleteConflict"
    for version in ("v3", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)["PolicyVersion"][
        "VersionId"
    ] == ("v6")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v6")
    iam.delete_policy(PolicyArn=arn)
    gone = refusal(iam.get_policy, PolicyArn=arn)
    assert (gone.code, gone.message) == ("NoSuchEntity", f"Policy {arn} was not found.")


def test_the_version_in_force_decides(iam: Any, identities: IdentityServer, name: str) -> None:
    someone = identities.user()
    iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("iam:ListRoles")))
    iam.attach_user_policy(UserName=someone.name, PolicyArn=arn_of(name))
    theirs = someone.client("iam")
    assert theirs.list_roles()["IsTruncated"] in {True, False}
    iam.create_policy_version(PolicyArn=arn_of(name), PolicyDocument=READ, SetAsDefault=True)
    assert refusal(theirs.list_roles).code == "AccessDenied"


def test_a_policy_is_attached_to_users_groups_and_roles(
    iam: Any, identities: IdentityServer, name: str
) -> None:
    user, role = identities.user().name, identities.role(trust(SERVICE))["RoleName"]
    iam.create_group(GroupName=name)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=READ, Path="/p/")["Policy"]["Arn"]
    attached = [{"PolicyName": name, "PolicyArn": arn}]
    for kind, owner in (("user", user), ("group", name), ("role", role)):
        member = {f"{kind.title()}Name": owner}
        getattr(iam, f"attach_{kind}_policy")(PolicyArn=arn, **member)
        getattr(iam, f"attach_{kind}_policy")(PolicyArn=arn, **member)
        listing = getattr(iam, f"list_attached_{kind}_policies")
        assert listing(**member)["AttachedPolicies"] == attached
        assert listing(PathPrefix="/q/", **member)["AttachedPolicies"] == []
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    found = iam.list_entities_for_policy(PolicyArn=arn)
    assert [item["UserName"] for item in found["PolicyUsers"]] == [user]
    assert [item["GroupName"] for item in found["PolicyGroups"]] == [name]
    assert [item["RoleName"] for item in found["PolicyRoles"]] == [role]
    only = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")
    assert (only["PolicyUsers"], len(only["PolicyRoles"])) == ([], 1)
    assert refusal(iam.delete_policy, PolicyArn=arn).code == "DeleteConflict"
    iam.detach_group_policy(GroupName=name, PolicyArn=arn)
    assert refusal(iam.detach_group_policy, GroupName=name, PolicyArn=arn).code == "NoSuchEntity"


def test_what_is_no_policy_is_not_attached(iam: Any, identities: IdentityServer) -> None:
    user, arn = identities.user().name, arn_of("missing")
    answer = refusal(iam.attach_user_policy, UserName=user, PolicyArn=arn)
    assert (answer.code, answer.status) == ("NoSuchEntity", 404)
    assert answer.message == f"Policy {arn} does not exist or is not attachable."


def test_ten_policies_are_attached_at_most(iam: Any, identities: IdentityServer) -> None:
    user = identities.user().name
    for number in range(10):
        made = iam.create_policy(PolicyName=f"{user}-{number}", PolicyDocument=READ)["Policy"]
        iam.attach_user_policy(UserName=user, PolicyArn=made["Arn"])
    answer = refusal(iam.attach_user_policy, UserName=user, PolicyArn=ADMINISTRATOR)
    assert (answer.code, answer.message) == (
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerUser: 10",
    )


def test_policies_of_aws_are_there_and_stay_as_they_are(
    iam: Any, identities: IdentityServer
) -> None:
    listed = iam.list_policies(Scope="AWS", MaxItems=1000)["Policies"]
    arns = {found["Arn"] for found in listed}
    assert {ADMINISTRATOR, "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"} <= arns
    assert "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" in arns
    found = iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]
    version = iam.get_policy_version(PolicyArn=ADMINISTRATOR, VersionId=found["DefaultVersionId"])[
        "PolicyVersion"
    ]
    assert version["Document"]["Statement"][0]["Action"] == "*"
    for call, request in (
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": READ}),
        (iam.tag_policy, {"Tags": [{"Key": "a", "Value": "b"}]}),
    ):
        assert refusal(call, PolicyArn=ADMINISTRATOR, **request).code == "AccessDenied"
    someone = identities.user()
    assert refusal(someone.client("iam").list_users).code == "AccessDenied"
    iam.attach_user_policy(UserName=someone.name, PolicyArn=ADMINISTRATOR)
    assert someone.client("iam").list_users(MaxItems=1)["Users"]


def test_policies_are_listed_by_scope_path_and_use(
    iam: Any, identities: IdentityServer, name: str
) -> None:
    someone = identities.user()
    for suffix in ("used", "unused", "bound"):
        iam.create_policy(PolicyName=f"{name}-{suffix}", PolicyDocument=READ, Path=f"/{name}/")
    arns = {suffix: arn_of(f"{name}/{name}-{suffix}") for suffix in ("used", "unused", "bound")}
    iam.attach_user_policy(UserName=someone.name, PolicyArn=arns["used"])
    iam.put_user_permissions_boundary(UserName=someone.name, PermissionsBoundary=arns["bound"])

    def listed(**request: Any) -> set[str]:
        found = iam.list_policies(Scope="Local", PathPrefix=f"/{name}/", **request)["Policies"]
        return {policy["Arn"] for policy in found}

    assert listed() == set(arns.values())
    assert listed(OnlyAttached=True) == {arns["used"], arns["bound"]}
    assert listed(PolicyUsageFilter="PermissionsPolicy") == {arns["used"]}
    assert listed(PolicyUsageFilter="PermissionsBoundary") == {arns["bound"]}
    assert refusal(iam.delete_policy, PolicyArn=arns["bound"]).code == "DeleteConflict"


def test_inline_policies_belong_to_one_owner(
    iam: Any, identities: IdentityServer, name: str
) -> None:
    user, role = identities.user().name, identities.role(trust(SERVICE))["RoleName"]
    iam.create_group(GroupName=name)
    for kind, owner in (("user", user), ("group", name), ("role", role)):
        member = {f"{kind.title()}Name": owner}
        put = getattr(iam, f"put_{kind}_policy")
        put(PolicyName="p", PolicyDocument=READ, **member)
        put(PolicyName="p", PolicyDocument=policy(allow("s3:PutObject")), **member)
        found = getattr(iam, f"get_{kind}_policy")(PolicyName="p", **member)
        assert found["PolicyDocument"]["Statement"][0]["Action"] == ["s3:PutObject"]
        assert getattr(iam, f"list_{kind}_policies")(**member)["PolicyNames"] == ["p"]
        getattr(iam, f"delete_{kind}_policy")(PolicyName="p", **member)
        gone = refusal(getattr(iam, f"get_{kind}_policy"), PolicyName="p", **member)
        assert gone.message == f"The {kind} policy with name p cannot be found."


def test_inline_policies_are_limited_together(iam: Any, identities: IdentityServer) -> None:
    user = identities.user().name
    half = policy(allow(*(f"s3:Get{'x' * 90}{number}" for number in range(10))))
    iam.put_user_policy(UserName=user, PolicyName="a", PolicyDocument=half)
    answer = refusal(iam.put_user_policy, UserName=user, PolicyName="b", PolicyDocument=half)
    assert (answer.code, answer.status) == ("LimitExceeded", 409)
    assert answer.message == f"Maximum policy size of 2048 bytes exceeded for user {user}"
    long = policy(allow(*(f"s3:Get{'x' * 90}{number}" for number in range(70))))
    made = refusal(iam.create_policy, PolicyName=f"{user}-long", PolicyDocument=long)
    assert made.message == "Cannot exceed quota for PolicySize: 6144"


def test_a_boundary_ends_what_policies_allow(
    iam: Any, identities: IdentityServer, name: str
) -> None:
    someone = identities.user(allow("iam:*"))
    theirs = someone.client("iam")
    assert theirs.list_roles(MaxItems=1)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("iam:ListUsers")))[
        "Policy"
    ]["Arn"]
    iam.put_user_permissions_boundary(UserName=someone.name, PermissionsBoundary=arn)
    boundary = iam.get_user(UserName=someone.name)["User"]["PermissionsBoundary"]
    assert boundary["PermissionsBoundaryArn"] == arn
    assert theirs.list_users(MaxItems=1)
    answer = refusal(theirs.list_roles)
    assert answer.code == "AccessDenied"
    assert "because no permissions boundary allows the iam:ListRoles action" in answer.message
    iam.delete_user_permissions_boundary(UserName=someone.name)
    assert theirs.list_roles(MaxItems=1)
    none = refusal(iam.delete_user_permissions_boundary, UserName=someone.name)
    assert none.code == "NoSuchEntity"
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trust(SERVICE), PermissionsBoundary=arn
    )["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    iam.delete_role_permissions_boundary(RoleName=name)
    missing = refusal(
        iam.put_role_permissions_boundary, RoleName=name, PermissionsBoundary=arn_of("missing")
    )
    assert missing.code == "NoSuchEntity"
