"""From the text of a definition to a machine: the one way in."""

from __future__ import annotations

from outcrop.workflows.asl.machine import (
    Catcher,
    ChoiceRule,
    ChoiceState,
    Evaluator,
    FailState,
    ItemBatcher,
    ItemReader,
    Machine,
    MapState,
    ParallelState,
    PassState,
    ResultWriter,
    Retrier,
    Scope,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from outcrop.workflows.asl.validation import Diagnostic, InvalidDefinition

__all__ = [
    "Catcher",
    "ChoiceRule",
    "ChoiceState",
    "Diagnostic",
    "Evaluator",
    "FailState",
    "InvalidDefinition",
    "ItemBatcher",
    "ItemReader",
    "Machine",
    "MapState",
    "ParallelState",
    "PassState",
    "ResultWriter",
    "Retrier",
    "Scope",
    "State",
    "SucceedState",
    "TaskState",
    "WaitState",
    "parse_definition",
]


def parse_definition(text: str, machine_type: str = "STANDARD") -> Machine:
    """Return the machine that a definition describes, its expressions compiled.

    Raises:
        InvalidDefinition: AWS would not accept the definition; it carries the diagnostics.
    """
    raise NotImplementedError(text, machine_type)
