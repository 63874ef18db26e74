"""The recipe, run in this process: what it leaves behind, and that an interruption leaves no trace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from outcrop.core.errors import DatasetError, JobFailed
from outcrop.core.weights import Weights
from outcrop.training.job_folder import JobSpec, TrainingResult, read_events, read_history
from outcrop.training.worker.job import Job
from outcrop.training.worker.recipes.fine_tuning import Run, fine_tune
from support.tiny_llama import write_pairs
from support.training_jobs import make_job


@pytest.fixture(autouse=True)
def _restore_numerics() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def run(folder: Path) -> TrainingResult:
    job = Job.open(folder)
    try:
        fine_tune(job)
    finally:
        job.metrics.close()
    result = TrainingResult.read(folder)
    assert result is not None
    return result


class Killed(Exception):
    """Stands in for the death of the process."""


def run_until(folder: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run and die after an optimizer step, before its checkpoint."""
    original = Run._step

    def step_then_die(self: Run) -> None:
        original(self)
        if self.progress.step == step:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_step", step_then_die)
        with pytest.raises(Killed):
            run(folder)


def weights(folder: Path) -> bytes:
    (path,) = (folder / "output").glob("*.safetensors")
    return path.read_bytes()


def test_a_full_fine_tuning_leaves_a_whole_model(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path, tiny_llama, method="full", epochs=1)
    run(folder)
    output = folder / "output"
    trained = AutoModelForCausalLM.from_pretrained(output).state_dict()
    base = AutoModelForCausalLM.from_pretrained(tiny_llama).state_dict()
    assert trained.keys() == base.keys()
    assert any((trained[name] != base[name]).any() for name in base)
    tokenizer = AutoTokenizer.from_pretrained(output)
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(tiny_llama).chat_template


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_killed_in_each_epoch_ends_in_the_bytes_of_an_undisturbed_one(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    undisturbed = make_job(tmp_path / "a", tiny_llama, method=method)
    expected = run(undisturbed)
    folder = make_job(tmp_path / "b", tiny_llama, method=method)
    for step in (1, 5, 8, 11):  # before any checkpoint but the first, and in both epochs
        run_until(folder, step, monkeypatch)
    assert run(folder) == expected
    assert weights(folder) == weights(undisturbed)
    assert read_history(folder).steps == read_history(undisturbed).steps
    resumed = [event["step"] for event in read_events(folder)[0] if event["event"] == "resumed"]
    assert resumed == [0, 3, 6, 9]


def test_the_best_weights_survive_an_interruption(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate this high makes later epochs worse, so the kept weights are those of an early one."""
    changes: dict[str, Any] = {"epochs": 6, "learning_rate": 0.2, "early_stopping_patience": 3}
    undisturbed = make_job(tmp_path / "a", tiny_llama, **changes)
    expected = run(undisturbed)
    assert expected.kept_step < expected.steps
    validations = {item.step: item.loss for item in read_history(undisturbed).validations}
    assert expected.validation_loss == validations[expected.kept_step]
    assert expected.validation_loss == min(loss for step, loss in validations.items() if step)
    folder = make_job(tmp_path / "b", tiny_llama, **changes)
    run_until(folder, expected.kept_step + 4, monkeypatch)
    assert run(folder) == expected
    assert weights(folder) == weights(undisturbed)


def test_early_stopping_ends_a_run_that_gets_no_better(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(
        tmp_path, tiny_llama, epochs=50, early_stopping_threshold=0.1, early_stopping_patience=2,
        learning_rate=1e-6,
    )  # fmt: skip
    result = run(folder)
    assert (result.stopped_early, result.epochs) == (True, 2)
    assert read_events(folder)[0][-1]["event"] == "early_stop"


def test_without_early_stopping_the_last_weights_are_kept(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(
        tmp_path, tiny_llama, early_stopping_patience=None, early_stopping_threshold=None
    )
    result = run(folder)
    assert result.kept_step == result.steps == 12
    assert result.validation_loss == read_history(folder).validations[-1].loss


def test_dying_between_output_and_result_costs_nothing(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_job(tmp_path, tiny_llama, epochs=1)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TrainingResult, "write", die)
        with pytest.raises(Killed):
            run(folder)
    before = weights(folder)
    (folder / "output.partial").mkdir()
    result = run(folder)
    assert result.steps == 6
    assert weights(folder) == before
    assert len([e for e in read_events(folder)[0] if e["event"] == "step"]) == 6


def test_a_validation_file_is_used_whole(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path, tiny_llama, epochs=1, eval_percentage=None)
    write_pairs(folder / "data" / "validation.jsonl", 5)
    spec = JobSpec.read(folder)
    changed = {name: getattr(spec, name) for name in JobSpec.__slots__}
    JobSpec(**{**changed, "validation_path": "data/validation.jsonl"}).write(folder)
    result = run(folder)
    assert (result.train_records, result.validation_records) == (30, 5)


def test_training_goes_on_from_an_adapter(tiny_llama: Path, tmp_path: Path) -> None:
    first = make_job(tmp_path / "a", tiny_llama, lora_dropout=0.0)
    earlier = run(first)
    weights_so_far = Weights(tiny_llama, first / "output")
    for method in ("lora", "full"):
        second = make_job(tmp_path / method, weights_so_far, method=method, lora_rank=8, epochs=1)
        result = run(second)
        assert result.base_validation_loss == pytest.approx(earlier.validation_loss, rel=1e-4)


def test_an_over_long_record_is_named_before_the_model_is_loaded(
    tmp_path: Path, tiny_llama: Path
) -> None:
    folder = make_job(tmp_path, tiny_llama)
    with (folder / "data" / "train.jsonl").open("a") as stream:
        stream.write('{"prompt": "%s", "completion": "c"}\n' % ("order " * 500))
    with pytest.raises(DatasetError, match=r"s3://bucket/train.jsonl, line 31: .* context of 256"):
        run(folder)


def test_a_learning_rate_that_blows_up_fails_the_job(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make_job(
        tmp_path,
        tiny_llama,
        method="full",
        learning_rate=1e30,
        warmup_steps=0,
        eval_percentage=None,
    )
    with pytest.raises(JobFailed, match=r"no longer a finite number at step \d+; .* below 1e\+30"):
        run(folder)


def test_a_base_that_is_no_model_fails_the_job(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(JobFailed, match="empty cannot be loaded"):
        run(make_job(tmp_path, tmp_path / "empty"))
