"""The service model's constraints, checked as AWS checks them and reported in AWS's words.

Clients check only required members, types and minima, so everything else arrives here: lengths (in characters),
ranges, patterns (which must match the whole value) and enumerations. All errors of a request are counted and
reported together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import ServiceError, ValidationException

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

Validator = Callable[[Mapping[str, Any]], None]
# Appends what is wrong with a value at a path.
_Check = Callable[[Any, str, list[str]], None]
# Some of AWS's patterns take exponential time on hostile values; a value is refused after this long.
_PATTERN_TIMEOUT_SECONDS = (
    1.0  # of the clock: generous, since a busy machine may not run us for a while
)
_REMEMBERED_VALUES = 64
_SHOWN_CHARACTERS = 1024
_SENSITIVE = "***"
# Services with a word of their own for a request that breaks the model.
_OWN_CODES = {"logs": "InvalidParameterException"}
# Enumerations of which AWS lists the values in an order that is not the model's.
_OWN_ORDERS = {
    "ExecutionStatus": (
        "SUCCEEDED",
        "TIMED_OUT",
        "PENDING_REDRIVE",
        "ABORTED",
        "FAILED",
        "RUNNING",
    ),
}
# Structures that AWS shows by their name.
_SHOWN_BY_NAME = frozenset({"RoutingConfigurationListItem"})
# S3 says no more of a document that does not fit.
MALFORMED_XML = (
    "The XML you provided was not well-formed or did not validate against our published schema"
)


def compile_validator(operation: OperationModel, protocol: str) -> Validator:
    """Return the validator of an operation's input.

    It raises ValidationException; services of the query protocol call it ValidationError, S3 InvalidArgument or, where
    the request's document is to blame, MalformedXML.
    """
    shape = operation.input_shape
    check = None if shape is None else _Compiler().structure(shape)
    if check is None:
        return lambda _parameters: None
    check_input = check
    code = {"query": "ValidationError", "rest-xml": "InvalidArgument"}.get(protocol)
    code = _OWN_CODES.get(operation.service_model.service_name, code)
    document = str(shape.serialization.get("payload", "")) if protocol == "rest-xml" else ""

    def validate(parameters: Mapping[str, Any]) -> None:
        errors: list[str] = []
        check_input(parameters, "", errors)
        if errors:
            if document and any(f" at '{document}" in error for error in errors):
                raise _malformed_document()
            raise _exception(errors, code)

    return validate


def _malformed_document() -> ServiceError:
    error = ValidationException(MALFORMED_XML)
    error.code = "MalformedXML"
    return error


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


def _named(name: str, structure: Any) -> str:
    """Return a structure as AWS shows those of _SHOWN_BY_NAME."""
    members = ", ".join(f"{key}={_display(item)}" for key, item in structure.items())
    return f"{name}({members})"


def _shown(value: Any, is_sensitive: bool) -> str:
    text = _SENSITIVE if is_sensitive else _display(value)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return f"'{text}'"


# A repeated group, where backtracking can take exponential time.
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_UNBOUNDED = re.compile(r"[*+]|,\}")


@cache
def _matcher(source: str) -> Callable[[str], bool] | None:
    """Return the test for a model's pattern, or None for those few that only Java's dialect understands.

    Patterns that are quick on any value go to `re`; the others to `regex`, which can give up in time.
    """
    if not _REPEATED_GROUP.search(source) and len(_UNBOUNDED.findall(source)) <= 2:
        with suppress(re.error):
            quick = re.compile(source)
            return lambda value: quick.fullmatch(value) is not None
    import regex

    try:
        pattern = regex.compile(source)
    except regex.error:
        return None

    # Clients ask for the same few names and ARNs again and again.
    @lru_cache(_REMEMBERED_VALUES)
    def matches(value: str) -> bool:
        try:
            return pattern.fullmatch(value, timeout=_PATTERN_TIMEOUT_SECONDS) is not None
        except TimeoutError:
            return False

    return matches


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
            own = _OWN_ORDERS.get(shape.name, ())
            listed = own if allowed == frozenset(own) else traits["enum"]
            names = ", ".join(listed)
            rules.append((allowed.__contains__, f"Member must satisfy enum value set: [{names}]"))
        source = traits.get("pattern")
        # A pattern that anything satisfies costs time and says nothing.
        if kind == "string" and source and source not in (".*", r"[\s\S]*", r"\S*\s*.*"):
            matches = _matcher(source)
            if matches is not None:
                words = f"Member must satisfy regular expression pattern: {source}"
                rules.append((matches, words))
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
            wrong = broken(value)
            if wrong:
                shown = _shown(value, sensitive)
                errors.extend(_failure(shown, path, words) for words in wrong)

        return check

    def _list(self, shape: Shape) -> _Check:
        members = _Members(shape, "Member", shape.member, self._member)

        def check(values: Any, path: str, errors: list[str]) -> None:
            members.check_size(values, path, errors)
            members.check(enumerate(values, 1), values, path, errors)

        return check

    def _map(self, shape: Shape) -> _Check:
        keys = _Members(shape, "Map keys", shape.key, self._member)
        members = _Members(shape, "Map value", shape.value, self._member)

        def check(pairs: Any, path: str, errors: list[str]) -> None:
            members.check_size(pairs, path, errors)
            keys.check(((key, key) for key in pairs), pairs, path, errors)
            members.check(pairs.items(), pairs, path, errors)

        return check


class _Members:
    """Checks the members of a list, or the keys or values of a map.

    AWS reports what plain members break at the collection itself, once; what structures break at the member.
    No member may be null: none of the served services has sparse collections.

    Args:
        shape: the collection.
        subject: how AWS calls the members in messages.
        member: shape of the members.
        compile_member: gives the check of a member that is not plain.
    """

    def __init__(
        self,
        shape: Shape,
        subject: str,
        member: Shape,
        compile_member: Callable[[Shape], _Check | None],
    ) -> None:
        self._size = _size_rules(shape.metadata, "length", len)
        self._subject = subject
        self._plain = _scalar_constraints(member)
        self._nested = None if self._plain is not None else compile_member(member)
        self._sensitive = bool(shape.metadata.get("sensitive") or member.metadata.get("sensitive"))
        self._shown_name = member.name if member.name in _SHOWN_BY_NAME else ""

    def check_size(self, collection: Any, path: str, errors: list[str]) -> None:
        """Check the number of members."""
        for holds, words in self._size:
            if not holds(collection):
                items = collection
                if self._shown_name:
                    items = [_named(self._shown_name, item) for item in collection]
                errors.append(_failure(_shown(items, self._sensitive), path, words))

    def check(
        self, members: Iterable[tuple[Any, Any]], collection: Any, path: str, errors: list[str]
    ) -> None:
        """Check members, given with their index or key."""
        broken: list[str] = []
        for place, value in members:
            if value is None:
                errors.append(_failure("null", f"{path}.{place}.member", "Member must not be null"))
            elif self._plain is not None:
                broken = broken or self._plain(value)
            elif self._nested is not None:
                self._nested(value, f"{path}.{place}.member", errors)
        if broken:
            constraint = f"{self._subject} must satisfy constraint: [{', '.join(broken)}]"
            errors.append(_failure(_shown(collection, self._sensitive), path, constraint))


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
