"""Bedrock API keys; short-term ones are made here in the four steps of AWS's token generators."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.aws.operation import Principal
from outcrop.aws.signatures.refusals import Reason, SignatureRefused
from outcrop.aws.signatures.sigv4 import SigningKeys
from outcrop.identity.bearer import verify_bearer_token
from outcrop.identity.credentials import CredentialStore, RootKey, load_or_make_root_key
from outcrop.identity.directory import Credential

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> RootKey:
    path: Path = tmp_path_factory.mktemp("home") / "root-key.json"
    return load_or_make_root_key(path, "123456789012")


def short_term_key(
    key: RootKey | Credential,
    expires: int = 43200,
    service: str = "bedrock",
    action: str = "CallWithBearerToken",
) -> str:
    request = AWSRequest(
        "POST",
        "https://bedrock.amazonaws.com/",
        headers={"host": "bedrock.amazonaws.com"},
        params={"Action": action},
    )
    if isinstance(key, RootKey):
        credentials = Credentials(key.access_key_id, key.secret_access_key)
    else:
        credentials = Credentials(key.access_key_id, key.secret, key.session_token)
    SigV4QueryAuth(credentials, service, "eu-west-1", expires=expires).add_auth(request)
    address = str(request.url).removeprefix("https://") + "&Version=1"
    return "bedrock-api-key-" + base64.b64encode(address.encode()).decode()


def refused(token: str, key: RootKey, now: datetime = NOW) -> str:
    with pytest.raises(SignatureRefused) as refusal:
        verify_bearer_token(token, CredentialStore(key), SigningKeys(), now)
    assert refusal.value.reason is Reason.BEARER
    return refusal.value.message


def test_the_long_term_key_is_the_root(key: RootKey) -> None:
    principal, region = verify_bearer_token(
        key.bedrock_api_key, CredentialStore(key), SigningKeys(), NOW
    )
    assert principal.is_root
    assert region == ""


def test_a_short_term_key_is_its_signer_in_its_region(key: RootKey) -> None:
    principal, region = verify_bearer_token(
        short_term_key(key), CredentialStore(key), SigningKeys(), datetime.now(UTC)
    )
    assert principal.is_root
    assert principal.bearer_token_type == "SHORT_TERM"
    assert region == "eu-west-1"


class OneSession(CredentialStore):
    """Knows one temporary key."""

    def __init__(self, key: RootKey, expires: datetime) -> None:
        super().__init__(key)
        self.principal = Principal(
            "AssumedRole", "arn:aws:sts::123456789012:assumed-role/r/s", "123456789012"
        )
        self.credential = Credential(
            "ASIAEXAMPLEEXAMPLE22", "s" * 40, self.principal, "a token", expires
        )

    def find(self, access_key_id: str, session_token: str = "") -> Credential | None:
        shown = (access_key_id, session_token)
        return self.credential if shown == ("ASIAEXAMPLEEXAMPLE22", "a token") else None


def test_a_short_term_key_of_a_session_ends_with_the_session(key: RootKey) -> None:
    now = datetime.now(UTC)
    store = OneSession(key, now + timedelta(seconds=600))
    token = short_term_key(store.credential)
    principal, _ = verify_bearer_token(token, store, SigningKeys(), now)
    assert principal.arn == store.principal.arn
    with pytest.raises(SignatureRefused, match="expired"):
        verify_bearer_token(token, store, SigningKeys(), now + timedelta(seconds=600))
    stranger = short_term_key(replace(store.credential, session_token="another token"))
    with pytest.raises(SignatureRefused) as refusal:
        verify_bearer_token(stranger, store, SigningKeys(), now)
    assert refusal.value.reason is Reason.BEARER


def test_a_short_term_key_expires(key: RootKey) -> None:
    token = short_term_key(key, expires=60)
    assert "expired" in refused(token, key, datetime.now(UTC) + timedelta(seconds=70))


def test_a_short_term_key_lives_twelve_hours_at_most(key: RootKey) -> None:
    assert "12 hours" in refused(short_term_key(key, expires=43201), key)


@pytest.mark.parametrize(
    ("service", "action"), [("s3", "CallWithBearerToken"), ("bedrock", "DeleteEverything")]
)
def test_a_url_presigned_for_something_else_is_no_api_key(
    key: RootKey, service: str, action: str
) -> None:
    refused(short_term_key(key, service=service, action=action), key)


def test_a_key_of_another_account_is_refused(key: RootKey, tmp_path: Path) -> None:
    other = load_or_make_root_key(tmp_path / "root-key.json", "210987654321")
    refused(short_term_key(other), key)
    refused(other.bedrock_api_key, key)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=100))
def test_no_token_crashes_the_verifier(text: str) -> None:
    key = RootKey("123456789012", "AKIAEXAMPLEEXAMPLE22", "s" * 40, "ABSKexample")
    for token in (
        text,
        "bedrock-api-key-" + text,
        "bedrock-api-key-" + base64.b64encode(text.encode()).decode(),
    ):
        refused(token, key)
