"""Engine processes: started once, shared, restarted, evicted, ended with the server."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inference.tiny_llama import CONTEXT_TOKENS
from outcrop.config import Settings
from outcrop.core.errors import EngineError, EngineNotReady
from outcrop.core.weights import Weights
from outcrop.inference.client import EngineClient
from outcrop.inference.engine import Finished, GenerationRequest, Prompt, PromptRejected, TextDelta
from outcrop.inference.pool import EnginePool
from outcrop.storage.home import Home

HELLO = GenerationRequest(Prompt.from_user("Hello"), max_tokens=20)
LONG = replace(HELLO, max_tokens=CONTEXT_TOKENS)


async def text_of(
    engine: EngineClient, request: GenerationRequest, adapter: Path | None = None
) -> str:
    events = [event async for event in engine.generate(request, adapter)]
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_an_engine_serves_base_and_adapters_and_its_own_errors(
    pool: EnginePool, tiny_model: Path, tiny_adapters: list[Path]
) -> None:
    weights = Weights(tiny_model, tiny_adapters[0])
    first, second = await asyncio.gather(pool.engine(Weights(tiny_model)), pool.engine(weights))
    assert first is second, "callers of one start share it"
    await pool.preload(weights)
    texts = await asyncio.gather(
        text_of(first, HELLO), text_of(first, HELLO, weights.adapter), text_of(first, HELLO)
    )
    assert texts[0] == texts[2] != texts[1]
    assert await first.count_tokens(HELLO.prompt) > 3
    score = await first.score(HELLO.prompt, "The river", weights.adapter)
    assert score.logprob_nats < 0
    with pytest.raises(PromptRejected, match="too long"):
        await text_of(first, GenerationRequest(Prompt.from_user("river " * 400)))
    with pytest.raises(EngineError, match="cannot be read"):
        await pool.preload(Weights(tiny_model, tiny_model / "nothing"))

    answer = first.generate(LONG)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined]
    after = await first.statistics()
    assert (after.running, after.cancelled) == (0, 1)
    await asyncio.sleep(0.1)
    assert (await first.statistics()).generated_tokens == after.generated_tokens

    process = pool._slots[tiny_model].process
    assert process is not None
    answer = first.generate(LONG)
    await anext(answer)
    process.process.kill()
    with pytest.raises(EngineError, match="stopped"):
        async for _ in answer:
            pass
    with pytest.raises(EngineError, match="stopped"):
        await first.count_tokens(HELLO.prompt)
    third = await pool.engine(Weights(tiny_model))
    assert await text_of(third, HELLO) == texts[0], "a crashed engine is started anew"


async def test_a_model_that_loads_longer_than_a_call_waits_is_not_ready_and_goes_on_loading(
    engine_home: Home, tiny_model: Path
) -> None:
    pool = EnginePool(
        Settings(home=engine_home.path, engine_threads=1, model_wait_seconds=0.01), engine_home
    )
    try:
        with pytest.raises(EngineNotReady):
            await pool.engine(Weights(tiny_model))
        await pool.preload(Weights(tiny_model))
        assert await text_of(await pool.engine(Weights(tiny_model)), HELLO)
    finally:
        await pool.close()


async def test_a_folder_that_is_no_model_is_an_engine_error_each_time(
    pool: EnginePool, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(EngineError, match="cannot be loaded"):
            await pool.engine(Weights(tmp_path))


async def test_the_least_recently_used_engine_makes_room_and_idle_ones_stop(
    engine_home: Home, tiny_model: Path, tmp_path: Path
) -> None:
    settings = Settings(
        home=engine_home.path,
        engine_threads=1,
        model_wait_seconds=120,
        max_engines=1,
        model_idle_seconds=3,
    )
    other = tmp_path / "other"
    other.symlink_to(tiny_model)
    pool = EnginePool(settings, engine_home)
    try:
        first = await pool.engine(Weights(tiny_model))
        answer = first.generate(LONG)
        await anext(answer)
        with pytest.raises(EngineNotReady, match="busy"):
            await pool.engine(Weights(other))
        await answer.aclose()  # type: ignore[attr-defined]
        second = await pool.engine(Weights(other))
        assert first.closed.is_set()
        await asyncio.wait_for(second.closed.wait(), timeout=20)
        for _ in range(100):
            if not pool._slots and not list(engine_home.engines.iterdir()):
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the idle engine left its socket behind")
    finally:
        await pool.close()


async def test_a_home_with_a_long_path_has_its_sockets_elsewhere(
    tmp_path: Path, tiny_model: Path
) -> None:
    home = Home(tmp_path / ("long" * 25))
    home.prepare()
    pool = EnginePool(Settings(home=home.path, engine_threads=1, model_wait_seconds=120), home)
    assert await text_of(await pool.engine(Weights(tiny_model)), HELLO)
    process = pool._slots[tiny_model].process
    assert process is not None
    assert not process.socket.is_relative_to(home.path)
    await pool.close()
    assert not process.socket.parent.exists()


def test_an_engine_ends_when_the_server_that_started_it_is_killed(
    engine_home: Home, tiny_model: Path
) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from outcrop.config import Settings\n"
        "from outcrop.core.weights import Weights\n"
        "from outcrop.inference.pool import EnginePool\n"
        "from outcrop.storage.home import Home\n"
        "async def main():\n"
        "    home = Home(Path(sys.argv[1]))\n"
        "    pool = EnginePool(Settings(home=home.path, model_wait_seconds=120), home)\n"
        "    await pool.engine(Weights(Path(sys.argv[2])))\n"
        "    print(pool._slots[Path(sys.argv[2])].process.process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(engine_home.path), str(tiny_model)],
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        engine_pid = int(server.stdout.readline())
        os.kill(server.pid, signal.SIGKILL)
        # The engine holds no pipe of the test, so its end is seen in the process table.
        for _ in range(100):
            if not is_running(engine_pid):
                return
            server.poll()
            subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail(f"engine {engine_pid} still runs")


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"
