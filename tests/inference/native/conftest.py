from pathlib import Path

import pytest

from inference.native.local_engine import LocalEngine


@pytest.fixture(scope="session")
def engine(tiny_model: Path) -> LocalEngine:
    return LocalEngine(tiny_model)
