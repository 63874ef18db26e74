"""Finding the server that runs on a home, and talking to it as any AWS client would."""

import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.cli.terminal import CommandFailed
from outcrop.config import Settings, load_settings
from outcrop.core.errors import HomeError
from outcrop.identity.credentials import RootKey, load_or_make_root_key
from outcrop.storage.home import Home

if TYPE_CHECKING:
    from types_boto3_bedrock import BedrockClient
    from types_boto3_bedrock_runtime import BedrockRuntimeClient
    from types_boto3_s3 import S3Client

# What would win over the keys below, or send the shell's calls elsewhere.
OVERRIDING_VARIABLES = ("AWS_SESSION_TOKEN", "AWS_PROFILE")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and the key to it.

    Attributes:
        home: the folder that it runs on.
        plain_host: where plain HTTP listens; loopback unless it was allowed elsewhere.
        secure_host: where HTTPS listens.
    """

    home: Home
    pid: int
    plain_host: str
    port: int
    secure_host: str
    tls_port: int
    region: str
    root_key: RootKey

    @property
    def http_url(self) -> str:
        """Endpoint for clients on this machine."""
        return f"http://{_in_url(self.plain_host)}:{self.port}"

    @property
    def https_url(self) -> str:
        """Endpoint for clients that trust `authority`."""
        return f"https://{_in_url(self.secure_host)}:{self.tls_port}"

    @property
    def authority(self) -> Path:
        """Certificate authority that signed the server's certificate."""
        return self.home.certificates / "ca.pem"

    def variables(self, *, https: bool = False, api_key: bool = False) -> dict[str, str]:
        """Return what a shell needs so that every AWS client in it talks to this server.

        Args:
            https: use the TLS endpoint.
            api_key: add the Bedrock API key, which travels over TLS only, so `https` follows from it.
        """
        variables = {
            "AWS_ENDPOINT_URL": self.https_url if https or api_key else self.http_url,
            "AWS_ACCESS_KEY_ID": self.root_key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.root_key.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CA_BUNDLE": str(self.authority),
        }
        if api_key:
            variables["AWS_BEARER_TOKEN_BEDROCK"] = self.root_key.bedrock_api_key
        return variables

    @property
    def s3(self) -> "S3Client":
        """A boto3 client of S3."""
        client: S3Client = self.client("s3")
        return client

    @property
    def iam(self) -> Any:  # of IAM no stubs are installed
        """A boto3 client of IAM."""
        return self.client("iam")

    @property
    def bedrock(self) -> "BedrockClient":
        """A boto3 client of Bedrock's control plane."""
        client: BedrockClient = self.client("bedrock")
        return client

    def runtime(self, connections: int = 1) -> "BedrockRuntimeClient":
        """Return a boto3 client of Bedrock's runtime.

        Args:
            connections: calls that will be made at once.
        """
        client: BedrockRuntimeClient = self.client("bedrock-runtime", connections)
        return client

    def client(
        self, service: str, connections: int = 10
    ) -> Any:  # boto3 makes its classes at run time
        """Return a boto3 client of any service."""
        import boto3
        from botocore.config import Config
        from botocore.session import Session

        # A profile that the shell names need not exist, and must not change what is called.
        session = Session(session_vars={"profile": (None, None, None, None)})
        return boto3.Session(
            aws_access_key_id=self.root_key.access_key_id,
            aws_secret_access_key=self.root_key.secret_access_key,
            region_name=self.region,
            botocore_session=session,
        ).client(
            service,
            endpoint_url=self.http_url,
            config=Config(
                max_pool_connections=connections,
                # An answer may wait for its turn behind many others, and a model for its engine.
                read_timeout=600,
                retries={"mode": "standard", "max_attempts": 5},
                # The endpoint is on this machine, whatever proxy the shell uses for others.
                proxies={},
                # Keys are given above; an API key in the shell would win over them.
                signature_version="s3v4" if service == "s3" else "v4",
            ),
        )


def find_server(home: Path | None = None) -> Server:
    """Return the server that runs on a home.

    Args:
        home: the folder, or None for the one that settings name.

    Raises:
        CommandFailed: no server runs there, or its key cannot be read.
    """
    settings = load_settings({"home": home})
    server = running_server(settings)
    if server is None:
        raise CommandFailed(
            f"no server runs on {settings.home}",
            "start one with `outcrop up`, or name another home with --home or OUTCROP_HOME",
        )
    return server


def running_server(settings: Settings) -> Server | None:
    """Return the server that runs on the settings' home, or None.

    Raises:
        CommandFailed: its key cannot be read.
    """
    home = Home(settings.home)
    try:
        record = json.loads(home.server_info.read_text())
    except FileNotFoundError:
        return None
    if not is_alive(record["pid"]):
        return None
    try:
        key = load_or_make_root_key(home.root_key, settings.account_id)
    except HomeError as error:
        raise CommandFailed(str(error)) from error
    host = record["host"]
    return Server(
        home=home,
        pid=record["pid"],
        plain_host=_reachable(host if settings.allow_plain_http else "127.0.0.1", host),
        port=record["port"],
        secure_host=_reachable(host, host),
        tls_port=record["tls_port"],
        region=record["region"],
        root_key=key,
    )


def is_alive(pid: int) -> bool:
    """Return whether a process with this id runs; its record may be older than the last restart."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _reachable(host: str, configured: str) -> str:
    """Return the address to call for one that is listened on."""
    try:
        if ipaddress.ip_address(configured).is_loopback:
            return configured
        return "127.0.0.1" if ipaddress.ip_address(host).is_unspecified else host
    except ValueError:
        return configured if configured == "localhost" else host


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
