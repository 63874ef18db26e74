"""How soon the server answers after its start, and what it holds when idle.

Claims: answers within 2 s; at most 150 MB resident when idle, all its processes together; torch not imported.
Run: python bench/startup.py
"""

import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.machine import describe_machine
from support.running_server import POLL_SECONDS, RunningServer

REPEATS = 5
IDLE_SECONDS = 5.0


def main() -> None:
    """Start the server several times on one home, first start included, and print what was seen."""
    starts, resident, cpu = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(REPEATS):
            server = RunningServer(Path(folder) / "home")
            begun = time.monotonic()
            server.start()
            urllib.request.urlopen(server.endpoint + "/_outcrop/health").read()
            starts.append(time.monotonic() - begun)
            time.sleep(IDLE_SECONDS)
            family = server.family()
            resident.append(sum(process.memory_info().rss for process in family) / 1e6)
            before = sum(sum(process.cpu_times()[:2]) for process in family)
            time.sleep(IDLE_SECONDS)
            after = sum(sum(process.cpu_times()[:2]) for process in family)
            cpu.append((after - before) / IDLE_SECONDS * 100)
            maps = Path(f"/proc/{family[0].pid}/maps").read_text()
            assert "libtorch" not in maps, "torch is mapped into the server"
            server.stop()
    print(describe_machine())
    print(
        f"answers after {statistics.median(starts):.2f} s (first start {starts[0]:.2f}, worst {max(starts):.2f})"
    )
    print(
        f"idle: {statistics.median(resident):.0f} MB resident (worst {max(resident):.0f}), {statistics.median(cpu):.1f} % of a core"
    )
    print(f"polling granularity {POLL_SECONDS} s; {REPEATS} starts; torch not mapped")


if __name__ == "__main__":
    main()
