"""Requests per second of server CPU: ours, with every signature verified, against moto's server, which verifies none.

Claims: GetModelCustomizationJob by name and S3 GetObject of 4 KiB at least 8 times moto's figure,
ListModelCustomizationJobs with 20 jobs at least 5 times. The CPU time of all processes of a server counts, the
client runs elsewhere, every answer must be 200 on both sides, and the two servers take turns.
Run: python bench/requests_per_cpu.py  (needs .venv-bench: `make bench`)
"""

import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.machine import describe_machine
from support.running_server import RunningServer
from support.service_role import make_service_role

ROUNDS = 5
OUR_REQUESTS = 2400
PEER_REQUESTS = 300
JOBS = 20
JOB_NAME = "job-0"
REGION = "us-east-1"
PATHS = {
    "GetModelCustomizationJob by name": (f"/model-customization-jobs/{JOB_NAME}", "bedrock", 8.0),
    "ListModelCustomizationJobs, 20 jobs": (
        "/model-customization-jobs?maxResults=20",
        "bedrock",
        5.0,
    ),
    "S3 GetObject, 4 KiB": ("/bench-data/object", "s3", 8.0),
}
PEERS_ROLE = "arn:aws:iam::000000000000:role/Customization"


@dataclass
class Server:
    """One side of the comparison."""

    name: str
    url: str
    process: psutil.Process
    credentials: Credentials
    requests: int

    def client(self, service: str) -> Any:
        """Return a boto3 client of this server."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.credentials.access_key,
            aws_secret_access_key=self.credentials.secret_key,
        )

    def cpu_seconds(self) -> float:
        """Return the CPU time of the server so far, all its processes together, ended ones included."""
        total = 0.0
        for process in [self.process, *self.process.children(recursive=True)]:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(ticks) for ticks in fields[11:15])
        return total / os.sysconf("SC_CLK_TCK")

    def signed(self, path: str, service: str) -> bytes:
        """Return a request, signed now, as it goes over the socket."""
        host = urlsplit(self.url).netloc
        request = AWSRequest("GET", self.url + path, headers={"host": host})
        (S3SigV4Auth if service == "s3" else SigV4Auth)(self.credentials, service, REGION).add_auth(
            request
        )
        # What boto3 sends besides.
        request.headers["User-Agent"] = (
            "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python"
        )
        request.headers["amz-sdk-invocation-id"] = "6c2a6a9e-5b7f-4d5e-9d2b-6f5d6a3b9c11"
        request.headers["amz-sdk-request"] = "attempt=1"
        request.headers["Accept-Encoding"] = "identity"
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


class RawClient:
    """Sends the same bytes again and again over one connection, reopened where the server closes it."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._socket: socket.socket | None = None

    def call(self) -> tuple[bytes, bytes]:
        """Return status line and body of one exchange."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        lowered = head.lower()
        length = int(lowered.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()
        if b"connection: close" in lowered or head.startswith(b"HTTP/1.0"):
            self._socket.close()
            self._socket = None
        return head.partition(b"\r\n")[0], body

    def _receive(self) -> bytes:
        assert self._socket is not None
        piece = self._socket.recv(262_144)
        assert piece, "the server closed the connection within an answer"
        return piece


def drive(port: int, count: int) -> None:
    """Send the request given on stdin `count` times; the client process."""
    client = RawClient(port, sys.stdin.buffer.read())
    answers = {client.call() for _ in range(count)}
    statuses = {status for status, _ in answers}
    if any(b" 200 " not in status for status in statuses):
        sys.exit(f"not every answer was 200: {statuses}")
    if any(not body for _, body in answers):
        sys.exit("an answer was empty")


def measure(server: Server, path: str, service: str, count: int) -> float:
    """Return requests per second of CPU."""
    before = server.cpu_seconds()
    subprocess.run(
        [sys.executable, __file__, "--client", str(urlsplit(server.url).port), str(count)],
        input=server.signed(path, service),
        check=True,
    )
    return count / (server.cpu_seconds() - before)


def start_peer(folder: Path) -> Server:
    """Start moto's server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    python = ROOT / ".venv-bench" / "bin" / "python"
    if not python.exists():
        sys.exit("moto is not installed: run `make bench`, which makes .venv-bench")
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    return Server(
        "moto",
        f"http://127.0.0.1:{port}",
        psutil.Process(process.pid),
        Credentials("testing", "testing"),
        PEER_REQUESTS,
    )


def start_ours(folder: Path) -> tuple[RunningServer, Server]:
    """Start our server on a new home."""
    running = RunningServer(folder / "home").start()
    assert running.process is not None
    key = running.root_key
    server = Server(
        "outcrop",
        running.endpoint,
        psutil.Process(running.process.pid),
        Credentials(key["access_key_id"], key["secret_access_key"]),
        OUR_REQUESTS,
    )
    return running, server


def prepare(server: Server, home: Path | None) -> None:
    """Put the object and the jobs there; ours trains one job and repeats its row, as training is not the subject."""
    storage, bedrock = server.client("s3"), server.client("bedrock")
    storage.create_bucket(Bucket="bench-data")
    storage.put_object(Bucket="bench-data", Key="object", Body=os.urandom(4096))
    records = "".join(
        json.dumps({"prompt": f"Name number {index}.", "completion": f"It is {index}."}) + "\n"
        for index in range(32)
    )
    storage.put_object(Bucket="bench-data", Key="train.jsonl", Body=records.encode())
    role = make_service_role(server.client("iam"), "000000000000") if home else PEERS_ROLE
    for index in range(1 if home else JOBS):
        bedrock.create_model_customization_job(
            jobName=f"job-{index}",
            customModelName=f"model-{index}",
            roleArn=role,
            baseModelIdentifier="outcrop.nano-v1:0" if home else "amazon.titan-text-express-v1",
            trainingDataConfig={"s3Uri": "s3://bench-data/train.jsonl"},
            outputDataConfig={"s3Uri": "s3://bench-data/output/"},
            hyperParameters={"epochCount": "1", "batchSize": "8", "learningRate": "0.0001"},
        )
    if home:
        wait_until_completed(bedrock)
        repeat_job(home / "outcrop.db")
    listed = bedrock.list_model_customization_jobs(maxResults=JOBS)[
        "modelCustomizationJobSummaries"
    ]
    assert len(listed) == JOBS, f"{server.name} lists {len(listed)} jobs"


def wait_until_completed(bedrock: Any) -> None:
    """Wait for the one job that is trained."""
    deadline = time.monotonic() + 300
    while (job := bedrock.get_model_customization_job(jobIdentifier=JOB_NAME))[
        "status"
    ] != "Completed":
        assert job["status"] == "InProgress", job.get("failureMessage")
        assert time.monotonic() < deadline, "the job did not end"
        time.sleep(0.5)


def repeat_job(database: Path) -> None:
    """Write the row of the completed job again under further names and ids."""
    with sqlite3.connect(database, timeout=10) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM customization_jobs").fetchone())
        for index in range(1, JOBS):
            identifier = f"benchjob{index:04d}"
            copied = {**row, "id": identifier, "name": f"job-{index}"}
            copied["arn"] = row["arn"].replace(row["id"], identifier)
            copied["created_us"] = row["created_us"] + index
            names = ", ".join(copied)
            marks = ", ".join("?" for _ in copied)
            connection.execute(
                f"INSERT INTO customization_jobs ({names}) VALUES ({marks})",
                list(copied.values()),
            )
    connection.close()


def check_that_signatures_count(server: Server) -> None:
    """Assert that a damaged signature is refused, so that verifying is part of what is measured."""
    path, service, _ = next(iter(PATHS.values()))
    request = server.signed(path, service)
    damaged = request.replace(b"Signature=", b"Signature=" + b"0" * 8, 1)
    at = damaged.index(b"Signature=") + 18
    damaged = damaged[: at + 56] + damaged[at + 64 :]
    port = urlsplit(server.url).port
    assert port is not None
    status, _ = RawClient(port, damaged).call()
    assert b" 403 " in status, status


def compare(ours: Server, peer: Server) -> bool:
    """Measure and print every claim; return whether all hold."""
    all_hold = True
    for title, (path, service, bar) in PATHS.items():
        rates: dict[str, list[float]] = {ours.name: [], peer.name: []}
        for server in (ours, peer):
            measure(server, path, service, server.requests // 10)
        for _ in range(ROUNDS):
            for server in (ours, peer):
                rates[server.name].append(measure(server, path, service, server.requests))
        ratios = [mine / theirs for mine, theirs in zip(*rates.values(), strict=True)]
        ratio = statistics.median(ratios)
        holds = ratio >= bar
        all_hold = all_hold and holds
        print(
            f"{title}: {ratio:.1f}x (rounds {min(ratios):.1f} to {max(ratios):.1f}; bar {bar:.0f}x: "
            f"{'met' if holds else 'MISSED'}); requests per CPU second: "
            + ", ".join(f"{name} {statistics.median(found):.0f}" for name, found in rates.items())
        )
    return all_hold


def main() -> None:
    """Start both servers, give them the same work, and print the ratios."""
    print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running, ours = start_ours(folder)
        peer = start_peer(folder)
        try:
            prepare(ours, running.home)
            prepare(peer, None)
            check_that_signatures_count(ours)
            holds = compare(ours, peer)
        finally:
            running.stop()
            peer.process.terminate()
            peer.process.wait()
    print(f"{ROUNDS} rounds, servers taking turns, medians of paired rounds; all processes counted")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        drive(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
