from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inference.tiny_llama import build_adapter, build_model
from outcrop.config import Settings
from outcrop.inference.pool import EnginePool
from outcrop.storage.home import Home


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [build_adapter(tiny_model, folder / f"adapter{seed}", seed=seed) for seed in (1, 2)]


@pytest.fixture
def engine_home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
async def pool(engine_home: Home) -> AsyncIterator[EnginePool]:
    pool = EnginePool(
        Settings(home=engine_home.path, engine_threads=1, model_wait_seconds=120), engine_home
    )
    yield pool
    await pool.close()
