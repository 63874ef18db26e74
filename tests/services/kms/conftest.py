"""KMS behind the real gateway, with real boto3 clients."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.composed_server import ComposedServer, Refused, refuse


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("kms")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def kms(server: ComposedServer) -> Any:
    return server.client("kms")


@pytest.fixture
def key(kms: Any) -> dict[str, Any]:
    """Metadata of a new symmetric key."""
    metadata: dict[str, Any] = kms.create_key()["KeyMetadata"]
    return metadata


@pytest.fixture
def refused() -> Refused:
    """Call, and return (code, message) of the error that is answered with status 400."""
    return refuse
