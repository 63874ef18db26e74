"""What must never stand in a log does not."""

import json
from collections.abc import Iterator

import pytest
import structlog

from outcrop.log import configure_logging

CANARY = "canary-7f3a91"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    configure_logging("json", "info")
    structlog.get_logger("test").info("event", **fields)
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "key",
    [
        "secret", "client_secret", "token", "session_token", "password", "authorization", "Authorization",
        "secret_access_key", "SecretAccessKey", "api_key", "private_key", "credentials", "signature",
    ],
)  # fmt: skip
def test_a_value_under_a_secrets_name_is_masked(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = logged(capsys, **{key: CANARY, "bucket": "seen"})
    assert CANARY not in line
    assert json.loads(line)[key] == "***"
    assert json.loads(line)["bucket"] == "seen"


def test_secrets_within_what_is_logged_are_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(capsys, request={"headers": [{"authorization": CANARY}], "path": "/seen"})
    assert CANARY not in line
    assert "/seen" in line


def test_values_bound_to_a_logger_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    structlog.get_logger("test").bind(token=CANARY).info("event")
    assert CANARY not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature={CANARY}",
        f"GET /b/k?X-Amz-Security-Token={CANARY}&X-Amz-Date=1",
    ],
)
def test_credentials_within_texts_are_masked(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(capsys, reason=text)
    assert CANARY not in line
    assert "***" in line


def test_a_traceback_shows_neither_local_variables_nor_credentials(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("json", "info")
    hidden_local = CANARY
    try:
        raise ValueError(f"refused: Bearer {CANARY}" if hidden_local else "")
    except ValueError:
        structlog.get_logger("test").exception("failed")
    line = capsys.readouterr().err
    assert "ValueError: refused: Bearer ***" in line
    assert CANARY not in line


def test_the_pretty_form_is_masked_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("pretty", "info")
    structlog.get_logger("test").info("event", password=CANARY, bucket="seen")
    line = capsys.readouterr().err
    assert CANARY not in line
    assert "seen" in line
