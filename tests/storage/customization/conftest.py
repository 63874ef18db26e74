"""A migrated database of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.home import Home


@pytest.fixture
def prepared_home(home: Path) -> Home:
    prepared = Home(home)
    prepared.prepare()
    return prepared


@pytest.fixture
def database(prepared_home: Home) -> Iterator[Database]:
    opened = Database.at(prepared_home.database)
    migrations.upgrade(opened)
    yield opened
    opened.close()
