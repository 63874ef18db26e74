"""AssumeRole with real boto3: who may, for how long, with which policies, tags and names."""

from typing import Any
from uuid import uuid4

import pytest

from support.identity_server import ACCOUNT, ROOT, IdentityServer, allow, policy, refusal, trust

ASSUME = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}


def assume(client: Any, role: Any, **request: Any) -> Any:
    arn = role["Arn"]
    return client.assume_role(**{"RoleArn": arn, "RoleSessionName": "session", **request})


def denied(client: Any, role: Any, **request: Any) -> str:
    request = {"RoleArn": role["Arn"], "RoleSessionName": "session", **request}
    answer = refusal(client.assume_role, **request)
    assert (answer.code, answer.status) == ("AccessDenied", 403)
    return answer.message


def test_a_session_is_the_role_and_nothing_else(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user(ASSUME)
    role = identities.role(trust({"AWS": ROOT}), allow("iam:ListUsers"), Path="/jobs/")
    answer = assume(someone.client("sts"), role)
    name = role["RoleName"]
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:session", "Arn": arn}
    key = answer["Credentials"]
    assert key["AccessKeyId"].startswith("ASIA")
    who = identities.client("sts", key).get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (arn, f"{role['RoleId']}:session")
    session = identities.client("iam", key)
    assert session.list_users(MaxItems=1)["Users"]
    message = refusal(session.list_roles).message
    assert message.startswith(f"User: {arn} is not authorized to perform: iam:ListRoles")
    assert iam.get_role(RoleName=name)["Role"]["RoleLastUsed"]["Region"] == "eu-west-1"


def test_the_account_in_a_trust_policy_leaves_it_to_the_callers_policies(
    identities: IdentityServer,
) -> None:
    role = identities.role(trust({"AWS": ROOT}))
    message = denied(identities.user().client("sts"), role)
    assert f"sts:AssumeRole on resource: {role['Arn']}" in message
    assert assume(identities.user(ASSUME).client("sts"), role)["Credentials"]


def test_a_user_named_in_a_trust_policy_needs_nothing_else(identities: IdentityServer) -> None:
    someone = identities.user()
    role = identities.role(trust({"AWS": someone.arn}))
    assert assume(someone.client("sts"), role)["Credentials"]
    denied(identities.user(ASSUME).client("sts"), role)


def test_an_external_id_is_asked_for(identities: IdentityServer) -> None:
    only = {"StringEquals": {"sts:ExternalId": "ticket-17"}}
    role = identities.role(trust({"AWS": ROOT}, Condition=only))
    sts = identities.user(ASSUME).client("sts")
    denied(sts, role)
    denied(sts, role, ExternalId="ticket-18")
    assert assume(sts, role, ExternalId="ticket-17")["Credentials"]


def test_a_role_that_does_not_exist_is_refused_like_a_forbidden_one(
    identities: IdentityServer,
) -> None:
    missing = {"Arn": f"arn:aws:iam::{ACCOUNT}:role/missing"}
    denied(identities.user(ASSUME).client("sts"), missing)
    denied(identities.client("sts"), missing)


def test_sessions_last_as_long_as_the_role_allows(identities: IdentityServer) -> None:
    sts = identities.user(ASSUME).client("sts")
    role = identities.role(trust({"AWS": ROOT}), MaxSessionDuration=7200)
    for seconds in (900, 7200):
        assert assume(sts, role, DurationSeconds=seconds)["Credentials"]
    request = {"RoleArn": role["Arn"], "RoleSessionName": "session"}
    long = refusal(sts.assume_role, DurationSeconds=7201, **request)
    assert (long.code, long.status) == ("ValidationError", 400)
    assert long.message == (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )
    lenient = identities.client("sts", parameter_validation=False)
    short = refusal(lenient.assume_role, DurationSeconds=899, **request)
    assert (short.code, "durationSeconds" in short.message.replace("D", "d")) == (
        "ValidationError",
        True,
    )


def test_the_root_assumes_roles_that_trust_the_account(identities: IdentityServer) -> None:
    role = identities.role(trust({"AWS": ROOT}))
    assert assume(identities.client("sts"), role)["Credentials"]
    denied(identities.client("sts"), identities.role(trust({"Service": "bedrock.amazonaws.com"})))


def test_a_chained_session_lasts_an_hour_at_most(identities: IdentityServer) -> None:
    first = identities.role(trust({"AWS": ROOT}), ASSUME)
    second = identities.role(trust({"AWS": first["Arn"]}), MaxSessionDuration=43200)
    key = assume(identities.user(ASSUME).client("sts"), first)["Credentials"]
    chained = identities.client("sts", key)
    assert assume(chained, second, DurationSeconds=3600)["Credentials"]
    answer = refusal(
        chained.assume_role, RoleArn=second["Arn"], RoleSessionName="x2", DurationSeconds=3601
    )
    assert (answer.code, "role chaining" in answer.message) == ("ValidationError", True)


def test_session_policies_limit_the_role(iam: Any, identities: IdentityServer) -> None:
    sts = identities.user(ASSUME).client("sts")
    role = identities.role(trust({"AWS": ROOT}), allow("iam:List*"))
    name = f"p-{uuid4().hex[:8]}"
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("iam:ListRoles")))[
        "Policy"
    ]["Arn"]
    answer = assume(
        sts,
        role,
        Policy=policy(allow("iam:ListUsers", "iam:GetUser")),
        PolicyArns=[{"arn": arn}],
    )
    assert 0 < answer["PackedPolicySize"] <= 100
    session = identities.client("iam", answer["Credentials"])
    assert session.list_users(MaxItems=1)["Users"]
    assert session.list_roles(MaxItems=1)["Roles"]
    grouped = refusal(session.list_groups)
    assert "because no session policy allows the iam:ListGroups action" in grouped.message
    # Beyond the role's own policies a session policy gives nothing.
    assert "no identity-based policy" in refusal(session.get_user, UserName="x").message


def test_a_session_whose_only_policy_was_deleted_may_nothing(
    iam: Any, identities: IdentityServer
) -> None:
    role = identities.role(trust({"AWS": ROOT}), allow("iam:List*"))
    name = f"p-{uuid4().hex[:8]}"
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("iam:ListRoles")))[
        "Policy"
    ]["Arn"]
    sts = identities.user(ASSUME).client("sts")
    session = identities.client("iam", assume(sts, role, PolicyArns=[{"arn": arn}])["Credentials"])
    assert session.list_roles(MaxItems=1)["Roles"]
    iam.delete_policy(PolicyArn=arn)
    assert refusal(session.list_roles).code == "AccessDenied"


def test_session_policies_that_cannot_be_are_refused(identities: IdentityServer) -> None:
    sts = identities.user(ASSUME).client("sts")
    role = identities.role(trust({"AWS": ROOT}))
    request = {"RoleArn": role["Arn"], "RoleSessionName": "session"}
    bad = refusal(sts.assume_role, Policy="{}", **request)
    assert (bad.code, bad.status) == ("MalformedPolicyDocument", 400)
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    unknown = refusal(sts.assume_role, PolicyArns=[{"arn": missing}], **request)
    assert (unknown.code, missing in unknown.message) == ("ValidationError", True)
    actions = [f"s3:Get{uuid4().hex}" for _ in range(400)]
    large = refusal(sts.assume_role, Policy=policy(allow(*actions)), **request)
    assert (large.code, large.status) == ("PackedPolicyTooLarge", 400)


def test_tags_travel_with_a_session_and_transitive_ones_further(
    identities: IdentityServer,
) -> None:
    red = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    tagging = ("sts:AssumeRole", "sts:TagSession")
    first = identities.role(
        trust({"AWS": ROOT}, *tagging),
        ASSUME,
        allow("iam:ListUsers", Condition=red),
        Tags=[{"Key": "Team", "Value": "blue"}],
    )
    second = identities.role(
        trust({"AWS": first["Arn"]}, *tagging), allow("iam:ListRoles", Condition=red)
    )
    sts = identities.user(ASSUME).client("sts")
    plain = assume(sts, first)["Credentials"]
    assert refusal(identities.client("iam", plain).list_users).code == "AccessDenied"
    tags = [{"Key": "team", "Value": "red"}]
    tagged = assume(sts, first, Tags=tags)["Credentials"]
    assert identities.client("iam", tagged).list_users(MaxItems=1)["Users"]
    ended = assume(identities.client("sts", tagged), second)["Credentials"]
    assert refusal(identities.client("iam", ended).list_roles).code == "AccessDenied"
    transitive = assume(sts, first, Tags=tags, TransitiveTagKeys=["team"])["Credentials"]
    chained = identities.client("sts", transitive)
    further = assume(chained, second)["Credentials"]
    assert identities.client("iam", further).list_roles(MaxItems=1)["Roles"]
    conflict = refusal(
        chained.assume_role, RoleArn=second["Arn"], RoleSessionName="session", Tags=tags
    )
    assert conflict.code == "ValidationError"


def test_tags_need_a_permission_of_their_own(identities: IdentityServer) -> None:
    role = identities.role(trust({"AWS": ROOT}))
    sts = identities.user(ASSUME).client("sts")
    message = denied(sts, role, Tags=[{"Key": "a", "Value": "b"}])
    assert "sts:TagSession" in message


def test_a_source_identity_stays_through_a_chain(identities: IdentityServer) -> None:
    actions = ("sts:AssumeRole", "sts:SetSourceIdentity")
    named = {"StringLike": {"sts:SourceIdentity": "al*"}}
    first = identities.role(trust({"AWS": ROOT}, *actions, Condition=named), ASSUME)
    second = identities.role(trust({"AWS": first["Arn"]}, *actions))
    sts = identities.user(ASSUME).client("sts")
    denied(sts, first)
    denied(sts, first, SourceIdentity="bob")
    answer = assume(sts, first, SourceIdentity="alice")
    assert answer["SourceIdentity"] == "alice"
    chained = identities.client("sts", answer["Credentials"])
    assert assume(chained, second)["SourceIdentity"] == "alice"
    assert "alice" in denied(chained, second, SourceIdentity="bob")


def test_a_role_without_a_session_name_in_order_is_refused(identities: IdentityServer) -> None:
    own = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
    someone = identities.user(ASSUME)
    role = identities.role(trust({"AWS": ROOT}, Condition=own))
    denied(someone.client("sts"), role)
    assert assume(someone.client("sts"), role, RoleSessionName=someone.name)["Credentials"]


def test_sessions_of_a_deleted_role_end_at_once(iam: Any, identities: IdentityServer) -> None:
    name = f"role-{uuid4().hex[:8]}"
    made = {"RoleName": name, "AssumeRolePolicyDocument": trust({"AWS": ROOT})}
    role = iam.create_role(**made)["Role"]
    key = assume(identities.user(ASSUME).client("sts"), role)["Credentials"]
    session = identities.client("sts", key)
    assert session.get_caller_identity()["Arn"].endswith(f"{name}/session")
    iam.delete_role(RoleName=name)
    assert refusal(session.get_caller_identity).code == "InvalidClientTokenId"
    iam.create_role(**made)
    assert refusal(session.get_caller_identity).code == "InvalidClientTokenId"


def test_a_role_made_anew_is_not_whom_a_trust_policy_meant(
    iam: Any, identities: IdentityServer
) -> None:
    name = f"role-{uuid4().hex[:8]}"
    made = {"RoleName": name, "AssumeRolePolicyDocument": trust({"AWS": ROOT})}
    first = iam.create_role(**made)["Role"]
    second = identities.role(trust({"AWS": first["Arn"]}))
    sts = identities.user(ASSUME).client("sts")

    def chain() -> Any:
        key = assume(sts, first)["Credentials"]
        return identities.client("sts", key)

    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(ASSUME))
    assert assume(chain(), second)["Credentials"]
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    iam.create_role(**made)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(ASSUME))
    denied(chain(), second)


@pytest.mark.parametrize("actor", ["user", "session"])
def test_an_explicit_deny_in_a_trust_policy_wins(identities: IdentityServer, actor: str) -> None:
    someone = identities.user(ASSUME)
    deny = {"Effect": "Deny", "Principal": {"AWS": someone.arn}, "Action": "sts:AssumeRole"}
    allowing = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    role = identities.role(policy(allowing, deny))
    sts = someone.client("sts")
    if actor == "session":
        sts = identities.client("sts", sts.get_session_token()["Credentials"])
    assert "explicit deny" in denied(sts, role)
    assert assume(identities.user(ASSUME).client("sts"), role)["Credentials"]
