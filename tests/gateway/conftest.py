"""A gateway with a handful of small operations, served on loopback from a thread of this process."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvloop
from botocore.config import Config

from gateway import small_operations
from outcrop.aws.operation import Principal
from outcrop.config import Settings
from outcrop.crypto.certificates import ServerCertificate, ensure_certificate
from outcrop.gateway.gateway import Gateway
from outcrop.gateway.operations import collect_operations
from outcrop.gateway.server import Listening, serve
from outcrop.identity.authorization import Authorizer
from outcrop.identity.credentials import CredentialStore, RootKey, load_or_make_root_key
from outcrop.identity.directory import PrincipalPolicies
from outcrop.identity.policy import parse_policy
from outcrop.identity.rules import load_rules

START_SECONDS = 30
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


class OnlySessionsMay:
    """Gives sessions of roles every permission, and nobody else any."""

    def policies_of(self, principal: Principal) -> PrincipalPolicies:
        if principal.type != "AssumedRole":
            return PrincipalPolicies()
        return PrincipalPolicies((("everything", parse_policy(EVERYTHING)),))


class Served:
    """A running gateway.

    Args:
        home: its folder.
        options: settings beyond home and ports.
    """

    def __init__(self, home: Path, **options: Any) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.settings = replace(Settings(home=home, port=0, tls_port=0), **options)
        self.root_key: RootKey = load_or_make_root_key(home / "root-key.json", "123456789012")
        self.certificate: ServerCertificate = ensure_certificate(home / "ca", self.settings.host)
        self.platform = small_operations.Platform()
        self.gateway = Gateway(
            collect_operations([small_operations]),
            CredentialStore(self.root_key),
            self.platform,
            self.settings,
            account_id=self.root_key.account_id,
            authorizer=Authorizer(self.root_key.account_id, load_rules(), OnlySessionsMay()),
        )
        self.listening: Listening | None = None
        self.failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def main() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

            def started(listening: Listening) -> None:
                self.listening = listening

            serving = asyncio.create_task(
                serve(
                    self.gateway.asgi_app,
                    self.settings,
                    self.certificate,
                    started,
                    lambda: None,
                    stop=self._stop,
                )
            )
            record = self.settings.home / "server.json"
            while not record.exists() and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a file has no event to wait for
            self._started.set()
            await serving

        try:
            uvloop.run(main())
        except BaseException as failure:  # noqa: BLE001  # kept for the test to look at
            self.failure = failure
        finally:
            self._started.set()

    def start(self) -> "Served":
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        return self

    def stop(self) -> None:
        # One that never listened ends by itself, and may have closed its loop already.
        if self.listening is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive()
        self.gateway.close()

    @property
    def port(self) -> int:
        assert self.listening is not None
        return self.listening.port

    @property
    def tls_port(self) -> int:
        assert self.listening is not None
        return self.listening.tls_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def client(
        self, service: str, *, tls: bool = False, secret: str = "", key_id: str = "", **options: Any
    ) -> Any:
        """Return a boto3 client of this server with the root key, or with the one given."""
        config = Config(retries={"total_max_attempts": 1}, **options.pop("config", {}))
        return boto3.client(
            service,
            endpoint_url=self.tls_url if tls else self.url,
            region_name="eu-west-1",
            aws_access_key_id=key_id or self.root_key.access_key_id,
            aws_secret_access_key=secret or self.root_key.secret_access_key,
            verify=str(self.certificate.authority),
            config=config,
            **options,
        )


@dataclass
class Refusal:
    """What a client was told."""

    code: str
    status: int
    message: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("gateway")).start()
    yield running
    running.stop()
