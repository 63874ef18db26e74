"""`outcrop up` has a flag for every setting and starts what they ask for."""

import inspect
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from typer.testing import CliRunner

from outcrop.cli import up
from outcrop.cli.main import app
from outcrop.config import Settings
from support.running_server import RunningServer, running_server

FLAG_NAMES = {"model_alias": "model_aliases", "function_image": "function_images"}
WITHOUT_FLAG = {
    "vault_token",
    "object_store_secret_access_key",
    "smtp_url",
}  # the list of processes shows flags to everybody


def test_every_setting_is_a_flag_with_its_variable_in_the_help() -> None:
    names = {FLAG_NAMES.get(name, name) for name in inspect.signature(up.up).parameters}
    assert names == {item.name for item in fields(Settings)} - WITHOUT_FLAG
    text = CliRunner().invoke(app, ["up", "--help"], env={"COLUMNS": "200"}).stdout
    plain = re.sub(r"\s+|[│╭╮╰╯─]", "", text)
    for item in fields(Settings):
        assert f"OUTCROP_{item.name.upper()}" in plain


def test_a_setting_that_does_not_parse_is_named(tmp_path: Path) -> None:
    (tmp_path / "outcrop.toml").write_text('port = "many"\n')
    result = CliRunner().invoke(app, ["up", "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "OUTCROP_PORT cannot be 'many'" in result.stderr


def test_ctrl_c_stops_the_server_cleanly(home: Path) -> None:
    with running_server(home) as server:
        assert server.process is not None
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=60) == 0
        assert "Outcrop is up" in server.log
        assert "Traceback" not in server.log
        assert not (home / "server.json").exists()


def test_a_second_server_on_the_same_home_is_told_who_holds_it(server: RunningServer) -> None:
    command = [sys.executable, "-m", "outcrop.cli.main", "up", "--home", str(server.home)]
    second = subprocess.run(
        [*command, "--port", "0", "--tls-port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith("error: another server (pid ")
