"""Access keys and Bedrock API keys: made once, shown once, refused the moment they are off."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from support.identity_server import ACCOUNT, IdentityServer, Someone, allow, refusal


@pytest.fixture
def someone(identities: IdentityServer) -> Someone:
    return identities.user(allow("iam:*"))


def test_a_key_signs_until_it_is_off(iam: Any, someone: Someone) -> None:
    key_id, sts = someone.key["AccessKeyId"], someone.client("sts")
    assert sts.get_caller_identity()["Arn"] == someone.arn
    iam.update_access_key(UserName=someone.name, AccessKeyId=key_id, Status="Inactive")
    answer = refusal(sts.get_caller_identity)
    assert (answer.code, answer.status) == ("InvalidClientTokenId", 403)
    listed = iam.list_access_keys(UserName=someone.name)["AccessKeyMetadata"]
    assert [(key["AccessKeyId"], key["Status"]) for key in listed] == [(key_id, "Inactive")]
    iam.update_access_key(UserName=someone.name, AccessKeyId=key_id, Status="Active")
    assert sts.get_caller_identity()["Arn"] == someone.arn
    iam.delete_access_key(UserName=someone.name, AccessKeyId=key_id)
    assert refusal(sts.get_caller_identity).code == "InvalidClientTokenId"


def test_s3_says_it_in_its_own_words(iam: Any, someone: Someone) -> None:
    s3 = someone.client("s3")
    iam.delete_access_key(UserName=someone.name, AccessKeyId=someone.key["AccessKeyId"])
    answer = refusal(s3.list_buckets)
    assert (answer.code, answer.status) == ("InvalidAccessKeyId", 403)


def test_a_user_has_two_keys_at_most_and_manages_its_own(someone: Someone) -> None:
    theirs = someone.client("iam")
    second = theirs.create_access_key()["AccessKey"]
    assert second["UserName"] == someone.name
    answer = refusal(theirs.create_access_key)
    assert (answer.code, answer.message) == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    assert len(theirs.list_access_keys()["AccessKeyMetadata"]) == 2
    theirs.delete_access_key(AccessKeyId=second["AccessKeyId"])
    gone = refusal(theirs.delete_access_key, AccessKeyId=second["AccessKeyId"])
    assert gone.code == "NoSuchEntity"


def test_a_key_of_another_user_is_not_ones_own(
    iam: Any, identities: IdentityServer, someone: Someone
) -> None:
    other = identities.user()
    answer = refusal(
        iam.delete_access_key, UserName=someone.name, AccessKeyId=other.key["AccessKeyId"]
    )
    assert answer.code == "NoSuchEntity"


def test_the_last_use_of_a_key_is_known(iam: Any, someone: Someone) -> None:
    key_id = someone.key["AccessKeyId"]
    unused = iam.get_access_key_last_used(AccessKeyId=key_id)
    assert unused["UserName"] == someone.name
    assert unused["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    someone.client("sts").get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sts", "eu-west-1")
    unknown = refusal(iam.get_access_key_last_used, AccessKeyId="AKIAUNKNOWNUNKNOWN22")
    assert unknown.code == "NoSuchEntity"


def test_secrets_are_not_in_the_database(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user()
    api_key = iam.create_service_specific_credential(
        UserName=someone.name, ServiceName="bedrock.amazonaws.com"
    )["ServiceSpecificCredential"]["ServiceCredentialSecret"]
    home = identities.home.path
    stored = b"".join(path.read_bytes() for path in home.glob("outcrop.db*"))
    assert someone.key["AccessKeyId"].encode() in stored
    for secret in (someone.key["SecretAccessKey"], api_key):
        assert secret.encode() not in stored


def test_a_bedrock_api_key_is_its_user(iam: Any, identities: IdentityServer) -> None:
    someone = identities.user()
    made = iam.create_service_specific_credential(
        UserName=someone.name, ServiceName="bedrock.amazonaws.com", CredentialAgeDays=30
    )["ServiceSpecificCredential"]
    secret = made["ServiceCredentialSecret"]
    assert secret.startswith("ABSK")
    alias = base64.b64decode(secret[4:]).decode().partition(":")[0]
    assert made["ServiceCredentialAlias"] == alias
    assert alias.endswith(f"-at-{ACCOUNT}")
    assert made["ExpirationDate"] - made["CreateDate"] == timedelta(days=30)

    def owner(shown: str, at: Any = made["CreateDate"]) -> Any:
        found = identities.directory.owner_of_service_credential(shown, "bedrock.amazonaws.com", at)
        return found and found.arn

    assert owner(secret) == someone.arn
    assert owner(secret, made["ExpirationDate"] + timedelta(seconds=1)) is None
    assert owner(secret[:-1] + "x") is None
    listed = iam.list_service_specific_credentials(UserName=someone.name)
    credential_id = made["ServiceSpecificCredentialId"]
    assert [
        (found["ServiceSpecificCredentialId"], found["Status"])
        for found in listed["ServiceSpecificCredentials"]
    ] == [(credential_id, "Active")]
    assert "ServiceCredentialSecret" not in listed["ServiceSpecificCredentials"][0]
    credential = {"UserName": someone.name, "ServiceSpecificCredentialId": credential_id}
    iam.update_service_specific_credential(Status="Inactive", **credential)
    assert owner(secret) is None
    iam.update_service_specific_credential(Status="Active", **credential)
    again = iam.reset_service_specific_credential(**credential)["ServiceSpecificCredential"]
    assert owner(secret) is None
    assert owner(again["ServiceCredentialSecret"]) == someone.arn
    iam.delete_service_specific_credential(**credential)
    assert owner(again["ServiceCredentialSecret"]) is None
    assert refusal(iam.delete_service_specific_credential, **credential).code == "NoSuchEntity"


def test_api_keys_are_for_bedrock_and_two_at_most(iam: Any, identities: IdentityServer) -> None:
    name = identities.user().name
    make = iam.create_service_specific_credential
    other = refusal(make, UserName=name, ServiceName="cassandra.amazonaws.com")
    assert (other.code, other.status) == ("NotSupportedService", 404)
    for _ in range(2):
        make(UserName=name, ServiceName="bedrock.amazonaws.com")
    third = refusal(make, UserName=name, ServiceName="bedrock.amazonaws.com")
    assert third.code == "LimitExceeded"
    everybody = iam.list_service_specific_credentials(AllUsers=True)
    assert name in {found["UserName"] for found in everybody["ServiceSpecificCredentials"]}
    assert refusal(iam.delete_user, UserName=name).code == "DeleteConflict"


def test_tools_that_delete_users_learn_what_users_do_not_have(
    iam: Any, identities: IdentityServer
) -> None:
    name = identities.user().name
    for listing, member in (
        (iam.list_mfa_devices, "MFADevices"),
        (iam.list_ssh_public_keys, "SSHPublicKeys"),
        (iam.list_signing_certificates, "Certificates"),
    ):
        assert listing(UserName=name)[member] == []
        assert refusal(listing, UserName="nobody").code == "NoSuchEntity"
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    for call in (iam.get_login_profile, iam.delete_login_profile):
        answer = refusal(call, UserName=name)
        assert (answer.code, answer.message) == (
            "NoSuchEntity",
            f"Login Profile for User {name} cannot be found.",
        )
