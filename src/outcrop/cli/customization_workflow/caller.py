"""Who the commands act as: the home's own root, or whoever the shell's AWS settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.cli.connection import Server, find_server
from outcrop.cli.terminal import CommandFailed


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity at an endpoint.

    Attributes:
        region: where everything is made.
        account_id: whose it is.
        client: makes boto3 clients by their service's name.
    """

    region: str
    account_id: str
    client: Callable[[str], Any]

    @classmethod
    def of_server(cls, server: Server) -> "Caller":
        """Return the root of a server that runs on this machine."""
        return cls(server.region, server.root_key.account_id, server.client)

    @classmethod
    def of_shell(cls, endpoint_url: str) -> "Caller":
        """Return who the shell's AWS_* variables or profile name, at an endpoint.

        Raises:
            CommandFailed: they name nobody, or no region.
        """
        import boto3
        from botocore.config import Config

        session = boto3.Session()
        if session.get_credentials() is None or session.region_name is None:
            raise CommandFailed(
                "an endpoint is named, and no credentials and region with it",
                'run `eval "$(outcrop env)"`, or name the home with --home',
            )
        config = Config(retries={"mode": "standard", "max_attempts": 5}, proxies={})

        def client(service: str) -> Any:
            return session.client(service, endpoint_url=endpoint_url, config=config)

        account_id: str = client("sts").get_caller_identity()["Account"]
        return cls(session.region_name, account_id, client)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role of this account."""
        return f"arn:aws:iam::{self.account_id}:role/{name}"


def find_caller(home: Path | None, endpoint_url: str | None) -> Caller:
    """Return who to act as.

    Args:
        home: folder of a server, whose root is meant then.
        endpoint_url: where the shell's own credentials are used, unless a home is named.
    """
    if endpoint_url and home is None:
        return Caller.of_shell(endpoint_url)
    return Caller.of_server(find_server(home))
