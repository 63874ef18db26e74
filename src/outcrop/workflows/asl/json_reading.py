"""Reading a definition's text, with the complaints of the parser that AWS uses."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from outcrop.workflows.asl.diagnostics import Diagnostic

_TOKEN: Final = re.compile(r"[\w$]+")
# How much of a text Jackson quotes.
_QUOTED: Final = 500
_TOKENS: Final = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def read_json(text: str) -> tuple[Any, Diagnostic | None]:
    """Return a text's value, or None and what is wrong with it."""
    try:
        return json.loads(text, parse_constant=_no_constant), None
    except json.JSONDecodeError as error:
        message, end = _complaint(text, error)
        source = (
            f"[Source: {_source(text)}; line: {_line(text, end)}, column: {_column(text, end)}]"
        )
        return None, Diagnostic(
            "ERROR", "INVALID_JSON_DESCRIPTION", f"{message}\n at {source}", source
        )
    except (ValueError, RecursionError):
        return None, Diagnostic(
            "ERROR", "INVALID_JSON_DESCRIPTION", "The definition is no JSON", None
        )


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _source(text: str) -> str:
    if len(text) <= _QUOTED:
        return f'(String)"{text}"'
    return f'(String)"{text[:_QUOTED]}"[truncated {len(text) - _QUOTED} chars]'


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _column(text: str, position: int) -> int:
    return position - text.rfind("\n", 0, position)


def _complaint(text: str, error: json.JSONDecodeError) -> tuple[str, int]:
    """Return Jackson's words, and the position that it names."""
    at = error.pos
    if error.msg.startswith("Unterminated string"):
        return "Unexpected end-of-input: was expecting closing quote for a string value", len(text)
    if at >= len(text):
        return _unclosed(text), len(text)
    character = text[at]
    if error.msg == "Expecting value":
        token = _TOKEN.match(text, at)
        if token and not character.isdigit():
            return f"Unrecognized token '{token[0]}': was expecting {_TOKENS}", token.end()
        wanted = f"expected a valid value {_TOKENS}"
    else:
        wanted = {
            "Expecting property name enclosed in double quotes": "was expecting double-quote to start field name",
            "Illegal trailing comma before end of object": "was expecting double-quote to start field name",
            "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
            "Expecting ',' delimiter": f"was expecting comma to separate {_container(text, at)} entries",
        }.get(error.msg, "expected the end of the definition")
    return f"Unexpected character ('{character}' (code {ord(character)})): {wanted}", at + 1


def _container(text: str, position: int) -> str:
    opened = _open_brackets(text[:position])
    return "Array" if opened and text[opened[-1]] == "[" else "Object"


def _open_brackets(text: str) -> list[int]:
    opened: list[int] = []
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', text, re.DOTALL):
        if found[0] in {"[", "{"}:
            opened.append(found.start())
        elif found[0] in {"]", "}"} and opened:
            opened.pop()
    return opened


def _unclosed(text: str) -> str:
    opened = _open_brackets(text)
    if not opened:
        return "No content to map due to end-of-input"
    start = opened[-1]
    kind = "Array" if text[start] == "[" else "Object"
    marker = (
        f"[Source: {_source(text)}; line: {_line(text, start)}, column: {_column(text, start)}]"
    )
    return f"Unexpected end-of-input: expected close marker for {kind} (start marker at {marker})"
