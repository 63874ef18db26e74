"""Engines of state machines, each on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.workflow_engine import EngineRoom


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[EngineRoom]:
    """One life of an engine."""
    opened = EngineRoom(tmp_path)
    yield opened
    await opened.close()
