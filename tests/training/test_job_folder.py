"""The contract between server and worker."""

import json
import shutil
from pathlib import Path

from outcrop.core.hyperparameters import family
from outcrop.core.weights import Weights
from outcrop.training.job_folder import (
    JobSpec,
    MetricsLog,
    TrainingResult,
    read_events,
    read_history,
    write_json,
)


def _spec(base: Path, adapter: Path | None = None) -> JobSpec:
    hyper = family("outcrop").parse({"seed": "7"})
    return JobSpec("abcdefghijkl", hyper.method, Weights(base, adapter), hyper, 2, hyper.seed, 2048)


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    spec = _spec(tmp_path / "models" / "base", tmp_path / "models" / "custom")
    folder = tmp_path / "jobs" / "abcdefghijkl"
    spec.write(folder)
    assert JobSpec.read(folder) == spec


def test_models_of_the_same_home_are_found_after_the_home_has_moved(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _spec(old / "models" / "base").write(old / "jobs" / "abcdefghijkl")
    shutil.move(old, new)
    assert JobSpec.read(new / "jobs" / "abcdefghijkl").base.base == new / "models" / "base"


def test_a_model_outside_the_home_keeps_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "jobs" / "abcdefghijkl"
    _spec(tmp_path / "elsewhere").write(folder)
    assert JobSpec.read(folder).base.base == tmp_path / "elsewhere"


def test_history_counts_a_repeated_step_once_with_its_last_loss(tmp_path: Path) -> None:
    for attempt, losses in ((1, {1: 3.0, 2: 2.0}), (2, {2: 2.5, 3: 1.0})):
        log = MetricsLog(tmp_path)
        assert log.attempt == attempt
        log.write("started")
        for step, loss in losses.items():
            log.write("step", step=step, epoch=0, loss=loss, learning_rate=0.1, tokens=9)
        log.write("validation", step=3, epoch=0, loss=4.0 / attempt)
        log.close()
    history = read_history(tmp_path)
    assert [(item.step, item.loss) for item in history.steps] == [(1, 3.0), (2, 2.5), (3, 1.0)]
    assert [(item.step, item.loss) for item in history.validations] == [(3, 2.0)]


def test_a_line_torn_by_a_crash_is_not_read_and_not_built_upon(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    log.write("started")
    log.close()
    with (tmp_path / "metrics.jsonl").open("ab") as stream:
        stream.write(b'{"event": "st')
    events, offset = read_events(tmp_path)
    assert [event["event"] for event in events] == ["started"]
    log = MetricsLog(tmp_path)
    log.write("started")
    log.close()
    events, _ = read_events(tmp_path, offset)
    assert [event["attempt"] for event in events] == [2]


def test_a_phase_is_announced_once_in_the_life_of_a_job(tmp_path: Path) -> None:
    for _ in range(2):
        log = MetricsLog(tmp_path)
        log.phase("dataProcessing")
        log.close()
    assert len(read_events(tmp_path)[0]) == 1


def test_a_result_survives_its_file_and_ignores_members_of_a_newer_version(tmp_path: Path) -> None:
    assert TrainingResult.read(tmp_path) is None
    result = TrainingResult(status="completed", steps=3, validation_loss=0.5)
    result.write(tmp_path)
    assert TrainingResult.read(tmp_path) == result
    value = json.loads((tmp_path / "result.json").read_text())
    write_json(tmp_path / "result.json", {**value, "from_the_future": 1})
    assert TrainingResult.read(tmp_path) == result
