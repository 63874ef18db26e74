"""The walls around a function, each tried on this machine, and which of them are asked for."""

import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from outcrop.config import Settings
from outcrop.core.errors import ConfigurationError
from outcrop.functions import usage
from outcrop.functions.code import FunctionNotStarted, FunctionsRefused
from outcrop.functions.launching import Launcher
from outcrop.functions.sandbox.specification import ALL_WALLS, NETWORK

SUPERVISOR = "supervisor"
FULL, AVAILABLE, NONE = "full", "available", "none"
CLOSED, OPEN = "closed", "open"


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall.

    Attributes:
        name: such as "namespaces" or "landlock".
        stands: whether this machine has it; tried, not read from a version.
        detail: what it holds off, or what the kernel refused.
    """

    name: str
    stands: bool
    detail: str


def probe() -> tuple[Wall, ...]:
    """Try every wall in processes of their own, and say which stand; for a program that runs no event loop."""

    async def try_all() -> tuple[Wall, ...]:
        with tempfile.TemporaryDirectory(prefix="outcrop-walls-") as folder:
            launcher = Launcher(Path(folder) / "launcher.log")
            try:
                return await probe_with(launcher, Path(folder) / "scratch")
            finally:
                await launcher.close()

    return asyncio.run(try_all())


async def probe_with(launcher: Launcher, scratch: Path) -> tuple[Wall, ...]:
    """Try every wall by way of a launcher that runs already, or will.

    Args:
        scratch: folder to make and try on.
    """
    if sys.platform != "linux":
        return tuple(Wall(name, False, "stands on Linux only") for name in (*ALL_WALLS, SUPERVISOR))
    scratch.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # once, and before any function runs
    try:
        tried = await launcher.try_walls(str(scratch))
    except FunctionNotStarted as error:
        tried = {name: {"stands": False, "detail": str(error)} for name in ALL_WALLS}
    found = [
        Wall(name, bool(tried[name]["stands"]), str(tried[name]["detail"])) for name in ALL_WALLS
    ]
    measurable = usage.is_measurable()
    detail = "memory, processes and disk of every function" if measurable else "/proc tells nothing"
    return (*found, Wall(SUPERVISOR, measurable, detail))


def walls_to_put_up(settings: Settings, walls: Sequence[Wall]) -> tuple[str, ...]:
    """Return the names of the walls to put up around every function.

    Raises:
        FunctionsRefused: one is missing, and the settings ask for all.
        ConfigurationError: a setting is none of its values.
    """
    _check(settings.function_isolation, (FULL, AVAILABLE, NONE), "OUTCROP_FUNCTION_ISOLATION")
    _check(settings.function_network, (CLOSED, OPEN), "OUTCROP_FUNCTION_NETWORK")
    if settings.function_isolation == NONE:
        return ()
    wanted = [
        wall for wall in walls if not (wall.name == NETWORK and settings.function_network == OPEN)
    ]
    missing = [wall for wall in wanted if not wall.stands]
    if missing and settings.function_isolation == FULL:
        named = "; ".join(f"{wall.name}: {wall.detail}" for wall in missing)
        raise FunctionsRefused(
            f"Functions are not run here, as a wall around them is missing ({named}). Set"
            " OUTCROP_FUNCTION_ISOLATION=available to do with those that stand, or =none to do without any."
        )
    standing = {wall.name: wall.stands for wall in wanted}
    return _consistent(standing)


def _consistent(standing: Mapping[str, bool]) -> tuple[str, ...]:
    """A network of its own needs the user namespace that comes with the others."""
    names = [name for name in ALL_WALLS if standing.get(name)]
    if "namespaces" not in names and NETWORK in names:
        names.remove(NETWORK)
    return tuple(names)


def _check(value: str, allowed: tuple[str, ...], name: str) -> None:
    if value not in allowed:
        raise ConfigurationError(
            f"{name} cannot be {value!r}: expected one of {', '.join(allowed)}"
        )
