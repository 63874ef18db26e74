"""The log of what models were asked and what they answered: kept at once, delivered later.

A record is in a sealed journal before its answer is sent, so an answer that was given is logged even if the server dies
the next moment. Delivery (services/bedrock/invocation_delivery.py) takes it from there to the bucket and log group that
the region's configuration names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from outcrop.storage import invocation_logging
from outcrop.storage.database.engine import Database
from outcrop.storage.sealed_journal import SealedJournal
from outcrop.storage.service_keys import ServiceKeys

SERVICE = "bedrock"
_TEXT_SWITCH = "textDataDeliveryEnabled"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where a region's invocations are logged to.

    Attributes:
        members: `loggingConfig` as it was put.
        encoded: the same as JSON.
    """

    members: Mapping[str, Any]
    encoded: bytes = field(repr=False)

    @property
    def wants_text(self) -> bool:
        """Whether prompts and answers are logged; else only that there were any, and how long."""
        return bool(self.members.get(_TEXT_SWITCH, True))


class InvocationLog:
    """Records of invocations, and the configurations that ask for them.

    Args:
        folder: of the journal.
        database: holds configurations.
        service_keys: seal the journal.

    Attributes:
        journal: records to be delivered.
        wake: called when there are any, in the thread that gave them; set once, at start.
    """

    def __init__(self, folder: Path, database: Database, service_keys: ServiceKeys) -> None:
        self.wake: Callable[[], None] = _nobody
        self._database = database
        self._configurations: dict[str, Configuration | None] = {}
        self.journal = SealedJournal(folder, service_keys, SERVICE, self._rouse)

    def configuration(self, region: str) -> Configuration | None:
        """Return where a region's invocations are logged to; None where they are not."""
        try:
            return self._configurations[region]
        except KeyError:
            text = invocation_logging.get(self._database.reader, region)
            found = self._configurations[region] = _parsed(text)
            return found

    def configure(self, region: str, members: Mapping[str, Any] | None, now_us: int) -> None:
        """Set a region's configuration, or remove it; blocks."""
        text = None if members is None else orjson.dumps(members).decode()
        with self._database.write(durable=True) as connection:
            if text is None:
                invocation_logging.remove(connection, region)
            else:
                invocation_logging.put(connection, region, text, now_us)
        self._configurations[region] = _parsed(text)

    def record(self, configuration: Configuration, record: Mapping[str, Any]) -> None:
        """Keep the record of an invocation, in microseconds; it survives the death of the process.

        Raises:
            OSError: the disk takes no more.
        """
        entry = {"config": orjson.Fragment(configuration.encoded), "record": record}
        self.journal.append(
            orjson.dumps(entry, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
        )

    def _rouse(self) -> None:
        # `wake` is set after the journal is made.
        self.wake()


def _parsed(text: str | None) -> Configuration | None:
    return None if text is None else Configuration(orjson.loads(text), text.encode())


def _plain(value: object) -> Any:
    """Return what JSON can say of a value that it has no form for."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def _nobody() -> None:
    """Wake nobody: nothing delivers in this process."""
