"""The commands against a real server."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from outcrop.cli.connection import find_server
from outcrop.cli.doctor import State, check_disk, check_home, check_server
from outcrop.cli.main import app
from outcrop.config import Settings
from support.running_server import RunningServer


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


def test_env_names_the_server_that_runs_on_the_home(server: RunningServer) -> None:
    code, text, _ = run("env", "--home", str(server.home), "--format", "json")
    assert code == 0
    assert json.loads(text)["AWS_ENDPOINT_URL"] == server.endpoint


def test_a_profile_of_the_shell_does_not_disturb_the_commands(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "one-that-is-not-there")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "of-another-server")
    code, text, _ = run("jobs", "list", "--home", str(server.home), "--format", "json")
    assert (code, json.loads(text)[:0]) == (0, [])


def test_the_base_model_is_listed_with_its_size(server: RunningServer) -> None:
    _, text, _ = run("models", "list", "--home", str(server.home))
    assert "outcrop.nano-v1:0" in text
    assert "LlamaForCausalLM" in text


def test_watching_a_job_that_is_not_there_fails_with_the_servers_reason(
    server: RunningServer,
) -> None:
    code, _, errors = run("jobs", "watch", "nobody", "--home", str(server.home))
    assert code == 1
    assert errors.startswith("error: ")
    assert "Traceback" not in errors


def test_removing_a_model_that_is_not_there_fails_with_the_servers_reason(
    server: RunningServer,
) -> None:
    code, _, errors = run("models", "remove", "nobody", "--home", str(server.home))
    assert code == 1
    assert "error: " in errors
    with pytest.raises(ClientError):
        find_server(server.home).bedrock.get_custom_model(modelIdentifier="nobody")


def test_the_bundled_model_stays(server: RunningServer) -> None:
    code, _, errors = run("models", "remove", "outcrop.nano-v1:0", "--home", str(server.home))
    assert code == 1
    assert "stays" in errors


def test_a_model_is_added_under_an_id_and_removed_again(server: RunningServer) -> None:
    from outcrop.cli.models import BUNDLED_MODEL_FOLDER

    home = str(server.home)
    model_id = "acme.tiny-v1:0"
    code, _, errors = run(
        "models", "add", str(BUNDLED_MODEL_FOLDER), "--id", model_id, "--home", home
    )
    assert (code, "Added acme.tiny-v1:0" in errors) == (0, True)
    # The running server sees it at once.
    listed = find_server(server.home).bedrock.list_foundation_models()["modelSummaries"]
    assert model_id in {model["modelId"] for model in listed}
    assert run("models", "remove", model_id, "--home", home)[0] == 0
    assert model_id not in run("models", "list", "--home", home)[1]


def test_an_id_that_aws_could_not_have_is_refused() -> None:
    code, _, errors = run("models", "add", "somewhere", "--id", "Just A Name")
    assert code == 1
    assert "provider.name-v1:0" in errors


def test_doctor_finds_the_server_and_its_home_in_order(server: RunningServer) -> None:
    settings = Settings(home=server.home)
    findings = [*check_server(settings), *check_home(settings), *check_disk(settings)]
    assert {finding.state for finding in findings} == {State.GOOD}
    assert server.endpoint in findings[0].detail


def test_doctor_names_a_port_that_is_taken_and_a_secret_that_is_open(
    server: RunningServer, home: Path
) -> None:
    home.mkdir()
    (home / "root-key.json").write_text("{}")
    (home / "root-key.json").chmod(0o640)
    taken = server.description["port"]
    settings = Settings(home=home, port=taken, tls_port=0)
    assert [
        finding.subject for finding in check_server(settings) if finding.state is State.BAD
    ] == ["port"]
    assert [finding.subject for finding in check_home(settings) if finding.state is State.BAD] == [
        "secrets"
    ]


def test_doctor_runs_the_base_model_and_ends_with_zero_on_a_sound_machine(home: Path) -> None:
    code, text, _ = run("doctor", "--home", str(home))
    assert "loads and runs" in text
    assert code == (1 if "fail" in text else 0)
