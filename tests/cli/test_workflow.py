"""The shipped workflow: what is packed, what is deployed, what a run leaves, and what a failure takes back."""

import io
import itertools
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from outcrop.bundled.workflow.function import curves
from outcrop.cli.connection import find_server
from outcrop.cli.customization_workflow import package, runs
from outcrop.cli.customization_workflow.caller import Caller
from outcrop.cli.customization_workflow.deployment import Wishes, deploy
from outcrop.cli.customization_workflow.layout import Layout
from outcrop.cli.demonstration import examples, following, run
from outcrop.cli.demonstration.examples import BUNDLED_FOLDER
from outcrop.cli.demonstration.hyperparameters import Chosen
from outcrop.cli.main import app
from outcrop.cli.terminal import CommandFailed
from outcrop.config import Settings
from outcrop.evaluation.significance import paired_interval
from outcrop.functions import walls
from outcrop.functions.code import FunctionsRefused
from outcrop.workflows.asl.validation import validate
from support.composed_server import ComposedServer
from support.running_server import RunningServer, running_server

NAME = "tried"
SENDER, RECIPIENT = "robot@example.com", "team@example.com"
PLACEHOLDERS = {
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "ResultsBucket": "results",
    "JobRoleArn": "arn:aws:iam::000000000000:role/job",
    "EvaluationMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:e",
    "Sender": SENDER,
    "Recipients": json.dumps([RECIPIENT]),
    "DeleteLosingModel": "true",
}
END_SECONDS = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    home = tmp_path_factory.mktemp("workflow") / "home"
    # A container may lack a wall; whether each stands is tested in tests/functions.
    with running_server(home, {"OUTCROP_FUNCTION_ISOLATION": "available"}) as running:
        yield running


@pytest.fixture(scope="module")
def layout(server: RunningServer) -> Layout:
    """Deployed once, with a sender that may send."""
    flags = ["--sender", SENDER, "--recipient", RECIPIENT, "--delete-losing-model"]
    deployed = workflow(server, "deploy", *flags)
    assert deployed.exit_code == 0, deployed.output
    confirmed = CliRunner().invoke(app, ["outbox", "confirm", SENDER, "--home", str(server.home)])
    assert confirmed.exit_code == 0, confirmed.output
    return deployment(server)


def deployment(server: RunningServer) -> Layout:
    return Layout(Caller.of_server(find_server(server.home)), NAME, SENDER)


def workflow(server: RunningServer, *words: str) -> Result:
    return CliRunner().invoke(
        app,
        ["workflow", *words, "--name", NAME, "--home", str(server.home)],
        env={"COLUMNS": "200"},
    )


def lines(name: str, count: int) -> bytes:
    with (BUNDLED_FOLDER / name).open("rb") as file:
        return b"".join(itertools.islice(file, count))


def start(layout: Layout, name: str, train: bytes, held_out: bytes) -> runs.Execution:
    uris = runs.upload(layout, name, {"train.jsonl": train, "heldout.jsonl": held_out})
    request = {
        "BaseModelIdentifier": "outcrop.nano-v1:0",
        "TrainingData": uris["train.jsonl"],
        "HeldOutData": uris["heldout.jsonl"],
        "HyperParameters": {"epochCount": "1"},
    }
    return runs.start(layout, name, request)


def ended(execution: runs.Execution) -> dict[str, Any]:
    deadline = time.monotonic() + END_SECONDS
    while not execution.has_ended():
        assert time.monotonic() < deadline, execution.states_entered()
        time.sleep(0.2)
    return execution.describe()


def mails(server: RunningServer, subject: str) -> list[dict[str, Any]]:
    listed = CliRunner().invoke(app, ["outbox", "--json", "--home", str(server.home)])
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return [mail for mail in found if mail["subject"] == subject]


def throughputs(layout: Layout, name: str) -> list[str]:
    listed = layout.caller.client("bedrock").list_provisioned_model_throughputs(nameContains=name)
    return [item["provisionedModelName"] for item in listed["provisionedModelSummaries"]]


def test_the_function_needs_nothing_but_python_and_says_what_the_product_says(
    tmp_path: Path,
) -> None:
    (tmp_path / "function.zip").write_bytes(package.archive())
    differences = [0.1, 0.3, -0.2, 0.05, 0.4, 0.0, 0.15]
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from evaluation_function.app import handler\n"
        "from evaluation_function.evaluation.significance import paired_interval\n"
        f"print(paired_interval({differences}, seed=3))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('outcrop', 'numpy', 'boto3')])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path / "function.zip")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == [str(paired_interval(differences, seed=3)), "[]"]


def test_the_archive_is_the_same_each_time_and_names_no_module_of_the_product() -> None:
    content = package.archive()
    assert package.archive() == content
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for name in packed.namelist():
            source = packed.read(name).decode()
            assert "from outcrop" not in source, name
            assert "import outcrop" not in source, name


@pytest.mark.parametrize("name", ["customization", "evaluation"])
def test_the_definitions_are_valid_and_filled_in(name: str) -> None:
    text = package.definition(name, PLACEHOLDERS)
    assert validate(text) == ()
    assert "${" not in text


def test_every_failure_after_training_leads_past_the_throughput() -> None:
    states = json.loads(package.definition("customization", PLACEHOLDERS))["States"]
    assert following.EVALUATE in states
    for name in ("Train", "Create throughput", "Look at throughput", "Evaluate"):
        (caught,) = [item for item in states[name]["Catch"] if "States.ALL" in item["ErrorEquals"]]
        assert caught["Next"] == "Throughput to clean up?"
    assert states["Trained?"]["Default"] == "Throughput to clean up?"
    assert states["Throughput ready?"]["Default"] == "Throughput to clean up?"


def test_a_curve_is_drawn_with_as_many_points_as_there_is_room_for() -> None:
    curve = [(step, 4.0 - step / 100) for step in range(300)]
    thin = curves.thinned(curve, 60)
    assert (len(thin), thin[-1][0]) == (60, 299)
    assert all(before > after for (_, before), (_, after) in itertools.pairwise(thin))
    text = curves.as_text(curve)
    assert text[0].count("█") < text[9].count("█") == 60
    assert curves.as_svg(curve, [(299, 1.5)]).count("<circle") == 1
    assert len(curves.as_text([(0, 1.0)])) == len(text)


def test_deploying_again_changes_nothing_and_status_finds_every_part(
    server: RunningServer, layout: Layout
) -> None:
    flags = ["--sender", SENDER, "--recipient", RECIPIENT, "--delete-losing-model"]
    again = workflow(server, "deploy", *flags)
    assert again.exit_code == 0, again.output
    assert again.stderr.splitlines() == ["Nothing to change."]
    assert again.stdout.strip() == layout.machine_arn(NAME)
    status = workflow(server, "status")
    assert status.exit_code == 0, status.output
    assert "missing" not in status.stdout


def test_a_part_that_was_changed_is_put_right(server: RunningServer, layout: Layout) -> None:
    iam = layout.caller.client("iam")
    iam.delete_role_policy(RoleName=layout.function_role.name, PolicyName="workflow")
    flags = ["--sender", SENDER, "--recipient", RECIPIENT, "--delete-losing-model"]
    assert (
        workflow(server, "deploy", *flags).stderr.split("\n")[0].strip()
        == f"role {layout.function_role.name}: what it may do"
    )


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("run", "bedrock:DeleteCustomModelDeployment", "*"),
        ("run", "s3:GetObject", "arn:aws:s3:::tried-data-000000000000-us-east-1/x"),
        ("run", "iam:PassRole", "arn:aws:iam::000000000000:role/tried-run"),
        ("evaluation", "bedrock:CreateModelCustomizationJob", "*"),
        ("evaluation", "s3:PutObject", "arn:aws:s3:::tried-data-000000000000-us-east-1/x"),
        ("function", "bedrock:InvokeModel", "*"),
        ("function", "s3:PutObject", "arn:aws:s3:::tried-results-000000000000-us-east-1/jobs/x"),
        ("job", "s3:PutObject", "arn:aws:s3:::tried-results-000000000000-us-east-1/runs/x"),
    ],
)
def test_a_role_may_not_do_what_its_part_does_not_need(
    layout: Layout, role: str, action: str, resource: str
) -> None:
    (found,) = layout.caller.client("iam").simulate_principal_policy(
        PolicySourceArn=layout.caller.role_arn(f"{NAME}-{role}"),
        ActionNames=[action],
        ResourceArns=[resource],
    )["EvaluationResults"]
    assert found["EvalDecision"] == "implicitDeny"


def test_a_loser_is_deleted_and_its_report_mailed(server: RunningServer, layout: Layout) -> None:
    execution = start(layout, "loser", lines("train.jsonl", 16), lines("heldout.jsonl", 4))
    described = ended(execution)
    assert described["status"] == "SUCCEEDED", described
    findings = execution.findings()
    assert findings.output["Verdict"] == "no difference"
    assert findings.output["Reason"] == "4 examples are too few to tell"
    assert (findings.output["ThroughputArn"], findings.output["ModelArn"]) == (None, None)
    assert len(findings.base) == len(findings.custom) == 4
    assert findings.comparison.loss is not None
    assert findings.comparison.loss.base > 0
    assert throughputs(layout, "loser") == []
    models = layout.caller.client("bedrock").list_custom_models(nameContains="loser")
    assert models["modelSummaries"] == []
    assert execution.questions_answered() == (8, 8)
    (mail,) = mails(server, "loser: no difference")
    assert mail["recipients"] == [RECIPIENT]
    shown = CliRunner().invoke(app, ["outbox", "show", mail["id"], "--home", str(server.home)])
    assert "text/html" in shown.stdout
    bucket, _, key = findings.output["Report"]["Html"].removeprefix("s3://").partition("/")
    page = layout.caller.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "<svg" in page
    assert "4 examples are too few to tell" in page
    assert "throughput and the custom model are deleted" in page


def test_a_failed_evaluation_takes_the_throughput_back_and_says_why(
    server: RunningServer, layout: Layout
) -> None:
    endless = json.dumps({"prompt": "word " * 20_000, "completion": "yes"}).encode() + b"\n"
    held_out = lines("heldout.jsonl", 3) + endless
    execution = start(layout, "broken", lines("train.jsonl", 16), held_out)
    described = ended(execution)
    assert (described["status"], described["error"]) == ("FAILED", "EvaluationFailed")
    assert described["cause"].startswith("1 of 4 questions have no answer: ")
    assert "Delete throughput after failure" in execution.states_entered()
    assert throughputs(layout, "broken") == []
    assert len(mails(server, "broken: failed")) == 1


def test_held_out_data_that_is_wrong_is_refused_before_training(layout: Layout) -> None:
    held_out = lines("heldout.jsonl", 3) + b'{"prompt": "no completion"}\n'
    execution = start(layout, "refused", lines("train.jsonl", 16), held_out)
    described = ended(execution)
    assert (described["status"], described["error"]) == ("FAILED", "PreparationFailed")
    assert "heldout.jsonl, line 4: " in described["cause"]
    assert "Train" not in execution.states_entered()


@pytest.mark.slow
def test_failed_training_ends_the_run_with_the_jobs_reason(
    server: RunningServer, layout: Layout
) -> None:
    execution = start(layout, "untrained", b'{"prompt": "alone"}\n', lines("heldout.jsonl", 3))
    described = ended(execution)
    assert described["status"] == "FAILED", described
    assert "line 1" in described["cause"]
    assert "Create throughput" not in execution.states_entered()
    assert len(mails(server, "untrained: failed")) == 1


@pytest.mark.slow
def test_runs_can_be_started_from_files_and_left_alone(
    server: RunningServer, layout: Layout, tmp_path: Path
) -> None:
    train, held_out = tmp_path / "mine.jsonl", tmp_path / "held.jsonl"
    train.write_bytes(lines("train.jsonl", 16))
    held_out.write_bytes(lines("heldout.jsonl", 3))
    files = ["--train", str(train), "--held-out", str(held_out)]
    started = workflow(server, "run", *files, "--run-name", "left-alone", "--detach")
    assert started.exit_code == 0, started.output
    execution = runs.Execution(layout, started.stdout.strip())
    layout.caller.client("stepfunctions").stop_execution(executionArn=execution.arn)
    assert ended(execution)["status"] == "ABORTED"
    assert "left-alone" in workflow(server, "status").stdout


def test_a_caller_of_the_shell_needs_permissions_of_its_own(
    server: RunningServer, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = layout.caller.client("iam")
    iam.create_user(UserName="visitor")
    key = iam.create_access_key(UserName="visitor")["AccessKey"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    refused = CliRunner().invoke(app, ["workflow", "deploy", "--name", "visited"])
    assert refused.exit_code == 1
    assert "error: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_that_refuses_functions_is_found_out_when_deploying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = ComposedServer(tmp_path / "home").start()

    async def refuse(*_: Any, **__: Any) -> None:
        raise FunctionsRefused("Functions are not run here, as a wall around them is missing")

    monkeypatch.setattr(running.platform.functions, "invoke", refuse)
    caller = Caller(
        "us-east-1",
        running.root_key.account_id,
        lambda service: running.client(service, region="us-east-1"),
    )
    try:
        with pytest.raises(CommandFailed, match="a wall around them is missing"):
            deploy(Layout(caller, "refused"), Wishes(), lambda _: None)
    finally:
        running.stop()


def test_the_demo_does_without_walls_only_on_a_server_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    @contextmanager
    def noted(_settings: Settings, _log: Path, flags: list[str]) -> Iterator[None]:
        started.append(flags)
        yield

    missing = walls.Wall("namespaces", stands=False, detail="Operation not permitted")
    monkeypatch.setattr(walls, "probe", lambda: (missing,))
    monkeypatch.setattr(run, "server_on", noted)
    plan = run.Plan(
        Settings(home=tmp_path), examples.Source(), "outcrop.nano-v1:0", Chosen(), tmp_path / "log"
    )
    console = Console(file=io.StringIO(), width=200)
    with run._server(plan, console):
        pass
    assert started == [["--function-isolation", "none"]]
    assert isinstance(console.file, io.StringIO)
    assert len(console.file.getvalue().splitlines()) == 1
    assert "runs without any" in console.file.getvalue()
    monkeypatch.setattr(run, "running_server", lambda _settings: object())
    with run._server(plan, console):
        pass
    assert started[1] == []


def test_removing_keeps_data_unless_told_and_leaves_nothing_else(server: RunningServer) -> None:
    words = ["--name", "passing", "--home", str(server.home)]
    deployed = CliRunner().invoke(app, ["workflow", "deploy", *words])
    assert deployed.exit_code == 0, deployed.output
    layout = Layout(Caller.of_server(find_server(server.home)), "passing")
    runs.upload(layout, "any", {"train.jsonl": b"{}"})
    removed = CliRunner().invoke(app, ["workflow", "remove", *words])
    assert removed.exit_code == 0, removed.output
    assert removed.stderr.count("is kept") == 2
    status = CliRunner().invoke(app, ["workflow", "status", *words])
    assert (status.exit_code, status.stdout.count("missing")) == (1, 9)
    emptied = CliRunner().invoke(app, ["workflow", "remove", "--with-data", *words])
    assert emptied.exit_code == 0, emptied.output
    status = CliRunner().invoke(app, ["workflow", "status", *words])
    assert status.stdout.count("missing") == 11


@pytest.mark.slow
def test_a_server_killed_on_the_way_finishes_the_run_with_one_mail(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "home", {"OUTCROP_FUNCTION_ISOLATION": "available"}).start()
    try:
        flags = ["--sender", SENDER, "--recipient", RECIPIENT]
        assert workflow(server, "deploy", *flags).exit_code == 0
        confirm = ["outbox", "confirm", SENDER, "--home", str(server.home)]
        assert CliRunner().invoke(app, confirm).exit_code == 0
        execution = start(
            deployment(server), "killed", lines("train.jsonl", 16), lines("heldout.jsonl", 8)
        )
        arn = execution.arn
        for state in ("Train", "Look at throughput", "Evaluate", "Report"):
            deadline = time.monotonic() + END_SECONDS
            while state not in execution.states_entered():
                assert time.monotonic() < deadline, execution.states_entered()
                time.sleep(0.05)
            server.kill()
            server.start()
            execution = runs.Execution(deployment(server), arn)
        described = ended(execution)
        assert described["status"] == "SUCCEEDED", described
        assert execution.questions_answered() == (16, 16)
        assert len(mails(server, "killed: no difference")) == 1
        assert throughputs(deployment(server), "killed") == []
        entered = execution.states_entered()
        repeatable = {"Look at throughput", "Throughput ready?", "Wait for throughput"}
        once = [state for state in entered if state not in repeatable]
        assert len(once) == len(set(once)), entered
    finally:
        server.stop()
