"""What the dialects share: the interface of a parsed body, and typed reading of JSON members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from outcrop.core.errors import OutcropError
from outcrop.inference.engine import Finished, GenerationRequest, Prompt, Score, TextDelta


class InvalidBody(OutcropError):
    """A request body breaks its dialect; names the member and its value."""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """A request to say how likely a given completion is, instead of generating one."""

    prompt: Prompt
    completion: str


class Invocation(Protocol):
    """A request body that was read, and the bodies that answer it."""

    @property
    def request(self) -> GenerationRequest | ScoreRequest:
        """What to ask the engine."""

    def render(self, text: str, finished: Finished) -> dict[str, object]:
        """Return the response body of InvokeModel."""

    def render_score(self, score: Score) -> dict[str, object]:
        """Return the response body to a ScoreRequest."""

    def render_chunk(self, delta: TextDelta) -> dict[str, object]:
        """Return one chunk's body of InvokeModelWithResponseStream."""

    def render_last_chunk(self, text: str, finished: Finished) -> dict[str, object]:
        """Return the last chunk's body; `text` is the whole answer."""


class BodyFields:
    """Reads the members of a JSON object, each with its type and range.

    Args:
        values: the object.
        place: JSON pointer to it, for messages.
    """

    def __init__(self, values: dict[str, Any], place: str = "#") -> None:  # Any: parsed JSON
        self._values = values
        self._place = place
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string; without a default the member is required."""
        value = self._take(name, default)
        if not isinstance(value, str):
            raise self._refuse(name, value, "is not a string")
        return value

    def word(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return one of some words."""
        value = self.text(name, default)
        if value not in allowed:
            raise self._refuse(name, value, f"is not one of {', '.join(allowed)}")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self._refuse(name, value, "is not a boolean")
        return value

    def integer(self, name: str, low: int, high: int, default: int | None) -> int | None:
        """Return a whole number within bounds, or the default where the member is missing."""
        if name not in self and default is None:
            self._read.add(name)
            return None
        value = self._take(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._refuse(name, value, "is not an integer")
        self._check_range(name, value, low, high)
        return value

    def number(self, name: str, low: float, high: float, default: float) -> float:
        """Return a number within bounds."""
        value = self._take(name, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self._refuse(name, value, "is not a number")
        self._check_range(name, value, low, high)
        return float(value)

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """Return a list of non-empty strings; empty where the member is missing."""
        value = self._take(name, [])
        if not isinstance(value, list) or not all(item and isinstance(item, str) for item in value):
            raise self._refuse(name, value, "is not a list of non-empty strings")
        if len(value) > most:
            raise self._refuse(name, value, f"has more than {most} items")
        return tuple(value)

    def objects(self, name: str) -> "list[BodyFields]":
        """Return a non-empty list of objects."""
        value = self._take(name, None)
        if not value or not isinstance(value, list) or not all(isinstance(x, dict) for x in value):
            raise self._refuse(name, value, "is not a non-empty list of objects")
        return [BodyFields(item, f"{self._place}/{name}/{i}") for i, item in enumerate(value)]

    def refuse_unread(self) -> None:
        """Refuse members that nobody has asked for."""
        for name in self._values:
            if name not in self._read:
                raise InvalidBody(
                    f"Malformed input request: {self._place}: extraneous key [{name}] is not permitted,"
                    " please reformat your input and try again."
                )

    def _take(self, name: str, default: object) -> Any:  # Any: parsed JSON
        self._read.add(name)
        value = self._values.get(name)
        if value is not None:
            return value
        if default is None:
            raise InvalidBody(
                f"Malformed input request: {self._place}: required key [{name}] not found, please"
                " reformat your input and try again."
            )
        return default

    def _check_range(self, name: str, value: float, low: float, high: float) -> None:
        # Written so that NaN, which JSON parsers let through, is out of every range.
        if not low <= value <= high:
            raise self._refuse(name, value, f"is not between {low} and {high}")

    def _refuse(self, name: str, value: object, problem: str) -> InvalidBody:
        return InvalidBody(
            f"Malformed input request: {self._place}/{name}: {value!r:.100} {problem}, please reformat"
            " your input and try again."
        )
