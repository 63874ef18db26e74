"""What AWS says of a definition before it runs: its diagnostics, word for word."""

from __future__ import annotations

from typing import Any, Final

from outcrop.workflows.asl.diagnostics import (
    SCHEMA,
    Diagnostic,
    Findings,
    InvalidDefinition,
    message_of,
)
from outcrop.workflows.asl.json_reading import read_json
from outcrop.workflows.asl.reachability import check_transitions
from outcrop.workflows.asl.schema import check_machine

__all__ = ["Diagnostic", "InvalidDefinition", "message_of", "validate"]

# Compiled templates and rules evaluate level by level, within the interpreter's own bound.
MAX_NESTING: Final = 200


def validate(text: str, machine_type: str = "STANDARD") -> tuple[Diagnostic, ...]:
    """Return every finding about a definition, in AWS's order; empty where it is sound.

    Transitions are looked at once the fields are right.

    Args:
        text: the definition as handed in.
        machine_type: STANDARD or EXPRESS; an EXPRESS machine may not wait for jobs or tokens.
    """
    not_an_object = Diagnostic("ERROR", SCHEMA, "Definition must be a valid JSON object")
    if not text.strip():
        return (not_an_object,)
    definition, complaint = read_json(text)
    if complaint is not None:
        return (complaint,)
    if not isinstance(definition, dict):
        return (not_an_object,)
    if _is_deeper(definition, MAX_NESTING):
        return (Diagnostic("ERROR", SCHEMA, f"Definition is nested more than {MAX_NESTING} deep"),)
    findings = Findings()
    check_machine(definition, findings, is_express=machine_type == "EXPRESS")
    if not findings.all:
        check_transitions(definition, findings)
    return tuple(findings.all)


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
