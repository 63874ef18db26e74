"""The customization workflow, whose server, workers, engines and functions are killed again and again.

Each execution ends as one that nobody disturbed: the same states in the same order, each event once, the same answers
of both models, the same verdict, one mail.
"""

import json
import logging
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from support.customization_workflow import BASE_MODEL, CustomizationWorkflow, settings
from support.mail_server import MailServer
from support.running_server import running_server

RATE, EPOCHS, QUESTIONS = 0.01, 4, 3
LONGEST_PAUSE_SECONDS = 5.0
# More would keep most of them in the first state, which begins its work anew each time.
MOST_KILLS_OF_A_RUN = 5
# What a process of the server's family does, by a part of its command line.
KINDS = {
    "worker": "outcrop.training.worker",
    "engine": "outcrop.inference.native",
    "function": "outcrop.functions.sandbox.launcher",
}

Event = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution came to, without what differs from run to run.

    Attributes:
        parent: its events in order.
        child: those of the execution that it started, sorted: branches run side by side.
        answers: of the tuned model and of its base.
        mails: that came.
    """

    verdict: Any
    parent: tuple[str, ...]
    child: tuple[str, ...]
    answers: tuple[tuple[str, ...], tuple[str, ...]]
    mails: tuple[str, ...]


@dataclass
class Disturbed:
    """Runs the workflow on a server that does not live long.

    Attributes:
        kills: what was killed, and in which state of the workflow.
    """

    workflow: CustomizationWorkflow
    chosen: random.Random
    kills: list[str] = field(default_factory=list)

    def run(self, name: str, kills: int, since: str = "Tune") -> Outcome:
        """Run it once, with up to so many kills since it entered a state; return what came of it."""
        workflow = self.workflow
        earlier = len(verdicts(workflow))
        execution = workflow.start(name, learning_rate=RATE, epochs=EPOCHS)
        while kills and since not in entered(workflow.history(execution)):
            assert workflow.describe(execution)["status"] == "RUNNING", (since, self.kills)
            time.sleep(0.1)
        for _ in range(kills):
            time.sleep(self.chosen.uniform(0.0, LONGEST_PAUSE_SECONDS))
            if workflow.describe(execution)["status"] != "RUNNING":
                break
            self.kill(entered(workflow.history(execution))[-1])
        described = workflow.wait(execution)
        assert described["status"] == "SUCCEEDED", (described, self.kills)
        output = json.loads(described["output"])
        # The last mail may still be on its way; whatever else there is lies before it in the outbox.
        workflow.mail.wait_for(len(workflow.mail.received) - len(verdicts(workflow)) + earlier + 1)
        return Outcome(
            output["Output"],
            shape(workflow.history(execution)),
            self.child(output["ExecutionArn"]),
            (tuple(workflow.answers("tuned.json")), tuple(workflow.answers("base.json"))),
            tuple(verdicts(workflow)[earlier:]),
        )

    def kill(self, state: str, wanted: str = "") -> None:
        """Kill the server and start it again, or a process that works for it just now.

        Args:
            state: where the workflow is.
            wanted: what to kill; anything by default.
        """
        server = self.workflow.server
        alive = [process for process in server.family() if kind_of(process)]
        kind = wanted or self.chosen.choice(["server", *sorted(set(map(kind_of, alive)) - {""})])
        self.note(f"{kind} in {state}")
        if kind == "server":
            server.kill()
            server.start()
        else:
            with suppress(psutil.NoSuchProcess):
                self.chosen.choice([one for one in alive if kind_of(one) == kind]).kill()

    def note(self, kill: str) -> None:
        """Remember a kill; shown as it happens with --log-cli-level=INFO."""
        self.kills.append(kill)
        log.info("killed the %s", kill)

    def child(self, execution: str) -> tuple[str, ...]:
        """See that each question was asked once of each model; return the comparison's events."""
        sfn = self.workflow.server.client("stepfunctions")
        for run in sfn.list_map_runs(executionArn=execution)["mapRuns"]:
            asked = sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
            assert [found["status"] for found in asked] == ["SUCCEEDED"] * QUESTIONS, self.kills
            shapes = {shape(self.workflow.history(found["executionArn"])) for found in asked}
            assert len(shapes) == 1, self.kills
        return tuple(sorted(shape(self.workflow.history(execution))))


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def workflow(
    tmp_path_factory: pytest.TempPathFactory, mail: MailServer
) -> Iterator[CustomizationWorkflow]:
    home = tmp_path_factory.mktemp("workflow-kills") / "home"
    with running_server(home, settings(mail, OUTCROP_TRAINING_THREADS="1")) as server:
        yield CustomizationWorkflow(server, mail, questions=QUESTIONS).deploy()


@pytest.fixture(scope="module")
def undisturbed(workflow: CustomizationWorkflow) -> Outcome:
    return Disturbed(workflow, random.Random(0)).run("undisturbed", kills=0)


@pytest.fixture
def lingering(workflow: CustomizationWorkflow) -> Iterator[None]:
    workflow.let_judge_linger(2.0)
    yield
    workflow.let_judge_linger(0.0)


@pytest.mark.slow
def test_the_workflow_outlives_kills(workflow: CustomizationWorkflow, undisturbed: Outcome) -> None:
    disturbed = Disturbed(workflow, random.Random(23))

    outcome = disturbed.run("three-kills", kills=3)

    assert outcome == undisturbed, disturbed.kills
    assert disturbed.kills


@pytest.mark.usefixtures("lingering")
@pytest.mark.parametrize("kind", ["server", "function"])
def test_a_verdict_is_mailed_once_although_its_function_dies_after_it(
    workflow: CustomizationWorkflow, undisturbed: Outcome, kind: str
) -> None:
    [throughput] = workflow.server.client("bedrock").list_provisioned_model_throughputs(
        nameContains="undisturbed"
    )["provisionedModelSummaries"]
    disturbed, earlier = Disturbed(workflow, random.Random(0)), len(verdicts(workflow))
    value = {
        "ProvisionedModelArn": throughput["provisionedModelArn"],
        "BaseModelIdentifier": BASE_MODEL.partition(":")[0],
    }
    execution = workflow.start_with("compare", f"{kind}-dies", value)

    workflow.mail.wait_for(len(workflow.mail.received) - len(verdicts(workflow)) + earlier + 1)
    disturbed.kill("Judge", kind)
    described = workflow.wait(execution)

    assert json.loads(described["output"]) == undisturbed.verdict
    assert disturbed.child(execution) == undisturbed.child
    assert tuple(verdicts(workflow)[earlier:]) == undisturbed.mails


@pytest.mark.slow
def test_workflows_outlive_thirty_kills(
    workflow: CustomizationWorkflow, undisturbed: Outcome
) -> None:
    disturbed = Disturbed(workflow, random.Random(29))
    runs = 0
    while len(disturbed.kills) < 30:
        runs += 1
        since = disturbed.chosen.choice(["Tune", "Serve", "Compare"])
        outcome = disturbed.run(f"thirty-kills-{runs}", MOST_KILLS_OF_A_RUN, since)
        assert outcome == undisturbed, disturbed.kills


def kind_of(process: psutil.Process) -> str:
    """Return what a process does, "" for one that is just ending, or that the workflow does not need.

    A handler's own process is none of them: its end is the function's failure, here as in Lambda.
    """
    try:
        kind = kind_of_command(process)
        above = process.parents()[:2]
        is_handler = kind == "function" and all(kind_of_command(one) == kind for one in above)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
    return "" if is_handler else kind


def kind_of_command(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((kind for kind, part in KINDS.items() if part in line), "")


def shape(events: list[Event]) -> tuple[str, ...]:
    """See that each event is there once, in order; return what they are."""
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert all(event["previousEventId"] < event["id"] for event in events)
    return tuple(f"{event['type']} {name_of(event)}" for event in events)


def name_of(event: Event) -> str:
    details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails") or {}
    return str(details.get("name", ""))


def entered(events: list[Event]) -> list[str]:
    """Return the states that an execution has entered, in order."""
    return [name_of(event) for event in events if event["type"].endswith("StateEntered")]


def verdicts(workflow: CustomizationWorkflow) -> list[str]:
    """Return subject and text of each mail about a model."""
    return [
        f"{mail.message['Subject']}: {mail.text}"
        for mail in list(workflow.mail.received)
        if "its base" in str(mail.message["Subject"])
    ]
