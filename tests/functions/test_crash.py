"""A server that is killed leaves no process of any function behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from outcrop.functions.walls import Wall
from support.functions import NO_LIMIT_SECONDS, require

SERVER = """
import asyncio, json, sys
from pathlib import Path
import psutil
from support.functions import Sample, make_host

SOURCE = '''
import os, subprocess, sys, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        while True:
            time.sleep(1)
    while event:
        time.sleep(1)
'''

async def main():
    folder = Path(sys.argv[1])
    host = make_host(folder, function_isolation=sys.argv[2])
    sample = Sample(host, folder / "package")
    code = sample.code(SOURCE)
    await sample.answer(code, False)
    asyncio.ensure_future(sample.answer(code, True))
    ours = psutil.Process()
    # The launcher; and for each of two functions' processes the outermost, the handler's and its child.
    while len(ours.children(recursive=True)) < 5:
        await asyncio.sleep(0.01)
    print(json.dumps([item.pid for item in ours.children(recursive=True)]), flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("victim", "isolation"),
    [("server", "available"), ("server", "none"), ("launcher", "available")],
)
def test_nothing_outlives_a_killed_server(
    tmp_path: Path, tried_walls: Mapping[str, Wall], isolation: str, victim: str
) -> None:
    if victim == "launcher":
        require(tried_walls, "namespaces")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), isolation],
        stdout=subprocess.PIPE,
        env=environment,
    ) as server:
        try:
            assert server.stdout is not None
            processes = [psutil.Process(pid) for pid in json.loads(server.stdout.readline())]
            launcher = next(item for item in processes if item.ppid() == server.pid)
            (server if victim == "server" else launcher).send_signal(signal.SIGKILL)
            deadline = time.monotonic() + NO_LIMIT_SECONDS
            while (left := [item for item in processes if _is_running(item)]) and (
                time.monotonic() < deadline
            ):
                time.sleep(0.02)
            assert left == []
        finally:
            server.kill()


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
