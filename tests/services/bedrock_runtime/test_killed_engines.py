"""An engine that is killed costs its callers time, and no answer."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from outcrop.inference.client import EngineClient
from services.bedrock_runtime.conftest import Runtime

# Hot, so that it goes on for long, and seeded, so that it is the same each time.
BODY = json.dumps({"prompt": "Hello", "max_tokens": 800, "temperature": 5, "seed": 1}).encode()
PATIENCE_SECONDS = 60.0


def test_an_answer_whose_engine_is_killed_comes_from_another(runtime: Runtime) -> None:
    undisturbed = texts(runtime)
    [engine] = engines(runtime)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(texts, runtime)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not asyncio.run(running(runtime)):
            assert time.monotonic() < deadline
            if answer.done():  # before it was seen to run
                answer = thread.submit(texts, runtime)
        engine.kill()

        assert answer.result(PATIENCE_SECONDS) == undisturbed
    assert engine not in engines(runtime)


def texts(runtime: Runtime) -> list[str]:
    body = json.loads(runtime.client.invoke_model(modelId=runtime.cohere, body=BODY)["body"].read())
    return [generation["text"] for generation in body["generations"]]


def engines(runtime: Runtime) -> list[psutil.Process]:
    return [process for process in runtime.server.family() if is_engine(process)]


def is_engine(process: psutil.Process) -> bool:
    try:
        return "outcrop.inference.native" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


async def running(runtime: Runtime) -> int:
    """Return how many requests the engine works on."""
    (path,) = (runtime.server.home / "engines").glob("*.sock")
    client = await EngineClient.connect(path)
    try:
        return (await client.statistics()).running
    finally:
        await client.close()
