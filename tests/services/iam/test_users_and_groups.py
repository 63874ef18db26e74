"""Users and groups with real boto3."""

from typing import Any
from uuid import uuid4

import pytest

from support.identity_server import ACCOUNT, ROOT, IdentityServer, allow, policy, refusal


@pytest.fixture
def name() -> str:
    return f"Name-{uuid4().hex[:8]}"


def test_a_user_is_described_as_it_was_made(iam: Any, name: str) -> None:
    made = iam.create_user(UserName=name, Path="/ml/", Tags=[{"Key": "team", "Value": "red"}])
    user = iam.get_user(UserName=name)["User"]
    assert user == made["User"]
    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ml/{name}"
    assert user["UserId"].startswith("AIDA")
    assert user["Tags"] == [{"Key": "team", "Value": "red"}]
    assert name in [found["UserName"] for found in iam.list_users(PathPrefix="/ml/")["Users"]]
    assert name not in [found["UserName"] for found in iam.list_users(PathPrefix="/x/")["Users"]]


def test_without_a_name_the_caller_is_described(iam: Any, identities: IdentityServer) -> None:
    assert iam.get_user()["User"]["Arn"] == ROOT
    someone = identities.user(allow("iam:GetUser"))
    assert someone.client("iam").get_user()["User"]["UserName"] == someone.name


def test_names_differ_by_more_than_case(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    answer = refusal(iam.create_user, UserName=name.upper())
    assert (answer.code, answer.status) == ("EntityAlreadyExists", 409)
    assert answer.message == f"User with name {name.upper()} already exists."
    assert iam.get_user(UserName=name.lower())["User"]["UserName"] == name


def test_who_is_not_there_is_told_so(iam: Any, name: str) -> None:
    for call in (iam.get_user, iam.delete_user, iam.list_access_keys, iam.list_user_tags):
        answer = refusal(call, UserName=name)
        assert (answer.code, answer.status) == ("NoSuchEntity", 404)
        assert answer.message == f"The user with name {name} cannot be found."


def test_a_name_outside_the_alphabet_is_a_validation_error(iam: Any) -> None:
    answer = refusal(iam.create_user, UserName="no spaces")
    assert (answer.code, answer.status) == ("ValidationError", 400)
    assert "no spaces" in answer.message


def test_a_renamed_user_keeps_keys_and_groups(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user(allow("iam:GetUser"))
    iam.create_group(GroupName=f"g-{someone.name}")
    iam.add_user_to_group(GroupName=f"g-{someone.name}", UserName=someone.name)
    iam.update_user(UserName=someone.name, NewUserName=f"new-{someone.name}", NewPath="/moved/")
    user = someone.client("iam").get_user()["User"]
    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/moved/new-{someone.name}"
    groups = iam.list_groups_for_user(UserName=f"new-{someone.name}")["Groups"]
    assert [group["GroupName"] for group in groups] == [f"g-{someone.name}"]


def test_a_user_is_deleted_once_nothing_is_left(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user(allow("iam:GetUser"))
    name = someone.name
    iam.create_group(GroupName=f"g-{name}")
    iam.add_user_to_group(GroupName=f"g-{name}", UserName=name)
    steps = (
        ("access keys", iam.delete_access_key, {"AccessKeyId": someone.key["AccessKeyId"]}),
        ("delete policies", iam.delete_user_policy, {"PolicyName": "own"}),
        ("from group", iam.remove_user_from_group, {"GroupName": f"g-{name}"}),
    )
    for what, remove, request in steps:
        answer = refusal(iam.delete_user, UserName=name)
        assert answer.code == "DeleteConflict"
        assert what in answer.message
        remove(UserName=name, **request)
    iam.delete_user(UserName=name)
    assert refusal(iam.get_user, UserName=name).code == "NoSuchEntity"


def test_a_group_hands_its_policies_to_its_users(iam: Any, identities: IdentityServer) -> None:
    someone, group = identities.user(), f"group-{uuid4().hex[:8]}"
    iam.create_group(GroupName=group, Path="/teams/")
    iam.put_group_policy(
        GroupName=group, PolicyName="p", PolicyDocument=policy(allow("iam:ListGroups"))
    )
    theirs = someone.client("iam")
    assert refusal(theirs.list_groups).code == "AccessDenied"
    iam.add_user_to_group(GroupName=group, UserName=someone.name)
    listed = theirs.list_groups(PathPrefix="/teams/")["Groups"]
    assert group in [found["GroupName"] for found in listed]
    members = iam.get_group(GroupName=group)["Users"]
    assert [member["UserName"] for member in members] == [someone.name]
    iam.remove_user_from_group(GroupName=group, UserName=someone.name)
    assert refusal(theirs.list_groups).code == "AccessDenied"


def test_a_group_in_use_is_not_deleted(iam: Any, identities: IdentityServer, name: str) -> None:
    someone = identities.user()
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=someone.name)
    assert refusal(iam.delete_group, GroupName=name).code == "DeleteConflict"
    iam.remove_user_from_group(GroupName=name, UserName=someone.name)
    iam.update_group(GroupName=name, NewGroupName=f"{name}-2")
    iam.delete_group(GroupName=f"{name}-2")
    assert refusal(iam.get_group, GroupName=name).code == "NoSuchEntity"


def test_lists_come_in_pages(iam: Any) -> None:
    path = f"/pages-{uuid4().hex[:8]}/"
    names = [f"{letter}-{uuid4().hex[:8]}" for letter in "cabed"]
    for name in names:
        iam.create_user(UserName=name, Path=path)
    pages = iam.get_paginator("list_users").paginate(
        PathPrefix=path, PaginationConfig={"PageSize": 2}
    )
    found = [[user["UserName"] for user in page["Users"]] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert [name for page in found for name in page] == sorted(names)
    first = iam.list_users(PathPrefix=path, MaxItems=2)
    assert first["IsTruncated"] is True
    for marker in ("made up", first["Marker"][:-2] + "AA"):
        answer = refusal(iam.list_users, Marker=marker)
        assert (answer.code, answer.message) == ("ValidationError", "Invalid Marker.")
    assert refusal(iam.list_roles, Marker=first["Marker"]).code == "ValidationError"


def test_tags_are_set_overwritten_and_deleted_whatever_their_case(iam: Any, name: str) -> None:
    iam.create_user(UserName=name, Tags=[{"Key": "Team", "Value": "red"}])
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "blue"}, {"Key": "x", "Value": ""}])
    assert iam.list_user_tags(UserName=name)["Tags"] == [
        {"Key": "team", "Value": "blue"},
        {"Key": "x", "Value": ""},
    ]
    iam.untag_user(UserName=name, TagKeys=["TEAM", "missing"])
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "x", "Value": ""}]


def test_tags_that_cannot_be_are_refused(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refusal(iam.tag_user, UserName=name, Tags=twice).code == "InvalidInput"
    reserved = [{"Key": "aws:owner", "Value": "1"}]
    assert refusal(iam.tag_user, UserName=name, Tags=reserved).code == "InvalidInput"
    iam.tag_user(UserName=name, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])
    more = [{"Key": "one-more", "Value": ""}]
    assert refusal(iam.tag_user, UserName=name, Tags=more).code == "LimitExceeded"


def test_a_user_is_in_ten_groups_at_most(iam: Any, identities: IdentityServer, name: str) -> None:
    someone = identities.user()
    for number in range(10):
        iam.create_group(GroupName=f"{name}-{number}")
        iam.add_user_to_group(GroupName=f"{name}-{number}", UserName=someone.name)
    iam.add_user_to_group(GroupName=f"{name}-0", UserName=someone.name)
    iam.create_group(GroupName=name)
    answer = refusal(iam.add_user_to_group, GroupName=name, UserName=someone.name)
    assert (answer.code, answer.status) == ("LimitExceeded", 409)
