"""A directory over an empty database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.crypto.key_source import FileKeySource
from outcrop.identity.directory import Directory
from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.identities import IdentityStore
from outcrop.storage.service_keys import ServiceKeys

ACCOUNT = "123456789012"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "outcrop.db")
    migrations.upgrade(database)
    yield database
    database.close()


@pytest.fixture
def directory(database: Database, tmp_path: Path) -> Directory:
    keys = ServiceKeys(database, FileKeySource(tmp_path / "key"))
    return Directory(IdentityStore(database), keys, ACCOUNT)
