"""The root of trust in Vault, against a server that answers as Vault's transit engine does."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.core.errors import ConfigurationError, KeySourceUnavailable, SealBroken
from outcrop.crypto.certificates import ensure_certificate
from outcrop.crypto.vault import VaultKeySource, VaultToken
from support.vault import TOKEN, TransitKey, VaultDouble, running_vault

KEY = bytes(range(32))


@pytest.fixture
def vault() -> Iterator[VaultDouble]:
    with running_vault() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    """What the source would have waited, in seconds."""
    return []


@pytest.fixture
def source(vault: VaultDouble, pauses: list[float]) -> Iterator[VaultKeySource]:
    made = VaultKeySource(vault.url, VaultToken(TOKEN), sleep=pauses.append)
    yield made
    made._pool.clear()


def test_a_key_comes_back_with_its_context_only(source: VaultKeySource) -> None:
    wrapped = source.wrap(KEY, b"here")
    assert wrapped.startswith(b"vault:v1:")
    assert KEY not in wrapped
    assert source.unwrap(wrapped, b"here") == KEY
    with pytest.raises(SealBroken, match="does not open"):
        source.unwrap(wrapped, b"there")
    with pytest.raises(SealBroken, match="not wrapped by Vault"):
        source.unwrap(b"\x00" * 60, b"here")


def test_older_versions_of_a_rotated_key_go_on_opening(
    vault: VaultDouble, source: VaultKeySource
) -> None:
    before = source.wrap(KEY, b"c")
    vault.rotate()
    after = source.wrap(KEY, b"c")
    assert after.startswith(b"vault:v2:")
    assert source.unwrap(before, b"c") == source.unwrap(after, b"c") == KEY
    vault.keys["outcrop"].oldest = 2
    with pytest.raises(KeySourceUnavailable, match="disallowed by policy"):
        source.unwrap(before, b"c")


def test_a_derived_key_gets_the_context_that_it_asks_for(
    vault: VaultDouble, source: VaultKeySource
) -> None:
    vault.keys["outcrop"] = TransitKey(is_derived=True)
    wrapped = source.wrap(KEY, b"c")
    assert source.unwrap(wrapped, b"c") == KEY
    assert len(vault.calls) == 3  # asked once without, and never again
    with pytest.raises(SealBroken, match="does not open"):
        source.unwrap(wrapped, b"d")


def test_a_sealed_vault_says_how_to_unseal_it(
    vault: VaultDouble, source: VaultKeySource, pauses: list[float]
) -> None:
    wrapped = source.wrap(KEY, b"c")
    vault.is_sealed = True
    with pytest.raises(KeySourceUnavailable, match="vault operator unseal"):
        source.unwrap(wrapped, b"c")
    assert pauses == []  # waiting would not unseal it
    vault.is_sealed = False
    assert source.unwrap(wrapped, b"c") == KEY


def test_a_refused_token_says_which_permission_is_missing_and_is_not_shown(
    vault: VaultDouble, source: VaultKeySource
) -> None:
    vault.allowed = {"encrypt"}
    wrapped = source.wrap(KEY, b"c")
    with pytest.raises(KeySourceUnavailable, match="transit/decrypt/outcrop") as caught:
        source.unwrap(wrapped, b"c")
    vault.token = "another"
    with pytest.raises(KeySourceUnavailable, match="transit/encrypt/outcrop") as again:
        source.wrap(KEY, b"c")
    for error in (caught.value, again.value):
        shown: Any = error
        while shown is not None:
            assert TOKEN not in f"{shown} {shown!r} {shown.args}"
            shown = shown.__cause__ or shown.__context__


def test_a_missing_engine_or_key_is_named(vault: VaultDouble, source: VaultKeySource) -> None:
    vault.keys.clear()
    with pytest.raises(KeySourceUnavailable, match="encryption key not found"):
        source.wrap(KEY, b"c")
    vault.mount = "elsewhere"
    with pytest.raises(KeySourceUnavailable, match="secrets enable -path=transit transit"):
        source.wrap(KEY, b"c")


def test_passing_failures_are_tried_again(
    vault: VaultDouble, source: VaultKeySource, pauses: list[float]
) -> None:
    vault.failures = [500, 429]
    assert source.wrap(KEY, b"c").startswith(b"vault:v1:")
    assert len(pauses) == 2
    vault.failures = [502, 500, 500]
    with pytest.raises(KeySourceUnavailable, match="answered 500"):
        source.wrap(KEY, b"c")


def test_a_vault_that_is_away_is_named_without_the_token(pauses: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/transit/keys/outcrop"
        source = VaultKeySource(url, VaultToken(TOKEN), sleep=pauses.append)
        with pytest.raises(KeySourceUnavailable, match="Connection refused") as caught:
            source.wrap(KEY, b"c")
    assert TOKEN not in str(caught.value)
    assert len(pauses) == 2


def test_a_standby_is_followed_to_the_active_node(vault: VaultDouble) -> None:
    with running_vault() as standby:
        standby.redirect_to = f"http://127.0.0.1:{vault.port}"
        source = VaultKeySource(standby.url, VaultToken(TOKEN))
        assert source.unwrap(source.wrap(KEY, b"c"), b"c") == KEY
        standby.redirect_to = f"http://127.0.0.1:{standby.port}"
        with pytest.raises(KeySourceUnavailable, match="redirects again and again"):
            source.wrap(KEY, b"c")
        source._pool.clear()


def test_tls_is_checked_against_the_given_authority_and_never_left(
    tmp_path: Path, vault: VaultDouble
) -> None:
    certificate = ensure_certificate(tmp_path / "ca", "127.0.0.1")
    files = (str(certificate.certificate), str(certificate.key))
    with running_vault(files) as over_tls:
        trusting = VaultKeySource(
            over_tls.url, VaultToken(TOKEN), authorities=str(certificate.authority)
        )
        assert trusting.unwrap(trusting.wrap(KEY, b"c"), b"c") == KEY
        doubting = VaultKeySource(over_tls.url, VaultToken(TOKEN), sleep=lambda _: None)
        with pytest.raises(KeySourceUnavailable, match="SSL"):
            doubting.wrap(KEY, b"c")
        over_tls.redirect_to = f"http://127.0.0.1:{vault.port}"
        with pytest.raises(KeySourceUnavailable, match="without TLS; not followed"):
            trusting.wrap(KEY, b"c")
        assert vault.calls == []
        trusting._pool.clear()
        doubting._pool.clear()


def test_a_token_file_is_read_for_every_call(vault: VaultDouble, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    source = VaultKeySource(vault.url, VaultToken(file=str(file)))
    wrapped = source.wrap(KEY, b"c")
    vault.token = "renewed"
    file.write_text("renewed")
    assert source.unwrap(wrapped, b"c") == KEY
    file.chmod(0o644)
    with pytest.raises(KeySourceUnavailable, match="everybody may read"):
        source.unwrap(wrapped, b"c")
    file.unlink()
    with pytest.raises(KeySourceUnavailable, match="cannot be read: FileNotFoundError"):
        source.unwrap(wrapped, b"c")
    source._pool.clear()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("https://vault:8200/v1/transit", "cannot be 'vault:https://vault:8200/v1/transit'"),
        ("ftp://vault/v1/transit/keys/k", "write vault:https"),
        ("http://vault.example:8200/v1/transit/keys/k", "in clear: use https"),
    ],
)
def test_urls_that_would_not_do_are_refused(url: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        VaultKeySource(url, VaultToken(TOKEN))


def test_a_namespace_and_another_mount_are_part_of_the_url(vault: VaultDouble) -> None:
    vault.mount = "team/keys-of-us"
    source = VaultKeySource(vault.url, VaultToken(TOKEN))
    assert source.unwrap(source.wrap(KEY, b"c"), b"c") == KEY
    assert vault.calls[0] == "/v1/team/keys-of-us/encrypt/outcrop"
    source._pool.clear()


def test_exactly_one_token_is_set_and_no_repr_shows_it() -> None:
    for token, file in (("", ""), ("a", "b")):
        with pytest.raises(ConfigurationError, match="OUTCROP_VAULT_TOKEN_FILE"):
            VaultToken(token, file)
    source = VaultKeySource("https://vault:8200/v1/transit/keys/k", VaultToken(TOKEN))
    assert TOKEN not in repr(source) + repr(VaultToken(TOKEN))
    assert repr(source) == "VaultKeySource(https://vault:8200/v1/transit/keys/k)"
