"""Whether every transition of a definition leads somewhere and every state is led to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from outcrop.workflows.asl.diagnostics import TARGET, Findings

Fields = Mapping[str, Any]


def check_transitions(definition: Fields, findings: Findings) -> None:
    """Note dangling targets, unreachable states and a machine without an end.

    That a machine has an end is asked of the outermost alone; where it has none, nothing is said
    of states that nothing leads to.
    """
    _check_targets(definition, "", findings)
    if any(_is_terminal(state) for state in definition["States"].values()):
        _check_reach(definition, "", findings)
    else:
        findings.add("MISSING_END_STATE", "Workflow has no terminal state", None)
    _check_inner(definition, "", findings)


def _check_inner(definition: Fields, at: str, findings: Findings) -> None:
    for inner, where in _inner_machines(definition, at):
        _check_targets(inner, where, findings)
        _check_reach(inner, where, findings)
        _check_inner(inner, where, findings)


def _inner_machines(definition: Fields, at: str) -> Iterator[tuple[Fields, str]]:
    for name, state in definition["States"].items():
        where = f"{at}/States/{name}"
        for field in ("ItemProcessor", "Iterator"):
            if isinstance(state.get(field), dict):
                yield state[field], f"{where}/{field}"
        if isinstance(state.get("Branches"), list):
            for position, branch in enumerate(state["Branches"]):
                yield branch, f"{where}/Branches[{position}]"


def _is_terminal(state: Fields) -> bool:
    return state.get("Type") in {"Succeed", "Fail"} or state.get("End") is True


def _targets(state: Fields) -> Iterator[tuple[str, str]]:
    """Yield the states that a state leads to, with the field that says so."""
    for field in ("Next", "Default"):
        if isinstance(state.get(field), str):
            yield state[field], field
    for field in ("Choices", "Catch"):
        for position, entry in enumerate(state.get(field) or ()):
            if isinstance(entry, dict) and isinstance(entry.get("Next"), str):
                yield entry["Next"], f"{field}[{position}]/Next"


def _check_targets(definition: Fields, at: str, findings: Findings) -> None:
    states = definition["States"]
    for name, state in states.items():
        for target, field in _targets(state):
            if target not in states:
                findings.add(
                    TARGET, f"Missing 'Next' target: {target}", f"{at}/States/{name}/{field}"
                )


def _check_reach(definition: Fields, at: str, findings: Findings) -> None:
    states = definition["States"]
    start = definition["StartAt"]
    reached: set[str] = set()
    if start in states:
        pending = [start]
        while pending:
            name = pending.pop()
            if name in reached:
                continue
            reached.add(name)
            pending += [target for target, _ in _targets(states[name]) if target in states]
    else:
        findings.add(TARGET, f"Missing 'Next' target: {start}", f"{at}/StartAt")
    for name in states:
        if name not in reached:
            findings.add(TARGET, f'State "{name}" is not reachable.', f"{at}/States/{name}")
