"""What a function costs: warm and cold invocations and invocations a second, isolation included, in one run.

Claims: a warm invocation takes under 2 ms (median), a cold start without heavy imports under 200 ms, and a function
answers at least 200 invocations a second, each behind every wall that this machine has. The peer is the same handler
as a fresh Python process for each event: what an emulator without warm processes pays.
Run: python bench/functions.py
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from outcrop.functions.code import FunctionCode
from support.functions import Sample, make_host
from support.machine import describe_machine

WARM = 3000
COLD = 30
AT_ONCE = 2000
CALLERS = 16
PEER = 20
WARM_BAR_MS = 2.0
COLD_BAR_MS = 200.0
RATE_BAR = 200.0

HANDLER = "def handler(event, context):\n    return event\n"
BOTO3 = "import boto3\ndef handler(event, context):\n    return event\n"


async def timed(sample: Sample, code: FunctionCode) -> float:
    """Return the milliseconds of one invocation through the host."""
    started = time.perf_counter()
    ended = await sample.host.invoke(code, b'{"a": 1}', request_id=str(uuid.uuid4()))
    assert ended.payload == b'{"a": 1}', ended
    return (time.perf_counter() - started) * 1000


async def measure(folder: Path) -> dict[str, list[float]]:
    """Return milliseconds of each kind; of the rate, invocations a second."""
    host = make_host(folder)
    sample = Sample(host, folder / "package")
    walls = ", ".join(wall.name for wall in await host.walls() if wall.stands)
    print(f"walls: {walls}")
    code = sample.code(HANDLER)
    heavy = Sample(host, folder / "heavy").code(BOTO3, arn="arn:heavy")
    found: dict[str, list[float]] = {"first of all": [await timed(sample, code)]}
    found["warm"] = [await timed(sample, code) for _ in range(WARM)]
    found["cold"] = [
        await timed(sample, replace(code, arn=f"arn:cold-{number}")) for number in range(COLD)
    ]
    found["cold with boto3"] = [
        await timed(sample, replace(heavy, arn=f"arn:heavy-{number}")) for number in range(COLD)
    ]
    left = iter(range(AT_ONCE))

    async def call() -> None:
        for _ in left:
            await timed(sample, code)

    started = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(CALLERS)))
    found["rate"] = [AT_ONCE / (time.perf_counter() - started)]
    await host.close()
    return found


def peer() -> list[float]:
    """Return the milliseconds of fresh interpreters that run the handler once."""
    program = HANDLER + "import json, sys\nprint(json.dumps(handler(json.load(sys.stdin), None)))\n"
    times = []
    for _ in range(PEER):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program], input=b'{"a": 1}', capture_output=True, check=True
        )
        assert json.loads(done.stdout) == {"a": 1}
        times.append((time.perf_counter() - started) * 1000)
    return times


def told(name: str, values: Sequence[float]) -> str:
    """Return one line about milliseconds."""
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name:18} p50 {statistics.median(ordered):8.2f} ms   p99 {high:8.2f} ms"


def main() -> int:
    """Print the figures and whether the bars hold; return the exit status."""
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="outcrop-bench-") as folder:
        found = asyncio.run(measure(Path(folder)))
    fresh = peer()
    for name in ("first of all", "warm", "cold", "cold with boto3"):
        print(told(name, found[name]))
    print(told("peer, fresh", fresh))
    rate = found["rate"][0]
    warm, cold = statistics.median(found["warm"]), statistics.median(found["cold"])
    print(f"{AT_ONCE} invocations by {CALLERS} callers: {rate:.0f} a second")
    print(f"warm is {statistics.median(fresh) / warm:.0f} times as fast as a fresh interpreter")
    holds = warm < WARM_BAR_MS and cold < COLD_BAR_MS and rate > RATE_BAR
    print("the bars hold" if holds else "A BAR DOES NOT HOLD")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
