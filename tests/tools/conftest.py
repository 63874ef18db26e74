from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tools"))


@pytest.fixture(scope="session")
def model_folder() -> Path:
    return REPOSITORY / "src" / "outcrop" / "bundled" / "nano_v1"


@pytest.fixture(scope="session")
def demo_folder() -> Path:
    return REPOSITORY / "src" / "outcrop" / "bundled" / "demo"
