"""What a target is given of an event: all of it, a part, a constant, or a text made from parts.

Source: EventBridge User Guide, "Amazon EventBridge input transformation".
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")
_MISSING = object()
_MOST_PATHS = 100
RESERVED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event",
        "aws.events.event.json",
        "aws.events.event.ingestion-time",
    }
)


class InvalidInput(ValueError):
    """A target's input is none; the message says why."""


def check_input(target: Mapping[str, Any]) -> None:
    """Refuse a target whose input could never be made.

    Args:
        target: as PutTargets has it.

    Raises:
        InvalidInput: it has several inputs, or a path or a template that is none.
    """
    name = target["Id"]
    given = [key for key in ("Input", "InputPath", "InputTransformer") if target.get(key)]
    if len(given) > 1:
        raise InvalidInput(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if "Input" in given and not _is_json(target["Input"]):
        raise InvalidInput(f"JSON syntax error in input for target {name}")
    if "InputPath" in given and _steps(target["InputPath"]) is None:
        raise InvalidInput(f"Invalid InputPath for target {name}.")
    if "InputTransformer" in given:
        _check_transformer(name, target["InputTransformer"])


def _check_transformer(name: str, transformer: Mapping[str, Any]) -> None:
    paths = transformer.get("InputPathsMap") or {}
    if len(paths) > _MOST_PATHS:
        raise InvalidInput(f"Too many InputPathsMap entries for target {name}.")
    for key, path in paths.items():
        if key.lower().startswith("aws."):
            raise InvalidInput(f"Invalid InputPathsMap for target {name}: AWS is reserved.")
        if _steps(path) is None:
            raise InvalidInput(f"Invalid InputPathsMap for target {name}: {path} is not a path.")
    for placeholder in _PLACEHOLDER.findall(transformer["InputTemplate"]):
        if placeholder not in paths and placeholder not in RESERVED:
            raise InvalidInput(
                f"InputTemplate for target {name} contains invalid placeholder {placeholder}."
            )


def make_input(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """Return the text that a target is given of an event.

    Args:
        target: as PutTargets had it.
        event: the whole event.
        rule_arn: of the rule that matched.
    """
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        value = _find(event, target["InputPath"])
        return _dumped(None if value is _MISSING else value)
    if target.get("InputTransformer"):
        return _transform(target["InputTransformer"], event, rule_arn)
    return _dumped(event)


def _transform(transformer: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    values = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event": {key: item for key, item in event.items() if key != "detail"},
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": event["time"],
    }
    for key, path in (transformer.get("InputPathsMap") or {}).items():
        values[key] = _find(event, path)
    pieces: list[str] = []
    position, is_quoted = 0, False
    template: str = transformer["InputTemplate"]
    for match in _PLACEHOLDER.finditer(template):
        before = template[position : match.start()]
        is_quoted ^= _count_quotes(before) % 2 == 1
        pieces += [before, _shown(values.get(match[1], _MISSING), is_quoted=is_quoted)]
        position = match.end()
    return "".join([*pieces, template[position:]])


def _count_quotes(text: str) -> int:
    return len(re.findall(r'(?<!\\)"', text))


def _shown(
    value: Any, *, is_quoted: bool
) -> str:  # JSON, or what stands for a value that is missing
    """Return a value in the place of its placeholder: within a string without quotes of its own."""
    if value is _MISSING:
        return "" if is_quoted else "null"
    if not is_quoted:
        return _dumped(value)
    text = value if isinstance(value, str) else _dumped(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _dumped(value: Any) -> str:  # JSON
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _steps(path: str) -> list[str | int] | None:
    """Return the steps of a path such as $.detail.items[0], or None where it is none."""
    if not path.startswith("$"):
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        name, index, *quoted = match.groups()
        steps.append(int(index) if index is not None else name or next(filter(None, quoted)))
        position = match.end()
    return steps


def _find(event: Any, path: str) -> Any:  # JSON, or _MISSING
    value = event
    for step in _steps(path) or ():
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return _MISSING
        elif not isinstance(value, Mapping) or step not in value:
            return _MISSING
        value = value[step]
    return value
