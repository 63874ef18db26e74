"""Whole jobs in real worker processes, and what becomes of those that cannot succeed."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from safetensors import safe_open

from outcrop.config import Settings
from outcrop.core.errors import JobFailed
from outcrop.training.job_folder import Event, TrainingResult, read_events, read_history
from outcrop.training.supervisor import Supervisor, SupervisorClosed
from support.training_jobs import make_job


def run(folder: Path, events: list[Event] | None = None) -> TrainingResult:
    supervisor = Supervisor(Settings(home=folder.parent.parent))
    return supervisor.run(folder, lambda: False, ([] if events is None else events).append)


def test_a_job_runs_from_records_to_an_adapter(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path, tiny_llama)
    events: list[Event] = []
    result = run(folder, events)
    assert (result.status, result.steps, result.epochs) == ("completed", 12, 2)
    assert (result.train_records, result.validation_records) == (24, 6)
    history = read_history(folder)
    assert [item.step for item in history.steps] == list(range(1, 13))
    assert [item.epoch for item in history.steps] == [0] * 6 + [1] * 6
    assert [item.step for item in history.validations] == [0, 6, 12]
    assert result.base_validation_loss == history.validations[0].loss
    assert result.validation_loss == min(item.loss for item in history.validations[1:])
    assert result.validation_loss < history.validations[0].loss
    kinds = [event["event"] for event in events]
    assert kinds[:4] == ["started", "phase", "dataset", "phase"]
    assert kinds.count("checkpoint") == 5  # before training, and after the steps 3, 6, 9, 12
    with safe_open(folder / "output" / "adapter_model.safetensors", "pt") as file:
        assert len(file.keys()) == 28
    assert not list(folder.glob("*.partial"))
    assert run(folder) == result  # a finished job is not run again


def test_an_over_long_record_fails_the_job_with_its_line(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path, tiny_llama)
    with (folder / "data" / "train.jsonl").open("a") as stream:
        stream.write(json.dumps({"prompt": "order " * 500, "completion": "c"}) + "\n")
    with pytest.raises(JobFailed, match=r"s3://bucket/train.jsonl, line 31: .* context of 256"):
        run(folder)
    assert not (folder / "output").exists()
    with pytest.raises(JobFailed, match="line 31"):  # without another attempt
        run(folder)
    assert [event["event"] for event in read_events(folder)[0]].count("started") == 1


def test_a_full_disk_fails_the_job_with_that_reason(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on file size stands in for the disk: the first checkpoint does not fit."""
    folder = make_job(tmp_path, tiny_llama)
    original = subprocess.Popen

    def limited(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        script = "ulimit -f 16; trap '' XFSZ; exec \"$@\""
        return original(["bash", "-c", script, "bash", *command], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", limited)
    with pytest.raises(JobFailed, match="No space left on the disk"):
        run(folder)
    assert not (folder / "output").exists()


@pytest.mark.slow
def test_a_worker_that_keeps_dying_is_given_up_with_its_last_words(
    tiny_llama: Path, tmp_path: Path
) -> None:
    folder = make_job(tmp_path, tiny_llama)
    (folder / "checkpoints").write_text("not a folder")
    with pytest.raises(JobFailed, match=r"died 3 times without progress.*FileExistsError"):
        run(folder)
    assert (tmp_path / "logs" / "training-abcdefghijkl.log").read_text().count("Traceback") == 3


def test_stopping_ends_a_job_at_its_next_step(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path, tiny_llama, epochs=100)
    events: list[Event] = []
    result = Supervisor(Settings(home=tmp_path)).run(
        folder, lambda: any(event["event"] == "step" for event in events), events.append
    )
    assert result.status == "stopped"
    assert 1 <= result.steps < 600
    assert result.steps == read_history(folder).steps[-1].step
    assert not (folder / "output").exists()


@pytest.mark.slow
def test_closing_the_supervisor_ends_the_worker_and_leaves_the_job_resumable(
    tiny_llama: Path, tmp_path: Path
) -> None:
    folder = make_job(tmp_path, tiny_llama, epochs=3)
    supervisor = Supervisor(Settings(home=tmp_path))
    events: list[Event] = []

    def close_at_a_step(event: Event) -> None:
        events.append(event)
        if event["event"] == "step":
            supervisor.close()

    with pytest.raises(SupervisorClosed):
        supervisor.run(folder, lambda: False, close_at_a_step)
    assert run(folder, events).status == "completed"
    assert any(event["event"] == "resumed" for event in events)


@pytest.mark.slow
def test_a_second_worker_waits_for_the_first_and_changes_nothing(
    tiny_llama: Path, tmp_path: Path
) -> None:
    folder = make_job(tmp_path, tiny_llama, epochs=1)
    results: list[TrainingResult] = []
    threads = [threading.Thread(target=lambda: results.append(run(folder))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert results[0] == results[1]
    events = read_events(folder)[0]
    assert [e["step"] for e in events if e["event"] == "step"] == list(range(1, 7))


def test_a_worker_ends_when_its_server_is_gone(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path, tiny_llama, epochs=100)
    script = (
        "import sys; from pathlib import Path; from outcrop.config import Settings;"
        "from outcrop.training.supervisor import Supervisor; folder = Path(sys.argv[1]);"
        "Supervisor(Settings(home=folder)).run(folder, lambda: False, lambda event: None)"
    )
    server = subprocess.Popen([sys.executable, "-c", script, str(folder)])
    while not read_history(folder).steps:
        assert server.poll() is None, "the server died by itself"
        time.sleep(0.05)
    server.kill()
    server.wait()
    deadline = time.monotonic() + 10
    while _workers(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _workers(folder: Path) -> list[int]:
    """Return the ids of processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder).encode() in command and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


def test_the_supervisor_needs_no_heavy_library() -> None:
    script = (
        "import sys, outcrop.training.supervisor;"
        "heavy = {'torch', 'transformers', 'numpy', 'safetensors', 'peft'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
