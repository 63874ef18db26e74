"""A host of functions for tests, and functions written in the test itself."""

import json
import textwrap
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import Settings
from outcrop.functions import walls
from outcrop.functions.code import FunctionCode, Invocation
from outcrop.functions.host import FunctionHost

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:sample"
NO_LIMIT_SECONDS = 120


def standing_walls() -> dict[str, walls.Wall]:
    """Try the walls of this machine, by name."""
    return {wall.name: wall for wall in walls.probe()}


def require(tried: Mapping[str, walls.Wall], *names: str) -> None:
    """Skip the test where the kernel refuses a wall, and say which and why."""
    for name in names:
        if not tried[name].stands:
            pytest.skip(f"this machine has no {name} wall: {tried[name].detail}")


@dataclass
class Sample:
    """A function made of source text, and the host that runs it."""

    host: FunctionHost
    folder: Path
    logged: list[tuple[str, str]] = field(default_factory=list)

    def write(self, source: str, name: str = "app.py") -> None:
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(textwrap.dedent(source))
        path.chmod(0o644)

    def code(self, source: str | None = None, **changes: Any) -> FunctionCode:
        """Return a function with this source and one change or another."""
        if source is not None:
            self.write(source)
        code = FunctionCode(
            arn=ARN,
            name="sample",
            version="$LATEST",
            revision="1",
            folder=self.folder,
            handler="app.handler",
            runtime="python3.12",
            region="eu-west-1",
            account_id="123456789012",
            role_arn="arn:aws:iam::123456789012:role/sample",
            timeout_seconds=NO_LIMIT_SECONDS,
            memory_mb=512,
        )
        return replace(code, **changes)

    async def invoke(self, code: FunctionCode, event: Any = None, **options: Any) -> Invocation:
        def log(stream: str, events: Any) -> None:
            self.logged += [(stream, text) for _, text in events]

        options.setdefault("request_id", str(uuid.uuid4()))
        return await self.host.invoke(code, json.dumps(event).encode(), on_log=log, **options)

    async def answer(self, code: FunctionCode, event: Any = None, **options: Any) -> Any:
        """Invoke, and return the answer of a function that must not fail."""
        invocation = await self.invoke(code, event, **options)
        assert not invocation.function_error, invocation.payload
        return json.loads(invocation.payload)

    async def error(self, code: FunctionCode, event: Any = None, **options: Any) -> dict[str, Any]:
        """Invoke, and return the error of a function that must fail."""
        invocation = await self.invoke(code, event, **options)
        assert invocation.function_error == "Unhandled", invocation.payload
        error: dict[str, Any] = json.loads(invocation.payload)
        return error

    @property
    def lines(self) -> list[str]:
        return [text for _, text in self.logged]


def make_host(folder: Path, **settings: Any) -> FunctionHost:
    """Return a host on a folder; its functions get made-up credentials."""
    keys = {
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }
    settings.setdefault("function_isolation", "available")
    return FunctionHost(Settings(home=folder, **settings), folder / "functions", lambda _: keys)
