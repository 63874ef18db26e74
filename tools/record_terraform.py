"""Record what Terraform's AWS provider asks the server, and what it is answered, into tests/terraform/recordings/.

    python tools/record_terraform.py [NAME …]      # folders of examples/; all without any

Needs what tools/run_terraform.py needs. Run it when an example changes, and read the difference: a change in
what is recorded as an answer is a change of the server. Signatures, times of requests and secret keys are left out.
"""

import base64
import contextlib
import http.client
import http.server
import json
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from run_terraform import ROOT, Example, OwnServer, Terraform, chosen

RECORDINGS = ROOT / "tests" / "terraform" / "recordings"
# Signed anew, or the machine's own: not part of what was asked.
DROPPED = re.compile(
    r"authorization|amz-sdk-.*|user-agent|host|accept-encoding|content-length|expect|connection"
    r"|x-amz-(date|content-sha256|security-token|user-agent)"
)
KEPT_IN_ANSWERS = re.compile(r"content-type|etag|x-amz-(?!request-id|id-2).*")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
# Where functions' code is read: a URL that was good for ten minutes, signed.
LOCATION = re.compile(r'(\\"Location\\": ?\\")https?:[^"]*(\\")')
SECRET_KEY = re.compile(r"<SecretAccessKey>([^<]+)</SecretAccessKey>")
# What differs between two answers that say the same.
PASSING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b1\d{9}(\.\d+)?\b|<(RequestId|HostId)>[^<]*</\2>"
    r'|"Location\\":\s?\\"[^"]*"'
)

READS = re.compile(r'"method": "(GET|HEAD)"|[."=](Get|List|Describe)[A-Z]')


class Recorder:
    """What went by, in order, but for reads that only wait.

    Of reads of the same between two writes the last answer is kept: a server that is quicker than this one skips the
    answers before. Reads whose answer is the one they had last are left out; so is most of what a plan asks.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.step = ""
        self._last: dict[str, str] = {}
        self._since_write: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def add(self, asked: dict[str, Any], answered: dict[str, Any]) -> None:
        """Keep a call."""
        question = json.dumps(asked, sort_keys=True)
        answer = PASSING.sub("", json.dumps(answered, sort_keys=True))
        with self._lock:
            is_read = READS.search(question) is not None
            if is_read and self._last.get(question) == answer:
                return
            self._last[question] = answer
            if is_read and question in self._since_write:
                self._since_write[question]["answer"] = answered
                return
            call = {"step": self.step, **asked, "answer": answered}
            self.calls.append(call)
            if is_read:
                self._since_write[question] = call
            else:
                self._since_write.clear()

    def write(self, path: Path) -> None:
        """Write a call a line, without signed URLs and with secret keys replaced by as many x."""
        text = ",\n".join(json.dumps(call, ensure_ascii=False) for call in self.calls)
        text = LOCATION.sub(r"\1somewhere\2", text)
        for secret in set(SECRET_KEY.findall(text)):
            text = text.replace(secret, "x" * len(secret))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[\n{text}\n]\n")


def as_text(body: bytes) -> str | dict[str, str]:
    """Return a body as JSON can hold it."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def kept(headers: Mapping[str, str], *, answer: bool) -> dict[str, str]:
    """Return the headers that say something about the call."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if (
            KEPT_IN_ANSWERS.fullmatch(name.lower())
            if answer
            else not DROPPED.fullmatch(name.lower())
        )
    }


def handler_for(
    recorder: Recorder, host: str, port: int
) -> type[http.server.BaseHTTPRequestHandler]:
    """Return the proxy's handler. The Host header goes on as it came: it is signed."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            onward = http.client.HTTPConnection(host, port, timeout=120)
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "expect"}:
                    onward.putheader(name, value)
            onward.endheaders(body)
            response = onward.getresponse()
            answer = response.read()
            onward.close()
            self._note(body, response, answer)
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            length = response.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _note(self, body: bytes, response: http.client.HTTPResponse, answer: bytes) -> None:
            scope = SCOPE.search(self.headers.get("Authorization", ""))
            if scope is None:
                raise ValueError(f"{self.command} {self.path} is not signed in a header")
            path, _, query = self.path.partition("?")
            recorder.add(
                {
                    "service": scope["service"],
                    "region": scope["region"],
                    "method": self.command,
                    "path": path,
                    "query": query,
                    "headers": kept(dict(self.headers.items()), answer=False),
                    "body": as_text(body),
                },
                {
                    "status": response.status,
                    "headers": kept(dict(response.getheaders()), answer=True),
                    "body": as_text(answer),
                },
            )

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _pass_on

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the parent's name
            """Say nothing: the recording is the log."""

    return Handler


@contextlib.contextmanager
def recording_proxy(recorder: Recorder, endpoint: str) -> Iterator[str]:
    """Serve a proxy before an endpoint for the length of a block; yields its URL."""
    host, port = endpoint.removeprefix("http://").split(":")
    handler = handler_for(recorder, host, int(port))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}"
        proxy.shutdown()


def record(example: Example) -> None:
    """Record an example's whole life."""
    recorder = Recorder()
    with (
        tempfile.TemporaryDirectory(prefix="outcrop-terraform-") as folder,
        OwnServer(Path(folder) / "home") as server,
        recording_proxy(recorder, server.endpoint) as proxy,
    ):
        terraform = Terraform(example, Path(folder) / "work", proxy, server.variables)
        terraform.initialize()
        # One at a time, so that the order in the recording is one that can be played back.
        for name, arguments in terraform.steps("-parallelism=1"):
            recorder.step = name
            terraform(*arguments)
            print(f"{name:<48} {len(recorder.calls):>5} calls so far", flush=True)
    recording = RECORDINGS / f"{example.name}.json"
    recorder.write(recording)
    print(f"{recording.relative_to(ROOT)}: {recording.stat().st_size // 1024} KiB")


def main() -> None:
    """Record the examples that are named, or all."""
    for example in chosen():
        record(example)


if __name__ == "__main__":
    main()
