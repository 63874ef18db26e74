"""S3 behind the real gateway, on loopback from a thread of this process, with real boto3 clients.

Only what S3 needs is composed, so that these tests start in a fraction of a second.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import pytest
import uvloop
from botocore.config import Config

import outcrop.services.kms
import outcrop.services.s3
from outcrop.config import Settings
from outcrop.core.clock import SystemClock
from outcrop.crypto.certificates import ensure_certificate
from outcrop.crypto.key_source import FileKeySource
from outcrop.gateway.gateway import Gateway
from outcrop.gateway.operations import collect_operations
from outcrop.gateway.server import serve
from outcrop.governance.quotas import Quotas
from outcrop.identity.credentials import CredentialStore, load_or_make_root_key
from outcrop.services.s3.cors import CrossOrigin
from outcrop.storage.bucket_configuration import BucketConfigurations
from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.materials import Materials
from outcrop.storage.objects import ObjectStore
from outcrop.storage.objects.external import ExternalBucket, external_bucket
from outcrop.storage.service_keys import ServiceKeys
from support.composed_server import ComposedServer

START_SECONDS = 30
LITTER_SECONDS = 10


class S3Server:
    """A running gateway with the operations of S3.

    Args:
        folder: its home.
        external: a bucket that it keeps objects' content in; of a server, the one named "contents".
    """

    def __init__(self, folder: Path, external: "S3Server | ExternalBucket | None" = None) -> None:
        self.external = external if isinstance(external, S3Server) else None
        self.home = Home(folder)
        self.home.prepare()
        self.settings = Settings(home=folder, port=0, tls_port=0)
        self.root_key = load_or_make_root_key(self.home.root_key, "123456789012")
        self.certificate = ensure_certificate(self.home.certificates, self.settings.host)
        self.database = Database.at(self.home.database)
        migrations.upgrade(self.database)
        source = FileKeySource(self.home.key_file)
        self.service_keys = ServiceKeys(self.database, source)
        self.store = ObjectStore(
            self.home.objects,
            self.database,
            SystemClock(),
            self.service_keys,
            external=(
                external.as_external_bucket() if isinstance(external, S3Server) else external
            ),
        )
        self.platform = platform = SimpleNamespace(
            settings=self.settings,
            clock=SystemClock(),
            home=self.home,
            account_id=self.root_key.account_id,
            database=self.database,
            service_keys=self.service_keys,
            kms_materials=Materials(self.database, source),
            objects=self.store,
            quotas=Quotas(self.database),
            bucket_configurations=BucketConfigurations(self.database),
            token_key=b"secret" * 4,
        )
        self.gateway = Gateway(
            collect_operations([outcrop.services.s3, outcrop.services.kms]),
            CredentialStore(self.root_key),
            platform,
            self.settings,
            account_id=self.root_key.account_id,
            cross_origin=CrossOrigin(platform.bucket_configurations),
        )
        self.port = self.tls_port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)

    def start(self) -> "S3Server":
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        return self

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        self.gateway.close()
        self.store.close()
        self.database.close()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        def started(listening: Any) -> None:
            self.port, self.tls_port = listening.port, listening.tls_port
            assert self._loop is not None
            self._loop.call_later(0.05, self._started.set)

        await serve(
            self.gateway.asgi_app,
            self.settings,
            self.certificate,
            started,
            lambda: None,
            stop=self._stop,
        )

    def client(
        self, *, tls: bool = False, region: str = "us-east-1", service: str = "s3", **config: Any
    ) -> Any:
        """Return a boto3 client with the root key."""
        return boto3.client(
            service,
            endpoint_url=(
                f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"
            ),
            region_name=region,
            aws_access_key_id=self.root_key.access_key_id,
            aws_secret_access_key=self.root_key.secret_access_key,
            verify=str(self.certificate.authority),
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def as_external_bucket(self) -> ExternalBucket | None:
        """Return a bucket of this server, as the settings of another describe it."""
        self.client().create_bucket(Bucket="contents")
        return external_bucket(
            Settings(
                object_store="s3://contents/of/another",
                object_store_endpoint=f"http://127.0.0.1:{self.port}",
                object_store_access_key_id=self.root_key.access_key_id,
                object_store_secret_access_key=self.root_key.secret_access_key,
            )
        )

    def litter(self) -> list[str]:
        """Names left in doubt; what is deleted elsewhere is waited for."""
        deadline = time.monotonic() + (LITTER_SECONDS if self.external else 0)
        while names := [path.name for path in (self.home.objects / "incoming").iterdir()]:
            if time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        return names

    def contents(self) -> list[bytes]:
        """All contents as they lie on disk, or in the other server's bucket."""
        if self.external is None:
            files = (self.home.objects / "data").rglob("*")
            return [path.read_bytes() for path in files if path.is_file()]
        other = self.external.client()
        pages = other.get_paginator("list_objects_v2").paginate(Bucket="contents")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        assert all(key.startswith("of/another/data/") for key in keys)
        assert not any(path.is_file() for path in (self.home.objects / "data").rglob("*"))
        return [other.get_object(Bucket="contents", Key=key)["Body"].read() for key in keys]


@pytest.fixture(scope="module", params=["home", pytest.param("external", marks=pytest.mark.slow)])
def s3_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    """A server that keeps contents in its home, and one that keeps them in a bucket of another."""
    if request.param == "home":
        running = S3Server(tmp_path_factory.mktemp("s3")).start()
        yield running
        running.stop()
        return
    other = S3Server(tmp_path_factory.mktemp("other")).start()
    running = S3Server(tmp_path_factory.mktemp("s3"), other).start()
    yield running
    running.stop()
    other.stop()


@pytest.fixture(scope="session")
def s3_server_class() -> type[S3Server]:
    """For servers of a test's own."""
    return S3Server


@pytest.fixture(scope="module")
def s3(s3_server: S3Server) -> Any:
    return s3_server.client()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def refused() -> Any:
    """Call, and return (code, status) of the error that is answered."""
    from botocore.exceptions import ClientError

    def call(function: Any, **request: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            function(**request)
        response = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    return call


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    """A server with users, roles and policies."""
    running = ComposedServer(tmp_path_factory.mktemp("composed")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def root(composed: ComposedServer) -> Any:
    """S3 as the account's root."""
    return composed.client("s3", region="us-east-1")


@pytest.fixture
def place(root: Any) -> str:
    """A new bucket of the server with users."""
    name = f"place-{uuid4()}"
    root.create_bucket(Bucket=name)
    return name
