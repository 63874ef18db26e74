"""A server of each module's own, and a wire to it."""

from collections.abc import Iterator

import pytest

from security.raw_requests import Wire
from support.running_server import RunningServer, running_server


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that nobody else uses."""
    with running_server(tmp_path_factory.mktemp("attacked") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def wire(attacked: RunningServer) -> Wire:
    """Sends what clients would not."""
    return Wire(attacked)


@pytest.fixture(scope="module")
def bucket(attacked: RunningServer) -> str:
    """A bucket to attack."""
    attacked.client("s3").create_bucket(Bucket="attacked")
    return "attacked"
