"""A real server in a process of its own, driven as its users drive it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

START_SECONDS = 60.0
POLL_SECONDS = 0.05


class RunningServer:
    """`outcrop up` on a home folder and free ports.

    Args:
        home: its folder, made at first start.
        variables: OUTCROP_* settings beyond home and ports.
    """

    def __init__(self, home: Path, variables: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.variables = dict(variables or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RunningServer":
        """Start it and wait until it answers."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = clean | {
            "OUTCROP_HOME": str(self.home),
            "OUTCROP_PORT": "0",
            "OUTCROP_TLS_PORT": "0",
            **self.variables,
        }
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "server.json").unlink(missing_ok=True)
        log = (self.home / "test-server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outcrop.cli.main", "up"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_listening():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log[-3000:]}")
            time.sleep(POLL_SECONDS)
        return self

    def is_listening(self) -> bool:
        """Whether server.json names this process."""
        try:
            described = json.loads((self.home / "server.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        return self.process is not None and described["pid"] == self.process.pid

    @property
    def description(self) -> dict[str, Any]:
        """The content of server.json."""
        content: dict[str, Any] = json.loads((self.home / "server.json").read_text())
        return content

    @property
    def endpoint(self) -> str:
        """HTTP endpoint URL."""
        return f"http://127.0.0.1:{self.description['port']}"

    @property
    def tls_endpoint(self) -> str:
        """HTTPS endpoint URL."""
        return f"https://127.0.0.1:{self.description['tls_port']}"

    @property
    def root_key(self) -> dict[str, str]:
        """The content of root-key.json."""
        content: dict[str, str] = json.loads((self.home / "root-key.json").read_text())
        return content

    @property
    def log(self) -> str:
        """Everything the server printed so far."""
        return (self.home / "test-server.log").read_text(errors="replace")

    def client(self, service: str, *, tls: bool = False, **config: Any) -> Any:  # boto3 clients
        """Return a boto3 client with the root key."""
        return boto3.client(
            service,
            endpoint_url=self.tls_endpoint if tls else self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.root_key["access_key_id"],
            aws_secret_access_key=self.root_key["secret_access_key"],
            verify=str(self.home / "ca" / "ca.pem") if tls else None,
            config=Config(**{"read_timeout": 120, "retries": {"total_max_attempts": 1}, **config}),
        )

    def family(self) -> list[psutil.Process]:
        """Return the server's process and all its descendants."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; its children are left to notice."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End the server as an operator would."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()


@contextlib.contextmanager
def running_server(
    home: Path, variables: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Start a server for the length of a block."""
    server = RunningServer(home, variables).start()
    try:
        yield server
    finally:
        server.stop()
