"""Arguments of states into requests, and results of operations into JSON, by the service's model.

What goes in is PascalCase JSON; where the model has a string or bytes and the state gives something else, that is
written as JSON. What comes out is PascalCase JSON too: moments as ISO 8601, bytes as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outcrop.workflows.integrations import names

if TYPE_CHECKING:
    from botocore.model import Shape

_Value = Any  # JSON, or a value as operations take and return it


def compact(value: _Value) -> str:
    """Return JSON without spaces, as Step Functions writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=4096)
def _by_spelling(shape: Shape) -> dict[str, str]:
    return {names.member(name): name for name in shape.members}


def to_request(shape: Shape | None, arguments: _Value, problems: list[str]) -> dict[str, Any]:
    """Return a request with wire names.

    Args:
        shape: of the operation's input; None where it takes none.
        arguments: of the state.
        problems: what does not fit is added, in AWS's words.
    """
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        problems.append("The parameters of the Task must be a JSON object")
        return {}
    members = {} if shape is None else _by_spelling(shape)
    request: dict[str, Any] = {}
    for name, value in arguments.items():
        member = members.get(name)
        if member is None or shape is None:
            problems.append(f'The field "{name}" is not supported by Step Functions')
        elif value is not None:
            request[member] = _in(shape.members[member], name, value, problems)
    return request


def _in(shape: Shape, name: str, value: _Value, problems: list[str]) -> _Value:
    kind = shape.type_name
    if kind in {"structure", "list", "map"}:
        return _composite(shape, name, value, problems)
    if kind == "string":
        return value if isinstance(value, str) else compact(value)
    if kind == "blob":
        return (value if isinstance(value, str) else compact(value)).encode()
    if kind == "timestamp":
        moment = _moment(value)
        if moment is None:
            problems.append(_misshapen(name))
        return moment
    return value


def _composite(shape: Shape, name: str, value: _Value, problems: list[str]) -> _Value:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure" and isinstance(value, Mapping):
        return to_request(shape, value, problems)
    if kind == "list" and isinstance(value, Sequence) and not isinstance(value, str):
        return [_in(shape.member, name, item, problems) for item in value if item is not None]
    if kind == "map" and isinstance(value, Mapping):
        return {
            key: _in(shape.value, name, item, problems)
            for key, item in value.items()
            if item is not None
        }
    problems.append(_misshapen(name))
    return None


def _misshapen(name: str) -> str:
    return f"The value of the field '{name}' has an invalid format"


def _moment(value: _Value) -> datetime | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def to_output(shape: Shape | None, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of an operation as a state sees it.

    Args:
        shape: of the operation's output; None where it has none.
        result: wire names; a streamed body has been read to its end.
    """
    if shape is None:
        return {}
    output: dict[str, Any] = {}
    for member, member_shape in shape.members.items():
        value = result.get(member)
        if value is not None:
            output[names.member(member)] = _out(member_shape, value)
        elif member_shape.serialization.get("location") == "headers":
            output[names.member(member)] = {}  # the SDK finds the headers of a prefix, be they none
    return output


def _out(shape: Shape, value: _Value) -> _Value:  # noqa: PLR0911  # one return per type
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return value
        return to_output(shape, value)
    if kind == "list":
        return [_out(shape.member, item) for item in value]
    if kind == "map":
        return {str(key): _out(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        return iso(value)
    if kind == "blob":
        return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    return value


def as_datetime(value: _Value) -> datetime | None:
    """Return a moment in any of the forms in which operations return one."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return _moment(value)


def iso(value: _Value) -> _Value:
    """Return a moment as the SDK's results show it: ISO 8601 in UTC, to the millisecond, whole seconds without."""
    moment = as_datetime(value)
    if moment is None:
        return value
    moment = moment.astimezone(UTC)
    digits = "seconds" if moment.microsecond // 1000 == 0 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=digits) + "Z"


def epoch_milliseconds(value: _Value) -> _Value:
    """Return a moment as the optimized integrations of the older kind show it."""
    moment = as_datetime(value)
    if moment is None:
        return value
    return round(moment.timestamp() * 1000)
