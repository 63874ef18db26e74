"""What happens on the socket: leaving clients, Expect: 100-continue, reuse, and a server that stops."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.conftest import Served
from outcrop.core.errors import ConfigurationError

SOON = 5.0
Connect = Callable[[Served], socket.socket]


def signed(
    served: Served,
    method: str,
    path: str,
    body: bytes = b"",
    service: str = "bedrock",
    **headers: str,
) -> bytes:
    """Return the head of a signed request."""
    request = AWSRequest(method, served.url + path, {"host": f"127.0.0.1:{served.port}"}, body)
    key = Credentials(served.root_key.access_key_id, served.root_key.secret_access_key)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(key, service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in [*request.headers.items(), *headers.items()]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens connections that are closed with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(served: Served) -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", served.port), SOON)
            return stack.enter_context(connection)

        yield open_one


def read_response(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def test_a_waiting_operation_is_cancelled_when_its_client_leaves(
    served: Served, connect: Connect
) -> None:
    connection = connect(served)
    connection.sendall(signed(served, "POST", "/model/slow/invoke", b"{}") + b"{}")
    time.sleep(0.2)
    assert not served.platform.cancelled.is_set()
    connection.close()
    assert served.platform.cancelled.wait(SOON)


def test_a_stream_is_closed_when_its_client_leaves(served: Served, connect: Connect) -> None:
    served.platform.closed.clear()
    connection = connect(served)
    head = signed(served, "POST", "/model/long/invoke-with-response-stream", b"{}")
    connection.sendall(head + b"{}")
    assert b"200 OK" in connection.recv(1000)
    connection.close()
    assert served.platform.closed.wait(SOON)


def test_an_upload_that_breaks_off_reaches_the_operation_as_an_error(
    served: Served, connect: Connect
) -> None:
    served.platform.half_read.clear()
    served.platform.objects.pop("half", None)
    connection = connect(served)
    connection.sendall(signed(served, "PUT", "/bucket/half", b"x" * 1000, "s3") + b"x" * 500)
    time.sleep(0.1)
    connection.close()
    assert served.platform.half_read.wait(SOON)
    assert "half" not in served.platform.objects


def test_leave_to_send_the_body_is_given_once_the_signature_holds(
    served: Served, connect: Connect
) -> None:
    connection = connect(served)
    head = signed(served, "PUT", "/bucket/expected", b"content", "s3", expect="100-continue")
    connection.sendall(head)
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
    connection.sendall(b"content")
    assert read_response(connection).startswith(b"HTTP/1.1 200 OK")
    assert served.platform.objects["expected"] == b"content"


def test_a_refused_upload_is_not_asked_to_send_its_body(served: Served, connect: Connect) -> None:
    connection = connect(served)
    head = signed(served, "PUT", "/bucket/expected", b"content", "s3", expect="100-continue")
    connection.sendall(head.replace(b"/bucket/expected", b"/bucket/elsewhere"))
    answer = read_response(connection)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"connection: close" in answer
    assert connection.recv(1) == b""


def test_a_connection_serves_many_requests_after_a_refused_upload(
    served: Served, connect: Connect
) -> None:
    connection = connect(served)
    body = b"x" * 200_000
    refused = signed(served, "PUT", "/bucket/a", body, "s3").replace(b"/bucket/a", b"/bucket/b")
    connection.sendall(refused + body)
    assert read_response(connection).startswith(b"HTTP/1.1 403")
    for _ in range(3):
        connection.sendall(signed(served, "GET", "/custom-models/m"))
        assert read_response(connection).startswith(b"HTTP/1.1 200 OK")


def test_pipelined_requests_are_answered_in_order(served: Served, connect: Connect) -> None:
    connection = connect(served)
    connection.sendall(
        signed(served, "GET", "/custom-models/one") + signed(served, "GET", "/custom-models/two")
    )
    received = b""
    while received.count(b"HTTP/1.1 200 OK") < 2 or b'"two"' not in received:
        received += connection.recv(65536)
    assert received.index(b'"one"') < received.index(b'"two"')


@pytest.mark.parametrize(
    "junk", [b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"]
)
def test_junk_is_a_bad_request(served: Served, junk: bytes, connect: Connect) -> None:
    connection = connect(served)
    connection.sendall(junk)
    assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_stopping_server_lets_open_requests_end_and_removes_its_record(
    tmp_path: Path, connect: Connect
) -> None:
    served = Served(tmp_path / "home").start()
    record = served.settings.home / "server.json"
    assert record.exists()
    head = signed(served, "POST", "/model/short/invoke-with-response-stream", b"{}")
    connection = connect(served)
    connection.sendall(head + b"{}")
    first = connection.recv(100)
    served.stop()
    received = first
    while piece := connection.recv(65536):
        received += piece
    assert received.endswith(b"0\r\n\r\n")
    assert not record.exists()
    assert served.failure is None


def test_an_idle_client_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    served = Served(tmp_path / "home").start()
    for tls in (False, True):
        served.client("bedrock", tls=tls).get_custom_model(modelIdentifier="m")
    begun = time.monotonic()
    served.stop()
    assert time.monotonic() - begun < 3.0


def test_plain_http_stays_on_loopback_unless_it_is_allowed(tmp_path: Path) -> None:
    outside = {False: "127.0.0.1", True: "0.0.0.0"}
    for allowed, address in outside.items():
        served = Served(tmp_path / str(allowed), host="0.0.0.0", allow_plain_http=allowed).start()
        hexed = "".join(f"{int(part):02X}" for part in reversed(address.split(".")))
        listening = Path("/proc/net/tcp").read_text()
        assert f"{hexed}:{served.port:04X} 00000000:0000 0A" in listening
        assert f"00000000:{served.tls_port:04X} 00000000:0000 0A" in listening
        served.stop()


def test_a_port_that_is_taken_is_named(served: Served, tmp_path: Path) -> None:
    second = Served(tmp_path / "home", port=served.port).start()
    second.stop()
    assert isinstance(second.failure, ConfigurationError)
    assert str(served.port) in str(second.failure)
