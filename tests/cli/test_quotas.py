"""`outcrop quotas` without a server."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from outcrop.cli.main import app
from outcrop.governance.quota_catalogue import CUSTOM_MODELS
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.service_quotas import RequestRow, insert_request


def run(home: Path, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(
        app, ["quotas", *arguments, "--home", str(home)], env={"COLUMNS": "200"}
    )
    return result.exit_code, result.stdout, result.stderr


def values(home: Path, *more: str) -> dict[str, float]:
    code, text, _ = run(home, "list", "--json", *more)
    assert code == 0
    return {item["code"]: item["value"] for item in json.loads(text)}


@pytest.fixture
def used_home(home: Path) -> Path:
    """A home on which a server ran, with one request for more."""
    home.mkdir()
    database = Database.at(home / "outcrop.db")
    upgrade(database)
    with database.write() as connection:
        service, code = CUSTOM_MODELS.service, CUSTOM_MODELS.code
        insert_request(
            connection,
            RequestRow("ask1", "us-east-1", service, code, 500, "PENDING", "arn:who", 1, 1),
        )
    database.close()
    return home


def test_a_home_without_a_database_is_told_so(home: Path) -> None:
    code, _, errors = run(home, "list")
    assert code == 1
    assert "there is no database" in errors
    assert "hint:" in errors


def test_quotas_are_listed_by_service(used_home: Path) -> None:
    code, text, _ = run(used_home, "list", "bedrock")
    assert code == 0
    assert "Custom models per account" in text
    assert "Roles per account" not in text
    code, _, errors = run(used_home, "list", "unheard-of")
    assert (code, "bedrock" in errors) == (1, True)


def test_a_grant_raises_what_was_asked_for(used_home: Path) -> None:
    code, text, _ = run(used_home, "requests")
    assert (code, "ask1" in text, "arn:who" in text) == (0, True, True)
    assert run(used_home, "grant", "ask1")[0] == 0
    assert values(used_home)[CUSTOM_MODELS.code] == 500
    assert values(used_home, "--region", "eu-west-1")[CUSTOM_MODELS.code] == 100
    code, _, errors = run(used_home, "grant", "ask1")
    assert (code, "APPROVED already" in errors) == (1, True)


def test_a_grant_may_be_of_less(used_home: Path) -> None:
    assert run(used_home, "grant", "ask1", "--value", "150")[0] == 0
    assert values(used_home)[CUSTOM_MODELS.code] == 150


def test_a_denial_leaves_the_quota(used_home: Path) -> None:
    assert run(used_home, "deny", "ask1")[0] == 0
    assert values(used_home)[CUSTOM_MODELS.code] == 100
    _, text, _ = run(used_home, "requests", "--json")
    assert [item["status"] for item in json.loads(text)] == ["DENIED"]


def test_a_quota_is_set_without_a_request(used_home: Path) -> None:
    arguments = ("set", "bedrock", CUSTOM_MODELS.code, "7", "--region", "eu-west-1")
    assert run(used_home, *arguments)[0] == 0
    assert values(used_home, "--region", "eu-west-1")[CUSTOM_MODELS.code] == 7
    code, _, errors = run(used_home, "set", "bedrock", "L-0", "7")
    assert (code, "no quota L-0" in errors) == (1, True)
