"""Finds the functions marked with @operation and notes how each is to be run."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

from outcrop.aws.operation import OPERATION_ATTRIBUTE, OperationFunction
from outcrop.core.errors import ConfigurationError

_READS = ("Get", "List", "Head", "Describe")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that is built.

    Attributes:
        is_async: it waits or streams, so it runs on the event loop.
        only_reads: by AWS's naming it changes nothing, so it is short enough to run where it is called.
    """

    service: str
    name: str
    function: OperationFunction
    is_async: bool
    only_reads: bool


Operations = dict[tuple[str, str], Operation]


def collect_operations(modules: Iterable[ModuleType]) -> Operations:
    """Return the operations defined in these modules, and in all modules of those that are packages.

    Returns:
        (botocore's service name, operation name) → operation.

    Raises:
        ConfigurationError: two functions claim one operation, or a mark is not "service:Operation".
    """
    found: Operations = {}
    for module in modules:
        for member in _with_submodules(module):
            for function in vars(member).values():
                mark = (
                    vars(function).get(OPERATION_ATTRIBUTE)
                    if callable(function) and hasattr(function, "__dict__")
                    else None
                )
                if mark is not None and function.__module__ == member.__name__:
                    _add(found, str(mark), function)
    return found


def _with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for item in pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}."):
        yield importlib.import_module(item.name)


def _add(found: Operations, mark: str, function: OperationFunction) -> None:
    service, colon, name = mark.partition(":")
    if not (service and colon and name):
        raise ConfigurationError(
            f"'{mark}' is not the name of an operation; write service:Operation."
        )
    if (service, name) in found:
        raise ConfigurationError(f"Two functions implement {mark}.")
    found[service, name] = Operation(
        service=service,
        name=name,
        function=function,
        is_async=inspect.iscoroutinefunction(function),
        only_reads=name.startswith(_READS),
    )
