from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outcrop.functions.walls import Wall
from support.functions import Sample, make_host, standing_walls


@pytest.fixture(scope="session")
def tried_walls() -> dict[str, Wall]:
    return standing_walls()


@pytest.fixture
async def sample(tmp_path: Path) -> AsyncIterator[Sample]:
    host = make_host(tmp_path)
    yield Sample(host, tmp_path / "package")
    await host.close()
