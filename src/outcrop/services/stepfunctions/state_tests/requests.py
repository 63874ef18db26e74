"""What a TestState asks, read from its request and checked in AWS's order."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.core.clock import Clock
from outcrop.services.stepfunctions import json_text
from outcrop.services.stepfunctions.errors import (
    InvalidDefinition,
    InvalidExecutionInput,
    ValidationException,
)
from outcrop.services.stepfunctions.state_tests import context_objects, mock_fields
from outcrop.workflows.asl import validation
from outcrop.workflows.asl.definition import parse_definition
from outcrop.workflows.asl.machine import MapState, ParallelState, Scope, State, TaskState

_NAME = context_objects.STATE_NAME
_WITHOUT_MOCK = "[Task, Wait, Pass, Succeed, Fail, Choice]"
_WAITING = (".sync", ".sync:2", ".waitForTaskToken")


@dataclass(frozen=True, slots=True)
class Mock:
    """What is to be taken for the result of a state, or the error that it is to fail with.

    Attributes:
        result: the value; meaningless where there is an error.
        error: None where there is a result.
    """

    result: Any = None
    error: str | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """One state to run.

    Attributes:
        input_text: as given.
        input: its value.
        mock: None where the state is carried out.
        configuration: stateConfiguration as on the wire.
    """

    __test__ = False  # no test of pytest's

    state: State
    input_text: str
    input: Any
    scope: Scope
    role_arn: str
    mock: Mock | None
    configuration: Mapping[str, Any] = field(default_factory=dict)


def read(request: Mapping[str, Any], region: str, account_id: str, clock: Clock) -> Test:
    """Return the test that a request describes.

    Raises:
        InvalidDefinition: the definition is not valid, or its state cannot be tested so.
        InvalidExecutionInput: the input is no JSON.
        ValidationException: mock, context, variables or name of the state are wrong.
    """
    given = request.get("mock")
    _check_mock(request, given)
    state = _state(request)
    mock = None if given is None else _mock(given, state)
    _check_runnable(state, mock, request)
    text = request.get("input", "{}")
    try:
        value = json_text.read(text)
    except json_text.NotJson as error:
        reason = str(error) or "Invalid execution input."
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{reason}'") from None
    if "context" in request:
        context = context_objects.check(_json(request["context"], "context"), state)
    else:
        context = context_objects.make(
            state,
            value,
            role_arn=request.get("roleArn"),
            region=region,
            account_id=account_id,
            now=clock.now(),
        )
    variables = _json(request.get("variables", "{}"), "variables")
    if not isinstance(variables, dict):
        raise ValidationException("Variables must be a JSON object")
    return Test(
        state=state,
        input_text=text,
        input=value,
        scope=Scope(context, variables),
        role_arn=request.get("roleArn", ""),
        mock=mock,
        configuration=request.get("stateConfiguration") or {},
    )


def _check_mock(request: Mapping[str, Any], given: Mapping[str, Any] | None) -> None:
    if given is None:
        return
    if "result" in given and "errorOutput" in given:
        raise ValidationException(
            "A test mock should have only one of the following fields: [result, errorOutput]."
        )
    if request.get("revealSecrets"):
        raise ValidationException(
            "TestState does not support RevealSecrets when a mock is specified."
        )


def _mock(given: Mapping[str, Any], state: State) -> Mock:
    if not isinstance(state, TaskState | MapState | ParallelState):
        raise ValidationException(
            f"State type '{state.type}' is not supported when a mock is specified"
        )
    if "errorOutput" in given:
        failure = given["errorOutput"]
        return Mock(error=failure.get("error", ""), cause=failure.get("cause", ""))
    try:
        result = json.loads(given.get("result", "{}"))
    except ValueError:
        raise ValidationException("Mocked result must be valid JSON") from None
    if isinstance(state, MapState) and "ResultWriter" in state.source:
        if not isinstance(result, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif isinstance(state, MapState | ParallelState):
        if not isinstance(result, list):
            raise ValidationException("Mocked result must be an array.")
        if isinstance(state, ParallelState) and len(result) != len(state.branches):
            raise ValidationException(
                "Mocked result must contain the same number of items as number of Parallel branches."
            )
    else:
        mock_fields.check(state.resource, result, given.get("fieldValidationMode", "STRICT"))
    return Mock(result)


def _check_runnable(state: State, mock: Mock | None, request: Mapping[str, Any]) -> None:
    if mock is not None:
        return
    if isinstance(state, MapState | ParallelState):
        raise InvalidDefinition(
            f"TestState API does not support Map or Parallel states. Supported state types include: {_WITHOUT_MOCK}"
        )
    if isinstance(state, TaskState):
        if not request.get("roleArn"):
            raise ValidationException("RoleArn must be specified when testing a Task state")
        if state.resource.endswith(_WAITING) or ":activity:" in state.resource:
            raise InvalidDefinition(
                f"TestState API does not support the resource {state.resource} unless a mock is specified: it waits "
                "for others"
            )


def _state(request: Mapping[str, Any]) -> State:
    """Return the state to test, compiled as the only one of a machine."""
    text, name = request["definition"], request.get("stateName")
    if name is None:
        source, language = _object(text), "JSONPath"
    else:
        _compile(text)
        machine = _object(text)
        found = next(_named(machine, name), None)
        if found is None:
            raise ValidationException("State not found in definition")
        source, language = found, machine.get("QueryLanguage", "JSONPath")
    alone = {"QueryLanguage": language, **source} if language == "JSONata" else source
    states = {target: {"Type": "Succeed"} for target in _targets(source)} | {_NAME: alone}
    return _compile(json.dumps({"StartAt": _NAME, "States": states}))[_NAME]


def _compile(text: str) -> Mapping[str, State]:
    try:
        return parse_definition(text).states
    except validation.InvalidDefinition as error:
        raise InvalidDefinition(str(error)) from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        _compile(text)  # says what is wrong with the text
        raise InvalidDefinition("Definition must be a valid JSON object")
    return found


def _named(machine: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the states of a name, those of inner machines included."""
    for own, state in machine.get("States", {}).items():
        if own == name:
            yield state
        for inner in (
            state.get("ItemProcessor"),
            state.get("Iterator"),
            *state.get("Branches", ()),
        ):
            if inner:
                yield from _named(inner, name)


def _targets(source: Mapping[str, Any]) -> set[str]:
    """Return the names of all states that a state may lead to."""
    found = {source.get("Next"), source.get("Default")}
    for member in ("Choices", "Catch"):
        entries = source.get(member)
        if isinstance(entries, list):
            found.update(entry.get("Next") for entry in entries if isinstance(entry, dict))
    return {name for name in found if isinstance(name, str)}


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValidationException(f"The {name} must be valid JSON") from None
