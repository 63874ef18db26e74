"""`outcrop up` has a flag for every setting and starts what they ask for."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

from typer.testing import CliRunner

from outcrop.cli import up
from outcrop.cli.main import app
from outcrop.config import Settings

FLAG_NAMES = {"model_alias": "model_aliases"}


def test_every_setting_is_a_flag_with_its_variable_in_the_help() -> None:
    names = {FLAG_NAMES.get(name, name) for name in inspect.signature(up.up).parameters}
    assert names == {item.name for item in fields(Settings)}
    text = CliRunner().invoke(app, ["up", "--help"], env={"COLUMNS": "200"}).stdout
    plain = re.sub(r"\s+|[│╭╮╰╯─]", "", text)
    for item in fields(Settings):
        assert f"OUTCROP_{item.name.upper()}" in plain


def test_a_setting_that_does_not_parse_is_named(tmp_path: Path) -> None:
    (tmp_path / "outcrop.toml").write_text('port = "many"\n')
    result = CliRunner().invoke(app, ["up", "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "OUTCROP_PORT cannot be 'many'" in result.stderr
