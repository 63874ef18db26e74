"""The whole product behind its gateway, on loopback from a thread of this process: no process to start, no model loaded.

Durable workflows are not launched: jobs stay as they were recorded.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import uvloop
from botocore.config import Config
from botocore.exceptions import ClientError

from outcrop import app
from outcrop.config import Settings
from outcrop.core.clock import Clock
from outcrop.crypto.certificates import ensure_certificate
from outcrop.gateway.server import Listening, serve
from outcrop.identity.credentials import load_or_make_root_key
from outcrop.services.bedrock.invocation_delivery import InvocationDelivery
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.home import Home

START_SECONDS = 60
Refused = Callable[..., tuple[str, str]]


def refuse(function: Any, **request: Any) -> tuple[str, str]:
    """Call what must be refused with status 400; return the error's code and message."""
    try:
        answer = function(**request)
    except ClientError as error:
        response: Any = error.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400, response
        return response["Error"]["Code"], response["Error"]["Message"]
    raise AssertionError(f"it was not refused: {answer}")


@dataclass
class MovableClock(Clock):
    """The machine's clock, and what a test adds to it."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class ComposedServer:
    """A running gateway over everything that the composition root makes.

    Args:
        folder: its home.

    Attributes:
        clock: the platform's; the gateway keeps its own, so that signatures hold wherever it is moved.
    """

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.root_key = load_or_make_root_key(self.home.root_key, "123456789012")
        self.settings = Settings(
            home=folder,
            port=0,
            tls_port=0,
            account_id="123456789012",
            # A container may lack a wall; whether each stands is tested in tests/functions.
            function_isolation="available",
        )
        self.certificate = ensure_certificate(self.home.certificates, self.settings.host)
        self.database = Database.at(self.home.database)
        upgrade(self.database)
        self.platform, self.gateway = app._compose(
            self.settings, self.home, self.database, self.root_key
        )
        self.clock = MovableClock()
        self.platform.clock = self.clock
        self.port = 0
        self.invocations = InvocationDelivery(self.platform, pause_seconds=0.2)
        self.platform.invocation_log.wake = self.invocations.wake
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)

    def start(self) -> "ComposedServer":
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        return self

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self.invocations.close()
        self.platform.logs.close()
        self.platform.metrics.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        self.gateway.close()
        self.platform.mailer.close()
        self.platform.objects.close()
        self.database.close()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.platform.loop = self._loop

        def started(listening: Listening) -> None:
            self.port = listening.port
            self.platform.functions.server_listens(listening.port, listening.tls_port)
            assert self._loop is not None
            self._loop.call_later(0.05, self._started.set)

        await self.platform.executions.open()
        await serve(
            self.gateway.asgi_app,
            self.settings,
            self.certificate,
            started,
            self._close,
            stop=self._stop,
        )

    async def _close(self) -> None:
        await self.platform.events.stop()
        await self.platform.executions.close()
        await self.platform.functions.close()

    def client(self, service: str, *, region: str = "eu-west-1", **keys: str) -> Any:
        """Return a boto3 client with the root key, or with the keys given."""
        credentials = keys or {
            "aws_access_key_id": self.root_key.access_key_id,
            "aws_secret_access_key": self.root_key.secret_access_key,
        }
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=region,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
            **credentials,
        )
