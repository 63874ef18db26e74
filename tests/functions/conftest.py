from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from outcrop.functions.walls import Wall
from support.functions import Sample, make_host, standing_walls

MakeSample = Callable[..., Sample]


@pytest.fixture(scope="session")
def tried_walls() -> dict[str, Wall]:
    return standing_walls()


@pytest.fixture
async def make_sample(tmp_path: Path) -> AsyncIterator[MakeSample]:
    """Makes functions on hosts with settings of their own, which are closed whatever becomes of the test."""
    made: list[Sample] = []

    def make(**settings: object) -> Sample:
        sample = Sample(make_host(tmp_path, **settings), tmp_path / "package")
        made.append(sample)
        return sample

    yield make
    for sample in made:
        await sample.host.close()


@pytest.fixture
def sample(make_sample: MakeSample) -> Sample:
    return make_sample()
