"""Filter policies of subscriptions: which messages they want, by attributes or by body.

Source: SNS Developer Guide, "Amazon SNS subscription filter policies". Read once, with AWS's words for what is wrong,
then matched against every message.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

ATTRIBUTES, BODY = "MessageAttributes", "MessageBody"
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_OR = "$or"
_TEXT_OPERATORS = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"})
_LOWER = {">": False, ">=": True}
_UPPER = {"<": False, "<=": True}
_ABSENT = object()


class InvalidFilter(Exception):
    """A filter policy is not valid; the message is AWS's."""


def check(text: str, scope: str) -> None:
    """Refuse a filter policy that is not valid.

    Args:
        scope: "MessageAttributes" or "MessageBody".

    Raises:
        InvalidFilter: it is not.
    """
    try:
        policy = json.loads(text)
    except ValueError:
        raise InvalidFilter("failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise InvalidFilter("Filter is not an object")
    keys, combinations = _measure(policy, scope, 1)
    if keys > _MOST_KEYS:
        raise InvalidFilter(f"Filter policy can not have more than {_MOST_KEYS} keys")
    if combinations > _MOST_COMBINATIONS:
        raise InvalidFilter("Filter policy is too complex")


def wants(text: str, scope: str, attributes: Mapping[str, Mapping[str, Any]], message: str) -> bool:
    """Whether a filter lets a message pass.

    Args:
        text: the policy, "" for none.
        attributes: of the message, with DataType and StringValue.
        message: its body.
    """
    if not text:
        return True
    policy = _parsed(text)
    if scope == BODY:
        try:
            body = json.loads(message)
        except ValueError:
            return False
        return isinstance(body, dict) and _matches(policy, body)
    return _matches(policy, {name: _value(value) for name, value in attributes.items()})


@lru_cache(1024)
def _parsed(text: str) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(text)
    return policy


def _value(attribute: Mapping[str, Any]) -> Any:
    kind, text = attribute["DataType"], attribute.get("StringValue", "")
    if kind == "String.Array":
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found if isinstance(found, list) else text
    if kind.partition(".")[0] == "Number":
        try:
            return float(text)
        except ValueError:
            return text
    # What is there but not text can only be asked for by "exists".
    return text if kind.partition(".")[0] == "String" else object()


def _measure(policy: Mapping[str, Any], scope: str, depth: int) -> tuple[int, int]:
    """Return how many keys a policy has and how many combinations of values; refuses what it does not know."""
    keys, combinations = 0, 1
    for name, rule in policy.items():
        if name == _OR and isinstance(rule, list) and len(rule) > 1:
            parts = [_measure(part, scope, depth) for part in rule if isinstance(part, dict)]
            if len(parts) == len(rule):
                keys += max(count for count, _ in parts)
                combinations *= sum(count for _, count in parts)
                continue
        if isinstance(rule, dict):
            # An operator outside of a list is named first, whatever the scope.
            inner_keys, inner = _measure_nested(rule, scope, depth)
            keys, combinations = keys + inner_keys, combinations * inner
        elif isinstance(rule, list):
            if not rule:
                raise InvalidFilter("Empty arrays are not allowed")
            for condition in rule:
                _check_condition(condition)
            keys, combinations = keys + 1, combinations * len(rule) * depth
        else:
            raise InvalidFilter(f'"{name}" must be an object or an array')
    return keys, combinations


def _measure_nested(rule: Mapping[str, Any], scope: str, depth: int) -> tuple[int, int]:
    found = _measure(rule, BODY, depth + 1)
    if scope != BODY:
        raise InvalidFilter(
            "Filter policy scope MessageAttributes does not support nested filter policy"
        )
    return found


def _check_condition(condition: Any) -> None:
    if isinstance(condition, list):
        raise InvalidFilter("Match value must be String, number, true, false, or null")
    if not isinstance(condition, dict):
        return
    if len(condition) != 1:
        raise InvalidFilter("Only one key allowed in match expression")
    name, wanted = next(iter(condition.items()))
    if name in _TEXT_OPERATORS:
        if not isinstance(wanted, str):
            raise InvalidFilter(f"{name} match pattern must be a string")
    elif name == "exists":
        if not isinstance(wanted, bool):
            raise InvalidFilter("exists match pattern must be either true or false.")
    elif name == "numeric":
        _check_numeric(wanted)
    elif name == "anything-but":
        _check_anything_but(wanted)
    else:
        raise InvalidFilter(f"Unrecognized match type {name}")


def _check_anything_but(wanted: Any) -> None:
    if isinstance(wanted, dict):
        if len(wanted) != 1 or next(iter(wanted)) not in _TEXT_OPERATORS:
            raise InvalidFilter(f"Unsupported anything-but pattern: {next(iter(wanted), '')}")
        _check_condition(wanted)
    elif isinstance(wanted, list):
        if not wanted:
            raise InvalidFilter("Empty arrays are not allowed")
        if any(not isinstance(item, (str, int, float)) for item in wanted):
            raise InvalidFilter("Inside anything but list, either all values are number or string")


def _check_numeric(wanted: Any) -> None:
    if not isinstance(wanted, list):
        raise InvalidFilter("Value of numeric must be an array.")
    if not wanted or not isinstance(wanted[0], str):
        raise InvalidFilter(f"Invalid member in numeric match: {wanted[0] if wanted else ']'}")
    operator, *rest = wanted
    if operator not in {"=", *_LOWER, *_UPPER}:
        raise InvalidFilter(f"Unrecognized numeric range operator: {operator}")
    if not rest or not _is_number(rest[0]):
        raise InvalidFilter(f"Value of {'equals' if operator == '=' else operator} must be numeric")
    if len(rest) == 1:
        return
    if operator not in _LOWER:
        raise InvalidFilter("Too many elements in numeric expression")
    _check_upper_end(rest)


def _check_upper_end(rest: Sequence[Any]) -> None:
    """Refuse what follows the lower end of a range: an operator, a number above, and nothing more."""
    if not isinstance(rest[1], str):
        raise InvalidFilter(f"Bad value in numeric range: {rest[1]}")
    if rest[1] not in _UPPER:
        raise InvalidFilter(f"Bad numeric range operator: {rest[1]}")
    if len(rest) < 3 or not _is_number(rest[2]):
        raise InvalidFilter(f"Value of {rest[1]} must be numeric")
    if len(rest) > 3:
        raise InvalidFilter("Too many terms in numeric range expression")
    if rest[0] >= rest[2]:
        raise InvalidFilter("Bottom must be less than top")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _matches(policy: Mapping[str, Any], value: Any) -> bool:
    if isinstance(value, list):
        return any(_matches(policy, item) for item in value)
    if not isinstance(value, dict):
        value = {}
    for name, rule in policy.items():
        if name == _OR and isinstance(rule, list) and all(isinstance(part, dict) for part in rule):
            if not any(_matches(part, value) for part in rule):
                return False
        elif isinstance(rule, dict):
            if not _matches(rule, value.get(name)):
                return False
        elif not _matches_any(rule, value.get(name, _ABSENT)):
            return False
    return True


def _matches_any(conditions: Sequence[Any], value: Any) -> bool:
    values = _flat(value) if isinstance(value, list) else [value]
    if value is _ABSENT:
        values = []
    return any(_holds(condition, values) for condition in conditions)


def _flat(values: list[Any]) -> list[Any]:
    found = []
    for value in values:
        found += _flat(value) if isinstance(value, list) else [value]
    return found


def _holds(condition: Any, values: Sequence[Any]) -> bool:
    if not isinstance(condition, dict):
        return any(_equals(condition, value) for value in values)
    name, wanted = next(iter(condition.items()))
    if name == "exists":
        return bool(values) is wanted
    if name == "anything-but":
        if isinstance(wanted, dict):
            operator, text = next(iter(wanted.items()))
            return any(not _text_holds(operator, text, value) for value in values)
        unwanted = wanted if isinstance(wanted, list) else [wanted]
        return any(not any(_equals(item, value) for item in unwanted) for value in values)
    if name == "numeric":
        return any(_is_number(value) and _in_range(wanted, value) for value in values)
    return any(_text_holds(name, wanted, value) for value in values)


def _equals(wanted: Any, value: Any) -> bool:
    if _is_number(wanted) and _is_number(value):
        return float(wanted) == float(value)
    return type(wanted) is type(value) and wanted == value


def _in_range(wanted: Sequence[Any], value: float) -> bool:
    for operator, limit in zip(wanted[::2], wanted[1::2], strict=True):
        holds = {
            "=": value == limit,
            ">": value > limit,
            ">=": value >= limit,
            "<": value < limit,
            "<=": value <= limit,
        }
        if not holds[operator]:
            return False
    return True


def _text_holds(operator: str, wanted: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return _TEXT_MATCHES[operator](wanted, value)


def _in_network(wanted: str, value: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _wildcard(pattern: str, value: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return value == pattern
    if not value.startswith(first):
        return False
    place = len(first)
    for part in others[:-1]:
        found = value.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(value) - place >= len(others[-1]) and value.endswith(others[-1])


_TEXT_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "prefix": lambda wanted, value: value.startswith(wanted),
    "suffix": lambda wanted, value: value.endswith(wanted),
    "equals-ignore-case": lambda wanted, value: value.casefold() == wanted.casefold(),
    "wildcard": _wildcard,
    "cidr": _in_network,
}
