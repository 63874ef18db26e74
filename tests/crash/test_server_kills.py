"""A customization job whose server and worker are killed again and again, in every stage.

It completes each time, repeats at most one checkpoint interval of steps for each kill (counted from
metrics.jsonl), and ends in the same bytes as a job that nobody disturbed.
"""

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from outcrop.app import BUNDLED_MODEL
from outcrop.storage.base_models import BaseModelStore
from outcrop.storage.home import Home
from support.running_server import RunningServer, running_server
from support.service_role import make_service_role

CHECKPOINT_INTERVAL = 5
RECORDS = 64
EPOCHS = 4
STEPS = RECORDS // 8 * EPOCHS
BUCKET = "crash-test"
BASE_MODEL = "crash.nano-v1:0"
STAGES = ("staging", "data processing", "training", "checkpoint", "registration")
STAGE_SECONDS = 120.0
END_SECONDS = 300.0


@pytest.fixture(scope="module")
def crash_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    home = Home(tmp_path_factory.mktemp("crash") / "home")
    home.prepare()
    # A copy of its own: equal weights can only come from equal bases.
    BaseModelStore(home, {}, BUNDLED_MODEL).add(str(BUNDLED_MODEL), BASE_MODEL)
    with running_server(home.path, {"OUTCROP_TRAINING_THREADS": "1"}) as started:
        s3 = started.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="train.jsonl", Body=training_data())
        yield started


@pytest.fixture(scope="module")
def undisturbed(crash_server: RunningServer) -> str:
    """Digest of the weights of a job that nobody disturbed."""
    job = DisturbedJob(crash_server, "undisturbed")
    return job.end()


def training_data() -> bytes:
    chosen = random.Random(7)
    lines = [
        json.dumps(
            {
                "prompt": f"Where is parcel {chosen.randrange(1000)}?",
                "completion": f"It is in room {chosen.randrange(9)}.",
            }
        )
        for _ in range(RECORDS)
    ]
    return "\n".join(lines).encode()


@dataclass
class DisturbedJob:
    """A job of a server that does not live long.

    Attributes:
        steps: how often each step was trained, from what metrics.jsonl said until now.
        kills: in order, as "stage: who".
    """

    server: RunningServer
    name: str
    steps: Counter[int] = field(default_factory=Counter)
    kills: list[str] = field(default_factory=list)
    arn: str = field(init=False)

    def __post_init__(self) -> None:
        created = self.server.client("bedrock").create_model_customization_job(
            jobName=self.name,
            customModelName=f"model-{self.name}",
            roleArn=make_service_role(
                self.server.client("iam"), self.server.root_key["account_id"]
            ),
            baseModelIdentifier=BASE_MODEL,
            trainingDataConfig={"s3Uri": f"s3://{BUCKET}/train.jsonl"},
            outputDataConfig={"s3Uri": f"s3://{BUCKET}/out"},
            hyperParameters={
                "epochCount": str(EPOCHS),
                "batchSize": "8",
                "checkpointInterval": str(CHECKPOINT_INTERVAL),
            },
        )
        self.arn = created["jobArn"]

    @property
    def folder(self) -> Path:
        return self.server.home / "jobs" / self.arn.rsplit("/", 1)[-1]

    def events(self) -> list[dict[str, Any]]:
        """What metrics.jsonl says now; its steps are remembered, since the folder goes when the job ends."""
        try:
            content = (self.folder / "metrics.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        complete = content[: content.rfind(b"\n") + 1].splitlines()
        events = [json.loads(line) for line in complete]
        seen = Counter(event["step"] for event in events if event["event"] == "step")
        if seen.total() >= self.steps.total():
            self.steps = seen
        return events

    def status(self) -> dict[str, Any]:
        described: dict[str, Any] = self.server.client("bedrock").get_model_customization_job(
            jobIdentifier=self.arn
        )
        return described

    def has_ended(self) -> bool:
        return bool(self.status()["status"] not in {"InProgress", "Stopping"})

    def kill(self, who: str, stage: str) -> None:
        """Kill the server, or only its training worker, and see that a server runs afterwards."""
        self.events()
        workers = self.workers()
        if who == "worker" and workers:
            for worker in workers:
                worker.kill()
        else:
            self.server.kill()
            self.server.start()
        self.kills.append(f"{stage}: {who}")

    def workers(self) -> list[psutil.Process]:
        return [process for process in self.server.family() if is_worker(process)]

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait for a moment in the job's life, or for its end."""
        deadline = time.monotonic() + STAGE_SECONDS
        looks = 0
        while not reached():
            assert time.monotonic() < deadline, f"{self.kills}: {self.status()}"
            looks += 1
            if looks % 50 == 0 and self.has_ended():
                return
            time.sleep(0.01)

    def end(self) -> str:
        """Wait for the job to complete, and return the digest of its weights."""
        deadline = time.monotonic() + END_SECONDS
        while not self.has_ended():
            self.events()
            assert time.monotonic() < deadline, f"{self.kills}: {self.status()}"
            time.sleep(0.05)
        job = self.status()
        assert job["status"] == "Completed", job
        weights = self.server.home / "models" / "custom" / job["outputModelArn"].rsplit("/", 1)[-1]
        digest = hashlib.sha256()
        for file in sorted(weights.glob("*.safetensors")):
            digest.update(file.read_bytes())
        assert not self.folder.exists()
        return digest.hexdigest()


def is_worker(process: psutil.Process) -> bool:
    """Whether a process trains; one that is just ending does not."""
    try:
        return any("outcrop.training.worker" in part for part in process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def wait_for_stage(job: DisturbedJob, stage: str, chosen: random.Random) -> None:
    """Return when a job is in the middle of a stage that it has not yet left."""
    last = max(job.steps, default=0)
    later = min(last + chosen.randint(1, 6), STEPS)
    reached: dict[str, Callable[[], bool]] = {
        "staging": job.folder.exists,
        "data processing": lambda: bool(job.workers()) or (job.folder / "result.json").exists(),
        "training": lambda: bool(job.events()) and max(job.steps, default=0) >= later,
        "checkpoint": lambda: (
            any((job.folder / "checkpoints").glob("*"))
            and bool(job.events())
            and max(job.steps, default=0) % CHECKPOINT_INTERVAL == 0
        ),
        "registration": lambda: (
            (job.folder / "result.json").exists() or (bool(job.steps) and not job.folder.exists())
        ),
    }
    job.wait_until(reached[stage])


def disturb(job: DisturbedJob, plan: list[tuple[str, str]], chosen: random.Random) -> None:
    for stage, who in plan:
        wait_for_stage(job, stage, chosen)
        time.sleep(chosen.uniform(0.0, 0.05))
        if job.has_ended():
            return
        job.kill(who, stage)


def check(job: DisturbedJob, digest: str, undisturbed: str) -> None:
    assert digest == undisturbed, f"other weights after {job.kills}"
    assert set(job.steps) == set(range(1, STEPS + 1)), job.kills
    repeated = job.steps.total() - len(job.steps)
    assert repeated <= CHECKPOINT_INTERVAL * len(job.kills), f"{repeated} after {job.kills}"


def test_a_job_outlives_kills_in_every_stage(crash_server: RunningServer, undisturbed: str) -> None:
    chosen = random.Random(11)
    job = DisturbedJob(crash_server, "four-kills")
    plan = [
        ("staging", "server"),
        ("training", "worker"),
        ("checkpoint", "server"),
        ("registration", "server"),
    ]

    disturb(job, plan, chosen)

    check(job, job.end(), undisturbed)
    assert len(job.kills) >= 3, job.kills


@pytest.mark.slow
def test_jobs_outlive_twenty_kills(crash_server: RunningServer, undisturbed: str) -> None:
    chosen = random.Random(13)
    kills: list[str] = []
    for number in range(20):
        if len(kills) >= 20:
            break
        job = DisturbedJob(crash_server, f"twenty-kills-{number}")
        plan = [(stage, chosen.choice(["server", "worker"])) for stage in STAGES]

        disturb(job, plan, chosen)

        check(job, job.end(), undisturbed)
        kills += job.kills
    stages = {kill.split(":")[0] for kill in kills}
    assert len(kills) >= 20
    assert stages == set(STAGES)
