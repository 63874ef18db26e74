"""Supervised fine-tuning, with a low-rank adapter or of all weights.

Read from `fine_tune` down. A run is a chain of optimizer steps counted from 1 over all epochs; what a step does
is a function of the weights, the optimizer's moments, the seed and the step's number. The first two lie in
checkpoints, so a run that was killed anywhere ends in the same bytes.
"""

import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from outcrop.core.errors import DatasetError, JobFailed
from outcrop.crypto.sealed_folder import SEAL_FILE
from outcrop.training.job_folder import CHECKPOINTS, TrainingResult
from outcrop.training.worker import adapters, loss, outputs
from outcrop.training.worker.batches import Row, batch_rows, split_rows, steps_per_epoch
from outcrop.training.worker.checkpoints import Checkpoint, Checkpoints
from outcrop.training.worker.data import RecordTokenizer
from outcrop.training.worker.job import Job
from outcrop.training.worker.model import LanguageModel, load_model, prepare_numerics
from outcrop.training.worker.schedule import EarlyStopping, learning_rate

_GRADIENT_NORM_LIMIT = 1.0
_WEIGHT_DECAY = {"lora": 0.0, "full": 0.01}


def fine_tune(job: Job) -> None:
    """Train what job.json asks for and leave output/ and result.json in the folder.

    Raises:
        OutcropError: data or model make the job impossible.
        StopRequested: the stop flag went up.
    """
    device = prepare_numerics(job.spec.threads)
    job.metrics.phase("dataProcessing")
    data = load_data(job)
    job.metrics.phase("training")
    run = Run(job, data, build_trainee(job, device))
    run.resume()
    run.train()
    run.finish()


@dataclass(frozen=True, slots=True)
class Data:
    """Tokenised records; `validation` may be empty."""

    training: list[Row]
    validation: list[Row]


def load_data(job: Job) -> Data:
    """Tokenise the job's files, split off validation rows where asked, and report what there is."""
    spec = job.spec
    tokenizer = RecordTokenizer(spec.base.base, spec.context_tokens)
    training_name = spec.training_name or spec.training_path
    training = _read(job, tokenizer, spec.training_path, training_name)
    validation: list[Row] = []
    if spec.validation_path is not None:
        name = spec.validation_name or spec.validation_path
        validation = _read(job, tokenizer, spec.validation_path, name)
    elif spec.hyperparameters.eval_percentage is not None:
        if len(training) < 2:
            raise DatasetError("one record cannot be split; add more records", training_name)
        training, validation = split_rows(training, spec.hyperparameters.eval_percentage, spec.seed)
    per_epoch = steps_per_epoch(len(training), spec.hyperparameters.batch_size)
    job.metrics.write(
        "dataset",
        train_records=len(training),
        validation_records=len(validation),
        train_tokens=sum(row.tokens for row in training),
        labelled_tokens=sum(row.labels for row in training),
        longest_tokens=max(row.tokens for row in (*training, *validation)),
        truncated=0,
        steps_per_epoch=per_epoch,
        total_steps=per_epoch * spec.hyperparameters.epochs,
    )
    return Data(training, validation)


def _read(job: Job, tokenizer: RecordTokenizer, path: str, name: str) -> list[Row]:
    return tokenizer.read(job.folder / path, name, job.check_stop, job.open_data(path))


@dataclass(frozen=True, slots=True)
class Trainee:
    """A model and those of its parameters that are trained, by the names they are saved under.

    `adapter` is None when all weights are trained.
    """

    model: LanguageModel
    parameters: dict[str, nn.Parameter]
    adapter: adapters.AdapterShape | None


def build_trainee(job: Job, device: torch.device) -> Trainee:
    """Load the base model and make what is trained trainable."""
    spec = job.spec
    hyper = spec.hyperparameters
    weights = spec.base
    model = load_model(weights.base, device, frozen=spec.method == "lora", key=weights.base_key)
    if spec.method == "full":
        if weights.adapter is not None:
            adapters.merge_adapter(model.module, weights.adapter, weights.adapter_key)
        return Trainee(model, dict(model.module.named_parameters()), None)
    shape = adapters.AdapterShape(hyper.lora_rank, hyper.lora_alpha, hyper.lora_dropout)
    if weights.adapter is None:
        return Trainee(model, adapters.add_adapter(model.module, shape, spec.seed), shape)
    earlier, tensors = adapters.read_adapter(weights.adapter, weights.adapter_key)
    shape = adapters.AdapterShape(earlier.rank, earlier.alpha, hyper.lora_dropout)
    parameters = adapters.add_adapter(model.module, shape, spec.seed)
    adapters.load_adapter(parameters, tensors)
    return Trainee(model, parameters, shape)


@dataclass(slots=True)
class Progress:
    """Where a run stands; with the tensors, all that a checkpoint holds.

    Attributes:
        step: optimizer steps done.
        epoch_loss_sum: loss times labelled tokens of the unfinished epoch, in nats.
        epoch_labels: labelled tokens of the unfinished epoch.
        training_loss: mean loss of the last finished epoch.
        base_validation_loss: before the first step.
        validation_loss: of the newest validation.
        validated_step: the step of it, or -1.
        tokens: gone through training.
        labelled_tokens: those with a loss.
    """

    step: int = 0
    epoch_loss_sum: float = 0.0
    epoch_labels: int = 0
    training_loss: float | None = None
    base_validation_loss: float | None = None
    validation_loss: float | None = None
    validated_step: int = -1
    tokens: int = 0
    labelled_tokens: int = 0


class Run:
    """One training run."""

    def __init__(self, job: Job, data: Data, trainee: Trainee) -> None:
        hyper = job.spec.hyperparameters
        self.job, self.data, self.trainee, self.hyper = job, data, trainee, hyper
        self.progress = Progress()
        self.checkpoints = Checkpoints(job.folder / CHECKPOINTS, job.sealing)
        self.optimizer = torch.optim.AdamW(
            trainee.parameters.values(),
            lr=hyper.learning_rate,
            weight_decay=_WEIGHT_DECAY[job.spec.method],
            fused=True,
        )
        self.steps_per_epoch = steps_per_epoch(len(data.training), hyper.batch_size)
        self.total_steps = self.steps_per_epoch * hyper.epochs
        self.stopping: EarlyStopping | None = None
        if (
            data.validation
            and hyper.early_stopping_threshold is not None
            and hyper.early_stopping_patience is not None
        ):
            self.stopping = EarlyStopping(
                hyper.early_stopping_threshold, hyper.early_stopping_patience
            )
        # The weights of the best validation, and whether the newest checkpoint has them already.
        self.best: dict[str, Tensor] = {}
        self.best_is_saved = False

    def resume(self) -> None:
        """Take up the newest checkpoint, or validate the untrained model and write the first."""
        checkpoint = self.checkpoints.latest()
        if checkpoint is not None:
            self._restore(checkpoint)
            self.job.metrics.write("resumed", step=self.progress.step)
            return
        if self.job.metrics.attempt > 1:
            self.job.metrics.write("resumed", step=0)
        if self.data.validation:
            self._validate()
        self._checkpoint()

    def _restore(self, checkpoint: Checkpoint) -> None:
        state = cast("Mapping[str, Mapping[str, float]]", checkpoint.state)
        self.progress = Progress(**state["progress"])  # type: ignore[arg-type]
        weights = cast("dict[str, Tensor]", checkpoint.tensors("weights"))
        moments = cast("dict[str, Tensor]", checkpoint.tensors("optimizer"))
        with torch.no_grad():
            for name, parameter in self.trainee.parameters.items():
                parameter.copy_(weights[name])
                if moments:
                    self.optimizer.state[parameter] = {
                        "step": torch.tensor(float(self.progress.step)),
                        **{key: moments[f"{key}.{name}"].to(parameter.device) for key in _MOMENTS},
                    }
        if self.stopping is not None:
            self.stopping = EarlyStopping(**state["stopping"])  # type: ignore[arg-type]
        self.best = checkpoint.tensors("best") or {}
        self.best_is_saved = bool(self.best)

    def train(self) -> None:
        """Make the steps that are left; validate after each epoch, checkpoint on the way."""
        while self.progress.step < self.total_steps and not self._is_stopped_early:
            self.job.check_stop()
            self._step()
            ends_epoch = self.progress.step % self.steps_per_epoch == 0
            if ends_epoch:
                self._end_epoch()
            if ends_epoch or self.progress.step % self.hyper.checkpoint_interval == 0:
                self._checkpoint()

    @property
    def _is_stopped_early(self) -> bool:
        return self.stopping is not None and self.progress.step > 0 and self.stopping.is_over

    def _step(self) -> None:
        progress, model = self.progress, self.trainee.model
        step = progress.step + 1
        rows = batch_rows(self.data.training, self.hyper.batch_size, step, self.job.spec.seed)
        rate = learning_rate(
            step, self.total_steps, self.hyper.learning_rate, self.hyper.warmup_steps
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # Dropout depends on nothing but seed and step, so no generator's state has to be kept.
        torch.manual_seed(self.job.spec.seed * 1_000_003 + step)
        model.module.train()
        self.optimizer.zero_grad()
        batch_loss = loss.backward(model, rows)
        norm = nn.utils.clip_grad_norm_(self.trainee.parameters.values(), _GRADIENT_NORM_LIMIT)
        if not (math.isfinite(batch_loss) and torch.isfinite(norm)):
            raise JobFailed(
                f"The loss is no longer a finite number at step {step}; choose a learningRate below"
                f" {self.hyper.learning_rate:g} or more learningRateWarmupSteps."
            )
        self.optimizer.step()
        labels, tokens = sum(row.labels for row in rows), sum(row.tokens for row in rows)
        progress.step = step
        progress.epoch_loss_sum += batch_loss * labels
        progress.epoch_labels += labels
        progress.tokens += tokens
        progress.labelled_tokens += labels
        self.job.metrics.write(
            "step", step=step, epoch=self._epoch, loss=batch_loss, learning_rate=rate, tokens=tokens
        )

    @property
    def _epoch(self) -> int:
        """The epoch, from 0, that the newest step belongs to."""
        return max(0, self.progress.step - 1) // self.steps_per_epoch

    def _end_epoch(self) -> None:
        progress = self.progress
        progress.training_loss = progress.epoch_loss_sum / progress.epoch_labels
        progress.epoch_loss_sum, progress.epoch_labels = 0.0, 0
        if self.data.validation:
            self._validate()

    def _validate(self) -> None:
        progress = self.progress
        value = loss.mean_loss(self.trainee.model, self.data.validation, self.job.check_stop)
        progress.validation_loss, progress.validated_step = value, progress.step
        self.job.metrics.write("validation", step=progress.step, epoch=self._epoch, loss=value)
        if progress.step == 0:
            progress.base_validation_loss = value
            if self.stopping is not None:
                self.stopping.start(value)
        elif self.stopping is not None and self.stopping.observe(progress.step, value):
            self.best = {
                name: item.detach().clone() for name, item in self.trainee.parameters.items()
            }
            self.best_is_saved = False

    def _checkpoint(self) -> None:
        parameters = self.trainee.parameters
        groups: dict[str, Mapping[str, Tensor]] = {"weights": parameters}
        groups["optimizer"] = {
            f"{key}.{name}": self.optimizer.state[parameter][key]
            for name, parameter in parameters.items()
            if parameter in self.optimizer.state
            for key in _MOMENTS
        }
        if self.best and not self.best_is_saved:
            groups["best"] = self.best
        self.checkpoints.write(
            self.progress.step,
            groups,
            {
                "progress": asdict(self.progress),
                "stopping": None if self.stopping is None else asdict(self.stopping),
            },
            unchanged=("best",) if self.best_is_saved else (),
        )
        self.best_is_saved = bool(self.best)
        self.job.metrics.write("checkpoint", step=self.progress.step)

    def finish(self) -> None:
        """Write output/ and, last, result.json."""
        progress, stopping = self.progress, self.stopping
        kept_step, validation_loss = progress.step, progress.validation_loss
        if stopping is not None and stopping.best_step:
            kept_step, validation_loss = stopping.best_step, stopping.best_loss
            with torch.no_grad():
                for name, parameter in self.trainee.parameters.items():
                    parameter.copy_(self.best[name])
        if self._is_stopped_early and progress.step < self.total_steps:
            self.job.metrics.write("early_stop", step=progress.step, kept_step=kept_step)
        outputs.write_output(self.job.folder, self._save)
        TrainingResult(
            status="completed",
            steps=progress.step,
            epochs=progress.step // self.steps_per_epoch,
            training_loss=progress.training_loss,
            validation_loss=validation_loss,
            base_validation_loss=progress.base_validation_loss,
            kept_step=kept_step,
            stopped_early=progress.step < self.total_steps,
            train_records=len(self.data.training),
            validation_records=len(self.data.validation),
            train_tokens=progress.tokens,
            labelled_tokens=progress.labelled_tokens,
        ).write(self.job.folder)

    def _save(self, folder: Path) -> None:
        trainee, base, sealing = self.trainee, self.job.spec.base.base, self.job.sealing
        if sealing is not None:
            shutil.copyfile(self.job.folder / SEAL_FILE, folder / SEAL_FILE)
        if trainee.adapter is None:
            outputs.save_model(folder, trainee.model.module, base, sealing)
        else:
            adapters.save_adapter(folder, trainee.parameters, trainee.adapter, base.name, sealing)


_MOMENTS = ("exp_avg", "exp_avg_sq")
