"""A home that looks as if a server ran on it, and examples to divide."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.identity.credentials import RootKey, load_or_make_root_key

ServedHome = Callable[..., RootKey]
WriteExamples = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OUTCROP_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def served_home(home: Path) -> ServedHome:
    """Write server.json and the root key; the process named is this one."""

    def write(host: str = "127.0.0.1", pid: int = os.getpid()) -> RootKey:
        home.mkdir(parents=True, exist_ok=True)
        record = {"pid": pid, "host": host, "port": 4500, "tls_port": 4543, "region": "eu-west-1"}
        (home / "server.json").write_text(json.dumps(record))
        return load_or_make_root_key(home / "root-key.json", "000000000000")

    return write


@pytest.fixture
def write_examples(tmp_path: Path) -> WriteExamples:
    """Write a JSONL file of pairs."""

    def write(name: str, pairs: list[tuple[str, str]]) -> Path:
        path = tmp_path / name
        lines = [json.dumps({"prompt": prompt, "completion": answer}) for prompt, answer in pairs]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
