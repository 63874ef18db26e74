"""Results that callers make up for a task: compared with what the called operation would return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from outcrop.aws import service_models
from outcrop.services.stepfunctions.errors import ValidationException
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.integrations.names import member, parse_resource, sdk_service

if TYPE_CHECKING:
    from botocore.model import Shape

Mode = Literal["STRICT", "PRESENT", "NONE"]
_NUMBERS = frozenset({"integer", "long", "float", "double"})
_STRINGS = frozenset({"string", "blob", "timestamp"})
_RENAMED = {"states": "sfn"}  # optimized integrations whose service has another name for aws-sdk


def check(resource: str, result: Any, mode: Mode) -> None:
    """Make sure that a made-up result fits the operation that a resource calls; members it does not know may be there.

    Args:
        resource: of the Task.
        result: the value of the mock.
        mode: STRICT also asks for the members that the operation always returns.

    Raises:
        ValidationException: it does not fit.
    """
    shape = None if mode == "NONE" else _answer_of(resource)
    if shape is not None:
        if not isinstance(result, dict):
            raise ValidationException("Mocked result must be a JSON object.")
        _structure(shape, result, is_strict=mode == "STRICT")


def _answer_of(resource: str) -> Shape | None:
    try:
        parsed = parse_resource(resource)
    except StatesError:
        return None
    if not parsed.service or parsed.pattern:
        return None  # functions, activities and callbacks may return anything
    service = sdk_service(_RENAMED.get(parsed.service, parsed.service))
    operation = None if service is None else service.operations.get(parsed.action)
    if service is None or operation is None:
        return None
    return service_models.load(service.name).model.operation_model(operation).output_shape


def _structure(shape: Shape, value: Mapping[str, Any], *, is_strict: bool) -> None:
    members: Mapping[str, Shape] = getattr(shape, "members", {})
    if is_strict:
        for name in getattr(shape, "required_members", ()):
            if member(name) not in value:
                raise _invalid(f"Required field '{member(name)}' is missing")
    for name, inner in members.items():
        spelled = member(name)
        if value.get(spelled) is not None:
            _value(inner, spelled, value[spelled], is_strict=is_strict)


def _value(shape: Shape, name: str, value: Any, *, is_strict: bool) -> None:
    kind = shape.type_name
    if kind in _NUMBERS:
        _number(shape, name, value)
    elif kind in _STRINGS:
        _string(shape, name, value)
    elif kind == "boolean":
        if not isinstance(value, bool):
            raise _invalid(f"Field '{name}' must be a boolean")
    else:
        _composite(shape, name, value, is_strict=is_strict)


def _composite(shape: Shape, name: str, value: Any, *, is_strict: bool) -> None:
    if shape.type_name == "list":
        if not isinstance(value, list):
            raise _invalid(f"Field '{name}' must be an array")
        for item in value:
            _value(shape.member, name, item, is_strict=is_strict)
    elif not isinstance(value, dict):
        raise _invalid(f"Field '{name}' must be an object")
    elif shape.type_name == "map":
        for key, item in value.items():
            _value(shape.value, key, item, is_strict=is_strict)
    else:
        _structure(shape, value, is_strict=is_strict)


def _number(shape: Shape, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"Field '{name}' must be a number")
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and value < lowest:
        raise _invalid(f"Field '{name}' is less than the minimum value")
    if highest is not None and value > highest:
        raise _invalid(f"Field '{name}' exceeds the maximum value")


def _string(shape: Shape, name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _invalid(f"Field '{name}' must be a string")
    choices = getattr(shape, "enum", None)
    if choices and value not in choices:
        raise _invalid(f"Field '{name}' is not an expected value")
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and len(value) < lowest:
        raise _invalid(f"Field '{name}' is smaller than the minimum length")
    if highest is not None and len(value) > highest:
        raise _invalid(f"Field '{name}' exceeds the maximum length")


def _invalid(reason: str) -> ValidationException:
    return ValidationException(f"Mock result schema validation error: {reason}")
