"""Checks of single values in a definition, each with AWS's sentence."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

from outcrop.workflows.asl.diagnostics import Findings
from outcrop.workflows.asl.jsonata import is_expression

Fields = Mapping[str, Any]

_SECONDS_LIMIT: Final = 99_999_999
# Field, least, most; measured with ValidateStateMachineDefinition.
_RANGES: Final[tuple[tuple[str, int, int | None], ...]] = (
    ("TimeoutSeconds", 1, _SECONDS_LIMIT),
    ("HeartbeatSeconds", 1, _SECONDS_LIMIT),
    ("Seconds", 0, _SECONDS_LIMIT),
    ("MaxConcurrency", 0, None),
    ("ToleratedFailureCount", 0, None),
    ("ToleratedFailurePercentage", 0, 100),
)


def is_object(value: Any, at: str, findings: Findings) -> bool:
    """Return whether a value is an object, noting where it is not."""
    if not isinstance(value, dict):
        findings.schema("Expected value of type [OBJECT]", at)
    return isinstance(value, dict)


def is_array(value: Any, at: str, findings: Findings) -> bool:
    """Return whether a value is an array, noting where it is not."""
    if not isinstance(value, list):
        findings.schema("Expected value of type [ARRAY]", at)
    return isinstance(value, list)


def check_required(fields: Fields, names: Iterable[str], at: str, findings: Findings) -> None:
    """Note fields that are missing, all in one finding."""
    missing = [name for name in names if name not in fields]
    if missing:
        findings.schema(f"These fields are required: [{', '.join(missing)}]", at)


def check_supported(fields: Fields, known: Container[str], at: str, findings: Findings) -> None:
    """Note fields that do not belong."""
    for name in fields:
        if name not in known:
            findings.schema(f"Field '{name}' is not supported", at)


def check_strings(fields: Fields, names: Iterable[str], at: str, findings: Findings) -> None:
    """Note fields that are there and no strings."""
    for name in names:
        if name in fields and not isinstance(fields[name], str):
            findings.schema("Expected value of type [STRING]", f"{at}/{name}")


def check_only_one(fields: Fields, names: tuple[str, ...], at: str, findings: Findings) -> None:
    """Note where not exactly one of several fields is there."""
    listed = ", ".join(names)
    count = sum(name in fields for name in names)
    if count > 1:
        findings.schema(f"There should only be one of the following fields: [{listed}]", at)
    elif count == 0:
        findings.schema(f"This object should have only one of the following fields: [{listed}]", at)


def check_at_most_one(fields: Fields, names: tuple[str, ...], at: str, findings: Findings) -> None:
    """Note where more than one of several fields is there."""
    if sum(name in fields for name in names) > 1:
        check_only_one(fields, names, at, findings)


def check_integer(  # noqa: PLR0913 a range has two ends, and a place
    fields: Fields,
    name: str,
    at: str,
    findings: Findings,
    *,
    least: float | None = None,
    most: float | None = None,
    wants_whole: bool = True,
) -> None:
    """Note a number that is none, or lies outside its range; expressions pass."""
    if name not in fields or is_expression(fields[name]):
        return
    value = fields[name]
    kinds = int if wants_whole else (int, float)
    where = f"{at}/{name}"
    if isinstance(value, bool) or not isinstance(value, kinds):
        findings.schema(f"Expected value of type {'Integer' if wants_whole else 'Number'}", where)
    elif least is not None and value < least:
        findings.schema(f"Minimum value is {least}", where)
    elif most is not None and value > most:
        findings.schema(f"Maximum value is {most}", where)


def check_number_range(state: Fields, at: str, findings: Findings) -> None:
    """Note numbers of a state that lie outside their range."""
    for name, least, most in _RANGES:
        is_share = name == "ToleratedFailurePercentage"
        check_integer(state, name, at, findings, least=least, most=most, wants_whole=not is_share)


def check_choice_of(
    fields: Fields, name: str, values: tuple[str, ...], at: str, findings: Findings
) -> None:
    """Note a value that is none of a list; expressions pass."""
    if name in fields and fields[name] not in values and not is_expression(fields[name]):
        findings.schema(
            f"Value should be one of the following: [{', '.join(values)}]", f"{at}/{name}"
        )
