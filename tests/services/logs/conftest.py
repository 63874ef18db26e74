"""The logs of a composed server, with real boto3 clients."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import ComposedServer

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    """A server of this module's own."""
    running = ComposedServer(tmp_path_factory.mktemp("logs")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def logs(server: ComposedServer) -> Any:
    """CloudWatch Logs as the account's root."""
    return server.client("logs", region=REGION)


@pytest.fixture
def group(logs: Any) -> str:
    """A new group."""
    name = f"/tests/{uuid4()}"
    logs.create_log_group(logGroupName=name)
    return name


@pytest.fixture
def stream(logs: Any, group: str) -> str:
    """A new stream of the group."""
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    return "one"
