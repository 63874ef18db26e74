"""The keys that a worker is handed: one line of JSON on its standard input, so that they are never on disk."""

import json
from dataclasses import dataclass, field, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class JobKeys:
    """Data keys, None for what is not sealed.

    Attributes:
        job: of the job's own folder: its data, checkpoints and output.
        base: of the folder that holds the base weights.
        adapter: of the adapter that training goes on from.
    """

    job: bytes | None = field(default=None, repr=False)
    base: bytes | None = field(default=None, repr=False)
    adapter: bytes | None = field(default=None, repr=False)

    def to_line(self) -> bytes:
        """Return the line that `from_line` reads."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return json.dumps({name: key.hex() for name, key in values.items() if key}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Return the keys in a line."""
        return cls(**{name: bytes.fromhex(value) for name, value in json.loads(line).items()})


NO_KEYS = JobKeys()
