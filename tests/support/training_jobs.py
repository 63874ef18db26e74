"""Job folders for tests of training."""

from dataclasses import replace
from pathlib import Path

from outcrop.core.hyperparameters import TrainingHyperparameters
from outcrop.core.weights import Weights
from outcrop.training.job_folder import JobSpec
from support.tiny_llama import write_pairs

JOB_ID = "abcdefghijkl"
HYPER = TrainingHyperparameters(
    epochs=2,
    batch_size=4,
    learning_rate=5e-3,
    warmup_steps=2,
    early_stopping_threshold=0.0,
    early_stopping_patience=5,
    eval_percentage=20.0,
    lora_rank=4,
    lora_alpha=8.0,
    lora_dropout=0.1,
    checkpoint_interval=3,
)


def make_job(home: Path, base: Path | Weights, records: int = 30, **changes: object) -> Path:
    """Return a job folder in a home; 30 records make 24 for training, 6 steps of 4 an epoch, and 6 held out.

    Args:
        home: `jobs/` is made in it.
        base: what to train.
        records: prompt/completion pairs written.
        changes: of HYPER.
    """
    folder = home / "jobs" / JOB_ID
    write_pairs(folder / "data" / "train.jsonl", records)
    hyper = replace(HYPER, **changes)  # type: ignore[arg-type]
    JobSpec(
        job_id=JOB_ID,
        method=hyper.method,
        base=base if isinstance(base, Weights) else Weights(base),
        hyperparameters=hyper,
        threads=1,
        seed=hyper.seed,
        context_tokens=256,
        training_name="s3://bucket/train.jsonl",
    ).write(folder)
    return folder
