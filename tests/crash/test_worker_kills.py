"""Training under kill -9: whatever dies, whenever, the job ends in the bytes of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from outcrop.config import Settings
from outcrop.training.job_folder import (
    METRICS_FILE,
    Event,
    TrainingResult,
    read_events,
    read_history,
)
from outcrop.training.supervisor import Supervisor
from support.tiny_llama import make_tiny_llama
from support.training_jobs import make_job

INTERVAL = 3  # optimizer steps between checkpoints, as in support.training_jobs


@dataclass
class Undisturbed:
    """What a job without kills leaves behind."""

    base: Path
    result: TrainingResult
    adapter: bytes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    base = make_tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")
    folder = make_job(tmp_path_factory.mktemp("undisturbed"), base)
    result = Supervisor(Settings(home=folder.parent.parent)).run(
        folder, lambda: False, lambda _: None
    )
    return Undisturbed(base, result, _adapter(folder))


def _adapter(folder: Path) -> bytes:
    return (folder / "output" / "adapter_model.safetensors").read_bytes()


def worker_ids(folder: Path) -> list[int]:
    """Return the process ids of the folder's workers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"outcrop.training.worker" in words and str(folder).encode() in words:
            found.append(int(path.parent.name))
    return found


def kill_worker(folder: Path) -> bool:
    killed = False
    for process_id in worker_ids(folder):
        os.kill(process_id, signal.SIGKILL)
        killed = True
    return killed


def check_equal(folder: Path, undisturbed: Undisturbed) -> None:
    assert TrainingResult.read(folder) == undisturbed.result
    assert _adapter(folder) == undisturbed.adapter
    assert not list(folder.glob("*.partial"))
    assert not list((folder / "checkpoints").glob(".partial*"))


def check_cost(folder: Path) -> None:
    """No restart may go back more than one interval behind the furthest step made before it."""
    furthest = 0
    attempts: dict[int, int] = {}
    for event in read_events(folder)[0]:
        if event["event"] == "step":
            first = attempts.setdefault(event["attempt"], event["step"])
            if first == event["step"]:
                assert furthest - first + 1 <= INTERVAL, f"{furthest} steps done, back to {first}"
            furthest = max(furthest, event["step"])
    assert [item.step for item in read_history(folder).steps] == list(range(1, furthest + 1))


@dataclass
class KillAt:
    """Kills the worker at the first event of a kind, once each."""

    folder: Path
    moments: list[tuple[str, int | None]]
    kills: int = 0
    seen: set[tuple[str, int | None]] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        moment = (event["event"], event.get("step"))
        if moment in self.moments and moment not in self.seen:
            self.seen.add(moment)
            self.kills += kill_worker(self.folder)


# The stages that report themselves; the slow tests hit what lies between them.
STAGES: list[tuple[str, int | None]] = [
    ("dataset", None),
    ("checkpoint", 0),
    ("step", 5),
    ("checkpoint", 6),
    ("step", 11),
    ("checkpoint", 12),
]


@pytest.mark.parametrize(
    "stages",
    [
        pytest.param([STAGES[0], STAGES[2], STAGES[5]], id="three stages"),
        pytest.param(STAGES, id="every stage", marks=pytest.mark.slow),
    ],
)
def test_kills_in_the_stages_of_a_job_change_nothing(
    undisturbed: Undisturbed, tmp_path: Path, stages: list[tuple[str, int | None]]
) -> None:
    folder = make_job(tmp_path, undisturbed.base)
    kill_at = KillAt(folder, stages)
    Supervisor(Settings(home=tmp_path)).run(folder, lambda: False, kill_at)
    check_equal(folder, undisturbed)
    check_cost(folder)
    assert kill_at.kills >= len(stages) // 2  # the worker may outrun the one or other


# A moment is a place in the worker's code; what it says there is done, then the process kills itself.
PLACES = {
    "before the first checkpoint is renamed": "Path.rename@.partial-00000000",
    "while a checkpoint is half written": "save_file@weights",
    "after a checkpoint is written but not announced": "Path.rename@.partial-00000006:after",
    "while old checkpoints are removed": "rmtree@step-00000003",
    "while the output is half written": "save_file@adapter_model",
    "before the output is renamed": "Path.rename@output.partial",
    "after the output is renamed": "Path.rename@output.partial:after",
    "before the result is renamed": "Path.replace@result.json.partial",
}

_SABOTAGE = """
import os, pathlib, shutil, signal, sys
import safetensors.torch

place, flag = {place!r}, pathlib.Path({flag!r})
call, _, rest = place.partition("@")
target, _, when = rest.partition(":")

def die_once():
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)

def sabotage(owner, name):
    original = getattr(owner, name)
    def replacement(*arguments, **options):
        hit = any(target in str(a) for a in arguments if isinstance(a, (str, pathlib.Path)))
        if hit and when != "after":
            if name == "save_file":
                pathlib.Path(arguments[1]).write_bytes(b"half")
            die_once()
        result = original(*arguments, **options)
        if hit and when == "after":
            die_once()
        return result
    setattr(owner, name, replacement)

owners = {{"Path": pathlib.Path, "save_file": safetensors.torch, "rmtree": shutil}}
owner_name, _, method = call.partition(".")
sabotage(owners[owner_name], method or owner_name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_kill_at_the_worst_places_changes_nothing(
    undisturbed: Undisturbed, tmp_path: Path, place: str
) -> None:
    folder = make_job(tmp_path / "home", undisturbed.base)
    flag = tmp_path / "killed"
    trap = tmp_path / "trap"
    trap.mkdir()
    # Python runs a module of this name at its start, wherever it finds it on the path.
    (trap / "sitecustomize.py").write_text(_SABOTAGE.format(place=place, flag=str(flag)))
    supervisor = Supervisor(Settings(home=tmp_path), environment={"PYTHONPATH": _path(trap)})
    supervisor.run(folder, lambda: False, lambda _: None)
    assert flag.exists(), "the worker never came to the place"
    check_equal(folder, undisturbed)
    check_cost(folder)


def _path(trap: Path) -> str:
    import outcrop

    return f"{trap}:{Path(outcrop.__file__).parents[1]}"


@pytest.mark.slow
def test_twenty_kills_of_worker_and_server_at_random_moments_change_nothing(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Kills until there were twenty, over as many jobs as that takes; half of them hit the server."""
    random_moments = random.Random(20)  # fixed: a failure can be repeated
    kills = jobs = 0
    while kills < 20:
        folder = make_job(tmp_path / f"home-{jobs}", undisturbed.base)
        kills += _run_under_fire(folder, random_moments)
        jobs += 1
        check_equal(folder, undisturbed)
        check_cost(folder)


def _run_under_fire(folder: Path, random_moments: random.Random) -> int:
    """Run a job in server processes of its own, killing worker or server; returns how often."""
    kills = 0
    server = _start_server(folder)
    try:
        while TrainingResult.read(folder) is None:
            before = _lines(folder)
            # Wait for a sign of progress, so that kills fall into all stages and not all into the imports.
            wanted = before + random_moments.randint(1, 4)
            while _lines(folder) < wanted and TrainingResult.read(folder) is None:
                if server.poll() is not None:
                    assert server.returncode == 0, "the job failed"
                    break
                time.sleep(0.01)
            time.sleep(random_moments.random() * 0.2)
            if TrainingResult.read(folder) is not None:
                break
            if random_moments.random() < 0.5:
                kills += kill_worker(folder)
            else:
                server.kill()
                server.wait()
                kills += 1
                server = _start_server(folder)
        assert server.wait(timeout=60) == 0
    finally:
        server.kill()
        server.wait()
    return kills


def _lines(folder: Path) -> int:
    try:
        return (folder / METRICS_FILE).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _start_server(folder: Path) -> subprocess.Popen[bytes]:
    script = (
        "import sys; from pathlib import Path; from outcrop.config import Settings;"
        "from outcrop.training.supervisor import Supervisor; folder = Path(sys.argv[1]);"
        "Supervisor(Settings(home=folder.parent.parent)).run(folder, lambda: False, lambda _: None)"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(folder)])
