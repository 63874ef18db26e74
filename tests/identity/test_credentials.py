"""The root key and what is derived from it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outcrop.core.errors import HomeError
from outcrop.identity.credentials import CredentialStore, load_or_make_root_key

ACCOUNT = "123456789012"


def test_the_root_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "root-key.json"
    key = load_or_make_root_key(path, ACCOUNT)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key.access_key_id)
    assert len(key.secret_access_key) == 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_root_key(path, "999999999999") == key
    assert [item.name for item in tmp_path.iterdir()] == ["root-key.json"]


def test_two_homes_have_different_keys(tmp_path: Path) -> None:
    one = load_or_make_root_key(tmp_path / "one.json", ACCOUNT)
    two = load_or_make_root_key(tmp_path / "two.json", ACCOUNT)
    assert one.secret_access_key != two.secret_access_key
    assert one.derive("pagination tokens") != two.derive("pagination tokens")
    assert one.derive("pagination tokens") != one.derive("anything else")


def test_secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    key = load_or_make_root_key(tmp_path / "root-key.json", ACCOUNT)
    assert key.secret_access_key not in repr(key)
    assert key.bedrock_api_key not in repr(key)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644])
def test_a_root_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root-key.json"
    load_or_make_root_key(path, ACCOUNT)
    path.chmod(mode)
    with pytest.raises(HomeError, match="chmod 600"):
        load_or_make_root_key(path, ACCOUNT)


@pytest.mark.parametrize("content", ["", "[]", '{"account_id": "1"}', '{"secret": "hush"'])
def test_a_damaged_root_key_is_refused_without_quoting_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "root-key.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(HomeError) as refused:
        load_or_make_root_key(path, ACCOUNT)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("account", ["", "12345678901", "12345678901x", "٣23456789012"])
def test_an_account_id_is_twelve_digits(tmp_path: Path, account: str) -> None:
    with pytest.raises(HomeError, match="twelve digits"):
        load_or_make_root_key(tmp_path / "root-key.json", account)


def test_the_store_knows_the_root_key_and_no_other(tmp_path: Path) -> None:
    key = load_or_make_root_key(tmp_path / "root-key.json", ACCOUNT)
    store = CredentialStore(key)
    found = store.find(key.access_key_id)
    assert found is not None
    assert found.secret == key.secret_access_key
    assert found.principal.is_root
    assert found.principal.arn == "arn:aws:iam::123456789012:root"
    assert found.secret not in repr(found)
    assert store.find("AKIAUNKNOWNUNKNOWN22") is None
    assert store.find(key.access_key_id, "a token that nobody asked for") is None
    owner = store.owner_of_api_key(key.bedrock_api_key, datetime.now(UTC))
    assert owner is not None
    assert owner.is_root
    assert owner.bearer_token_type == "LONG_TERM"
    assert store.owner_of_api_key("ABSK", datetime.now(UTC)) is None
