"""Someone who customizes models with boto3: what tests of customization ask again and again."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.running_server import RunningServer
from support.service_role import make_service_role

BASE_MODEL = "outcrop.nano-v1:0"
ROLE = "arn:aws:iam::000000000000:role/service-role/customization"
TERMINAL = {"Completed", "Failed", "Stopped"}
WAIT_SECONDS = 240.0


def wait_for(read: Callable[[], Any], accept: Callable[[Any], bool]) -> Any:  # boto3 responses
    """Read until accepted."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not accept(value := read()):
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.1)
    return value


def records(count: int) -> bytes:
    """Prompt/completion records that a small model learns something from."""
    lines = [
        json.dumps(
            {"prompt": f"Say the colour number {i}.", "completion": f"It is colour {i % 5}."}
        )
        for i in range(count)
    ]
    return "\n".join(lines).encode()


@dataclass
class Customer:
    """Someone with a bucket who customizes models.

    Attributes:
        bucket: with nothing in it at first.
    """

    server: RunningServer
    bucket: str
    bedrock: Any = field(repr=False)  # boto3 clients
    s3: Any = field(repr=False)

    def put(self, key: str, content: bytes) -> str:
        """Upload and return the URI."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        """Names of the objects in the bucket."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]

    def request(self, **changes: Any) -> dict[str, Any]:
        """A request for a job that would succeed, with changes; None leaves a member out."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        request: dict[str, Any] = {
            "jobName": name,
            "customModelName": f"model-{name}",
            "roleArn": ROLE,
            "baseModelIdentifier": BASE_MODEL,
            "trainingDataConfig": {"s3Uri": f"s3://{self.bucket}/train.jsonl"},
            "outputDataConfig": {"s3Uri": f"s3://{self.bucket}/out/"},
            "hyperParameters": {"epochCount": "1", "batchSize": "8"},
            **changes,
        }
        return {member: value for member, value in request.items() if value is not None}

    def create(self, **changes: Any) -> dict[str, Any]:
        """Create a job and return its request."""
        request = self.request(**changes)
        self.bedrock.create_model_customization_job(**request)
        return request

    def job(self, name: str) -> dict[str, Any]:
        """Describe a job."""
        described: dict[str, Any] = self.bedrock.get_model_customization_job(jobIdentifier=name)
        return described

    def ended(self, name: str) -> dict[str, Any]:
        """Describe a job once it has ended."""
        job: dict[str, Any] = wait_for(
            lambda: self.job(name), lambda found: found["status"] in TERMINAL
        )
        return job

    def leftovers(self, job: dict[str, Any]) -> list[str]:
        """What an ended job left behind on disk and in the output bucket."""
        job_id = job["jobArn"].rsplit("/", 1)[-1]
        home: Path = self.server.home
        folders = [str(path) for path in (home / "jobs").glob(f"{job_id}*")]
        return folders + [key for key in self.keys() if job_id in key or "write_access" in key]


def make_customer(server: RunningServer) -> Customer:
    """Return a new customer with a bucket of their own; the service role is the same for all of a server."""
    assert make_service_role(server.client("iam"), server.root_key["account_id"]) == ROLE
    bucket = f"customer-{uuid.uuid4().hex[:8]}"
    customer = Customer(server, bucket, server.client("bedrock"), server.client("s3"))
    customer.s3.create_bucket(Bucket=bucket)
    return customer
