"""One server of IAM and STS for all tests of this folder; each uses names of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.identity_server import IdentityServer


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityServer]:
    running = IdentityServer(tmp_path_factory.mktemp("identities")).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def iam(identities: IdentityServer) -> Any:
    return identities.client("iam")
