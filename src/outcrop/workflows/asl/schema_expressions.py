"""Paths, payloads and JSONata in a definition: what cannot be read or may not be referred to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from outcrop.workflows.asl.diagnostics import Findings
from outcrop.workflows.asl.intrinsic_calls import PREFIX, CallSyntaxError, IntrinsicCall
from outcrop.workflows.asl.jsonata import OPENING, JsonataSyntaxError, is_expression, unwrapped
from outcrop.workflows.asl.jsonata_references import ERROR_OUTPUT, ROOT, refused_references
from outcrop.workflows.asl.jsonpath import PathSyntaxError
from outcrop.workflows.asl.payloads import SUFFIX, compile_field
from outcrop.workflows.asl.references import Reference

Fields = Mapping[str, Any]

_ANY_PATH: Final = (
    "InputPath", "OutputPath", "ItemsPath", "TimeoutSecondsPath", "HeartbeatSecondsPath",
    "SecondsPath", "TimestampPath", "MaxConcurrencyPath", "ToleratedFailurePercentagePath",
    "ToleratedFailureCountPath",
)  # fmt: skip
_PATH_OR_CALL: Final = ("ErrorPath", "CausePath")
_NULLABLE: Final = frozenset({"InputPath", "OutputPath", "ResultPath"})
_TEMPLATES: Final = ("Parameters", "ResultSelector", "ItemSelector", "Credentials")
_VARIABLE_NAME: Final = re.compile(r"[^\W\d_]\w*")
_NAME_LIMIT: Final = 80
_NOT_EVALUATED: Final = frozenset(
    {
        "Comment", "Next", "Default", "Resource", "ErrorEquals", "Retry", "Credentials",
        "ItemProcessor", "Iterator", "Branches", "CSVHeaders", "Type", "QueryLanguage", "Label",
    }
)  # fmt: skip
_PAYLOADS: Final = frozenset({"Output", "Assign", "Arguments", "ItemSelector", "BatchInput"})


def check_paths(state: Fields, at: str, findings: Findings) -> None:
    """Note paths and payload templates of a JSONPath state that cannot be read."""
    for name in _ANY_PATH:
        _check_path(state, name, at, findings)
    for name in _PATH_OR_CALL:
        value = state.get(name)
        if name in state and not (isinstance(value, str) and _is_call(value)):
            _check_path(state, name, at, findings)
    _check_result_path(state, at, findings)
    for name in _TEMPLATES:
        if name in state:
            _check_template(state[name], f"{at}/{name}", findings)
    check_assign(state, at, findings, is_jsonpath=True)
    for position, catcher in enumerate(_entries(state, "Catch")):
        where = f"{at}/Catch[{position}]"
        _check_result_path(catcher, where, findings)
        check_assign(catcher, where, findings, is_jsonpath=True)
    for position, rule in enumerate(_entries(state, "Choices")):
        check_assign(rule, f"{at}/Choices[{position}]", findings, is_jsonpath=True)
    for name in ("ItemReader", "ItemBatcher", "ResultWriter"):
        _check_map_part(state, name, at, findings)


def _entries(state: Fields, name: str) -> list[Fields]:
    entries = state.get(name)
    return (
        [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )


def _check_map_part(state: Fields, name: str, at: str, findings: Findings) -> None:
    part = state.get(name)
    if not isinstance(part, dict):
        return
    where = f"{at}/{name}"
    for inner in ("Parameters", "BatchInput"):
        if inner in part:
            _check_template(part[inner], f"{where}/{inner}", findings)
    for inner in ("MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"):
        _check_path(part, inner, where, findings)
    config = part.get("ReaderConfig")
    if isinstance(config, dict):
        _check_path(config, "MaxItemsPath", f"{where}/ReaderConfig", findings)


def _is_call(text: str) -> bool:
    if not text.startswith(PREFIX):
        return False
    try:
        IntrinsicCall(text)
    except CallSyntaxError:
        return False
    return True


def _check_path(fields: Fields, name: str, at: str, findings: Findings) -> None:
    if name not in fields or (fields[name] is None and name in _NULLABLE):
        return
    text = fields[name]
    if not isinstance(text, str):
        findings.schema("Expected value of type [STRING]", f"{at}/{name}")
    elif not _is_path(text):
        findings.schema("Value must be a valid JSONPath.", f"{at}/{name}")


def _is_path(text: str) -> bool:
    try:
        Reference(text)
    except PathSyntaxError:
        return False
    return True


def _check_result_path(fields: Fields, at: str, findings: Findings) -> None:
    text = fields.get("ResultPath")
    if text is None:
        return
    where = f"{at}/ResultPath"
    if not isinstance(text, str):
        findings.schema("Expected value of type [STRING]", where)
        return
    try:
        reference = Reference(text)
    except PathSyntaxError as error:
        findings.schema(f"Value is not a Reference Path: {error}", where)
        return
    if reference.origin != "input" or not reference.path.is_reference:
        findings.schema("Value is not a Reference Path", where)


def _check_template(template: Any, at: str, findings: Findings) -> None:
    if isinstance(template, dict):
        for key, value in template.items():
            if key.endswith(SUFFIX):
                try:
                    compile_field(key, value)
                except ValueError as error:
                    findings.schema(str(error), at)
            else:
                _check_template(value, f"{at}/{key}", findings)
    elif isinstance(template, list):
        for position, element in enumerate(template):
            _check_template(element, f"{at}[{position}]", findings)


def check_assign(fields: Fields, at: str, findings: Findings, *, is_jsonpath: bool) -> None:
    """Note variables that may not be called so, and templates that cannot be read."""
    assign = fields.get("Assign")
    if not isinstance(assign, dict):
        if "Assign" in fields:
            findings.schema("Expected value of type [OBJECT]", f"{at}/Assign")
        return
    for key in assign:
        name = key.removesuffix(SUFFIX) if is_jsonpath else key
        where = f"{at}/Assign/{key}"
        if name == "states":
            findings.add(
                "RESERVED_VARIABLE_NAME", "Cannot assign to reserved variable '$states'.", where
            )
        elif not _VARIABLE_NAME.fullmatch(name):
            findings.add(
                "INVALID_VARIABLE_NAME",
                f"Invalid variable name '{name}': the variable name contains invalid characters.",
                where,
            )
        elif len(name) > _NAME_LIMIT:
            findings.add(
                "INVALID_VARIABLE_NAME",
                f"Invalid variable name '{name}': the variable name exceeds the maximum length of {_NAME_LIMIT} characters.",
                where,
            )
    if is_jsonpath:
        _check_template(assign, f"{at}/Assign", findings)


@dataclass(frozen=True, slots=True)
class _Where:
    """Where a walk through a JSONata state has come to."""

    is_payload: bool = False
    is_catcher: bool = False
    has_error_output: bool = False

    def within(self, field: str) -> _Where:
        if self.is_payload:
            return self
        return _Where(
            field in _PAYLOADS,
            field == "Catch",
            self.has_error_output or (self.is_catcher and field in {"Output", "Assign"}),
        )


def check_jsonata(state: Fields, at: str, findings: Findings) -> None:
    """Note expressions of a JSONata state that cannot be read or refer to what is not there."""
    check_assign(state, at, findings, is_jsonpath=False)
    for field in ("Catch", "Choices"):
        for position, entry in enumerate(_entries(state, field)):
            check_assign(entry, f"{at}/{field}[{position}]", findings, is_jsonpath=False)
    _walk(state, at, _Where(), findings)


def _walk(node: Any, at: str, where: _Where, findings: Findings) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if where.is_payload or key not in _NOT_EVALUATED:
                _walk(value, f"{at}/{key}", where.within(key), findings)
    elif isinstance(node, list):
        for position, element in enumerate(node):
            _walk(element, f"{at}[{position}]", where, findings)
    elif isinstance(node, str) and node.startswith(OPENING):
        if is_expression(node):
            _check_expression(unwrapped(node), at, where, findings)
        else:
            findings.schema("JSONata string must start with {% and end with %}", at)


def _check_expression(text: str, at: str, where: _Where, findings: Findings) -> None:
    try:
        references = refused_references(text)
    except JsonataSyntaxError as error:
        findings.add("INVALID_JSONATA_EXPRESSION", str(error), at)
        return
    for name in references:
        if name == ERROR_OUTPUT:
            if where.has_error_output:
                continue
            message = f"Field '{ERROR_OUTPUT}' does not exist."
        elif name == ROOT:
            message = f"Reference to '{ROOT}' is not supported."
        else:
            message = f"Reference to '{name}' at the top level is not supported."
        findings.add("UNSUPPORTED_JSONATA_EXPRESSION", message, at)
