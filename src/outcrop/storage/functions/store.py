"""What the parts of the product share of functions: their code, and the work that goes on beside requests."""

import asyncio
from pathlib import Path
from typing import Any

from outcrop.storage.database.engine import Database
from outcrop.storage.functions.packages import Packages
from outcrop.storage.service_keys import ServiceKeys


class FunctionStore:
    """The functions of one home.

    Args:
        folder: where code lies; made at its first use.
        database: holds the rows.
        keys: seals code, variables and waiting events.

    Attributes:
        packages: code.
        preparations: ARN of a function (without qualifier) → its versions' being made ready; of the event loop alone.
        runnable: what hosts are given, made once: (ARN, version) → what it was made of, and it.
        events_wanted: set when an event was added or time was moved; of the event loop alone.
        event_work: handles events while there are any; of the event loop alone.
    """

    def __init__(self, folder: Path, database: Database, keys: ServiceKeys) -> None:
        self.packages = Packages(folder, database, keys)
        self.preparations: dict[str, asyncio.Task[None]] = {}
        self.runnable: dict[tuple[str, str], tuple[object, Any]] = {}
        self.events_wanted = asyncio.Event()
        self.event_work: asyncio.Task[None] | None = None
