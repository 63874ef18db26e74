"""Connections that keep the server waiting, heads that are too large, and requests with two ends."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.conftest import Served
from gateway.test_connections import signed
from outcrop.gateway import http_protocol
from security.raw_requests import Answer, Key, Request, Wire, read_answer
from support.running_server import RunningServer

SOON = 10.0


@pytest.fixture
def connections() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def read_to_end(connection: socket.socket) -> bytes:
    """Return what comes until the server closes; fails where it does not."""
    connection.settimeout(SOON)
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


# --- slow clients -------------------------------------------------------------------------------------------------


def test_many_half_open_connections_keep_nobody_from_being_served(
    wire: Wire, connections: contextlib.ExitStack, bucket: str
) -> None:
    for number in range(1500):
        connection = connections.enter_context(wire.connect())
        if number % 3:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ")
        if number % 3 == 2:
            connection.sendall(b"y\r\ncontent-length: 9\r\n")
    for number in range(20):
        answer = wire.call(Request("PUT", f"/{bucket}/{number}", {}, b"x" * 1000))
        assert answer.status == 200


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that gives up within a second."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "READING_SECONDS"):
        monkeypatch.setattr(http_protocol, name, 0.5)
    monkeypatch.setattr(http_protocol, "KEEP_ALIVE_SECONDS", 0.5)
    served = Served(tmp_path / "home").start()
    yield served
    served.stop()


def dialled(served: Served, stack: contextlib.ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", served.port), SOON))


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\n", b"PUT /b/k HTTP/1.1\r\nhost: x\r\nx-a: b"]
)
def test_a_head_that_does_not_end_ends_the_connection(
    impatient: Served, connections: contextlib.ExitStack, sent: bytes
) -> None:
    connection = dialled(impatient, connections)
    connection.sendall(sent)
    assert read_to_end(connection) == b""


def test_a_head_in_drops_is_not_waited_for_longer(
    impatient: Served, connections: contextlib.ExitStack
) -> None:
    connection = dialled(impatient, connections)
    ended = False
    connection.settimeout(0.1)
    for character in b"GET / HTTP/1.1\r\nhost: " + b"x" * 100:
        try:
            connection.sendall(bytes([character]))
            ended = connection.recv(1) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            ended = True
        if ended:
            break
    assert ended


def anonymous_upload(served: Served, body: bytes, length: int) -> bytes:
    head = f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{served.port}\r\ncontent-length: {length}\r\n"
    return f"{head}content-type: application/x-www-form-urlencoded\r\n\r\n".encode() + body


def test_a_stalled_upload_is_ended_with_s3s_word_for_it(
    impatient: Served, connections: contextlib.ExitStack
) -> None:
    wire = object.__new__(Wire)
    wire.host = f"127.0.0.1:{impatient.port}"
    wire.root = Key(impatient.root_key.access_key_id, impatient.root_key.secret_access_key)
    upload = wire.signed(Request("PUT", "/bucket/stalled", {}, b"x" * 1000)).encode()
    connection = dialled(impatient, connections)
    impatient.platform.objects.pop("stalled", None)
    connection.sendall(upload[:-500])
    answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"<Code>RequestTimeout</Code>" in answer
    assert b"connection: close" in answer
    assert "stalled" not in impatient.platform.objects


def test_a_stalled_form_is_ended(impatient: Served, connections: contextlib.ExitStack) -> None:
    connection = dialled(impatient, connections)
    connection.sendall(anonymous_upload(impatient, b"Action=", 1000))
    assert b"RequestTimeout" in read_to_end(connection)


def test_a_refused_body_that_stops_half_way_holds_no_connection(
    impatient: Served, connections: contextlib.ExitStack
) -> None:
    connection = dialled(impatient, connections)
    connection.sendall(
        b"PUT /bucket/k HTTP/1.1\r\nhost: x\r\nauthorization: nonsense\r\ncontent-length: 9999\r\n\r\nabc"
    )
    assert read_to_end(connection).startswith(b"HTTP/1.1 400")


def test_a_client_that_does_not_read_is_dropped(
    impatient: Served, connections: contextlib.ExitStack
) -> None:
    size = impatient.platform.objects["large"] = b"x" * 30_000_000
    connection = dialled(impatient, connections)
    connection.sendall(signed(impatient, "GET", "/bucket/large", service="s3"))
    time.sleep(3)
    received = read_to_end(connection)
    assert received.startswith(b"HTTP/1.1 200")
    assert len(received) < len(size)


def test_who_asks_is_served_before_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: contextlib.ExitStack
) -> None:
    monkeypatch.setattr(http_protocol, "_most_connections", lambda: 50)
    served = Served(tmp_path / "home").start()
    try:
        silent = [dialled(served, connections) for _ in range(60)]
        asking = dialled(served, connections)
        asking.sendall(b"GET /_outcrop/health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert read_answer(asking).status == 200
        assert read_to_end(silent[0]) == b""
        last = silent[-1]
        last.sendall(b"GET /_outcrop/health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert read_answer(last).status == 200
    finally:
        served.stop()


# --- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 100_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-" + b"a" * 100_000 + b": b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-endless: " + b"a" * 3_000_000,
    ],
    ids=["path", "value", "headers", "more headers", "name", "endless"],
)
def test_a_head_that_is_too_large_is_refused(wire: Wire, head: bytes) -> None:
    assert wire.send(head).status in {0, 431}
    assert wire.is_serving()


def test_a_large_head_within_bounds_is_read(wire: Wire, bucket: str) -> None:
    request = Request("GET", f"/{bucket}/none", {"x-padding": "a" * 30_000})
    assert wire.call(request).refusal == (404, "NoSuchKey")


@pytest.mark.parametrize("metadata_bytes", [2048, 2049, 20_000])
def test_metadata_of_an_object_are_limited(wire: Wire, bucket: str, metadata_bytes: int) -> None:
    headers = {"x-amz-meta-a": "b" * (metadata_bytes - 1)}
    answer = wire.call(Request("PUT", f"/{bucket}/metadata", headers, b"x"))
    expected = (200, "") if metadata_bytes <= 2048 else (400, "MetadataTooLarge")
    assert answer.refusal == expected


def test_a_body_that_announces_too_much_is_refused_unread(wire: Wire) -> None:
    request = Request("POST", "/", {"content-type": "application/x-amz-json-1.1",
                                    "x-amz-target": "TrentService.ListKeys"})  # fmt: skip
    signed = wire.signed(request, "kms")
    announced = replace(signed, headers={**signed.headers, "content-length": "26000000000"})
    assert wire.send(announced).refusal == (400, "RequestEntityTooLargeException")
    form = {"host": wire.host, "content-type": "application/x-www-form-urlencoded"}
    answer = wire.send(Request("POST", "/", {**form, "content-length": "25000001"}))
    assert answer.status == 413


def test_a_body_without_end_is_cut_off(wire: Wire, attacked: RunningServer) -> None:
    head = (
        f"POST / HTTP/1.1\r\nhost: {wire.host}\r\ntransfer-encoding: chunked\r\n"
        "content-type: application/x-www-form-urlencoded\r\n\r\n"
    ).encode()
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    with wire.connect() as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(450):
                connection.sendall(chunk)
        assert read_answer(connection).status == 413
    assert wire.is_serving()
    assert "Traceback" not in attacked.log


# --- two ends -----------------------------------------------------------------------------------------------------


SMUGGLED = b"GET /_outcrop/health HTTP/1.1\r\nhost: smuggled\r\n\r\n"


def answers(wire: Wire, content: bytes) -> list[Answer]:
    """Return all answers on one connection."""
    found = []
    with wire.connect() as connection:
        connection.sendall(content)
        connection.settimeout(1.0)
        with contextlib.suppress(TimeoutError, OSError):
            while True:
                found.append(read_answer(connection))
                if not found[-1].status:
                    found.pop()
                    break
    return found


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        b"content-length: 5\r\ncontent-length: 50\r\n",
        b"content-length: 5, 50\r\n",
        b"content-length: +5\r\n",
        b"content-length: -5\r\n",
        b"content-length: 0x5\r\n",
        b"content-length: 5 0\r\n",
        b"content-length : 5\r\n",
        b"content-length: 99999999999999999999999\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"x: y\n\ttransfer-encoding: chunked\r\n",
        b"content-\x00length: 5\r\n",
        b"x: y\rcontent-length: 5\r\n",
    ],
)
def test_no_second_request_hides_in_a_body(wire: Wire, headers: bytes) -> None:
    head = b"POST /nothing HTTP/1.1\r\nhost: x\r\n" + headers + b"\r\n"
    found = answers(wire, head + b"0\r\n\r\n" + SMUGGLED)
    assert all(answer.status != 200 for answer in found), found
    assert wire.is_serving()


def test_two_equal_lengths_are_refused_or_one(wire: Wire) -> None:
    content = (
        b"POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nabcde"
    )
    found = answers(wire, content)
    assert [answer.status // 100 for answer in found] in ([4], [])


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\r\nabcdeX0\r\n\r\n",
        b"g\r\nabc\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"5\nabcde\n0\n\n",
    ],
)
def test_malformed_chunks_end_the_connection(wire: Wire, chunks: bytes) -> None:
    head = b"POST /nothing HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    found = answers(wire, head + chunks + SMUGGLED)
    assert all(answer.status != 200 for answer in found), found


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"5;", b"x" * 1_000),
        (b"", b"1;" + b"x" * 1_000 + b"\r\na\r\n"),
        (b"5\r\nabcde\r\n0\r\n", b"x-trailer: " + b"x" * 1_000 + b"\r\n"),
    ],
)
def test_endless_framing_ends_the_connection(wire: Wire, begin: bytes, again: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    with wire.connect() as connection:
        connection.sendall(head + b"transfer-encoding: chunked\r\n\r\n" + begin)
        with pytest.raises(ConnectionError):
            connection.sendall(again * 50_000)
    assert wire.is_serving()


def chunked(wire: Wire, target: str, content: bytes) -> Request:
    """Return a PUT of this content, signed, whose body is to follow in chunks."""
    signed = wire.signed(Request("PUT", target, {}, content))
    request = replace(signed, headers={**signed.headers, "transfer-encoding": "chunked"}, body=b"")
    return request.with_headers(content_length=None)


def test_tiny_chunks_are_taken(wire: Wire, bucket: str) -> None:
    request = chunked(wire, f"/{bucket}/tiny", b"x" * 50_000)
    body = b"00000001\r\nx\r\n" * 50_000 + b"0\r\n\r\n"
    assert wire.send(request.encode() + body).status == 200
    assert wire.call(Request("HEAD", f"/{bucket}/tiny")).headers["content-length"] == "50000"


def test_trailers_are_no_headers(wire: Wire, bucket: str) -> None:
    request = chunked(wire, f"/{bucket}/trailed", b"x")
    body = b"1\r\nx\r\n0\r\nx-amz-meta-evil: yes\r\nx-amz-acl: public-read\r\nhost: evil\r\n\r\n"
    assert wire.send(request.encode() + body).status == 200
    kept = wire.call(Request("HEAD", f"/{bucket}/trailed"))
    assert "x-amz-meta-evil" not in kept.headers


def test_an_upgrade_ends_the_connection(wire: Wire) -> None:
    content = b"GET /_outcrop/health HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    found = answers(wire, content + SMUGGLED)
    assert [answer.status for answer in found] == [200]
    connect = b"CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n"
    assert all(answer.status >= 400 for answer in answers(wire, connect + SMUGGLED))


def test_an_absolute_target_and_a_foreign_host_gain_nothing(wire: Wire, bucket: str) -> None:
    signed = wire.signed(Request("GET", f"/{bucket}/none"))
    moved = replace(signed, target=f"http://evil.example{signed.target}")
    assert wire.send(moved).status in {400, 403, 404}


# --- headers of answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a%0D%0ASet-Cookie%3A%20x%3Dy", "a%0Aevil%3A%20yes", "a%00b", "%01%7F", "%0B%0C"]
)
@pytest.mark.parametrize(
    "name",
    [
        "content-type",
        "content-disposition",
        "content-language",
        "cache-control",
        "content-encoding",
        "expires",
    ],
)
def test_overridden_headers_stay_on_their_line(
    attacked: RunningServer, wire: Wire, bucket: str, name: str, text: str
) -> None:
    wire.call(Request("PUT", f"/{bucket}/headers", {}, b"x"))
    answer = wire.call(Request("GET", f"/{bucket}/headers?response-{name}={text}"))
    assert answer.status in {200, 400}
    assert not {"set-cookie", "evil"} & set(answer.headers)
    assert "Traceback" not in attacked.log


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "a\r\nevil: yes", "a\x01b"])
def test_metadata_cannot_end_a_header(
    attacked: RunningServer, wire: Wire, bucket: str, value: str
) -> None:
    signed = wire.signed(Request("PUT", f"/{bucket}/meta", {"x-amz-meta-a": "PLACE"}, b"x"))
    answer = wire.send(signed.encode().replace(b"PLACE", value.encode()))
    assert answer.status in {400, 403}
    # The same through a URL, whose query S3 does not take for headers.
    target = f"/{bucket}/meta?x-amz-meta-a=" + json.dumps(value).strip('"').replace("\\", "%5C")
    assert wire.call(Request("PUT", target, {}, b"x")).status in {200, 400, 403}
    kept = wire.call(Request("GET", f"/{bucket}/meta"))
    assert "evil" not in kept.headers
    assert "Traceback" not in attacked.log


def test_an_echoed_origin_cannot_end_a_header(
    wire: Wire, bucket: str, attacked: RunningServer
) -> None:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
    attacked.client("s3").put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    for origin in ("http://x", "x" * 5000, "é", "null", "http://x, http://y"):
        headers = {"host": wire.host, "origin": origin.encode().decode("latin-1"),
                   "access-control-request-method": "GET",
                   "access-control-request-headers": "x-a, " + "b" * 3000}  # fmt: skip
        assert wire.send(Request("OPTIONS", f"/{bucket}/k", headers)).status in {200, 400, 403}
    assert "Traceback" not in attacked.log
