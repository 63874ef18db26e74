"""What AWS says of a definition before it runs: its diagnostics, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


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
    raise NotImplementedError(diagnostics)


def validate(text: str, machine_type: str = "STANDARD") -> tuple[Diagnostic, ...]:
    """Return every finding about a definition, in AWS's order; empty where it is sound.

    Args:
        text: the definition as handed in.
        machine_type: STANDARD or EXPRESS; an EXPRESS machine may not wait for jobs or tokens.
    """
    raise NotImplementedError(text, machine_type)
