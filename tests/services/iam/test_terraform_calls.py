"""The calls of the AWS provider for Terraform in its order: what it writes it must read back, or it plans changes."""

import json
from typing import Any
from uuid import uuid4

import pytest

from support.identity_server import ROOT, allow, policy, refusal, trust

READ = policy(allow("s3:GetObject"))
TAGS = [{"Key": "team", "Value": "ml"}]


@pytest.fixture
def name() -> str:
    return f"tf-{uuid4().hex[:8]}"


def test_a_role_with_all_that_hangs_on_it(iam: Any, name: str) -> None:
    boundary = iam.create_policy(PolicyName=f"{name}-b", Path="/bounds/", PolicyDocument=READ)
    attached = iam.create_policy(PolicyName=f"{name}-p", PolicyDocument=READ, Tags=TAGS)
    bound_arn, arn = boundary["Policy"]["Arn"], attached["Policy"]["Arn"]
    document = trust({"Service": ["bedrock.amazonaws.com", "lambda.amazonaws.com"]})
    iam.create_role(
        RoleName=name,
        Path="/service-role/",
        AssumeRolePolicyDocument=document,
        Description="jobs",
        MaxSessionDuration=7200,
        PermissionsBoundary=bound_arn,
        Tags=TAGS,
    )
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=READ)
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.create_instance_profile(InstanceProfileName=name, Path="/", Tags=TAGS)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    role = iam.get_role(RoleName=name)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(document)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound_arn
    assert (role["Description"], role["MaxSessionDuration"], role["Tags"]) == ("jobs", 7200, TAGS)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["own"]
    own = iam.get_role_policy(RoleName=name, PolicyName="own")
    assert own["PolicyDocument"] == json.loads(READ)
    listed = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [found["PolicyArn"] for found in listed] == [arn]
    holders = iam.list_entities_for_policy(PolicyArn=arn)
    assert [found["RoleName"] for found in holders["PolicyRoles"]] == [name]
    profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert (profile["Roles"][0]["RoleName"], profile["Tags"]) == (name, TAGS)
    simulated = iam.simulate_principal_policy(
        PolicySourceArn=role["Arn"], ActionNames=["s3:GetObject"], ResourceArns=["arn:aws:s3:::a/b"]
    )
    assert simulated["EvaluationResults"][0]["EvalDecision"] == "allowed"

    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role_policy(RoleName=name, PolicyName="own")
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    iam.delete_role(RoleName=name)
    for gone in (arn, bound_arn):
        assert len(iam.list_policy_versions(PolicyArn=gone)["Versions"]) == 1
        iam.delete_policy(PolicyArn=gone)
    assert refusal(iam.get_role, RoleName=name).code == "NoSuchEntity"


def test_a_user_that_is_destroyed_by_force(iam: Any, name: str) -> None:
    bedrock = "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"
    iam.create_user(UserName=name, Path="/people/", Tags=TAGS)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=READ)
    iam.attach_user_policy(UserName=name, PolicyArn=bedrock)
    iam.create_group(GroupName=name, Path="/")
    iam.add_user_to_group(GroupName=name, UserName=name)
    key_id = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    iam.create_service_specific_credential(UserName=name, ServiceName="bedrock.amazonaws.com")

    user = iam.get_user(UserName=name)["User"]
    assert (user["Path"], user["Tags"]) == ("/people/", TAGS)
    assert [found["UserName"] for found in iam.get_group(GroupName=name)["Users"]] == [name]

    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(UserName=name, GroupName=group["GroupName"])
    for policy_name in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy_name)
    for found in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=found["PolicyArn"])
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        assert key["AccessKeyId"] == key_id
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"] == []
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    assert refusal(iam.delete_login_profile, UserName=name).code == "NoSuchEntity"
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    credentials = iam.list_service_specific_credentials(UserName=name)
    for credential in credentials["ServiceSpecificCredentials"]:
        iam.delete_service_specific_credential(
            UserName=name, ServiceSpecificCredentialId=credential["ServiceSpecificCredentialId"]
        )
    iam.delete_user(UserName=name)
    iam.delete_group(GroupName=name)
    assert refusal(iam.get_user, UserName=name).code == "NoSuchEntity"


def test_a_trust_policy_is_read_back_as_it_was_written(iam: Any, name: str) -> None:
    document = json.loads(trust({"AWS": [ROOT, ROOT.split(":")[4]]}))
    document["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": ["a", "b"]}}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == document
