"""CloudTrail behind the real gateway, with real boto3 clients."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import ComposedServer

Lookup = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("cloudtrail")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: ComposedServer) -> Any:
    return server.client("cloudtrail")


@pytest.fixture
def bucket(server: ComposedServer) -> str:
    name = f"bucket-{uuid4()}"
    server.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return name


@pytest.fixture
def lookup(client: Any) -> Lookup:
    """Return all events with an attribute, over as many pages as there are."""

    def find(key: str, value: str, **request: Any) -> list[dict[str, Any]]:
        pages = client.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}], **request
        )
        return [event for page in pages for event in page["Events"]]

    return find
