"""One root of trust for a home: recognised, never switched by accident, moved all at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from outcrop.cli.main import app
from outcrop.config import Settings
from outcrop.core.errors import HomeError, KeySourceUnavailable, SealBroken
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.materials import Materials, insert
from outcrop.storage.kms_keys.root_of_trust import (
    make_source,
    name_in,
    open_root_of_trust,
    rewrap,
)
from outcrop.storage.service_keys import ServiceKeys
from support.vault import TOKEN, VaultDouble, running_vault

KEY_ID = "01234567-89ab-cdef-0123-456789abcdef"
SECRET = b"material that must survive"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    database = Database.at(home.database)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def vault() -> Iterator[VaultDouble]:
    with running_vault() as running:
        yield running


@pytest.fixture
def settings(home: Home) -> Settings:
    return Settings(home=home.path, vault_token=TOKEN)


def fill(settings: Settings, home: Home, database: Database) -> tuple[bytes, str]:
    """Keep something under a service key and a KMS key; return how to find both again."""
    source = open_root_of_trust(settings, home, database)
    sealed = ServiceKeys(database, source).seal("s3", SECRET, b"c")
    row = Materials(database, source).wrap(KEY_ID, SECRET, number=0, now_us=1)
    with database.write() as connection:
        insert(connection, row)
    return sealed, row.id


def opens(settings: Settings, home: Home, database: Database, kept: tuple[bytes, str]) -> bool:
    source = open_root_of_trust(settings, home, database)
    material = Materials(database, source).load(KEY_ID, kept[1])
    assert material is not None
    return ServiceKeys(database, source).open("s3", kept[0], b"c") == material.secret == SECRET


def test_a_home_keeps_its_root_of_trust(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    in_vault = replace(settings, root_of_trust=f"vault:{vault.url}")
    kept = fill(in_vault, home, database)
    assert opens(in_vault, home, database, kept)
    assert not home.key_file.exists()
    with pytest.raises(HomeError, match=r"outcrop keys rewrap --to file"):
        open_root_of_trust(settings, home, database)


def test_a_lost_key_file_is_missed_rather_than_replaced(
    settings: Settings, home: Home, database: Database
) -> None:
    kept = fill(settings, home, database)
    content = home.key_file.read_bytes()
    home.key_file.unlink()
    with pytest.raises(HomeError, match="restore it from a backup"):
        open_root_of_trust(settings, home, database)
    assert not home.key_file.exists()
    home.key_file.write_bytes(bytes(32))
    home.key_file.chmod(0o600)
    with pytest.raises(HomeError, match="not the one that wrapped"):
        open_root_of_trust(settings, home, database)
    home.key_file.write_bytes(content)
    assert opens(settings, home, database, kept)


def test_a_vault_that_is_sealed_is_named_at_the_start_and_later(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    in_vault = replace(settings, root_of_trust=f"vault:{vault.url}")
    vault.is_sealed = True
    with pytest.raises(KeySourceUnavailable, match="unseal"):
        open_root_of_trust(in_vault, home, database)
    vault.is_sealed = False
    kept = fill(in_vault, home, database)
    source = open_root_of_trust(in_vault, home, database)
    vault.is_sealed = True
    with pytest.raises(KeySourceUnavailable, match="unseal"):
        Materials(database, source).load(KEY_ID, kept[1])
    vault.is_sealed = False
    assert opens(in_vault, home, database, kept)


def test_another_key_under_the_same_name_is_noticed(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    in_vault = replace(settings, root_of_trust=f"vault:{vault.url}")
    open_root_of_trust(in_vault, home, database)
    vault.keys["outcrop"].versions = [bytes(32)]
    with pytest.raises(HomeError, match="not the one that wrapped"):
        open_root_of_trust(in_vault, home, database)


def test_a_home_from_before_the_record_adopts_the_root_that_opens_its_keys(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    kept = fill(settings, home, database)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM root_of_trust")
    in_vault = replace(settings, root_of_trust=f"vault:{vault.url}")
    with pytest.raises(HomeError, match="under another root of trust"):
        open_root_of_trust(in_vault, home, database)
    assert opens(settings, home, database, kept)


def test_a_failed_move_changes_nothing(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    kept = fill(settings, home, database)
    old = open_root_of_trust(settings, home, database)
    new = make_source(f"vault:{vault.url}", settings, home)
    vault.failures = [403]
    with pytest.raises(KeySourceUnavailable, match="refuses the token"):
        rewrap(database, old, new, f"vault:{vault.url}")
    other = make_source("file", settings, Home(home.path / "other"))
    with pytest.raises(SealBroken, match=r"does not|do not"):
        rewrap(database, other, new, f"vault:{vault.url}")
    with database.read() as connection:
        assert name_in(connection) == "file"
    assert opens(settings, home, database, kept)


def test_the_command_moves_keys_to_vault_and_back(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    kept = fill(settings, home, database)
    in_vault = replace(settings, root_of_trust=f"vault:{vault.url}")
    environment = {"OUTCROP_VAULT_TOKEN": TOKEN, "OUTCROP_HOME": str(home.path), "COLUMNS": "400"}

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["keys", *arguments], env=environment)
        return result.exit_code, result.stdout + result.stderr

    code, text = run("rewrap", "--to", in_vault.root_of_trust)
    assert code == 0
    assert "Wrapped 2 keys" in text
    assert f"OUTCROP_ROOT_OF_TRUST={in_vault.root_of_trust}" in text.replace("\n", "")
    assert TOKEN not in text
    assert run("root")[1].replace("\n", "") == in_vault.root_of_trust
    home.key_file.unlink()
    assert opens(in_vault, home, database, kept)

    vault.rotate()
    vault.calls.clear()
    assert run("rewrap", "--to", in_vault.root_of_trust)[0] == 0
    vault.keys["outcrop"].oldest = 2  # nothing depends on the first version any more
    assert opens(in_vault, home, database, kept)

    code, text = run("rewrap", "--to", "vault:https://other:8200/v1/transit/keys/k")
    assert code == 1
    assert "by way of a file" in text
    assert run("rewrap", "--to", "file")[0] == 0
    assert opens(settings, home, database, kept)


def test_a_running_server_keeps_its_keys(
    settings: Settings, home: Home, database: Database, vault: VaultDouble
) -> None:
    fill(settings, home, database)
    home.lock()
    result = CliRunner().invoke(
        app,
        ["keys", "rewrap", "--to", f"vault:{vault.url}", "--home", str(home.path)],
        env={"OUTCROP_VAULT_TOKEN": TOKEN},
    )
    home.unlock()
    assert result.exit_code == 1
    assert "another server" in result.stderr


def test_settings_show_no_secret() -> None:
    settings = Settings(vault_token=TOKEN, database_url="postgresql://user:password@db/x")
    assert TOKEN not in repr(settings)
    assert "password" not in repr(settings)
