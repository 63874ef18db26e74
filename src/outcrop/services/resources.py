"""Resources of every service as decisions see them.

A service whose resources have names, tags or policies has a module `access` with `find` and `facts`; it is asked
about the ARNs of its own service. It may name in `LASTING_NAMES` the kinds whose names, once given, always stand for
the same resource.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable

import outcrop.services
from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform

# ARN's name of a service → package, where they differ.
_PACKAGES = {"servicequotas": "service_quotas", "lambda": "lambda_", "states": "stepfunctions"}
_MOST_REMEMBERED = 4096
Find = Callable[[str, str, str, Platform], str]
Facts = Callable[[str, Platform], ResourceFacts]


class ServiceResources:
    """Asks the services about their resources.

    Args:
        platform: where they look.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._find: dict[str, Find] = {}
        self._lasting: dict[str, frozenset[str]] = {}
        self._remembered: dict[tuple[str, str, str, str], str] = {}
        self._facts: dict[str, Facts] = {}
        for item in pkgutil.iter_modules(outcrop.services.__path__):
            name = f"{outcrop.services.__name__}.{item.name}.access"
            if not item.ispkg or importlib.util.find_spec(name) is None:
                continue
            module = importlib.import_module(name)
            self._find[item.name] = module.find
            self._lasting[item.name] = getattr(module, "LASTING_NAMES", frozenset())
            self._facts[item.name] = module.facts

    def find(self, service: str, kind: str, identifier: str, region: str) -> str:
        """Return the ARN of what a request names; what no service can look up comes back as it is."""
        package = _package(service)
        find = self._find.get(package)
        if find is None:
            return identifier
        if kind not in self._lasting[package]:
            return find(kind, identifier, region, self._platform)
        key = (package, kind, identifier, region)
        found = self._remembered.get(key)
        if found is None:
            found = find(kind, identifier, region, self._platform)
            # What nothing bears yet comes back with the name itself in the place of an id.
            if found.rpartition("/")[2] != identifier:
                if len(self._remembered) >= _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[key] = found
        return found

    def facts(self, arn: str) -> ResourceFacts:
        """Return what decisions need to know of a resource."""
        parts = arn.split(":", 3)
        if len(parts) < 4:
            return NO_FACTS
        facts = self._facts.get(_package(parts[2]))
        return NO_FACTS if facts is None else facts(arn, self._platform)


def _package(service: str) -> str:
    return _PACKAGES.get(service) or service.replace("-", "_")
