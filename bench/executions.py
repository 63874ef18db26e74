"""Executions of state machines, ours and LocalStack's interpreter side by side, both through boto3 over HTTP.

Claims, with durability on: a loop of 1,000 iterations runs at 40 times the peer's transitions a second (at least 2,800
without a peer); a Map over 1,000 items in a fifteenth of its time (0.32 s); a one-state execution and 100 executions at
once in half of its time. 1,000 executions started at once all end.
Run: python bench/executions.py
     LOCALSTACK_PYTHON=/path/to/venv/bin/python python bench/executions.py
The second runs the peer from a virtual environment with localstack-core[runtime], started without Docker and events.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import boto3
from botocore.config import Config

from support.machine import describe_machine
from support.running_server import running_server

ROUNDS = 5
PEER_ROUNDS = 1  # its loop takes half a minute
ITERATIONS = 1000
ITEMS = 1000
AT_ONCE = 100
PEER_PORT = 4599
PEER_START_SECONDS = 120.0
ONE = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
LOOP = {
    "StartAt": "Init",
    "States": {
        "Init": {"Type": "Pass", "Result": {"n": 0}, "Next": "Add"},
        "Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"},
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": ITERATIONS, "Next": "Add"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}
MAP = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
            "End": True,
        }
    },
}
Client = Callable[[str], Any]


class Side:
    """One of the two servers.

    Args:
        name: printed.
        client: makes boto3 clients for it.
    """

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self.sfn = client("stepfunctions")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        role = client("iam").create_role(
            RoleName="bench",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]
        self.machines = {
            name: self.sfn.create_state_machine(
                name=name, definition=json.dumps(definition), roleArn=role
            )["stateMachineArn"]
            for name, definition in {"one": ONE, "loop": LOOP, "map": MAP}.items()
        }

    def start(self, machine: str, value: Any = None) -> str:
        """Start an execution and return its ARN."""
        answer = self.sfn.start_execution(
            stateMachineArn=self.machines[machine], input=json.dumps(value or {})
        )
        return str(answer["executionArn"])

    def end(self, arn: str) -> None:
        """Wait until it has succeeded."""
        while (found := self.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.001)
        assert found["status"] == "SUCCEEDED", found

    def seconds(self, machine: str, value: Any = None) -> float:
        """Return how long an execution takes, from the call that starts it to its seen end."""
        begun = time.perf_counter()
        self.end(self.start(machine, value))
        return time.perf_counter() - begun

    def at_once(self, count: int) -> float:
        """Return how long it takes to start so many executions from 16 threads and to see all ended."""
        begun = time.perf_counter()
        with ThreadPoolExecutor(16) as threads:
            arns = list(threads.map(lambda _: self.start("one"), range(count)))
            list(threads.map(self.end, arns))
        return time.perf_counter() - begun

    def measure(self, rounds: int) -> dict[str, float]:
        """Return the medians of what is claimed."""
        items = {"items": list(range(ITEMS))}
        for _ in range(3):
            self.seconds("one")
        return {
            "one-state execution, ms": 1e3
            * statistics.median(self.seconds("one") for _ in range(30)),
            "transitions/s in the loop": (2 * ITERATIONS + 2)
            / statistics.median(self.seconds("loop") for _ in range(rounds)),
            f"Map over {ITEMS} items, s": statistics.median(
                self.seconds("map", items) for _ in range(rounds)
            ),
            f"{AT_ONCE} executions at once, s": statistics.median(
                self.at_once(AT_ONCE) for _ in range(rounds)
            ),
        }


@contextmanager
def peer(python: str) -> Iterator[Client]:
    """Run LocalStack for the length of a block."""
    endpoint = f"http://127.0.0.1:{PEER_PORT}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "GATEWAY_LISTEN": f"127.0.0.1:{PEER_PORT}",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
        }
        process = subprocess.Popen(
            [python, "-m", "localstack.runtime.main"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + PEER_START_SECONDS
            while True:
                try:
                    urllib.request.urlopen(f"{endpoint}/_localstack/health").read()
                    break
                except OSError:
                    assert time.monotonic() < deadline, "the peer does not start"
                    assert process.poll() is None, "the peer ended"
                    time.sleep(0.2)
            yield lambda service: boto3.client(
                service,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(max_pool_connections=16),
            )
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def main() -> None:
    """Measure both and print what was seen."""
    print(describe_machine())
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder) / "home") as server,
    ):
        ours = Side("ours", lambda service: server.client(service, max_pool_connections=16))
        seen = ours.measure(ROUNDS)
        many = ours.at_once(1000)
        for what, value in seen.items():
            print(f"ours: {what}: {value:.2f}")
        print(f"ours: 1000 executions at once: all ended within {many:.1f} s")
    python = os.environ.get("LOCALSTACK_PYTHON")
    if not python:
        print("no peer: LOCALSTACK_PYTHON is not set")
        return
    with peer(python) as client:
        theirs = Side("LocalStack", client).measure(PEER_ROUNDS)
    for what, value in theirs.items():
        ratio = seen[what] / value if "transitions" in what else value / seen[what]
        print(f"LocalStack: {what}: {value:.2f}; ours is {ratio:.1f}x as fast")


if __name__ == "__main__":
    main()
