"""What the parts of the product share of functions: packages, and how many calls run."""

from collections import Counter
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
        running: ARN of a function (without qualifier) → calls of it that run now; of the event loop alone.
        background: what works on functions beside requests, by name; of the event loop alone.
    """

    def __init__(self, folder: Path, database: Database, keys: ServiceKeys) -> None:
        self.packages = Packages(folder, database, keys)
        self.running: Counter[str] = Counter()
        self.background: dict[str, Any] = {}
