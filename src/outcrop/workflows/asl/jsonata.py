"""JSONata as Step Functions runs it: `{% … %}` strings, compiled once, with `$states` and variables.

The interpreter of the language is jsonata-python, imported when the first expression is compiled.
An expression that merely follows names from `$states` or a variable never reaches it.
"""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from outcrop.workflows.asl.errors import QUERY_EVALUATION, Problem
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.jsonata_errors import told
from outcrop.workflows.asl.jsonata_functions import step_functions_functions
from outcrop.workflows.asl.jsonata_library import library
from outcrop.workflows.asl.machine import Evaluator, Scope

OPENING: Final = "{%"
CLOSING: Final = "%}"
# Measured on Step Functions: nesting to 100 is evaluated, 101 is refused.
MAX_DEPTH: Final = 100
MAX_SECONDS: Final = 5.0
_CLOCK_EVERY: Final = 64
_PLAIN: Final = re.compile(r"\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)")
_UNDEFINED: Final = object()
# JavaScript, and so JSONata, writes whole numbers without a fraction up to here.
_WHOLE_LIMIT: Final = 1e21


class JsonataSyntaxError(ValueError):
    """A text that is no JSONata."""


class _TooDeep(Exception):
    pass


class _TooLong(Exception):
    pass


def is_expression(value: Any) -> bool:
    """Return whether a value of a definition is evaluated: a string from `{%` to `%}`."""
    return isinstance(value, str) and value.startswith(OPENING) and value.endswith(CLOSING)


def unwrapped(value: str) -> str:
    """Return the expression between the marks."""
    return value[len(OPENING) : -len(CLOSING)].strip()


class Expression:
    """One compiled expression.

    Attributes:
        text: the expression without its marks, which causes quote.
    """

    __slots__ = ("_compiled", "_steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        plain = _PLAIN.fullmatch(text)
        self._steps = None if plain is None else (plain[1], *plain[2].split(".")[1:])
        self._compiled: Any = None
        if plain is None:
            self._compiled = _compile(text)

    @property
    def tree(self) -> Any:
        """The syntax tree."""
        if self._compiled is None:
            self._compiled = _compile(self.text)
        return self._compiled.ast

    def evaluate(self, states: Mapping[str, Any], variables: Mapping[str, Any], field: str) -> Any:
        """Return the value, or raise the Problem of an expression that has none.

        Args:
            states: what `$states` is here: input, context, perhaps result or errorOutput.
            variables: the variables, by name without the dollar.
            field: where the expression stands in its state, as causes name it: "Output/total".
        """
        value = self.value(states, variables, field)
        if value is _UNDEFINED:
            raise Problem(
                QUERY_EVALUATION,
                f"The JSONata expression '{self.text}' specified for the field '{field}' "
                f"returned nothing (undefined).",
                field,
            )
        return value

    def value(self, states: Mapping[str, Any], variables: Mapping[str, Any], field: str) -> Any:
        """Return the value, or the mark of undefined."""
        if self._steps is not None:
            first, *rest = self._steps
            found: Any = states if first == "states" else variables.get(first, _UNDEFINED)
            for name in rest:
                if type(found) is not dict or name not in found:
                    break  # a list is mapped over and a miss is undefined: the interpreter's work
                found = found[name]
            else:
                if found is not _UNDEFINED:
                    return found
        return self._interpreted(states, variables, field)

    def _interpreted(
        self, states: Mapping[str, Any], variables: Mapping[str, Any], field: str
    ) -> Any:
        if self._compiled is None:
            self._compiled = _compile(self.text)
        compiled = self._compiled
        interpreter, _, null = library()
        bindings = {name: null if value is None else value for name, value in variables.items()}
        bindings["states"] = states
        bindings["__evaluate_entry"], bindings["__evaluate_exit"] = _bounds()
        # The library keeps the expression at work per thread; ours may have been compiled in another.
        interpreter.CURRENT.jsonata = compiled
        try:
            value = compiled.evaluate(None, bindings)
            return _UNDEFINED if value is None else _as_json(value, null)
        except Problem:
            raise
        except _TooDeep:
            raise self._failure(
                field,
                "Stack overflow error: Check for non-terminating recursive function.  "
                f"Consider rewriting as tail-recursive. Depth={MAX_DEPTH + 1} max={MAX_DEPTH}",
            ) from None
        except _TooLong:
            raise self._failure(
                field, "Expression evaluation timeout: Check for infinite loop"
            ) from None
        except _Unsupported:
            raise Problem(
                QUERY_EVALUATION,
                f"The JSONata expression '{self.text}' specified for the field '{field}' "
                f"returned an unsupported result type.",
                field,
            ) from None
        except Exception as error:  # the library lets Python's own errors out of its functions
            raise self._failure(field, told(error)) from error

    def _failure(self, field: str, words: str) -> Problem:
        return Problem(
            QUERY_EVALUATION,
            f"The JSONata expression '{self.text}' specified for the field '{field}' "
            f"threw an error during evaluation. {words}",
            field,
        )


class _Unsupported(Exception):
    pass


def _compile(text: str) -> Any:
    interpreter, exception, _ = library()
    try:
        compiled = interpreter(text)
    except exception as error:
        raise JsonataSyntaxError(told(error, with_code=False)) from error
    except RecursionError as error:
        raise JsonataSyntaxError("The expression is nested too deeply") from error
    compiled.set_output_convert_nulls(False)
    for name, function in step_functions_functions().items():
        compiled.environment.bind(name, function)
    compiled.environment.bind("eval", None)  # Step Functions knows no $eval
    return compiled


def _bounds() -> tuple[Callable[..., None], Callable[..., None]]:
    """Return the callbacks that end an evaluation which nests too deep or runs too long."""
    depth = 0
    count = 0
    deadline = time.monotonic() + MAX_SECONDS

    def enter(_expression: Any, _input: Any, environment: Any) -> None:
        nonlocal depth, count
        if environment.is_parallel_call:
            return
        depth += 1
        count += 1
        if depth > MAX_DEPTH:
            raise _TooDeep
        if count % _CLOCK_EVERY == 0 and time.monotonic() > deadline:
            raise _TooLong

    def leave(_expression: Any, _input: Any, environment: Any, _result: Any) -> None:
        nonlocal depth
        if not environment.is_parallel_call:
            depth -= 1

    return enter, leave


def _as_json(value: Any, null: Any) -> Any:
    """Return a value of the library as plain JSON values, its own lists and nulls replaced."""
    if value is None or value is null:
        return None
    kind = type(value)
    if kind is str or kind is bool or kind is int:
        return value
    if kind is float:
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        return int(value) if value.is_integer() and abs(value) < _WHOLE_LIMIT else value
    if isinstance(value, dict):
        return {str(key): _as_json(member, null) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(element, null) for element in value]
    raise _Unsupported


@functools.lru_cache(maxsize=4096)
def expression(text: str) -> Expression:
    """Return the compiled expression of a text without its marks.

    Raises:
        JsonataSyntaxError: it cannot be read.
    """
    return Expression(text)


def compile_jsonata(template: Any, field: str) -> Evaluator:
    """Return what evaluates a template: any JSON with `{% … %}` strings in it.

    The evaluator takes the `$states` object as its data.

    Args:
        template: a field's value.
        field: the field's name; places inside are told apart as `Output/a[0]/b`.

    Raises:
        JsonataSyntaxError: an expression cannot be read.
    """
    evaluator = _compiled(template, field)
    return evaluator if evaluator is not None else lambda _states, _scope: template


def _compiled(template: Any, field: str) -> Evaluator | None:
    if isinstance(template, str):
        if not is_expression(template):
            return None
        found = expression(unwrapped(template))
        return lambda states, scope: found.evaluate(states, scope.variables, field)
    if isinstance(template, list):
        return _compiled_list(template, field)
    if isinstance(template, dict):
        members = tuple(
            (key, _compiled(value, f"{field}/{key}"), value) for key, value in template.items()
        )
        if not any(member[1] for member in members):
            return None
        return lambda states, scope: {
            key: constant if evaluator is None else evaluator(states, scope)
            for key, evaluator, constant in members
        }
    return None


def _compiled_list(template: list[Any], field: str) -> Evaluator | None:
    elements = tuple(
        (_compiled(value, f"{field}[{position}]"), value) for position, value in enumerate(template)
    )
    if not any(element[0] for element in elements):
        return None
    return lambda states, scope: [
        constant if evaluator is None else evaluator(states, scope)
        for evaluator, constant in elements
    ]


def type_name(value: Any) -> str:
    """Return JSON's name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def compile_typed(template: Any, field: str, wanted: str) -> Evaluator:
    """Return what evaluates a field that must come to a certain type.

    Args:
        wanted: array, boolean, number, string or integer.
    """
    evaluate = compile_jsonata(template, field)
    text = unwrapped(template) if is_expression(template) else str(template)

    def checked(states: Any, scope: Scope) -> Any:
        value = evaluate(states, scope)
        kind = type_name(value)
        is_right = kind == wanted or (
            wanted == "integer" and isinstance(value, int) and not isinstance(value, bool)
        )
        if is_right:
            return value
        raise Problem(
            QUERY_EVALUATION,
            f"The JSONata expression '{text}' specified for the field '{field}' returned an "
            f"unexpected result type. Expected '{wanted}', but was '{kind}' for value: "
            f"{compact(value)}",
            field,
        )

    return checked
