"""Customers of real servers, driven by boto3."""

from collections.abc import Iterator

import pytest

from support.customer import BASE_MODEL, Customer, make_customer
from support.running_server import RunningServer, running_server


@pytest.fixture
def customer(server: RunningServer) -> Customer:
    """A customer of the shared server."""
    return make_customer(server)


@pytest.fixture(scope="session")
def vendor_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an AWS id mapped onto the bundled model."""
    aliases = {"OUTCROP_MODEL_ALIASES": f"cohere.command-light-text-v14={BASE_MODEL}"}
    with running_server(tmp_path_factory.mktemp("vendor") / "home", aliases) as started:
        yield started
