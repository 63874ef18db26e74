"""Roles, trust policies, instance profiles and service-linked roles with real boto3."""

import json
from typing import Any
from uuid import uuid4

import pytest

from support.identity_server import ACCOUNT, ROOT, IdentityServer, allow, refusal, trust

SERVICE = {"Service": "bedrock.amazonaws.com"}


@pytest.fixture
def name() -> str:
    return f"role-{uuid4().hex[:8]}"


def test_a_role_is_described_as_it_was_made(iam: Any, name: str) -> None:
    document = trust(SERVICE)
    made = iam.create_role(
        RoleName=name,
        Path="/service-role/",
        AssumeRolePolicyDocument=document,
        Description="for jobs",
        MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]
    role = iam.get_role(RoleName=name)["Role"]
    assert role.pop("RoleLastUsed") == {}
    assert role == made
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service-role/{name}"
    assert role["RoleId"].startswith("AROA")
    assert role["AssumeRolePolicyDocument"] == json.loads(document)
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "for jobs")
    listed = iam.list_roles(PathPrefix="/service-role/")["Roles"]
    assert name in [found["RoleName"] for found in listed]


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}',
        trust(SERVICE, Resource="*"),
        trust(SERVICE, "s3:GetObject"),
    ],
)
def test_what_is_no_trust_policy_is_refused(iam: Any, name: str, document: str) -> None:
    answer = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=document)
    assert (answer.code, answer.status) == ("MalformedPolicyDocument", 400)
    assert answer.message
    assert refusal(iam.get_role, RoleName=name).code == "NoSuchEntity"


def test_a_principal_that_does_not_exist_is_refused(iam: Any, name: str) -> None:
    for kind in ("user", "role"):
        arn = f"arn:aws:iam::{ACCOUNT}:{kind}/nobody"
        answer = refusal(
            iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust({"AWS": arn})
        )
        assert answer.code == "MalformedPolicyDocument"
        assert answer.message == f'Invalid principal in policy: "AWS":"{arn}"'


def test_a_deleted_principal_turns_into_its_unique_id(
    iam: Any, identities: IdentityServer, name: str
) -> None:
    iam.create_user(UserName=name)
    user = iam.get_user(UserName=name)["User"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": [user["Arn"], ROOT]}))
    iam.delete_user(UserName=name)
    iam.create_user(UserName=name)

    def principals() -> Any:
        document = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        return document["Statement"][0]["Principal"]["AWS"]

    assert principals() == [user["UserId"], ROOT]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"AWS": user["Arn"]}))
    assert principals() == user["Arn"]
    iam.update_user(UserName=name, NewUserName=f"{name}-2")
    assert principals() == f"{user['Arn']}-2"
    role = identities.directory.role(iam.get_role(RoleName=name)["Role"]["Arn"])
    assert role is not None
    assert f"{user['Arn']}-2" in role.trust


def test_a_role_is_changed(iam: Any, name: str) -> None:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(SERVICE))
    iam.update_role(RoleName=name, Description="new", MaxSessionDuration=43200)
    role = iam.get_role(RoleName=name)["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("new", 43200)
    assert iam.update_role_description(RoleName=name, Description="")["Role"]["RoleName"] == name
    assert "Description" not in iam.get_role(RoleName=name)["Role"]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"AWS": ACCOUNT}))
    document = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert document["Statement"][0]["Principal"] == {"AWS": ACCOUNT}


def test_a_role_in_use_is_not_deleted(iam: Any, identities: IdentityServer) -> None:
    name = identities.role(trust(SERVICE), allow("s3:GetObject"))["RoleName"]
    read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    iam.attach_role_policy(RoleName=name, PolicyArn=read_only)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    profile = {"InstanceProfileName": name}
    steps = (
        ("instance profile", iam.remove_role_from_instance_profile, profile),
        ("detach all policies", iam.detach_role_policy, {"PolicyArn": read_only}),
        ("delete policies", iam.delete_role_policy, {"PolicyName": "own"}),
    )
    for what, remove, request in steps:
        answer = refusal(iam.delete_role, RoleName=name)
        assert answer.code == "DeleteConflict"
        assert what in answer.message
        remove(RoleName=name, **request)
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    iam.delete_role(RoleName=name)
    answer = refusal(iam.get_role, RoleName=name)
    assert answer.message == f"The role with name {name} cannot be found."


def test_an_instance_profile_holds_one_role(iam: Any, identities: IdentityServer) -> None:
    role, other = identities.role(trust(SERVICE)), identities.role(trust(SERVICE))
    name = role["RoleName"]
    made = iam.create_instance_profile(
        InstanceProfileName=name, Path="/x/", Tags=[{"Key": "a", "Value": "b"}]
    )["InstanceProfile"]
    assert made["Roles"] == []
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    add = iam.add_role_to_instance_profile
    answer = refusal(add, InstanceProfileName=name, RoleName=other["RoleName"])
    assert answer.code == "LimitExceeded"
    found = iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]
    assert [profile["Arn"] for profile in found] == [made["Arn"]]
    profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert profile["Roles"][0]["Arn"] == role["Arn"]
    assert iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"] == made["Tags"]
    listed = iam.list_instance_profiles(PathPrefix="/x/")["InstanceProfiles"]
    assert name in [found["InstanceProfileName"] for found in listed]
    assert refusal(iam.delete_instance_profile, InstanceProfileName=name).code == "DeleteConflict"
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    answer = refusal(iam.get_instance_profile, InstanceProfileName=name)
    assert answer.message == f"Instance Profile {name} cannot be found."


def test_a_service_linked_role_belongs_to_its_service(iam: Any) -> None:
    role = iam.create_service_linked_role(AWSServiceName="cloudtrail.amazonaws.com")["Role"]
    name = role["RoleName"]
    assert role["Path"] == "/aws-service-role/cloudtrail.amazonaws.com/"
    again = refusal(iam.create_service_linked_role, AWSServiceName="cloudtrail.amazonaws.com")
    assert again.code == "InvalidInput"
    for change, request in (
        (iam.delete_role, {}),
        (iam.update_role, {"Description": "mine"}),
        (iam.put_role_policy, {"PolicyName": "p", "PolicyDocument": "{}"}),
        (iam.attach_role_policy, {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        (iam.update_assume_role_policy, {"PolicyDocument": trust(SERVICE)}),
    ):
        assert refusal(change, RoleName=name, **request).code == "UnmodifiableEntity"
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    status = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    assert status["Status"] == "SUCCEEDED"
    assert refusal(iam.get_role, RoleName=name).code == "NoSuchEntity"
    unknown = refusal(iam.create_service_linked_role, AWSServiceName="nothing.amazonaws.com")
    assert unknown.code == "InvalidInput"
