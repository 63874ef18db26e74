"""What the stages of a state's work come to, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finished:
    """A state's output, and the variables it assigned (None where it has no Assign)."""

    output: Any
    assigned: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The way a Choice took."""

    next: str
    output: Any
    assigned: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a Wait takes: seconds, or until an RFC 3339 timestamp; the other one is None."""

    seconds: int | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class MapLimits:
    """A Map's limits; 0 for a concurrency without limit, percentages from 0 to 100."""

    max_concurrency: int = 0
    tolerated_failure_percentage: float = 0.0
    tolerated_failure_count: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read a distributed Map's items from.

    Attributes:
        arguments: of the resource, evaluated: {"Bucket": …, "Key": …}.
        config: ReaderConfig but for its limit: InputType, CSVHeaderLocation, CSVHeaders, …
        max_items: how many items to take at most, or None.
    """

    resource: str
    arguments: Any
    config: Mapping[str, Any]
    max_items: int | None = None


@dataclass(frozen=True, slots=True)
class Batching:
    """How items become batches; None for a limit that is not set."""

    max_items: int | None = None
    max_bytes: int | None = None
    batch_input: Any = None
    has_batch_input: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """Where results are exported to; no resource means they stay in the output."""

    resource: str | None
    arguments: Any
    config: Mapping[str, Any]
