"""The grammar of policies that say whom they are about: those of resources, and trust policies.

The words are those of the parser that S3, IAM's trust policies and others share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from outcrop.core.errors import PolicyError
from outcrop.identity.policy.grammar import (
    STATEMENT_ELEMENTS,
    TOP_ELEMENTS,
    VENDOR,
    VERSIONS,
    PolicyKind,
    are_texts,
    check_sids,
    is_text,
    texts,
    wrong_operator,
)
from outcrop.identity.policy.principals import is_valid_principal

_PRINCIPAL_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}


def check_resource_document(
    document: Mapping[str, Any], kind: PolicyKind
) -> list[Mapping[str, Any]]:
    """Return the statements of a valid document.

    Raises:
        PolicyError: with the shared parser's message.
    """
    unknown = next((name for name in document if name not in TOP_ELEMENTS), None)
    if unknown is not None:
        raise PolicyError(f"Unknown field {unknown}", "Document")
    if "Version" in document and document["Version"] not in VERSIONS:
        raise PolicyError("The policy must contain a valid version string", "Version")
    if "Id" in document and not is_text(document["Id"]):
        raise PolicyError("Invalid Id: it must be a string", "Id")
    found = document.get("Statement")
    statements: list[Any] = found if isinstance(found, list) else [found]
    if found is None or not statements:
        raise PolicyError("Could not parse the policy: Statement is empty!", "Statement")
    for statement in statements:
        _check_statement(statement, kind)
    check_sids(statements)
    return statements


def _check_statement(statement: Any, kind: PolicyKind) -> None:
    if not isinstance(statement, dict):
        raise PolicyError("Could not parse the policy: a statement is no object", "Statement")
    _check_elements(statement, kind)
    effect = statement["Effect"]
    if not is_text(effect) or effect not in {"Allow", "Deny"}:
        raise PolicyError(f"Invalid effect: {effect}", "Effect")
    if "Sid" in statement and not is_text(statement["Sid"]):
        raise PolicyError("Invalid Sid: it must be a string", "Sid")
    _check_actions(statement, kind)
    _check_resources(statement)
    wrong = wrong_operator(statement.get("Condition", {}))
    if wrong is not None:
        raise PolicyError(
            f"Invalid Condition type : {wrong}" if wrong else "Invalid condition", "Condition"
        )
    for name in {"Principal", "NotPrincipal"} & set(statement):
        principals_of(statement[name], kind)


def _check_resources(statement: Mapping[str, Any]) -> None:
    for name in ("Resource", "NotResource"):
        found = statement.get(name, "*")
        if not are_texts(found) or not all(
            text == "*" or text.startswith("arn:") for text in texts(found)
        ):
            raise PolicyError("Policy has invalid resource", name)


def _check_elements(statement: Mapping[str, Any], kind: PolicyKind) -> None:
    prohibited = {"Resource", "NotResource", "NotPrincipal"} if kind is PolicyKind.TRUST else set()
    for name in statement:
        if name not in STATEMENT_ELEMENTS:
            raise PolicyError(f"Unknown field {name}", "Statement")
        if name in prohibited:
            raise PolicyError(f"Has prohibited field {name}", name)
    required = ["Effect", "Principal", "Action"]
    if kind is PolicyKind.RESOURCE:
        required.append("Resource")
    for name in required:
        other = f"Not{name}"
        if statement.get(name, []) in ([], {}) and statement.get(other, []) in ([], {}):
            raise PolicyError(f"Missing required field {name}", name)
        if name in statement and other in statement:
            raise PolicyError(f"Has prohibited field {other}", other)


def _check_actions(statement: Mapping[str, Any], kind: PolicyKind) -> None:
    for name in ("Action", "NotAction"):
        found = statement.get(name, "*" if kind is PolicyKind.RESOURCE else "sts:*")
        if not are_texts(found):
            raise PolicyError("Policy has invalid action", name)
        for action in texts(found):
            if kind is PolicyKind.TRUST:
                if not action.lower().startswith("sts:"):
                    raise PolicyError(
                        "AssumeRole policy may only specify STS AssumeRole actions.", name
                    )
            elif not _is_action(action):
                raise PolicyError("Policy has invalid action", name)


def _is_action(action: str) -> bool:
    vendor = action.partition(":")[0]
    return action == "*" or (
        action.count(":") == 1 and (vendor == "*" or VENDOR.fullmatch(vendor) is not None)
    )


def principals_of(element: Any, kind: PolicyKind) -> dict[str, list[str]]:
    """Return the principals of a Principal or NotPrincipal element by kind; {"AWS": ["*"]} for "*".

    Raises:
        PolicyError: one of them is none.
    """
    if element == "*":
        return {"AWS": ["*"]}
    if not isinstance(element, dict):
        raise _invalid_principal(json.dumps(element), kind)
    found: dict[str, list[str]] = {}
    for name, value in element.items():
        if name not in _PRINCIPAL_KINDS or not are_texts(value) or not texts(value):
            raise _invalid_principal(f"{json.dumps(name)}:{json.dumps(value)}", kind)
        for text in texts(value):
            if not is_valid_principal(name, text):
                raise _invalid_principal(f"{json.dumps(name)}:{json.dumps(text)}", kind)
        found[name] = texts(value)
    return found


def _invalid_principal(shown: str, kind: PolicyKind) -> PolicyError:
    message = "Invalid principal in policy"
    return PolicyError(f"{message}: {shown}" if kind is PolicyKind.TRUST else message, "Principal")
