"""A client that goes away ends its generation, counted in the engine's own statistics."""

import asyncio
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop.inference.client import EngineClient
from outcrop.inference.engine import EngineStatistics
from services.bedrock_runtime.conftest import REGION, Runtime

# Hot enough never to end by itself: a turn's end is one token of thousands.
ENDLESS = json.dumps({"prompt": "Hello", "max_tokens": 1900, "temperature": 5, "seed": 1}).encode()


def signed_request(runtime: Runtime, operation: str) -> bytes:
    url = f"{runtime.server.endpoint}/model/{runtime.base.replace(':', '%3A')}/{operation}"
    request = AWSRequest("POST", url, data=ENDLESS, headers={"Host": urlsplit(url).netloc})
    key = runtime.server.root_key
    credentials = Credentials(key["access_key_id"], key["secret_access_key"])
    SigV4Auth(credentials, "bedrock", REGION).add_auth(request)
    lines = [f"POST {urlsplit(url).path} HTTP/1.1", f"Content-Length: {len(ENDLESS)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + ENDLESS


def statistics(runtime: Runtime) -> EngineStatistics:
    async def ask() -> EngineStatistics:
        (path,) = (runtime.server.home / "engines").glob("*.sock")
        client = await EngineClient.connect(path)
        answer = await client.statistics()
        await client.close()
        return answer

    return asyncio.run(ask())


def wait_until_idle(runtime: Runtime) -> EngineStatistics:
    deadline = time.monotonic() + 20
    while (now := statistics(runtime)).running:
        assert time.monotonic() < deadline, "the engine goes on for nobody"
    return now


@pytest.fixture
def warm(runtime: Runtime) -> Runtime:
    runtime.client.invoke_model(modelId=runtime.base, body=b'{"prompt": "a", "max_tokens": 1}')
    return runtime


def test_a_stream_that_nobody_reads_any_more_stops(warm: Runtime) -> None:
    before = statistics(warm)
    port = int(warm.server.description["port"])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(signed_request(warm, "invoke-with-response-stream"))
        received = b""
        while received.count(b":event-type") < 10:
            received += connection.recv(65536)
        seen = received.count(b":event-type")
    after = wait_until_idle(warm)
    assert after.cancelled == before.cancelled + 1
    # Some tokens may be a part of a character and some on their way, hundreds may not.
    assert after.generated_tokens - before.generated_tokens < seen + 60


def test_an_answer_that_nobody_waits_for_any_more_stops(warm: Runtime) -> None:
    before = statistics(warm)
    port = int(warm.server.description["port"])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(signed_request(warm, "invoke"))
        while not statistics(warm).running:
            time.sleep(0.01)
        time.sleep(0.2)
    after = wait_until_idle(warm)
    assert after.cancelled == before.cancelled + 1
    assert after.generated_tokens - before.generated_tokens < 1000
