"""The examples run as they stand, against a real server."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.running_server import RunningServer, running_server

ROOT = Path(__file__).parents[2]
AWS_CLI = ROOT / ".venv-awscli" / "bin"
TRAINING_RECORDS = 24


@pytest.fixture(scope="module")
def example_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of its own: the examples must leave it as they found it."""
    with running_server(tmp_path_factory.mktemp("examples") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def training_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few of the bundled examples: the examples are about the calls, not about the result."""
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    bundled = ROOT / "src" / "outcrop" / "bundled" / "demo" / "train.jsonl"
    with bundled.open() as lines:
        path.write_text("".join(itertools.islice(lines, TRAINING_RECORDS)))
    return path


def shell_of(server: RunningServer) -> dict[str, str]:
    """Return a shell's variables after `eval "$(outcrop env)"`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "outcrop.cli.main", "env", "--format", "json"]
    text = subprocess.check_output([*command, "--home", str(server.home)], env=clean, text=True)
    variables: dict[str, str] = json.loads(text)
    return clean | variables


def assert_nothing_is_left(server: RunningServer) -> None:
    bedrock = server.client("bedrock")
    assert bedrock.list_custom_models()["modelSummaries"] == []
    assert bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"] == []
    assert server.client("s3").list_buckets()["Buckets"] == []
    assert server.client("iam").list_roles()["Roles"] == []


def test_the_boto3_example_runs_from_upload_to_delete(
    example_server: RunningServer, training_file: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "customize.py"), str(training_file)],
        env=shell_of(example_server),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = dict(line.split(":", 1) for line in ran.stdout.splitlines() if ": " in line)
    assert lines["invoked"].strip()
    assert lines["invoked"].strip() == lines["streamed"].strip()
    assert_nothing_is_left(example_server)


def test_the_aws_cli_example_runs_from_upload_to_delete(
    example_server: RunningServer, training_file: Path
) -> None:
    assert (AWS_CLI / "aws").exists(), "make setup installs the AWS CLI"
    variables = shell_of(example_server)
    variables["PATH"] = f"{AWS_CLI}:{variables['PATH']}"
    ran = subprocess.run(
        ["bash", str(ROOT / "examples" / "aws-cli.sh"), str(training_file)],
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "step_wise_training_metrics.csv" in ran.stdout
    assert '"stopReason"' in ran.stdout
    assert_nothing_is_left(example_server)


@pytest.mark.slow
def test_the_aws_cli_example_of_a_workflow_runs_and_leaves_nothing(
    example_server: RunningServer,
) -> None:
    assert (AWS_CLI / "aws").exists(), "make setup installs the AWS CLI"
    variables = shell_of(example_server)
    variables["PATH"] = f"{AWS_CLI}:{variables['PATH']}"
    ran = subprocess.run(
        ["bash", str(ROOT / "examples" / "aws-cli-workflow.sh")],
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '{"size": 5, "is_large": false}' in ran.stdout
    assert '{"size":2000000,"is_large":true}' in ran.stdout
    assert "measured 2000000" in ran.stdout
    assert_nothing_is_left(example_server)
    assert example_server.client("lambda").list_functions()["Functions"] == []
    assert example_server.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert example_server.client("events").list_rules()["Rules"] == []
    assert example_server.client("sns").list_topics()["Topics"] == []
    assert example_server.client("logs").describe_log_groups()["logGroups"] == []
