"""From the text of a definition to a machine: the one way in."""

from __future__ import annotations

import json

from outcrop.workflows.asl.compilation import compile_machine
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
from outcrop.workflows.asl.validation import Diagnostic, InvalidDefinition, validate

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
    errors = tuple(found for found in validate(text, machine_type) if found.severity == "ERROR")
    if errors:
        raise InvalidDefinition(errors)
    return compile_machine(json.loads(text))
