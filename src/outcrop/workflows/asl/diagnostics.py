"""Findings about a definition, and how CreateStateMachine words them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

SCHEMA: Final = "SCHEMA_VALIDATION_FAILED"
TARGET: Final = "MISSING_TRANSITION_TARGET"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of ValidateStateMachineDefinition."""

    severity: Literal["ERROR", "WARNING"]
    code: str
    message: str
    location: str | None = None


class InvalidDefinition(Exception):
    """A definition that CreateStateMachine refuses.

    `str(error)` is AWS's message: `Invalid State Machine Definition: 'CODE: message at /…'`.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(message_of(self.diagnostics))


def message_of(diagnostics: Sequence[Diagnostic]) -> str:
    """Return the message of CreateStateMachine for findings of severity ERROR."""
    findings = ", ".join(
        # A finding without a location is told to be "at null".
        f"{found.code}: {found.message} at {found.location or 'null'}"
        for found in diagnostics
        if found.severity == "ERROR"
    )
    return f"Invalid State Machine Definition: '{findings}'"


class Findings:
    """Findings in the order in which they are made."""

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []

    def schema(self, message: str, location: str) -> None:
        """Note that a field is missing, misplaced or of the wrong form."""
        self.add(SCHEMA, message, location)

    def add(self, code: str, message: str, location: str | None) -> None:
        """Note an error."""
        self.all.append(Diagnostic("ERROR", code, message, location))
