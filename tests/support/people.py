"""People with permissions of their own on a running server: users and role sessions, through IAM and STS."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from support.running_server import RunningServer

Statement = Mapping[str, Any]
REGION = "us-east-1"


def document(statements: Sequence[Statement]) -> str:
    """Return a policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class Person:
    """An IAM user with one inline policy.

    Attributes:
        key: what CreateAccessKey answered.
    """

    server: RunningServer
    name: str
    key: Mapping[str, str] = field(repr=False)

    def may(self, *statements: Statement) -> "Person":
        """Give the user exactly these statements."""
        iam = self.server.client("iam")
        if statements:
            iam.put_user_policy(
                UserName=self.name, PolicyName="own", PolicyDocument=document(statements)
            )
        else:
            iam.delete_user_policy(UserName=self.name, PolicyName="own")
        return self

    def client(self, service: str) -> Any:
        """Return a boto3 client with the user's key."""
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=REGION,
            aws_access_key_id=self.key["AccessKeyId"],
            aws_secret_access_key=self.key["SecretAccessKey"],
            config=Config(read_timeout=120, retries={"total_max_attempts": 1}),
        )


def make_person(server: RunningServer, *statements: Statement) -> Person:
    """Return a new user who may do what the statements say, and nothing else."""
    name = f"user-{uuid.uuid4().hex[:8]}"
    iam = server.client("iam")
    iam.create_user(UserName=name)
    person = Person(server, name, iam.create_access_key(UserName=name)["AccessKey"])
    return person.may(*statements) if statements else person


def outcome(call: Callable[[], Any]) -> str:
    """Return "" where a call passed authorization, else the message of its AccessDenied.

    What fails for another reason has passed.
    """
    try:
        call()
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        return message if code.startswith("AccessDenied") else ""
    return ""
