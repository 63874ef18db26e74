"""What a path in a definition looks into: the state's data, the context object or a variable."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from outcrop.workflows.asl.jsonpath import JsonPath, PathMiss, json_path
from outcrop.workflows.asl.machine import Scope

Origin = Literal["input", "context", "variable"]

_VARIABLE: Final = re.compile(r"\$([^\W\d]\w*)(.*)", re.DOTALL)
WHOLE: Final = "$"


class Reference:
    """A path with what it looks into.

    Attributes:
        text: as written: `$.a`, `$$.Execution.Id`, `$order.total`.
        origin: what the path is applied to.
        path: the path within that.
        variable: the variable's name, or "".
        read: the evaluator: data and scope in, the value out; raises PathMiss.
    """

    __slots__ = ("origin", "path", "read", "text", "variable")

    def __init__(self, text: str) -> None:
        self.text = text
        self.variable = ""
        self.origin: Origin = "input"
        if text.startswith("$$"):
            self.origin = "context"
            self.path: JsonPath = json_path(text[1:])
            self.read: Callable[[Any, Scope], Any] = self._from_context()
        elif found := _VARIABLE.fullmatch(text):
            self.origin = "variable"
            self.variable = found.group(1)
            self.path = json_path("$" + found.group(2))
            self.read = self._from_variable()
        else:
            self.path = json_path(text)
            self.read = self._from_input()

    @property
    def is_whole_input(self) -> bool:
        """Whether it is the bare `$`."""
        return self.text == WHOLE

    def _from_input(self) -> Callable[[Any, Scope], Any]:
        read = self.path.read
        return lambda data, _scope: read(data)

    def _from_context(self) -> Callable[[Any, Scope], Any]:
        read = self.path.read
        return lambda _data, scope: read(scope.context)

    def _from_variable(self) -> Callable[[Any, Scope], Any]:
        read, name = self.path.read, self.variable

        def look_up(_data: Any, scope: Scope) -> Any:
            try:
                value = scope.variables[name]
            except KeyError:
                raise PathMiss(f"No results for path: $['{name}']") from None
            return read(value)

        return look_up

    def searched(self, data: Any, scope: Scope) -> Any:
        """Return what a miss was a miss in, which causes quote."""
        if self.origin == "context":
            return dict(scope.context)
        return dict(scope.variables) if self.origin == "variable" else data
