"""IAM and STS behind the real gateway with authorization, served from a thread of this process."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import pytest
import uvloop
from botocore.config import Config
from botocore.exceptions import ClientError

import outcrop.services.iam
import outcrop.services.sts
from outcrop.config import Settings
from outcrop.crypto.certificates import ensure_certificate
from outcrop.crypto.key_source import FileKeySource
from outcrop.gateway.gateway import Gateway
from outcrop.gateway.operations import collect_operations
from outcrop.gateway.server import serve
from outcrop.governance.quotas import Quotas
from outcrop.identity.authorization import Authorizer
from outcrop.identity.credentials import CredentialStore, load_or_make_root_key
from outcrop.identity.directory import Directory
from outcrop.identity.rules import load_rules
from outcrop.services.resources import ServiceResources
from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.home import Home
from outcrop.storage.identities import IdentityStore
from outcrop.storage.service_keys import ServiceKeys

START_SECONDS = 30
ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows actions."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def trust(principal: Any, *actions: str, **more: Any) -> str:
    """A trust policy that lets a principal assume the role."""
    return policy(
        {
            "Effect": "Allow",
            "Principal": principal,
            "Action": list(actions) or "sts:AssumeRole",
            **more,
        }
    )


@dataclass
class Refusal:
    """What a client was told."""

    code: str
    status: int
    message: str


def refusal(function: Callable[..., Any], **request: Any) -> Refusal:
    """Call what must be refused."""
    with pytest.raises(ClientError) as caught:
        function(**request)
    response = caught.value.response
    return Refusal(
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Message"],
    )


class IdentityServer:
    """A running gateway with the operations of IAM and STS.

    Args:
        folder: its home.
    """

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.settings = Settings(home=folder, port=0, tls_port=0)
        self.root_key = load_or_make_root_key(self.home.root_key, ACCOUNT)
        self.database = Database.at(self.home.database)
        migrations.upgrade(self.database)
        service_keys = ServiceKeys(self.database, FileKeySource(self.home.key_file))
        self.directory = Directory(IdentityStore(self.database), service_keys, ACCOUNT)
        platform: Any = SimpleNamespace(
            account_id=ACCOUNT,
            database=self.database,
            directory=self.directory,
            home=self.home,
            quotas=Quotas(self.database),
            service_keys=service_keys,
            token_key=b"secret" * 4,
        )
        self.service_keys = service_keys
        self.gateway = Gateway(
            collect_operations([outcrop.services.iam, outcrop.services.sts]),
            CredentialStore(self.root_key, self.directory),
            platform,
            self.settings,
            account_id=ACCOUNT,
            services=("s3", "bedrock"),
            authorizer=Authorizer(
                ACCOUNT, load_rules(), self.directory, ServiceResources(platform)
            ),
        )
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)

    def start(self) -> "IdentityServer":
        """Serve, and wait until requests are answered."""
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        return self

    def stop(self) -> None:
        """End the server and close its database."""
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        self.gateway.close()
        self.database.close()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        def started(listening: Any) -> None:
            self.port = listening.port
            assert self._loop is not None
            self._loop.call_later(0.05, self._started.set)

        certificate = ensure_certificate(self.home.certificates, self.settings.host)
        await serve(
            self.gateway.asgi_app,
            self.settings,
            certificate,
            started,
            lambda: None,
            stop=self._stop,
        )

    def client(
        self, service: str, key: Mapping[str, str] | None = None, **config: Any
    ) -> Any:  # boto3 clients
        """Return a boto3 client with the root key, or with an AccessKey or Credentials of an answer."""
        key = key or {
            "AccessKeyId": self.root_key.access_key_id,
            "SecretAccessKey": self.root_key.secret_access_key,
        }
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="eu-west-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            aws_session_token=key.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def user(self, *statements: Mapping[str, Any], **request: Any) -> "Someone":
        """Make a user with an access key, and with an inline policy of these statements."""
        iam = self.client("iam")
        name = f"user-{uuid4().hex[:8]}"
        arn = iam.create_user(UserName=name, **request)["User"]["Arn"]
        if statements:
            document = policy(*statements)
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Someone(self, name, arn, key)

    def role(self, trust_policy: str, *statements: Mapping[str, Any], **request: Any) -> Any:
        """Make a role with an inline policy of these statements, and return its description."""
        iam = self.client("iam")
        name = f"role-{uuid4().hex[:8]}"
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust_policy, **request)
        if statements:
            document = policy(*statements)
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return role["Role"]


@dataclass
class Someone:
    """A user with an access key."""

    server: IdentityServer
    name: str
    arn: str
    key: Mapping[str, str]

    def client(self, service: str) -> Any:  # boto3 clients
        """Return a boto3 client with the user's key."""
        return self.server.client(service, self.key)
