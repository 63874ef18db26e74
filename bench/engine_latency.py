"""What the server adds to the engine: InvokeModel against the engine process's own socket.

Claim: p50 of InvokeModel is at most 2 ms above that of the same request sent straight to the engine. Both clients
hold one connection open, do no more than they must, and take turns; requests are signed before their clock starts.
With --logged every invocation is also logged to a bucket, and the claim is the same.
Run: python bench/engine_latency.py [--logged]
"""

import http.client
import json
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.machine import describe_machine
from support.running_server import RunningServer, running_server

MODEL = "outcrop.nano-v1:0"
PROMPT = "Where does the river run, and who lives beside it?"
CALLS = 300
REPEATS = 3
BAR_MS = 2.0


class DirectClient:
    """Asks the engine process over its Unix socket, blocking."""

    def __init__(self, home: Path) -> None:
        (path,) = (home / "engines").glob("*.sock")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._number = 0

    def ask(self) -> float:
        """Return the seconds of one request."""
        self._number += 1
        message: dict[str, Any] = {
            "id": self._number,
            "op": "generate",
            "prompt": {"messages": [{"role": "user", "text": PROMPT}], "text": None},
            "max_tokens": 1,
            "temperature": 0.0,
            "top_p": 1.0,
            "top_k": 0,
            "stop_sequences": [],
            "seed": None,
            "adapter": None,
        }
        start = time.perf_counter()
        payload = json.dumps(message).encode()
        self._socket.sendall(struct.pack(">I", len(payload)) + payload)
        while json.loads(self._frame())["event"] != "finished":
            pass
        return time.perf_counter() - start

    def _frame(self) -> bytes:
        (size,) = struct.unpack(">I", self._socket.recv(4, socket.MSG_WAITALL))
        return self._socket.recv(size, socket.MSG_WAITALL)


class ServerClient:
    """Asks the server over HTTP on a connection that stays open."""

    def __init__(self, server: RunningServer) -> None:
        self._url = f"{server.endpoint}/model/{MODEL.replace(':', '%3A')}/invoke"
        parts = urlsplit(self._url)
        assert parts.hostname
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = server.root_key
        self._credentials = Credentials(key["access_key_id"], key["secret_access_key"])
        self._body = json.dumps({"prompt": PROMPT, "max_tokens": 1}).encode()

    def ask(self) -> float:
        """Return the seconds of one request."""
        request = AWSRequest("POST", self._url, data=self._body)
        SigV4Auth(self._credentials, "bedrock", "us-east-1").add_auth(request)
        headers = dict(request.headers.items())
        start = time.perf_counter()
        self._connection.request("POST", urlsplit(self._url).path, self._body, headers)
        response = self._connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - start
        assert response.status == 200, content
        return seconds


def log_invocations(server: RunningServer) -> None:
    """Have the server log every invocation to a bucket."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::invocations/*",
    }
    s3 = server.client("s3")
    s3.create_bucket(Bucket="invocations")
    s3.put_bucket_policy(
        Bucket="invocations",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    server.client("bedrock").put_model_invocation_logging_configuration(
        loggingConfig={"s3Config": {"bucketName": "invocations"}}
    )


def main() -> None:
    """Measure, print, and exit with 1 when the bar is missed."""
    print(describe_machine(), flush=True)
    added = []
    variables = {"OUTCROP_MODEL_WAIT_SECONDS": "300"}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder) / "home", variables) as server,
    ):
        if "--logged" in sys.argv[1:]:
            log_invocations(server)
        through = ServerClient(server)
        through.ask()
        direct = DirectClient(server.home)
        for _ in range(20):
            through.ask()
            direct.ask()
        for repeat in range(REPEATS):
            pairs = [(direct.ask(), through.ask()) for _ in range(CALLS)]
            medians = [statistics.median(side) * 1000 for side in zip(*pairs, strict=True)]
            fastest = [min(side) * 1000 for side in zip(*pairs, strict=True)]
            added.append(medians[1] - medians[0])
            print(
                f"run {repeat + 1}: engine p50 {medians[0]:.2f} ms, InvokeModel p50 {medians[1]:.2f} ms,"
                f" added {added[-1]:.2f} ms (fastest calls: {fastest[1] - fastest[0]:.2f} ms;"
                f" {CALLS} calls each, taking turns)",
                flush=True,
            )
    result = statistics.median(added)
    print(f"added by the server: {result:.2f} ms (bar: at most {BAR_MS:.0f} ms)")
    sys.exit(result > BAR_MS)


if __name__ == "__main__":
    main()
