"""Templates in SES's part of Handlebars: values, conditions, loops, partials. Nothing else is run.

SES escapes nothing, so `{{x}}` and `{{{x}}}` are the same. A value that the data lacks is an error where it is shown,
and nothing where a condition asks for it.

Source: SES Developer Guide, "Using templates to send personalized email" and "Advanced email personalization".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from outcrop.governance.mail.refusals import Kind, MailRefused

_TAG = re.compile(r"\{\{\{(?P<raw>.*?)\}\}\}|\{\{(?P<tag>!--.*?--|.*?)\}\}", re.DOTALL)
_PATH = re.compile(
    r"(?:\.\./)*(?:this|@[a-z]+|[\w$-]+|\[[^\]]*\])(?:[./](?:[\w$-]+|\[[^\]]*\]))*|\."
)
_STEP = re.compile(r"\[([^\]]*)\]|([\w$@-]+)")
_MOST_OUTPUT = 10_000_000
_MOST_DEPTH = 50
_ABSENT = object()


@dataclass(slots=True)
class _Block:
    """A piece of a template between an opening and a closing tag, or the whole of it."""

    kind: str = ""
    argument: str = ""
    nodes: list["str | _Value | _Partial | _Block"] = field(default_factory=list)
    otherwise: list["str | _Value | _Partial | _Block"] | None = None


@dataclass(frozen=True, slots=True)
class _Value:
    path: str


@dataclass(frozen=True, slots=True)
class _Partial:
    name: str


@dataclass(slots=True)
class _Output:
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    partials: dict[str, _Block] = field(default_factory=dict)

    def add(self, text: str) -> None:
        self.size += len(text)
        if self.size > _MOST_OUTPUT:
            raise MailRefused(Kind.BAD_DATA, "The rendered template is longer than 10 MB.")
        self.pieces.append(text)


# Values from the innermost block outwards, each with what "@index" and its like are there.
_Scope = tuple[tuple[Any, Mapping[str, Any]], ...]


def check(text: str, name: str = "") -> None:
    """Refuse a template that cannot be read.

    Raises:
        MailRefused: a tag is not closed, not opened or not known.
    """
    _parsed(text, name)


def read_data(text: str) -> Mapping[str, Any]:
    """Return template data.

    Raises:
        MailRefused: it is no JSON object.
    """
    try:
        data = json.loads(text or "{}")
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise MailRefused(Kind.BAD_DATA, "Template rendering data is invalid")
    return data


def render(text: str, data: Mapping[str, Any], name: str = "") -> str:
    """Return a template with its values.

    Raises:
        MailRefused: it cannot be read, or shows what the data lacks.
    """
    output = _Output()
    _write(_parsed(text, name).nodes, ((data, {}),), output, 0)
    return "".join(output.pieces)


@lru_cache(256)
def _parsed(text: str, name: str) -> _Block:
    stack, place = [_Block()], 0
    for matched in _TAG.finditer(text):
        _put(stack[-1], text[place : matched.start()])
        place = matched.end()
        tag = matched["raw"] if matched["raw"] is not None else matched["tag"]
        _take(tag.strip().strip("~").strip(), stack, name)
    if "{{" in text[place:]:
        raise _bad(name, "a tag is not closed")
    _put(stack[-1], text[place:])
    if len(stack) > 1:
        raise _bad(name, f"{{{{#{stack[-1].kind}}}}} is not closed")
    return stack[0]


def _take(tag: str, stack: list[_Block], name: str) -> None:
    """Add what a tag stands for to the innermost open block."""
    block = stack[-1]
    if tag.startswith("!"):
        return
    if tag.startswith("#"):
        opened = _opened(tag, name)
        (block.nodes if block.otherwise is None else block.otherwise).append(opened)
        stack.append(opened)
    elif tag.startswith("/"):
        if len(stack) == 1 or tag[1:].strip() != block.kind:
            raise _bad(name, f"{{{{{tag}}}}} closes nothing")
        stack.pop()
    elif tag in {"else", "^"}:
        if block.kind not in {"if", "unless", "each", "with"} or block.otherwise is not None:
            raise _bad(name, "{{else}} stands in no block")
        block.otherwise = []
    elif tag.startswith(">"):
        _put(block, _Partial(tag[1:].strip()))
    else:
        path = tag.removeprefix("&").strip()
        if _PATH.fullmatch(path) is None:
            raise _bad(name, f"{{{{{tag}}}}} is not a value")
        _put(block, _Value(path))


def _opened(tag: str, name: str) -> _Block:
    """Return the block that a tag begins; a partial is defined by `#* inline "name"`."""
    kind, _, argument = tag[1:].strip().removeprefix("*").strip().partition(" ")
    if kind not in {"if", "unless", "each", "with", "inline"} or not argument.strip():
        raise _bad(name, f"{{{{{tag}}}}} is not known")
    return _Block(kind, argument.strip())


def _put(block: _Block, node: "str | _Value | _Partial") -> None:
    if node != "":
        (block.nodes if block.otherwise is None else block.otherwise).append(node)


def _bad(name: str, what: str) -> MailRefused:
    return MailRefused(Kind.BAD_TEMPLATE, f"Template {name} is not valid: {what}.", name)


def _write(
    nodes: Sequence["str | _Value | _Partial | _Block"], scope: _Scope, output: _Output, depth: int
) -> None:
    if depth > _MOST_DEPTH:
        raise MailRefused(Kind.BAD_TEMPLATE, "The template is nested too deeply.")
    for node in nodes:
        if isinstance(node, str):
            output.add(node)
        elif isinstance(node, _Value):
            value = _find(node.path, scope)
            if value is _ABSENT:
                raise MailRefused(
                    Kind.MISSING_ATTRIBUTE,
                    f"Attribute '{node.path}' is not present in the rendering data.",
                )
            output.add(_as_text(value))
        elif isinstance(node, _Partial):
            partial = output.partials.get(node.name)
            if partial is None:
                raise MailRefused(Kind.BAD_TEMPLATE, f"The partial {node.name} is not defined.")
            _write(partial.nodes, scope, output, depth + 1)
        else:
            _write_block(node, scope, output, depth + 1)


def _write_block(block: _Block, scope: _Scope, output: _Output, depth: int) -> None:
    if block.kind == "inline":
        output.partials[block.argument.strip("\"'")] = block
        return
    value = _find(block.argument, scope)
    holds = value is not _ABSENT and bool(value)
    otherwise = block.otherwise or []
    if block.kind in {"if", "unless"}:
        shown = block.nodes if holds is (block.kind == "if") else otherwise
        _write(shown, scope, output, depth)
    elif not holds:
        _write(otherwise, scope, output, depth)
    elif block.kind == "with":
        _write(block.nodes, ((value, {}), *scope), output, depth)
    elif isinstance(value, (dict, list)):
        pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for index, (key, item) in enumerate(pairs):
            marks = {
                "@index": index,
                "@key": key,
                "@first": index == 0,
                "@last": index == len(pairs) - 1,
            }
            _write(block.nodes, ((item, marks), *scope), output, depth)


def _find(path: str, scope: _Scope) -> Any:
    while path.startswith("../"):
        path, scope = path[3:], scope[1:] or scope
    if path in {"this", "."}:
        return scope[0][0]
    steps = [quoted or plain for quoted, plain in _STEP.findall(path)]
    if steps[0].startswith("@"):
        return next((marks[path] for _, marks in scope if path in marks), _ABSENT)
    if steps[0] == "this":
        return _descend(scope[0][0], steps[1:])
    for value, _ in scope:
        # Handlebars looks in the innermost block alone; SES's examples reach outwards, as Mustache does.
        found = _descend(value, steps)
        if found is not _ABSENT:
            return found
    return _ABSENT


def _descend(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _ABSENT
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(_as_text(item) for item in value)
    return json.dumps(value)
