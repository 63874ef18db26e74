"""What all policy documents have in common: JSON without surprises, a version, statements of known elements.

`identity_grammar` and `resource_grammar` go on from here. Whether named principals and resources exist, none of them
knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NoReturn

from outcrop.core.errors import PolicyError
from outcrop.identity.policy.conditions import OperatorName

VERSIONS = ("2008-10-17", "2012-10-17")
TOP_ELEMENTS = {"Version", "Id", "Statement"}
STATEMENT_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
VENDOR = re.compile(r"[A-Za-z0-9.-]+", re.ASCII)


class PolicyKind(Enum):
    """What a policy is attached to; decides which elements it must and must not have.

    The values are the nouns of AWS's AccessDenied messages.
    """

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"

    @property
    def names_principals(self) -> bool:
        """Whether its statements say whom they are about."""
        return self in {PolicyKind.RESOURCE, PolicyKind.TRUST}


class _Number(str):
    """A number as the document spells it, told apart from a text."""

    __slots__ = ()


def read_json(text: str, kind: PolicyKind) -> dict[str, Any]:
    """Return a document's members; a key that stands twice makes it no document.

    Raises:
        PolicyError: it is not JSON, or not an object.
    """
    try:
        document = json.loads(
            text,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_duplicates,
        )
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise PolicyError(
            "This policy contains invalid Json"
            if kind.names_principals
            else "Syntax errors in policy.",
            "Document",
        )
    return document


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def texts(value: Any) -> list[str]:
    """Return an element's texts: it may be one or a list of them."""
    return [*value] if isinstance(value, list) else [value]


def condition_texts(value: Any) -> list[str]:
    """Return a condition's values as texts: numbers as they are spelled, true and false as "true" and "false"."""
    found = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in found]


def is_text(value: Any) -> bool:
    """Whether an element is one text; a number is none, though a condition takes it for one."""
    return isinstance(value, str) and not isinstance(value, _Number)


def are_texts(value: Any) -> bool:
    """Whether an element is a text or a list of texts."""
    return all(map(is_text, value)) if isinstance(value, list) else is_text(value)


def _is_condition_value(value: Any) -> bool:
    found = value if isinstance(value, list) else [value]
    return all(isinstance(item, (str, bool)) for item in found)


def wrong_operator(condition: Any) -> str | None:
    """Return what is wrong about a Condition element: the operator's name, or "" for its form; None for nothing."""
    if not isinstance(condition, dict):
        return ""
    for name, keys in condition.items():
        if not isinstance(keys, dict) or not all(map(_is_condition_value, keys.values())):
            return ""
        if keys and OperatorName.parse(name) is None:
            return str(name)
    return None


def check_sids(statements: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a Sid that stands twice; statements may do without."""
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(set(sids)) != len(sids):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.", "Sid")
