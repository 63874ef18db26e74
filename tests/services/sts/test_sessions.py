"""Temporary credentials of users and the root, and what keeps them honest, with real boto3."""

import json
from typing import Any

import pytest

from outcrop.core.clock import SystemClock
from outcrop.identity.authorization_messages import encode_authorization_message
from outcrop.identity.sessions import Session
from support.identity_server import ACCOUNT, ROOT, IdentityServer, allow, policy, refusal


def test_a_session_of_a_user_is_the_user_except_in_iam(identities: IdentityServer) -> None:
    someone = identities.user(allow("iam:*", "sts:*"))
    key = someone.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    sts = identities.client("sts", key)
    assert sts.get_caller_identity()["Arn"] == someone.arn
    for call in (sts.get_session_token, lambda: sts.get_federation_token(Name="anna")):
        answer = refusal(call)
        assert (answer.code, answer.status) == ("AccessDenied", 403)
        assert "with session credentials" in answer.message
    assert refusal(identities.client("iam", key).list_users).code == "InvalidClientTokenId"


def test_the_root_has_sessions_of_an_hour(identities: IdentityServer) -> None:
    sts = identities.client("sts")
    who = sts.get_caller_identity()
    assert (who["Arn"], who["UserId"], who["Account"]) == (ROOT, ACCOUNT, ACCOUNT)
    key = sts.get_session_token(DurationSeconds=40000)["Credentials"]
    left_seconds = (key["Expiration"] - SystemClock().now()).total_seconds()
    assert left_seconds <= 3600
    assert identities.client("sts", key).get_caller_identity()["Arn"] == ROOT


def test_a_federated_user_may_what_both_sides_allow(identities: IdentityServer) -> None:
    someone = identities.user(allow("sts:GetFederationToken", "sts:GetAccessKeyInfo"))
    sts = someone.client("sts")

    def federated(**request: Any) -> Any:
        answer = sts.get_federation_token(Name="anna", **request)
        assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/anna"
        return identities.client("sts", answer["Credentials"])

    wide = federated(Policy=policy(allow("sts:*")))
    assert wide.get_caller_identity()["UserId"] == f"{ACCOUNT}:anna"
    question = {"AccessKeyId": someone.key["AccessKeyId"]}
    assert wide.get_access_key_info(**question)["Account"] == ACCOUNT
    message = {"EncodedMessage": "x"}
    assert refusal(wide.decode_authorization_message, **message).code == "AccessDenied"
    narrow = federated(Policy=policy(allow("s3:GetObject")))
    assert refusal(narrow.get_access_key_info, **question).code == "AccessDenied"
    assert refusal(federated().get_access_key_info, **question).code == "AccessDenied"


def test_a_federated_user_is_tagged_by_who_may(identities: IdentityServer) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    plain = identities.user(allow("sts:GetFederationToken")).client("sts")
    answer = refusal(plain.get_federation_token, Name="anna", Tags=tags)
    assert "sts:TagSession" in answer.message
    red = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    someone = identities.user(
        allow("sts:GetFederationToken", "sts:TagSession"),
        allow("sts:GetAccessKeyInfo", Condition=red),
    )
    key = someone.client("sts").get_federation_token(
        Name="anna", Tags=tags, Policy=policy(allow("sts:*"))
    )["Credentials"]
    tagged = identities.client("sts", key)
    assert tagged.get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == ACCOUNT


def test_a_federated_user_needs_leave(identities: IdentityServer) -> None:
    answer = refusal(identities.user().client("sts").get_federation_token, Name="anna")
    assert answer.code == "AccessDenied"
    assert f"arn:aws:sts::{ACCOUNT}:federated-user/anna" in answer.message


def test_sessions_of_a_deleted_user_end_at_once(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user()
    key = someone.client("sts").get_session_token()["Credentials"]
    session = identities.client("sts", key)
    assert session.get_caller_identity()["Arn"] == someone.arn
    iam.delete_access_key(UserName=someone.name, AccessKeyId=someone.key["AccessKeyId"])
    iam.delete_user(UserName=someone.name)
    assert refusal(session.get_caller_identity).code == "InvalidClientTokenId"


@pytest.fixture
def key(identities: IdentityServer) -> dict[str, str]:
    found: dict[str, str] = identities.user().client("sts").get_session_token()["Credentials"]
    return found


def test_a_token_goes_with_its_own_key_alone(
    identities: IdentityServer, key: dict[str, str]
) -> None:
    other = identities.user().client("sts").get_session_token()["Credentials"]
    token, long_term = key["SessionToken"], identities.user().key
    for wrong in (
        key | {"SessionToken": other["SessionToken"]},
        key | {"SessionToken": token[:20] + ("A" if token[20] != "A" else "B") + token[21:]},
        key | {"SessionToken": "not a token"},
        key | {"SessionToken": ""},
        {**long_term, "SessionToken": token},
    ):
        sts = identities.client("sts", {**wrong})
        answer = refusal(sts.get_caller_identity)
        assert (answer.code, answer.status) == ("InvalidClientTokenId", 403)
        if wrong["SessionToken"]:
            answer = refusal(identities.client("s3", {**wrong}).list_buckets)
            assert (answer.code, answer.status) == ("InvalidToken", 400)
    swapped = key | {"SecretAccessKey": other["SecretAccessKey"]}
    answer = refusal(identities.client("sts", swapped).get_caller_identity)
    assert (answer.code, answer.status) == ("SignatureDoesNotMatch", 403)


def test_an_expired_session_is_told_so_in_each_services_words(
    identities: IdentityServer,
) -> None:
    ended = identities.directory.tokens.issue(Session("root", "", 1_000_000, 2_000_000))
    key = {
        "AccessKeyId": ended.access_key_id,
        "SecretAccessKey": ended.secret_access_key,
        "SessionToken": ended.session_token,
    }
    answers = {
        service: refusal(call)
        for service, call in (
            ("sts", identities.client("sts", key).get_caller_identity),
            ("s3", identities.client("s3", key).list_buckets),
            ("bedrock", identities.client("bedrock", key).list_custom_models),
        )
    }
    assert {name: (answer.code, answer.status) for name, answer in answers.items()} == {
        "sts": ("ExpiredToken", 403),
        "s3": ("ExpiredToken", 400),
        "bedrock": ("ExpiredTokenException", 403),
    }


def test_sessions_survive_a_restart(identities: IdentityServer, key: dict[str, str]) -> None:
    from outcrop.identity.directory import Directory
    from outcrop.storage.identities import IdentityStore

    again = Directory(IdentityStore(identities.database), identities.service_keys, ACCOUNT)
    found = again.credential(key["AccessKeyId"], key["SessionToken"])
    assert found is not None
    assert found.secret == key["SecretAccessKey"]
    assert found.expires == key["Expiration"]


def test_a_key_tells_its_account(identities: IdentityServer) -> None:
    sts = identities.client("sts")
    for key_id in (identities.root_key.access_key_id, identities.user().key["AccessKeyId"]):
        assert sts.get_access_key_info(AccessKeyId=key_id)["Account"] == ACCOUNT
    # The example of AWS's documentation for keys that carry their account.
    assert sts.get_access_key_info(AccessKeyId="ASIAQNZGKIQY56JQ7WML")["Account"] == "029608264753"
    odd = refusal(sts.get_access_key_info, AccessKeyId="NOKEYATALLNOKEYATALL")
    assert odd.code == "ValidationError"


def test_a_denial_is_decoded_by_who_may(identities: IdentityServer) -> None:
    details = {"allowed": False, "explicitDeny": True, "context": {"action": "s3:GetObject"}}
    message = encode_authorization_message(details, identities.service_keys)
    assert "GetObject" not in message
    allowed = identities.user(allow("sts:DecodeAuthorizationMessage")).client("sts")
    decoded = allowed.decode_authorization_message(EncodedMessage=message)["DecodedMessage"]
    assert json.loads(decoded) == details
    for wrong in (message[:-8] + "AAAAAAA=", "made up"):
        answer = refusal(allowed.decode_authorization_message, EncodedMessage=wrong)
        assert (answer.code, answer.status) == ("InvalidAuthorizationMessageException", 400)
    denied = refusal(
        identities.user().client("sts").decode_authorization_message, EncodedMessage=message
    )
    assert denied.code == "AccessDenied"
