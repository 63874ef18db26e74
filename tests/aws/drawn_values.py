"""Values for hypothesis, drawn from botocore's shapes so that they satisfy the model's constraints."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import regex
from botocore.model import Shape
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
# No control characters and no unassigned ones: XML cannot hold them.
READABLE = st.characters(
    min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=("Cs", "Cn", "Cc")
)
ASCII = [chr(point) for point in range(32, 127)]
TOKEN = "abcdefghijklmnopqrstuvwxyz0123456789-"
DEEPEST = 4
# For patterns in Java's dialect, from which hypothesis cannot draw.
PLAIN_TEXTS = (
    "a",
    "abc",
    "abc-123",
    "Name1",
    "arn:aws:iam::123456789012:role/name",
    "1",
    "key=value",
)
IN_HEADER = ("header", "headers")


@cache
def pattern_strategy(source: str, smallest: int, largest: int | None) -> st.SearchStrategy[str]:
    limit = 10**6 if largest is None else largest
    pattern = regex.compile(source)

    def fits(text: str) -> bool:
        return smallest <= len(text) <= limit and pattern.fullmatch(text, timeout=1) is not None

    sizes = (max(smallest, 1), max(smallest, 1) + 1)
    # Most patterns repeat one class of characters: draw from the class, which also gives the length.
    alphabet = [c for c in ASCII if all(pattern.fullmatch(c * size) for size in sizes)]
    if alphabet:
        drawn = st.text(
            st.sampled_from(alphabet), min_size=sizes[0], max_size=min(sizes[0] + 6, limit)
        )
        return drawn.filter(fits)
    try:
        drawn = st.from_regex(re.compile(source), fullmatch=True, alphabet=PRINTABLE)
    except re.error:
        return st.sampled_from([text for text in PLAIN_TEXTS if fits(text)] or ["a" * smallest])
    return drawn.filter(fits)


def text(shape: Shape, location: str | None) -> st.SearchStrategy[str]:
    traits = shape.metadata
    smallest, largest = int(traits.get("min", 0)), traits.get("max")
    if "enum" in traits:
        return st.sampled_from(traits["enum"])
    if location == "uri":
        smallest = max(smallest, 1)
    if "pattern" in traits:
        drawn = pattern_strategy(traits["pattern"], smallest, largest)
        return drawn.map(str.strip) if location in IN_HEADER else drawn
    size = smallest + 8 if largest is None else min(smallest + 8, int(largest))
    if location in IN_HEADER:
        return st.text(st.sampled_from(TOKEN), min_size=max(smallest, 1), max_size=max(size, 1))
    return st.text(READABLE, min_size=smallest, max_size=size)


def number(shape: Shape, default: int) -> tuple[int, int]:
    smallest = int(shape.metadata.get("min", -default))
    return smallest, int(shape.metadata.get("max", max(default, smallest)))


def scalar(  # noqa: PLR0911  # one line per kind
    shape: Shape, location: str | None
) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    if kind in ("string", "character"):
        if shape.serialization.get("jsonvalue"):
            return st.dictionaries(st.text(st.sampled_from(TOKEN)), st.integers(), max_size=2)
        return text(shape, location)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.integers(*number(shape, 2**31 - 1 if kind == "integer" else 2**40))
    if kind in ("float", "double"):
        smallest, largest = number(shape, 10**6)
        # Quarters are exact in 32 bits, too.
        return st.integers(smallest * 4, largest * 4).map(lambda quarters: quarters / 4)
    if kind == "timestamp":
        return st.integers(0, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
    smallest = int(shape.metadata.get("min", 0))
    return st.binary(
        min_size=smallest, max_size=min(smallest + 8, int(shape.metadata.get("max", 99)))
    )


def document() -> st.SearchStrategy[Any]:
    return st.dictionaries(
        st.text(READABLE, max_size=4), st.integers() | st.booleans(), min_size=1, max_size=2
    )


def draw_value(draw: Draw, shape: Shape, location: str | None = None, depth: int = 0) -> Any:
    """Draw a value of a shape; `location` is that of the member it fills."""
    kind = shape.type_name
    if kind == "structure":
        return draw(document()) if shape.is_document_type else draw_structure(draw, shape, depth)
    if kind in ("list", "map"):
        return draw_collection(draw, shape, location, depth)
    return draw(scalar(shape, location))


def draw_collection(draw: Draw, shape: Shape, location: str | None, depth: int) -> Any:
    smallest = max(int(shape.metadata.get("min", 0)), 0 if depth > DEEPEST else 1)
    largest = max(smallest, min(smallest + 1, int(shape.metadata.get("max", 99))))
    if shape.type_name == "map" and "enum" in shape.key.metadata:
        largest = min(largest, len(shape.key.metadata["enum"]))
    size = draw(st.integers(smallest, largest))
    if shape.type_name == "list":
        return [draw_value(draw, shape.member, location, depth + 1) for _ in range(size)]
    if location == "headers":
        keys = st.text(st.sampled_from(TOKEN), min_size=1, max_size=8)
    else:
        keys = scalar(shape.key, location)
    unique = draw(st.lists(keys, min_size=size, max_size=size, unique=True))
    return {key: draw_value(draw, shape.value, location, depth + 1) for key in unique}


def draw_structure(draw: Draw, shape: Shape, depth: int) -> dict[str, Any]:
    members = {
        name: member
        for name, member in shape.members.items()
        if not member.serialization.get("eventstream") and not member.metadata.get("exception")
    }
    if shape.is_tagged_union and members:
        names = [draw(st.sampled_from(_shallow(members) if depth > DEEPEST else list(members)))]
    else:
        names = [name for name in shape.required_members if name in members]
        optional = [name for name in members if name not in names]
        if optional and (depth <= DEEPEST or not names):
            # An empty structure cannot be told from an absent one in forms: have at least one member.
            least = 1 if depth > 0 and not names else 0
            most = 6 if depth == 0 else 2
            if depth > DEEPEST:
                optional = _shallow({name: members[name] for name in optional})
            names += draw(
                st.lists(st.sampled_from(optional), min_size=least, max_size=most, unique=True)
            )
    return {
        name: draw_value(
            draw, members[name], members[name].serialization.get("location"), depth + 1
        )
        for name in names
    }


def _shallow(members: dict[str, Shape]) -> list[str]:
    plain = [name for name, m in members.items() if m.type_name not in ("structure", "list", "map")]
    return plain or list(members)
