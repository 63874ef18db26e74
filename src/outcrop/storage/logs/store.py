"""The log store: events in from anywhere, at once and for good; events out in order of their times."""

from collections.abc import Sequence
from pathlib import Path

from outcrop.core.clock import Clock
from outcrop.storage.database.engine import Database
from outcrop.storage.service_keys import ServiceKeys


class LogStore:
    """Groups, streams and events of every region.

    Args:
        folder: of journals and segments; made at first use.
        database: holds groups and streams.
        service_keys: seal what lies in the folder.
        clock: tells when events came in.
    """

    def __init__(
        self, folder: Path, database: Database, service_keys: ServiceKeys, clock: Clock
    ) -> None:
        self._folder = folder
        self._database = database
        self._service_keys = service_keys
        self._clock = clock

    def append(
        self,
        region: str,
        group: str,
        stream: str,
        events: Sequence[tuple[int, str]],
        *,
        create: bool = True,
    ) -> None:
        """Take events; they survive the death of the process from here on.

        From any thread, the event loop's included, also inside a write block of the database: it costs
        microseconds and touches no row. Reading sees them at once. The stream is made where it is missing.

        Args:
            region: such as "us-east-1".
            group: name, such as "/aws/lambda/scorer".
            stream: name.
            events: (milliseconds since the epoch, message), in any order.
            create: make the group, too, where it is missing; else what has no group is dropped.
        """
        raise NotImplementedError
