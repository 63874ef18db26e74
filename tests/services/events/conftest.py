"""EventBridge behind the real gateway, with real boto3 clients."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import ComposedServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("events")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: ComposedServer) -> Any:
    return server.client("events")


@pytest.fixture
def name() -> str:
    return f"name-{uuid4()}"
