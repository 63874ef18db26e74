"""The workflow of AWS's sample, rewritten form by form, on a real server: tuned, judged, mailed, kept or given up.

The machines, the function and the roles are deployed as a template deploys them; nobody is allowed more than it grants.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.customization_workflow import (
    BASE_MODEL,
    RECIPIENT,
    SENDER,
    CustomizationWorkflow,
    settings,
)
from support.mail_server import MailServer, Received
from support.running_server import running_server

USELESS_RATE = 0.00001
GOOD_RATE = 0.01
ONE_STATE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run of the whole workflow left behind that found the tuned model better.

    Attributes:
        throughput: ARN of the throughput that serves it.
        mails: that came of it.
    """

    throughput: str
    mails: list[Received]


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def workflow(
    tmp_path_factory: pytest.TempPathFactory, mail: MailServer
) -> Iterator[CustomizationWorkflow]:
    home = tmp_path_factory.mktemp("workflow") / "home"
    with running_server(home, settings(mail)) as server:
        deployed = CustomizationWorkflow(server, mail).deploy()
        deployed.make_machine("await", json.dumps(awaiting(deployed.machines["compare"])))
        yield deployed


@pytest.fixture(scope="module")
def kept(workflow: CustomizationWorkflow) -> Kept:
    execution = workflow.start("better", learning_rate=GOOD_RATE, epochs=4)
    described = workflow.wait(execution)
    assert described["status"] == "SUCCEEDED", described
    throughput = json.loads(described["output"])["Input"]["ProvisionedModelArn"]
    return Kept(throughput, wait_for_mails(workflow, "model is better than"))


def test_a_model_that_is_no_better_is_given_up(workflow: CustomizationWorkflow) -> None:
    execution = workflow.start("worse", learning_rate=USELESS_RATE)

    described = workflow.wait(execution)

    assert described["status"] == "SUCCEEDED", described
    [mail] = wait_for_mails(workflow, "no better than")
    assert (mail.sender, mail.recipients) == (SENDER, (RECIPIENT,))
    assert "worse-model" not in workflow.throughputs()
    states = [
        event["stateEnteredEventDetails"]["name"]
        for event in workflow.history(execution)
        if event["type"].endswith("StateEntered")
    ]
    assert states == [
        "Tune",
        "Look at the job",
        "Tuned?",
        "Serve",
        "Let it load",
        "Compare",
        "No better?",
        "Give it up",
    ]


def test_a_better_model_is_kept(workflow: CustomizationWorkflow, kept: Kept) -> None:
    [mail] = kept.mails
    assert mail.recipients == (RECIPIENT,)
    assert workflow.throughputs()["better-model"] == "InService"


@pytest.mark.parametrize(
    ("grant", "machine", "action"),
    [
        ("machines/models", "tune", "bedrock:CreateModelCustomizationJob"),
        ("machines/role", "tune", "iam:PassRole"),
        ("tuning/data", "tune", "s3:GetObject"),
        ("machines/data", "compare", "s3:GetObject"),
        ("machines/machines", "await", "states:StartExecution"),
        ("machines/ends", "await", "states:DescribeExecution"),
        ("machines/functions", "compare", "lambda:InvokeFunction"),
        ("judge/data", "compare", "s3:GetObject"),
        ("judge/mail", "compare", "ses:SendEmail"),
    ],
)
def test_an_execution_without_one_of_its_grants_fails_and_says_what_it_lacks(
    workflow: CustomizationWorkflow, kept: Kept, grant: str, machine: str, action: str
) -> None:
    sent = len(mails(workflow))
    with without(workflow, grant):
        name = f"without-{grant.replace('/', '-')}"
        if machine == "tune":
            execution = workflow.start(name)
        else:
            execution = workflow.start_with(machine, name, comparison_of(kept.throughput))
        described = workflow.wait(execution)

    assert described["status"] == "FAILED"
    assert action in described["cause"], described
    if grant == "machines/ends":  # the comparison itself went well: only nobody may hear of it
        workflow.mail.wait_for(len(workflow.mail.received) - len(mails(workflow)) + sent + 1)
    else:
        assert len(mails(workflow)) == sent


def test_a_machine_that_may_not_see_its_log_group_is_not_made(
    workflow: CustomizationWorkflow,
) -> None:
    with without(workflow, "machines/logs"), pytest.raises(ClientError) as refused:
        workflow.make_machine("unseen", json.dumps(ONE_STATE))

    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert "not authorized to access the Log Destination" in error["Message"]


def test_a_loop_that_looks_at_the_job_serves_the_model(workflow: CustomizationWorkflow) -> None:
    execution = workflow.start("polled", machine="poll")

    described = workflow.wait(execution)

    assert described["status"] == "SUCCEEDED", described
    assert "polled-model" in workflow.throughputs()
    types = [event["type"] for event in workflow.history(execution)]
    assert types.count("WaitStateEntered") == types.count("TaskStateEntered") - 3 > 0


def awaiting(machine: str) -> dict[str, Any]:
    """Return a machine that starts another with its own input, and waits for its end."""
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": machine, "Input.$": "$"},
        "End": True,
    }
    return {"StartAt": "Start", "States": {"Start": start}}


def comparison_of(throughput: str) -> dict[str, str]:
    return {
        "ProvisionedModelArn": throughput,
        "BaseModelIdentifier": BASE_MODEL.partition(":")[0],
    }


def test_a_job_that_fails_ends_the_loop_with_its_reason(workflow: CustomizationWorkflow) -> None:
    workflow.server.client("s3").put_object(
        Bucket=workflow.buckets["Training"], Key="broken.jsonl", Body=b'{"prompt": "Where?"}'
    )
    value = {**workflow.input_of("broken"), "TrainingDataFileName": "broken.jsonl"}

    described = workflow.wait(workflow.start_with("poll", "broken", value))

    assert (described["status"], described["error"]) == ("FAILED", "NotTuned")
    assert "broken.jsonl, line 1" in described["cause"]


@contextlib.contextmanager
def without(workflow: CustomizationWorkflow, grant: str) -> Iterator[None]:
    """Take a grant, "role/policy", away for a while."""
    role, _, name = grant.partition("/")
    taken = workflow.grants[role].pop(name)
    workflow.set_grants(role)
    try:
        yield
    finally:
        workflow.grants[role][name] = taken
        workflow.set_grants(role)


def wait_for_mails(workflow: CustomizationWorkflow, subject: str) -> list[Received]:
    """Return the mails of a subject, at least one; the outbox delivers after the execution's end."""
    workflow.mail.mail_to(RECIPIENT, subject)
    return mails(workflow, subject)


def mails(workflow: CustomizationWorkflow, subject: str = "its base") -> list[Received]:
    """Return the mails of a subject that came so far."""
    return [mail for mail in workflow.mail.received if subject in str(mail.message["Subject"])]
