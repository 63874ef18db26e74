"""The form of a definition: which fields stand where, and what they may hold, in AWS's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from outcrop.workflows.asl.diagnostics import Findings
from outcrop.workflows.asl.machine import QueryLanguage
from outcrop.workflows.asl.schema_expressions import check_jsonata, check_paths
from outcrop.workflows.asl.schema_values import (
    check_integer,
    check_number_range,
    check_only_one,
    check_required,
    check_strings,
    check_supported,
    is_object,
)
from outcrop.workflows.asl.state_rules import check_by_type

Fields = Mapping[str, Any]

STATE_NAME_LIMIT: Final = 80
LABEL_LIMIT: Final = 40
# What a label may not hold: wildcards, brackets, blanks, quotes and control characters.
_NO_LABEL: Final = re.compile(r"[\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]")
_MACHINE_FIELDS: Final = frozenset(
    {"Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "Version", "States"}
)
_BRANCH_FIELDS: Final = frozenset({"Comment", "StartAt", "States"})
_PROCESSOR_FIELDS: Final = _BRANCH_FIELDS | {"ProcessorConfig"}
_COMMON: Final = frozenset({"Type", "Comment", "QueryLanguage"})
_FLOW: Final = frozenset({"Next", "End"})
_PATHS: Final = frozenset({"InputPath", "OutputPath"})
_WORK: Final = _PATHS | {
    "ResultPath", "Parameters", "Output", "Assign", "ResultSelector", "Retry", "Catch",
}  # fmt: skip
# Measured with ValidateStateMachineDefinition, type by type and field by field.
FIELDS_OF: Final[Mapping[str, frozenset[str]]] = {
    "Pass": _COMMON | _FLOW | _PATHS
    | {"Result", "ResultPath", "Parameters", "Output", "Assign"},
    "Task": _COMMON | _FLOW | _WORK
    | {
        "Arguments", "Resource", "Credentials", "TimeoutSeconds", "TimeoutSecondsPath",
        "HeartbeatSeconds", "HeartbeatSecondsPath",
    },
    "Wait": _COMMON | _FLOW | _PATHS
    | {"Output", "Assign", "Seconds", "Timestamp", "SecondsPath", "TimestampPath"},
    "Parallel": _COMMON | _FLOW | _WORK | {"Arguments", "Branches"},
    "Map": _COMMON | _FLOW | _WORK
    | {
        "ItemProcessor", "Iterator", "ItemsPath", "Items", "ItemSelector", "ItemReader",
        "ItemBatcher", "ResultWriter", "MaxConcurrency", "MaxConcurrencyPath",
        "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "ToleratedFailureCount",
        "ToleratedFailureCountPath", "Label",
    },
    "Choice": _COMMON | _PATHS | {"Output", "Assign", "Choices", "Default"},
    "Succeed": _COMMON | _PATHS | {"Output"},
    "Fail": _COMMON | {"Error", "Cause", "ErrorPath", "CausePath"},
}  # fmt: skip
_JSONPATH_ONLY: Final = (
    "InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "Result", "ItemsPath",
    "MaxConcurrencyPath", "ErrorPath", "CausePath", "TimeoutSecondsPath", "HeartbeatSecondsPath",
    "SecondsPath", "TimestampPath", "ToleratedFailurePercentagePath", "ToleratedFailureCountPath",
)  # fmt: skip
_JSONATA_ONLY: Final = ("Output", "Arguments", "Items")
_LANGUAGES: Final = ("JSONPath", "JSONata")
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "Task": ("Resource",),
    "Choice": ("Choices",),
    "Parallel": ("Branches",),
}


class _Names:
    """Names that a whole definition may use once."""

    def __init__(self) -> None:
        self.states: set[str] = set()
        self.labels: set[str] = set()


def check_machine(definition: Fields, findings: Findings, *, is_express: bool) -> None:
    """Note everything about a definition that is not of the right form."""
    check_required(definition, ("States", "StartAt"), "/", findings)
    for name in definition:
        if name not in _MACHINE_FIELDS:
            findings.schema(f"Field '{name}' is not supported", "/")
    check_strings(definition, ("Comment", "StartAt"), "", findings)
    _check_language(definition, "", findings)
    version = definition.get("Version", "1.0")
    if version != "1.0":
        findings.schema("Value should be one of the following: [1.0]", "/Version")
    check_integer(definition, "TimeoutSeconds", "", findings, least=0, most=99_999_999)
    walk = _Walk(findings, _language_of(definition, "JSONPath"), is_express=is_express)
    walk.check_states(definition, "")


def _language_of(fields: Fields, inherited: QueryLanguage) -> QueryLanguage:
    """Return the language in force: what is written and is not exactly JSONPath counts as JSONata."""
    if "QueryLanguage" not in fields:
        return inherited
    return "JSONPath" if fields["QueryLanguage"] == "JSONPath" else "JSONata"


def _check_language(fields: Fields, at: str, findings: Findings) -> None:
    if "QueryLanguage" not in fields:
        return
    written = fields["QueryLanguage"]
    if not isinstance(written, str):
        findings.schema("Expected value of type [STRING]", f"{at}/QueryLanguage")
    elif written not in _LANGUAGES:
        findings.schema(
            "Value should be one of the following: [JSONPath, JSONata]", f"{at}/QueryLanguage"
        )


class _Walk:
    """One pass over the states of a definition, inner machines included."""

    def __init__(self, findings: Findings, language: QueryLanguage, *, is_express: bool) -> None:
        self._findings = findings
        self._language = language
        self._is_express = is_express
        self._names = _Names()

    def check_states(self, definition: Fields, at: str) -> None:
        """Note what is wrong with the states of a machine."""
        if "States" not in definition:
            return
        states = definition["States"]
        if not is_object(states, f"{at}/States", self._findings):
            return
        if not states:
            self._findings.schema("Value cannot be empty", f"{at}/States")
        for name, state in states.items():
            where = f"{at}/States/{name}"
            self._check_name(name, where)
            if is_object(state, where, self._findings):
                self._check_state(state, where)

    def _check_name(self, name: str, where: str) -> None:
        if len(name) > STATE_NAME_LIMIT:
            self._findings.add(
                "INVALID_STATE_NAME",
                f"State name '{name}' exceeds the {STATE_NAME_LIMIT}-character limit allowed by the service",
                where,
            )
        if name in self._names.states:
            self._findings.add("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", where)
        self._names.states.add(name)

    def _check_state(self, state: Fields, where: str) -> None:
        findings = self._findings
        if "Type" not in state:
            check_required(state, ("Type",), where, findings)
            return
        kind = state["Type"]
        if not isinstance(kind, str):
            findings.schema("Expected value of type [STRING]", f"{where}/Type")
            return
        if kind not in FIELDS_OF:
            findings.schema(
                f"Value should be one of the following: [{', '.join(FIELDS_OF)}]", f"{where}/Type"
            )
            return
        language = _language_of(state, self._language)
        is_downgraded = self._language == "JSONata" and state.get("QueryLanguage") == "JSONPath"
        if is_downgraded:
            findings.schema(
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                where,
            )
        check_supported(state, FIELDS_OF[kind], where, findings)
        if not is_downgraded:
            self._check_language_fields(state, kind, language, where)
        _check_language(state, where, findings)
        check_required(state, _REQUIRED.get(kind, ()), where, findings)
        check_strings(state, ("Comment", "Next", "Default", "Resource", "Label"), where, findings)
        if kind in {"Task", "Pass", "Wait", "Parallel", "Map"}:
            _check_flow(state, where, findings)
        check_by_type(state, language, where, findings, is_express=self._is_express)
        if language == "JSONata":
            check_jsonata(state, where, findings)
        elif not is_downgraded:
            check_paths(state, where, findings)
        self._check_inner(state, kind, where)

    def _check_language_fields(
        self, state: Fields, kind: str, language: QueryLanguage, where: str
    ) -> None:
        foreign = _JSONATA_ONLY if language == "JSONPath" else _JSONPATH_ONLY
        other = "JSONata" if language == "JSONPath" else "JSONPath"
        for field in foreign:
            if field in state and field in FIELDS_OF[kind]:
                self._findings.schema(
                    f"The QueryLanguage is set to '{language}', but field '{field}' is only "
                    f"supported for the '{other}' QueryLanguage",
                    where,
                )

    def _check_inner(self, state: Fields, kind: str, where: str) -> None:
        if kind == "Parallel" and isinstance(state.get("Branches"), list):
            if not state["Branches"]:
                self._findings.schema("Value cannot be empty", f"{where}/Branches")
            for position, branch in enumerate(state["Branches"]):
                self._check_machine_within(branch, f"{where}/Branches[{position}]", _BRANCH_FIELDS)
        if kind == "Map":
            for field in ("ItemProcessor", "Iterator"):
                if field in state:
                    self._check_machine_within(state[field], f"{where}/{field}", _PROCESSOR_FIELDS)
            self._check_label(state.get("Label"), where)

    def _check_machine_within(self, machine: Any, where: str, known: frozenset[str]) -> None:
        if is_object(machine, where, self._findings):
            check_required(machine, ("States", "StartAt"), where, self._findings)
            check_supported(machine, known, where, self._findings)
            self.check_states(machine, where)

    def _check_label(self, label: Any, where: str) -> None:
        if not isinstance(label, str):
            return
        if len(label) > LABEL_LIMIT:
            self._findings.add(
                "INVALID_LABEL_NAME",
                f"Label name '{label}' exceeds the {LABEL_LIMIT}-character limit allowed by the service",
                f"{where}/Label",
            )
        elif not label:
            self._findings.schema("Value cannot be empty", f"{where}/Label")
        elif found := _NO_LABEL.search(label):
            self._findings.add(
                "INVALID_LABEL_NAME",
                f"Label name '{label}' contains an invalid character: '{found.group()}'",
                f"{where}/Label",
            )
        if label in self._names.labels:
            self._findings.add(
                "DUPLICATE_LABEL_NAME", f"Duplicate Label name: {label}", f"{where}/Label"
            )
        self._names.labels.add(label)


def _check_flow(state: Fields, where: str, findings: Findings) -> None:
    end = state.get("End", False)
    if not isinstance(end, bool):
        findings.schema("Expected value of type [BOOLEAN]", f"{where}/End")
        return
    present = {name: True for name in ("Next",) if name in state} | ({"End": True} if end else {})
    check_only_one(present, ("Next", "End"), where, findings)
    check_number_range(state, where, findings)
