"""Wildcards and variables: what the texts of a policy match.

A text of a policy is taken apart once into tokens: literal text, the wildcards "*" and "?", and variables such as
${aws:username}. Without variables a text is compiled when the policy is parsed; with them, it is filled in for each
request, and what a request fills in is always literal: a tag's value "*" matches a star and nothing else.

Nothing here backtracks over more than one wildcard, so no pattern can be made slow on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

ConditionValues = str | Sequence[str]


class Wildcard(Enum):
    """What may stand for something else."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """A condition key whose value is filled in.

    Attributes:
        key: in lower case; "" where the text between the braces is no key, so that nothing can fill it in.
        written: the key as the policy spells it.
        default: what stands in for a missing value, or None.
    """

    key: str
    written: str
    default: str | None = None


Token = str | Wildcard | Variable
FilledToken = str | Wildcard

_WILDCARD = re.compile(r"[*?]")
_VARIABLE_OR_WILDCARD = re.compile(r"\$\{[^{}]*\}|[*?]")
_VARIABLE = re.compile(r"\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?")


class Context:
    """The condition keys of one request, looked up without regard to case.

    Args:
        given: keys in any case; several values for multivalued keys.
    """

    __slots__ = ("_given", "_lowered")

    def __init__(self, given: Mapping[str, ConditionValues]) -> None:
        self._given = given
        self._lowered: dict[str, ConditionValues] | None = None

    def values(self, key: str) -> Sequence[str] | None:
        """Return what the request has for a key in lower case, or None where it has nothing."""
        if self._lowered is None:
            self._lowered = {name.lower(): value for name, value in self._given.items()}
        value = self._lowered.get(key)
        if value.__class__ is str:
            return (value,)
        return value or None

    def value(self, key: str) -> str | None:
        """Return the value of a key that has exactly one; multivalued keys fill in nothing."""
        values = self.values(key)
        return values[0] if values is not None and len(values) == 1 else None


def distinct_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """Return condition keys once each, as they were spelled first."""
    found: dict[str, str] = {}
    for key in keys:
        found.setdefault(key.lower(), key)
    return tuple(found.values())


def tokenize(text: str, *, wildcards: bool, variables: bool) -> tuple[Token, ...]:
    """Take a policy's text apart.

    Args:
        wildcards: whether "*" and "?" are more than themselves.
        variables: whether ${…} is: in policies of version 2012-10-17.
    """
    tokens: list[Token] = []
    position = 0
    for match in (_VARIABLE_OR_WILDCARD if variables else _WILDCARD).finditer(text):
        found = match.group()
        if len(found) == 1 and not wildcards:
            continue
        tokens.append(text[position : match.start()])
        tokens.append(Wildcard(found) if len(found) == 1 else _variable(found[2:-1]))
        position = match.end()
    tokens.append(text[position:])
    return tuple(token for token in tokens if token != "")


def _variable(inside: str) -> Token:
    if inside in {"*", "?", "$"}:
        return inside
    match = _VARIABLE.fullmatch(inside)
    if match is None:
        return Variable("", inside)
    return Variable(match.group(1).lower(), match.group(1), match.group(2))


def variables_of(tokens: Iterable[Token]) -> list[Variable]:
    """Return the variables among tokens."""
    return [token for token in tokens if isinstance(token, Variable)]


def fill(tokens: Iterable[Token], context: Context) -> tuple[FilledToken, ...] | None:
    """Put a request's values where variables stand; None where one has neither value nor default."""
    filled: list[FilledToken] = []
    for token in tokens:
        if isinstance(token, Variable):
            value = context.value(token.key)
            if value is None:
                value = token.default
            if value is None:
                return None
            filled.append(value)
        else:
            filled.append(token)
    return tuple(filled)


class Matcher(Protocol):
    """Whatever can say whether it matches a text."""

    def matches(self, text: str) -> bool:
        """Whether all of the text is matched."""


@dataclass(frozen=True, slots=True)
class Glob:
    """Literal texts with "*" between them.

    Attributes:
        first: what the text begins with.
        middle: what follows somewhere, in this order.
        last: what it ends with; None without any "*", where `first` is all of it.
    """

    first: str
    middle: tuple[str, ...] = ()
    last: str | None = None

    def matches(self, text: str) -> bool:
        """Whether all of the text is matched; each part is taken at its leftmost place."""
        if self.last is None:
            return text == self.first
        if not text.startswith(self.first) or not text.endswith(self.last):
            return False
        position = len(self.first)
        end = len(text) - len(self.last)
        for part in self.middle:
            found = text.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return position <= end


@dataclass(frozen=True, slots=True)
class Holed:
    """A literal text with holes, for "?": each hole takes one character.

    Attributes:
        chunks: (offset, text) of what stands between the holes.
        size: characters in all.
    """

    chunks: tuple[tuple[int, str], ...]
    size: int

    def stands_at(self, text: str, position: int) -> bool:
        """Whether it is found at this place; the caller sees to it that the text is long enough."""
        return all(text.startswith(chunk, position + offset) for offset, chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class HoledGlob:
    """Texts with holes and "*" between them; as `Glob`, slower."""

    parts: tuple[Holed, ...]

    def matches(self, text: str) -> bool:
        """Whether all of the text is matched."""
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return len(text) == first.size and first.stands_at(text, 0)
        end = len(text) - last.size
        position = first.size
        if position > end or not first.stands_at(text, 0) or not last.stands_at(text, end):
            return False
        for part in self.parts[1:-1]:
            places = range(position, end - part.size + 1)
            found = next((place for place in places if part.stands_at(text, place)), None)
            if found is None:
                return False
            position = found + part.size
        return True


def compile_glob(tokens: Iterable[FilledToken]) -> Glob | HoledGlob:
    """Return what matches the texts that tokens stand for, "*" reaching across everything."""
    parts: list[list[FilledToken]] = [[]]
    has_holes = False
    for token in tokens:
        if token is Wildcard.ANY:
            parts.append([])
        else:
            parts[-1].append(token)
            has_holes = has_holes or token is Wildcard.ONE
    if has_holes:
        return HoledGlob(tuple(_holed(part) for part in parts))
    texts = ["".join(str(token) for token in part) for part in parts]
    if len(texts) == 1:
        return Glob(texts[0])
    return Glob(texts[0], tuple(text for text in texts[1:-1] if text), texts[-1])


def _holed(tokens: Iterable[FilledToken]) -> Holed:
    chunks: list[tuple[int, str]] = []
    size = 0
    for token in tokens:
        if isinstance(token, str):
            chunks.append((size, token))
            size += len(token)
        else:
            size += 1
    return Holed(tuple(chunks), size)


def split_at_colons(tokens: Iterable[FilledToken], count: int) -> list[list[FilledToken]]:
    """Cut tokens at the first `count` colons of their literal texts."""
    parts: list[list[FilledToken]] = [[]]
    for token in tokens:
        if not isinstance(token, str):
            parts[-1].append(token)
            continue
        first, *rest = token.split(":", count + 1 - len(parts))
        parts[-1].append(first)
        parts.extend([text] for text in rest)
    return [[token for token in part if token != ""] for part in parts]


Build = Callable[[Sequence[FilledToken]], Matcher]


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern with variables.

    Attributes:
        beginning: literal text before the first variable or wildcard: what does not begin so need not be filled in for.
        build: what makes a matcher of it once it is filled in.
    """

    beginning: str
    tokens: tuple[Token, ...]
    variables: tuple[Variable, ...]
    build: Build

    @classmethod
    def of(cls, tokens: tuple[Token, ...], build: Build) -> Template:
        """Return the template that tokens make."""
        beginning = tokens[0] if isinstance(tokens[0], str) else ""
        return cls(beginning, tokens, tuple(variables_of(tokens)), build)

    def matches(self, text: str, context: Context) -> bool:
        """Whether all of the text is matched; never where a variable cannot be filled in."""
        if not text.startswith(self.beginning):
            return False
        filled = fill(self.tokens, context)
        return filled is not None and self.build(filled).matches(text)


@dataclass(frozen=True, slots=True)
class PatternSet:
    """Several patterns of one element, of which one must match.

    Attributes:
        exact: texts without wildcards.
        prefixes: texts that end in their only "*".
        others: everything else without variables.
        templates: what holds variables.
    """

    exact: frozenset[str]
    prefixes: tuple[str, ...]
    others: tuple[Matcher, ...]
    templates: tuple[Template, ...]

    @classmethod
    def of(
        cls,
        patterns: Iterable[tuple[Token, ...]],
        build: Build,
        builder_of: Callable[[tuple[Token, ...]], Build] | None = None,
    ) -> PatternSet:
        """Sort patterns by how fast they can be matched.

        Args:
            build: what makes a matcher of a pattern without variables.
            builder_of: what chooses the one for a template; `build` without it.
        """
        exact: set[str] = set()
        prefixes: list[str] = []
        others: list[Matcher] = []
        templates: list[Template] = []
        for tokens in patterns:
            if variables_of(tokens):
                chosen = builder_of(tokens) if builder_of is not None else build
                templates.append(Template.of(tokens, chosen))
                continue
            matcher = build([token for token in tokens if not isinstance(token, Variable)])
            if isinstance(matcher, Glob) and matcher.last is None:
                exact.add(matcher.first)
            elif isinstance(matcher, Glob) and matcher.last == "" and not matcher.middle:
                prefixes.append(matcher.first)
            else:
                others.append(matcher)
        return cls(frozenset(exact), tuple(prefixes), tuple(others), tuple(templates))

    def matches(self, text: str, context: Context) -> bool:
        """Whether one of the patterns matches."""
        if text in self.exact or text.startswith(self.prefixes):
            return True
        for matcher in self.others:
            if matcher.matches(text):
                return True
        for template in self.templates:  # noqa: SIM110  # the hot path: no generator
            if template.matches(text, context):
                return True
        return False

    def variables(self) -> list[Variable]:
        """Return the variables of all templates."""
        return [variable for template in self.templates for variable in template.variables]

    def unfilled(self, context: Context) -> list[Variable]:
        """Return the variables for which a request has neither a value nor a default."""
        return [variable for variable in self.variables() if is_unfilled(variable, context)]


def is_unfilled(variable: Variable, context: Context) -> bool:
    """Whether a request has neither a value nor a default for a variable."""
    return variable.default is None and context.value(variable.key) is None
