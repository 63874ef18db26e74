"""TestState: one state, outside any execution, with what each stage of its data flow came to."""

from typing import Any

from outcrop.workflows.engine import Engine
from outcrop.workflows.revisions import StateTest


async def run(engine: Engine, test: StateTest) -> dict[str, Any]:
    """Run a state and return TestState's answer."""
    raise NotImplementedError(engine, test)
