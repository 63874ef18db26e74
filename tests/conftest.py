"""Fixtures of every room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.running_server import RunningServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests that leave their own names behind and nothing else changed."""
    with running_server(tmp_path_factory.mktemp("shared") / "home") as started:
        yield started


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty place for a home folder."""
    return tmp_path / "home"
