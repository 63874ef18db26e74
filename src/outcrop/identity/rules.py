"""The map from operations to permissions as one table, gathered from the modules of `permissions`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from outcrop.identity import permissions
from outcrop.identity.permissions import Rule

Rules = Mapping[tuple[str, str], Rule]


@cache
def load_rules() -> Rules:
    """Return (botocore's service name, operation name) → rule.

    A module says for which service it speaks by its name: "bedrock_runtime" is "bedrock-runtime". A service without
    a module has no rules, and its operations are the account root's alone.
    """
    found: dict[tuple[str, str], Rule] = {}
    for item in pkgutil.iter_modules(permissions.__path__):
        module = importlib.import_module(f"{permissions.__name__}.{item.name}")
        service = item.name.rstrip("_").replace("_", "-")
        found.update({(service, name): rule for name, rule in getattr(module, "NEEDS", {}).items()})
    return found
