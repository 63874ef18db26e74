"""What a JSONata expression refers to: the names AWS refuses, and the variables it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from outcrop.workflows.asl.jsonata import expression

ROOT: Final = "$$"
ERROR_OUTPUT: Final = "$states.errorOutput"
_PLAIN: Final = re.compile(r"\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)")
# Where the nodes of a tree hold other nodes.
_LINKS: Final = (
    "steps", "stages", "predicate", "group", "lhs", "rhs", "lhs_object", "rhs_object", "expr",
    "expression", "expressions", "procedure", "arguments", "body", "condition", "then", "_else",
    "terms", "rhs_terms", "pattern", "update", "delete",
)  # fmt: skip
# Of the simpler nodes, the parts that are evaluated where the node is.
_SAME_PLACE: Final = {
    "unary": ("expression",),
    "binary": ("lhs", "rhs"),
    "apply": ("lhs", "rhs"),
    "lambda": ("body",),
    "condition": ("condition", "then", "_else"),
    "bind": ("rhs",),
}


def _tree(text: str) -> Any:
    """Return the syntax tree of an expression.

    Raises:
        JsonataSyntaxError: it cannot be read.
    """
    return expression(text).tree


def refused_references(text: str) -> list[str]:
    """Return what an expression refers to and may not, in the order of writing.

    There is no document to look into: a bare name, `$` and `$$` mean nothing. `$states.errorOutput`
    is among the answers too; whoever asks knows whether it exists there.

    Raises:
        JsonataSyntaxError: the expression cannot be read.
    """
    if plain := _PLAIN.fullmatch(text):
        return [ERROR_OUTPUT] if f"{plain[0]}.".startswith(f"{ERROR_OUTPUT}.") else []
    return list(dict.fromkeys(_refused(_tree(text))))


def _refused(node: Any) -> Iterator[str]:
    kind = getattr(node, "type", None)
    if kind == "path":
        # Later steps look into what the first one found; the first looks into nothing.
        yield from _refused(node.steps[0])
        if _is_error_output(node.steps):
            yield ERROR_OUTPUT
    elif kind == "name":
        yield str(node.value)
    elif kind == "variable":
        if node.value == "":
            yield "$"
        elif node.value == "$":
            yield ROOT
    else:
        for inner in _top_level_parts(node, kind):
            yield from _refused(inner)


def _top_level_parts(node: Any, kind: str | None) -> Iterator[Any]:
    """Yield the parts of a node that are evaluated where the node itself is."""
    if kind == "unary" and node.value == "{":
        for pair in node.lhs_object or ():
            yield from pair
    elif kind == "block" or (kind == "unary" and node.value == "["):
        yield from node.expressions or ()
    elif kind in {"function", "partial"}:
        yield from (node.procedure, *(node.arguments or ()))
    else:
        for link in _SAME_PLACE.get(kind or "", ()):
            yield getattr(node, link)


def _is_error_output(steps: list[Any]) -> bool:
    return (
        len(steps) > 1
        and (steps[0].type, steps[0].value) == ("variable", "states")
        and (steps[1].type, steps[1].value) == ("name", "errorOutput")
    )


def variables_read(text: str) -> set[str]:
    """Return the names of the workflow variables that an expression reads."""
    if plain := _PLAIN.fullmatch(text):
        return {plain[1]} - {"states"}
    found: set[str] = set()
    bound: set[str] = set()
    _collect(_tree(text), found, bound)
    return found - bound - {"states", "", "$"}


def _collect(node: Any, found: set[str], bound: set[str]) -> None:
    if isinstance(node, (list, tuple)):
        for inner in node:
            _collect(inner, found, bound)
        return
    kind = getattr(node, "type", None)
    if kind is None and not hasattr(node, "steps"):
        return
    if kind == "variable":
        found.add(str(node.value))
    elif kind == "lambda":
        bound.update(str(argument.value) for argument in node.arguments or ())
    elif kind == "bind":
        bound.add(str(node.lhs.value))
    for link in _LINKS:
        inner = getattr(node, link, None)
        # The name of a function called is no variable, unless it was bound to one above.
        is_called = link == "procedure" and getattr(inner, "type", None) == "variable"
        if inner is not None and not is_called:
            _collect(inner, found, bound)
