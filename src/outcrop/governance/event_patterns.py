"""Event patterns: which events a rule is for.

A pattern is JSON in the form of an event: every field that it names must match, a field matches where one of its
array's matchers does. Paths through objects are joined by dots, so that a field whose name holds dots is the same as
nested ones. Where an event has arrays of objects, all fields that a pattern names below an array must match in one
and the same element.

Source: EventBridge User Guide, "Comparison operators for use in event patterns"; the words of errors are AWS's.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

_Value = Any  # JSON
_Matcher = Callable[[_Value], bool]
# Of each array on the way to a field (told apart by a number), which element it lies in.
_Place = Mapping[int, int]
_Fields = Mapping[str, Sequence[tuple[_Value, _Place]]]
_MOST_ALTERNATIVES = 1000
_OR = "$or"
# Names of matchers: an $or whose members are matchers is a field of that name.
_MATCHERS = frozenset(
    {
        "anything-but",
        "cidr",
        "equals-ignore-case",
        "exists",
        "numeric",
        "prefix",
        "suffix",
        "wildcard",
    }
)


class InvalidEventPattern(ValueError):
    """A text is no event pattern; the message is AWS's reason."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What a pattern asks of one path.

    Attributes:
        matchers: one of them has to match a value that is there.
        matches_absent: whether the field may also be missing.
    """

    path: str
    matchers: tuple[_Matcher, ...]
    matches_absent: bool


@dataclass(frozen=True, slots=True)
class EventPattern:
    """A compiled pattern.

    Attributes:
        alternatives: what `$or` leaves to choose from; each is a conjunction of fields.
    """

    alternatives: tuple[tuple[_Field, ...], ...]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is one of those that the pattern is for."""
        fields: dict[str, list[tuple[_Value, _Place]]] = {}
        _flatten(event, "", {}, fields, [0])
        return any(_matches(fields, asked, {}) for asked in self.alternatives)


@lru_cache(maxsize=2048)
def compile_pattern(text: str) -> EventPattern:
    """Return the pattern that a text is.

    Raises:
        InvalidEventPattern: it is none.
    """
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidEventPattern("The pattern is not valid JSON") from error
    if not isinstance(parsed, dict):
        raise InvalidEventPattern("Filter is not an object")
    if not parsed:
        raise InvalidEventPattern("Empty objects are not allowed")
    return EventPattern(tuple(tuple(fields) for fields in _object(parsed, "")))


def _flatten(
    value: _Value,
    path: str,
    place: _Place,
    fields: dict[str, list[tuple[_Value, _Place]]],
    arrays: list[int],
) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            _flatten(item, f"{path}.{name}" if path else name, place, fields, arrays)
    elif isinstance(value, list):
        arrays[0] += 1
        number = arrays[0]
        for index, item in enumerate(value):
            below = {**place, number: index} if isinstance(item, (dict, list)) else place
            _flatten(item, path, below, fields, arrays)
    else:
        fields.setdefault(path, []).append((value, place))


def _matches(fields: _Fields, asked: Sequence[_Field], place: _Place) -> bool:
    """Whether fields match, given the elements of arrays that were chosen so far."""
    if not asked:
        return True
    field, rest = asked[0], asked[1:]
    found = fields.get(field.path)
    if found is None:
        return field.matches_absent and _matches(fields, rest, place)
    for value, at in found:
        if any(place.get(number, index) != index for number, index in at.items()):
            continue
        if any(matches(value) for matches in field.matchers) and _matches(
            fields, rest, {**place, **at}
        ):
            return True
    return False


def _object(pattern: Mapping[str, _Value], path: str) -> list[list[_Field]]:
    """Return the alternatives of an object; each of its members is one more condition of all of them."""
    alternatives: list[list[_Field]] = [[]]
    for name, value in pattern.items():
        if name == _OR and _is_choice(value):
            found = [fields for item in value for fields in _object(item, path)]
        else:
            found = _member(name, value, f"{path}.{name}" if path else name)
        if len(alternatives) * len(found) > _MOST_ALTERNATIVES:
            raise InvalidEventPattern("Rule is too complex - try using fewer $or relationships")
        alternatives = [[*before, *fields] for before in alternatives for fields in found]
    return alternatives


def _is_choice(value: _Value) -> bool:
    if not isinstance(value, list) or not all(isinstance(item, dict) and item for item in value):
        return False
    if any(set(item) <= _MATCHERS for item in value):
        return False
    if len(value) < 2:
        raise InvalidEventPattern("There must have at least 2 Objects in $or relationship.")
    return True


def _member(name: str, value: _Value, path: str) -> list[list[_Field]]:
    if isinstance(value, dict):
        if not value:
            raise InvalidEventPattern("Empty objects are not allowed")
        return _object(value, path)
    if not isinstance(value, list):
        raise InvalidEventPattern(f'"{name}" must be an object or an array')
    if not value:
        raise InvalidEventPattern("Empty arrays are not allowed")
    matches_absent = any(item == {"exists": False} for item in value)
    present = [item for item in value if item != {"exists": False}]
    matchers = tuple(_matcher(item) for item in present)
    return [[_Field(path, matchers, matches_absent)]]


def _matcher(value: _Value) -> _Matcher:
    if isinstance(value, list):
        raise InvalidEventPattern("Match value must be String, number, true, false, or null")
    if not isinstance(value, dict):
        return _equal(value)
    if len(value) != 1:
        raise InvalidEventPattern("Only one key allowed in match expression")
    ((kind, operand),) = value.items()
    make = _KINDS.get(kind)
    if make is None:
        raise InvalidEventPattern(f"Unrecognized match type {kind}")
    return make(operand)


def _is_number(value: _Value) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(expected: _Value) -> _Matcher:
    if _is_number(expected):
        return lambda value: _is_number(value) and value == expected
    return lambda value: type(value) is type(expected) and value == expected


def _text(kind: str, operand: _Value) -> str:
    if not isinstance(operand, str):
        raise InvalidEventPattern(f"{kind} match pattern must be a string")
    return operand


def _affix(kind: str, operand: _Value) -> _Matcher:
    """Return the matcher of a beginning or an end, which may disregard case."""
    test = str.startswith if kind == "prefix" else str.endswith
    if isinstance(operand, dict):
        if list(operand) != ["equals-ignore-case"]:
            raise InvalidEventPattern(
                f"Unsupported anything-but pattern: {next(iter(operand), '')}"
            )
        lowered = _text(kind, operand["equals-ignore-case"]).lower()
        return lambda value: isinstance(value, str) and test(value.lower(), lowered)
    affix = _text(kind, operand)
    return lambda value: isinstance(value, str) and test(value, affix)


def _prefix(operand: _Value) -> _Matcher:
    return _affix("prefix", operand)


def _suffix(operand: _Value) -> _Matcher:
    return _affix("suffix", operand)


def _ignoring_case(operand: _Value) -> _Matcher:
    lowered = _text("equals-ignore-case", operand).lower()
    return lambda value: isinstance(value, str) and value.lower() == lowered


def _exists(operand: _Value) -> _Matcher:
    if operand is not True:
        raise InvalidEventPattern("exists match pattern must be either true or false.")
    return lambda _value: True


def _wildcard(operand: _Value) -> _Matcher:
    pieces = _wildcard_pieces(_text("wildcard", operand))
    return lambda value: isinstance(value, str) and _matches_pieces(value, pieces)


def _wildcard_pieces(text: str) -> tuple[str, ...]:
    """Return the literal texts between the stars; a backslash takes the meaning from a star or a backslash."""
    pieces, piece, index, last_star = [], "", 0, -2
    while index < len(text):
        character = text[index]
        if character == "\\":
            if text[index + 1 : index + 2] not in {"*", "\\"}:
                raise InvalidEventPattern(f"Invalid escape character at pos {index}")
            piece += text[index + 1]
            index += 1
        elif character == "*":
            if last_star == index - 1:
                raise InvalidEventPattern(f"Consecutive wildcard characters at pos {last_star}")
            last_star = index
            pieces.append(piece)
            piece = ""
        else:
            piece += character
        index += 1
    return (*pieces, piece)


def _matches_pieces(value: str, pieces: Sequence[str]) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return value == first
    if not value.startswith(first) or not value.endswith(last):
        return False
    position, end = len(first), len(value) - len(last)
    for piece in pieces[1:-1]:
        found = value.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return position <= end


def _cidr(operand: _Value) -> _Matcher:
    text = _text("prefix", operand)
    address, slash, bits = text.partition("/")
    if not slash or "/" in bits:
        raise InvalidEventPattern("Malformed CIDR, one '/' required")
    if not bits.isdecimal():
        raise InvalidEventPattern("Malformed CIDR, mask bits must be an integer")
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidEventPattern(f"Nonstandard IP address: {address}") from error
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        most = 128 if ":" in address else 32
        family = "IPv6" if ":" in address else "IPv4"
        raise InvalidEventPattern(f"{family} mask bits must be < {most}") from error

    def matches(value: _Value) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return matches


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(operand: _Value) -> _Matcher:
    if not isinstance(operand, list):
        raise InvalidEventPattern("Value of numeric must be an array.")
    conditions: list[tuple[str, float]] = []
    for index in range(0, len(operand), 2):
        name = operand[index]
        if not isinstance(name, str):
            raise InvalidEventPattern(f"Invalid member in numeric match: {name}")
        if name not in _COMPARISONS:
            raise InvalidEventPattern(f"Unrecognized numeric range operator: {name}")
        bound = operand[index + 1] if index + 1 < len(operand) else None
        if not _is_number(bound):
            raise InvalidEventPattern(f"Value of {name} must be numeric")
        conditions.append((name, bound))
    _check_range(conditions)
    return lambda value: (
        _is_number(value) and all(_COMPARISONS[name](value, bound) for name, bound in conditions)
    )


def _check_range(conditions: Sequence[tuple[str, float]]) -> None:
    """Refuse what is neither one comparison nor a lower bound with an upper one."""
    if not conditions:
        raise InvalidEventPattern("Invalid member in numeric match: ]")
    names = [name for name, _ in conditions]
    if len(names) == 1:
        return
    if len(names) > 2 or names[0] == "=":
        raise InvalidEventPattern("Too many elements in numeric expression")
    if names[1] == "=" or names[0][0] == names[1][0]:
        raise InvalidEventPattern(f"Bad numeric range operator: {names[1]}")
    bounds = {name[0]: bound for name, bound in conditions}
    if bounds[">"] >= bounds["<"]:
        raise InvalidEventPattern("Bottom must be less than top")


def _anything_but(operand: _Value) -> _Matcher:
    if isinstance(operand, dict):
        refused = _anything_but_kind(operand)
    else:
        refused = _anything_but_values(operand)
    return lambda value: not any(matches(value) for matches in refused)


def _anything_but_values(operand: _Value) -> list[_Matcher]:
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise InvalidEventPattern("Empty arrays are not allowed")
    for value in values:
        if not isinstance(value, str) and not _is_number(value):
            if isinstance(operand, list):
                raise InvalidEventPattern(
                    "Inside anything but list, start|null|boolean is not supported."
                )
            raise InvalidEventPattern(
                "Value of anything-but must be an array or single string/number value."
            )
    if len({isinstance(value, str) for value in values}) > 1:
        raise InvalidEventPattern(
            "Inside anything but list, either all values are number or string, "
            "mixed type is not supported"
        )
    return [_equal(value) for value in values]


def _anything_but_kind(operand: Mapping[str, _Value]) -> list[_Matcher]:
    if len(operand) != 1:
        raise InvalidEventPattern("Only one key allowed in match expression")
    ((kind, below),) = operand.items()
    make = _REFUSABLE.get(kind)
    if make is None:
        raise InvalidEventPattern(f"Unsupported anything-but pattern: {kind}")
    texts = below if isinstance(below, list) else [below]
    if not texts:
        raise InvalidEventPattern("Empty arrays are not allowed")
    for text in texts:
        if not isinstance(text, str):
            raise InvalidEventPattern(f"{kind} match pattern must be a string")
        if not text and kind in {"prefix", "suffix"}:
            raise InvalidEventPattern("Null prefix/suffix not allowed")
    return [make(text) for text in texts]


_REFUSABLE: Mapping[str, Callable[[_Value], _Matcher]] = {
    "equals-ignore-case": _ignoring_case,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
_KINDS: Mapping[str, Callable[[_Value], _Matcher]] = {
    **_REFUSABLE,
    "anything-but": _anything_but,
    "cidr": _cidr,
    "exists": _exists,
    "numeric": _numeric,
}
