"""Finds the functions marked with @operation and notes how each is to be run."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
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


class OperationsOnDemand(Mapping[tuple[str, str], Operation]):
    """The operations of many packages, each imported when its service is first called.

    Importing them all takes a third of the time that a server needs to start, and most homes use half of them.

    Args:
        packages: botocore's service name → full name of the package that has its operations.
    """

    def __init__(self, packages: Mapping[str, str]) -> None:
        self._packages = dict(packages)
        self._found: Operations = {}

    @property
    def services(self) -> frozenset[str]:
        """Return the services whose operations are here."""
        return frozenset(self._packages)

    def load(self, service: str) -> Operations:
        """Return the operations of a service, imported now if they were not yet; none for other services."""
        if service not in self._packages:
            return {}
        found = collect_operations([importlib.import_module(self._packages[service])])
        self._found.update(found)
        return found

    def __getitem__(self, key: tuple[str, str]) -> Operation:
        found = self._found.get(key)
        return self.load(key[0])[key] if found is None else found

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for service in self._packages:
            yield from self.load(service)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def services_of(operations: Mapping[tuple[str, str], Operation]) -> frozenset[str]:
    """Return the services that operations belong to."""
    if isinstance(operations, OperationsOnDemand):
        return operations.services
    return frozenset(service for service, _ in operations)


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
