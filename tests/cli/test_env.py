"""`outcrop env` says what a shell needs, in the shell's own words."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.conftest import ServedHome
from outcrop.cli.connection import find_server
from outcrop.cli.main import app


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_shell_that_evaluates_it_can_call_the_server(home: Path, served_home: ServedHome) -> None:
    key = served_home()
    code, text, _ = run("env", "--home", str(home))
    assert code == 0
    shell = subprocess.run(
        ["bash", "-c", f"{text}\nenv"],
        env={"PATH": os.environ["PATH"], "AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "old"},
        capture_output=True,
        text=True,
        check=True,
    )
    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines() if "=" in line)
    assert {name: value for name, value in variables.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4500",
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_CA_BUNDLE": str(home / "ca" / "ca.pem"),
    }


def test_a_home_with_a_quote_and_a_space_in_its_name_survives_every_shell(tmp_path: Path) -> None:
    home = tmp_path / "it's a home"
    home.mkdir()
    record = {"pid": os.getpid(), "host": "127.0.0.1", "port": 1, "tls_port": 2, "region": "x"}
    (home / "server.json").write_text(json.dumps(record))
    run("env", "--home", str(home))
    shells = {"sh": ["sh", "-c"], "fish": ["fish", "-c"]}
    for name, command in shells.items():
        if shutil.which(name):
            _, text, _ = run("env", "--home", str(home), "--format", name)
            printed = subprocess.check_output(
                [*command, f'{text}\necho "$AWS_CA_BUNDLE"'], text=True
            )
            assert printed.strip() == str(home / "ca" / "ca.pem")


def test_an_api_key_travels_over_tls_only(home: Path, served_home: ServedHome) -> None:
    key = served_home()
    variables = json.loads(run("env", "--home", str(home), "--format", "json", "--api-key")[1])
    assert variables["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4543"
    assert variables["AWS_BEARER_TOKEN_BEDROCK"] == key.bedrock_api_key
    plain = json.loads(run("env", "--home", str(home), "--format", "json")[1])
    assert "AWS_BEARER_TOKEN_BEDROCK" not in plain


def test_dotenv_has_one_variable_a_line(home: Path, served_home: ServedHome) -> None:
    served_home()
    text = run("env", "--home", str(home), "--format", "dotenv", "--https")[1]
    assert 'AWS_ENDPOINT_URL="https://127.0.0.1:4543"' in text.splitlines()


def test_without_a_server_it_says_how_to_start_one(home: Path) -> None:
    code, text, errors = run("env", "--home", str(home))
    assert (code, text) == (1, "")
    assert "no server runs on" in errors
    assert "hint: start one with `outcrop up`" in errors


def test_a_record_of_a_dead_process_is_no_server(home: Path, served_home: ServedHome) -> None:
    finished = subprocess.Popen(["true"])
    finished.wait()
    served_home(pid=finished.pid)
    assert run("env", "--home", str(home))[0] == 1


def test_a_key_that_others_can_read_is_refused(home: Path, served_home: ServedHome) -> None:
    served_home()
    (home / "root-key.json").chmod(0o644)
    code, _, errors = run("env", "--home", str(home))
    assert code == 1
    assert "root-key.json" in errors


@pytest.mark.parametrize(
    ("host", "allowed", "plain", "secure"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:4500", "https://127.0.0.1:4543"),
        ("::1", "", "http://[::1]:4500", "https://[::1]:4543"),
        ("localhost", "", "http://localhost:4500", "https://localhost:4543"),
        ("0.0.0.0", "", "http://127.0.0.1:4500", "https://127.0.0.1:4543"),
        # Beyond loopback plain HTTP stays on it unless it was allowed.
        ("192.0.2.7", "", "http://127.0.0.1:4500", "https://192.0.2.7:4543"),
        ("192.0.2.7", "1", "http://192.0.2.7:4500", "https://192.0.2.7:4543"),
    ],
)
def test_the_endpoint_is_one_that_can_be_called(  # noqa: PLR0917  # one row of the table
    home: Path,
    served_home: ServedHome,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    allowed: str,
    plain: str,
    secure: str,
) -> None:
    served_home(host=host)
    monkeypatch.setenv("OUTCROP_ALLOW_PLAIN_HTTP", allowed)
    server = find_server(home)
    assert (server.http_url, server.https_url) == (plain, secure)
