"""How ARNs are matched: in the Resource element, and by the Arn condition operators. The two differ.

Source: IAM User Guide, "IAM JSON policy elements: Resource" ("Using wildcards in resource ARNs") and "ARN condition
operators".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.identity.policy.patterns import (
    Build,
    FilledToken,
    Glob,
    HoledGlob,
    Matcher,
    Token,
    Wildcard,
    compile_glob,
    split_at_colons,
)

_COLONS = 5  # arn:partition:service:region:account:resource, where the resource may hold more


@dataclass(frozen=True, slots=True)
class ResourceGlob:
    """A resource ARN with a wildcard within one of its first five parts.

    There "*" and "?" stay within their part, but a "*" that ends a part reaches beyond the colon behind it.

    Attributes:
        head: the first five parts, or all of fewer, each with whether it ends in "*".
        tail: the sixth, in which wildcards take everything; None where the ARN is shorter.
    """

    head: tuple[tuple[Glob | HoledGlob, bool], ...]
    tail: Glob | HoledGlob | None

    def matches(self, text: str) -> bool:
        """Whether all of the text is matched, however far the reaching stars have to reach."""
        text = text if self.tail is not None else text + ":"  # so that each part ends at a colon
        starts = {0}
        for part, reaches in self.head:
            following: set[int] = set()
            for start in starts:
                end = text.find(":", start)
                if end < 0 or not part.matches(text[start:end]):
                    continue
                following.add(end + 1)
                while reaches and (end := text.find(":", end + 1)) >= 0:
                    following.add(end + 1)
            starts = following
        if self.tail is None:
            return len(text) in starts
        return any(self.tail.matches(text[start:]) for start in starts)


def resource_matcher(tokens: Sequence[FilledToken]) -> Matcher:
    """Return what matches the resources that a Resource or NotResource element names."""
    parts = split_at_colons(tokens, _COLONS)
    head = parts[:_COLONS]
    if not any(_stays_within(part) for part in head):
        return compile_glob(tokens)
    tail = compile_glob(parts[_COLONS]) if len(parts) > _COLONS else None
    return ResourceGlob(
        tuple((compile_glob(part), part[-1:] == [Wildcard.ANY]) for part in head), tail
    )


def resource_builder(tokens: tuple[Token, ...]) -> Build:
    """Return what makes a matcher of a resource with variables: the plain one, where its wildcards allow."""
    beginning = tokens[0]
    is_plain = isinstance(beginning, str) and beginning.count(":") >= _COLONS
    return compile_glob if is_plain else resource_matcher


def _stays_within(part: Sequence[FilledToken]) -> bool:
    return Wildcard.ONE in part or Wildcard.ANY in part[:-1]


@dataclass(frozen=True, slots=True)
class ArnParts:
    """An ARN of an Arn condition: six parts, each matched on its own."""

    parts: tuple[Glob | HoledGlob, ...]

    def matches(self, text: str) -> bool:
        """Whether the text is an ARN whose parts all match; only the last may hold colons."""
        parts = text.split(":", _COLONS)
        return len(parts) == len(self.parts) and all(
            pattern.matches(part) for pattern, part in zip(self.parts, parts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Nothing:
    """What a condition value that is no ARN matches."""

    def matches(self, text: str) -> bool:  # noqa: ARG002  # the protocol's
        """Match no text."""
        return False


def arn_matcher(tokens: Sequence[FilledToken]) -> Matcher:
    """Return what the value of an Arn condition matches; a value without six parts matches nothing."""
    parts = split_at_colons(tokens, _COLONS)
    if len(parts) != _COLONS + 1:
        return _Nothing()
    return ArnParts(tuple(compile_glob(part) for part in parts))
