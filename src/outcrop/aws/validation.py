"""The service model's constraints, checked as AWS checks them and reported in AWS's words.

Clients check only required members, types and minima, so everything else arrives here: lengths (in characters),
ranges, patterns (which must match the whole value) and enumerations. All errors of a request are counted and
reported together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import ServiceError, ValidationException

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape
    from regex import Pattern

Validator = Callable[[Mapping[str, Any]], None]
# Appends what is wrong with a value at a path.
_Check = Callable[[Any, str, list[str]], None]
# Some of AWS's patterns take exponential time on hostile values; a value is refused after this long.
_PATTERN_TIMEOUT_SECONDS = 0.05
_SHOWN_CHARACTERS = 1024
_SENSITIVE = "***"


def compile_validator(operation: OperationModel, protocol: str) -> Validator:
    """Return the validator of an operation's input.

    It raises ValidationException; services of the query protocol call it ValidationError, S3 InvalidArgument.
    """
    shape = operation.input_shape
    check = None if shape is None else _Compiler().structure(shape)
    if check is None:
        return lambda _parameters: None
    check_input = check
    code = {"query": "ValidationError", "rest-xml": "InvalidArgument"}.get(protocol)

    def validate(parameters: Mapping[str, Any]) -> None:
        errors: list[str] = []
        check_input(parameters, "", errors)
        if errors:
            raise _exception(errors, code)

    return validate


def _exception(errors: list[str], code: str | None) -> ServiceError:
    noun = "error" if len(errors) == 1 else "errors"
    error = ValidationException(f"{len(errors)} validation {noun} detected: {'; '.join(errors)}")
    if code is not None:
        error.code = code
    return error


def _failure(shown: str, path: str, constraint: str) -> str:
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _display(value: Any) -> str:
    """Return a value as AWS shows it: like Java's toString."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_display(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_display(item) for item in value) + "]"
    return str(value)


def _shown(value: Any, is_sensitive: bool) -> str:
    text = _SENSITIVE if is_sensitive else _display(value)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return f"'{text}'"


@cache
def _pattern(source: str) -> Pattern[str] | None:
    """Return a model's pattern, or None for those few that only Java's dialect understands."""
    import regex

    try:
        return regex.compile(source)
    except regex.error:
        return None


def _matches(pattern: Pattern[str], value: str) -> bool:
    try:
        return pattern.fullmatch(value, timeout=_PATTERN_TIMEOUT_SECONDS) is not None
    except TimeoutError:
        return False


# Says what a scalar breaks, in the order that AWS lists it.
_Scalar = Callable[[Any], list[str]]


def _scalar_constraints(shape: Shape) -> _Scalar | None:
    traits = shape.metadata
    kind = shape.type_name
    rules: list[tuple[Callable[[Any], bool], str]] = []
    if kind in ("string", "character", "blob"):
        rules += _size_rules(traits, "length", len)
        if kind == "string" and "enum" in traits:
            allowed = frozenset(traits["enum"])
            names = ", ".join(traits["enum"])
            rules.append((allowed.__contains__, f"Member must satisfy enum value set: [{names}]"))
        source = traits.get("pattern")
        # A pattern that anything satisfies costs time and says nothing.
        if kind == "string" and source and source not in (".*", r"[\s\S]*", r"\S*\s*.*"):
            pattern = _pattern(source)
            if pattern is not None:
                found = pattern
                words = f"Member must satisfy regular expression pattern: {source}"
                rules.append((lambda value: _matches(found, value), words))
    elif kind in ("integer", "long", "float", "double"):
        rules += _size_rules(traits, "value", lambda value: value)
    if not rules:
        return None
    fixed = tuple(rules)
    return lambda value: [words for holds, words in fixed if not holds(value)]


def _size_rules(
    traits: Mapping[str, Any], noun: str, measure: Callable[[Any], float]
) -> list[tuple[Callable[[Any], bool], str]]:
    rules: list[tuple[Callable[[Any], bool], str]] = []
    largest, smallest = traits.get("max"), traits.get("min")
    if largest is not None:
        limit = largest
        words = f"Member must have {noun} less than or equal to {largest}"
        rules.append((lambda value: measure(value) <= limit, words))
    if smallest:
        least = smallest
        words = f"Member must have {noun} greater than or equal to {smallest}"
        rules.append((lambda value: measure(value) >= least, words))
    elif smallest == 0 and noun == "value":
        words = "Member must have value greater than or equal to 0"
        rules.append((lambda value: value >= 0, words))
    return rules


class _Compiler:
    """Compiles the constraints of one input; a shape without any gives None."""

    def __init__(self) -> None:
        self._structures: dict[str, _Check | None] = {}
        self._open: set[str] = set()

    def structure(self, shape: Shape) -> _Check | None:
        """Return the check of a structure's required members and of what they hold."""
        if shape.name in self._structures:
            return self._structures[shape.name]
        if shape.name in self._open:
            # A shape within itself: look the check up once it is complete.
            return lambda value, path, errors: self._again(shape.name, value, path, errors)
        self._open.add(shape.name)
        required = frozenset(shape.required_members)
        members: list[tuple[str, bool, _Check | None]] = []
        for name, member in shape.members.items():
            check = self._member(member)
            if check is not None or name in required:
                members.append((name, name in required, check))
        self._open.discard(shape.name)
        found: _Check | None = None
        if members or shape.is_tagged_union:
            found = _structure_check(tuple(members), shape.is_tagged_union)
        self._structures[shape.name] = found
        return found

    def _again(self, name: str, value: Any, path: str, errors: list[str]) -> None:
        check = self._structures[name]
        if check is not None:
            check(value, path, errors)

    def _member(self, shape: Shape) -> _Check | None:
        kind = shape.type_name
        if shape.serialization.get("streaming") or shape.serialization.get("eventstream"):
            return None
        if kind == "structure":
            return None if shape.is_document_type else self.structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        constraints = _scalar_constraints(shape)
        if constraints is None:
            return None
        broken = constraints
        sensitive = bool(shape.metadata.get("sensitive"))

        def check(value: Any, path: str, errors: list[str]) -> None:
            for words in broken(value):
                errors.append(_failure(_shown(value, sensitive), path, words))

        return check

    def _list(self, shape: Shape) -> _Check:
        size = _size_rules(shape.metadata, "length", len)
        member = shape.member
        scalar = _scalar_constraints(member)
        nested = None if scalar is not None else self._member(member)
        sensitive = bool(shape.metadata.get("sensitive") or member.metadata.get("sensitive"))

        def check(values: Any, path: str, errors: list[str]) -> None:
            for holds, words in size:
                if not holds(values):
                    errors.append(_failure(_shown(values, sensitive), path, words))
            broken: list[str] = []
            for index, value in enumerate(values, 1):
                if value is None:
                    errors.append(
                        _failure("null", f"{path}.{index}.member", "Member must not be null")
                    )
                elif scalar is not None:
                    broken = broken or scalar(value)
                elif nested is not None:
                    nested(value, f"{path}.{index}.member", errors)
            if broken:
                # AWS reports what members of a list break at the list itself.
                constraint = f"Member must satisfy constraint: [{', '.join(broken)}]"
                errors.append(_failure(_shown(values, sensitive), path, constraint))

        return check

    def _map(self, shape: Shape) -> _Check:
        size = _size_rules(shape.metadata, "length", len)
        keys, scalar = _scalar_constraints(shape.key), _scalar_constraints(shape.value)
        nested = None if scalar is not None else self._member(shape.value)
        sensitive = bool(shape.metadata.get("sensitive") or shape.value.metadata.get("sensitive"))

        def check(pairs: Any, path: str, errors: list[str]) -> None:
            for holds, words in size:
                if not holds(pairs):
                    errors.append(_failure(_shown(pairs, sensitive), path, words))
            broken_keys: list[str] = []
            broken_values: list[str] = []
            for key, value in pairs.items():
                if keys is not None:
                    broken_keys = broken_keys or keys(key)
                if value is None:
                    errors.append(
                        _failure("null", f"{path}.{key}.member", "Member must not be null")
                    )
                elif scalar is not None:
                    broken_values = broken_values or scalar(value)
                elif nested is not None:
                    nested(value, f"{path}.{key}.member", errors)
            for noun, broken in (("keys", broken_keys), ("value", broken_values)):
                if broken:
                    constraint = f"Map {noun} must satisfy constraint: [{', '.join(broken)}]"
                    errors.append(_failure(_shown(pairs, sensitive), path, constraint))

        return check


def _structure_check(
    members: tuple[tuple[str, bool, _Check | None], ...], is_union: bool
) -> _Check:
    def check(value: Any, path: str, errors: list[str]) -> None:
        if is_union and len(value) != 1:
            shown = f"'{', '.join(value)}'" if value else "null"
            errors.append(_failure(shown, path, "Exactly one member of the union must be set"))
        for name, is_required, check_member in members:
            item = value.get(name)
            if item is None:
                if is_required:
                    place = f"{path}.{name}" if path else name
                    errors.append(_failure("null", place, "Member must not be null"))
            elif check_member is not None:
                check_member(item, f"{path}.{name}" if path else name, errors)

    return check
