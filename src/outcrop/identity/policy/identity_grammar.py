"""The grammar of identity policies, boundaries and session policies, in the order and the words of IAM.

The words are those of IAM's MalformedPolicyDocument; graver matters are found before lesser ones, wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.core.errors import PolicyError
from outcrop.identity.policy import values
from outcrop.identity.policy.conditions import OperatorName
from outcrop.identity.policy.grammar import (
    STATEMENT_ELEMENTS,
    TOP_ELEMENTS,
    VENDOR,
    VERSIONS,
    are_texts,
    check_sids,
    condition_texts,
    is_text,
    texts,
    wrong_operator,
)

_IAM_RESOURCES = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)
_PARTITION = re.compile(r"aws(?:-[a-z]+)*", re.ASCII)
_SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)
_OPEN_ENDED = re.compile(r"[*?]|\$\{")
_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_SYNTAX = "Syntax errors in policy."
_LEGACY = "The policy failed legacy parsing"


def check_identity_document(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the statements of a valid document.

    Raises:
        PolicyError: with IAM's message.
    """
    _check_top(document)
    found = document.get("Statement")
    statements: list[Any] = found if isinstance(found, list) else [found]
    if not statements:
        raise PolicyError(_SYNTAX, "Statement")
    for statement in statements:
        _check_identity_syntax(statement)
    for statement in statements:
        if statement["Effect"] not in {"Allow", "Deny"}:
            raise PolicyError(_LEGACY, "Effect")
        _check_dates(statement.get("Condition", {}))
    resource_error = _first_resource_error(statements)
    check_sids(statements)
    _check_sid_letters(statements)
    _check_presence(statements)
    if resource_error is not None:
        raise resource_error
    for statement in statements:
        _check_actions(statement)
    return statements


def _check_identity_syntax(statement: Any) -> None:
    if not isinstance(statement, dict):
        raise PolicyError(_SYNTAX, "Statement")
    if "Principal" in statement or "NotPrincipal" in statement:
        raise PolicyError("Policy document should not specify a principal.", "Principal")
    effect: Any = statement.get("Effect")
    if not is_text(effect) or effect.lower() not in {"allow", "deny"}:
        raise PolicyError(_SYNTAX, "Effect")
    for name, value in statement.items():
        if name not in STATEMENT_ELEMENTS or (name == "Sid" and not is_text(value)):
            raise PolicyError(_SYNTAX, "Statement")
        is_listed = name.endswith(("Action", "Resource"))
        if is_listed and (f"Not{name}" in statement or not are_texts(value)):
            raise PolicyError(_SYNTAX, name)
    if wrong_operator(statement.get("Condition", {})) is not None:
        raise PolicyError(_SYNTAX, "Condition")


def _check_dates(condition: Mapping[str, Mapping[str, Any]]) -> None:
    for name, keys in condition.items():
        operator = OperatorName.parse(name)
        if operator is None or not operator.bare.startswith("Date"):
            continue
        for value in keys.values():
            if any(values.moment(text) is None for text in condition_texts(value)):
                raise PolicyError(_LEGACY, "Condition")


def _check_actions(statement: Mapping[str, Any]) -> None:
    for element in ("Action", "NotAction"):
        for action in texts(statement.get(element, [])):
            vendor, *names = action.split(":")
            if action == "*":
                continue
            if not names:
                raise PolicyError(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                    element,
                )
            if len(names) > 1:
                raise PolicyError("Actions/Condition can contain only one colon.", element)
            if vendor != "*" and not VENDOR.fullmatch(vendor):
                raise PolicyError(f"Vendor {vendor} is not valid", element)


def _first_resource_error(statements: Sequence[Mapping[str, Any]]) -> PolicyError | None:
    """Return what is wrong about a resource, to be raised after graver matters; those that cannot wait are raised."""
    found: PolicyError | None = None
    for statement in statements:
        for element in ("Resource", "NotResource"):
            for resource in texts(statement.get(element, [])):
                message = _resource_error(resource)
                if message == _LEGACY:
                    raise PolicyError(message, element)
                if message and found is None:
                    found = PolicyError(message, element)
    return found


def _resource_error(resource: str) -> str:
    if resource == "*":
        return ""
    # A variable may hold colons of its own name: they part nothing.
    plain = _VARIABLE.sub("${}", resource)
    parts = plain.split(":", 5)
    if len(parts) == 1 or (parts[0] != "arn" and parts[1] == "aws"):
        return f'Resource {resource} must be in ARN format or "*".'
    partition = parts[1]
    if not _PARTITION.fullmatch(partition) and not _OPEN_ENDED.search(partition):
        rest = [*parts[2:], "*", "*", "*", "*"][:4]
        return (
            f'Partition "{partition}" is not valid for resource "arn:{partition}:{":".join(rest)}".'
        )
    vendor = parts[2] if len(parts) > 2 else None
    if vendor is None or (vendor and not VENDOR.fullmatch(vendor)):
        return "Resource vendor must be fully qualified and cannot contain regexes."
    if not vendor or (len(parts) < 6 and "::" in plain):
        return _LEGACY
    return _service_resource_error(resource, parts)


def _service_resource_error(resource: str, parts: Sequence[str]) -> str:
    if len(parts) < 6 or parts[2] not in {"iam", "s3"}:
        return ""
    _, _, vendor, region, account, path = parts
    names_region = region and not _OPEN_ENDED.search(region)
    if vendor == "s3":
        # Access points and the like have both region and account; buckets and objects neither.
        if names_region and not account:
            return f"Resource {resource} can not contain region information."
        return ""
    if names_region:
        return f"IAM resource {resource} cannot contain region information."
    if not path.startswith(_IAM_RESOURCES) and not _OPEN_ENDED.search(path.partition("/")[0]):
        return (
            'IAM resource path must either be "*" or start with ' + ", ".join(_IAM_RESOURCES) + "."
        )
    return ""


def _check_top(document: Mapping[str, Any]) -> None:
    if not set(document) <= TOP_ELEMENTS:
        raise PolicyError(_SYNTAX, "Document")
    if "Version" in document and document["Version"] not in VERSIONS:
        raise PolicyError(_SYNTAX, "Version")
    if "Id" in document and not is_text(document["Id"]):
        raise PolicyError(_SYNTAX, "Id")


def _check_sid_letters(statements: Sequence[Mapping[str, Any]]) -> None:
    if not all(_SID.fullmatch(statement.get("Sid", "")) for statement in statements):
        raise PolicyError(
            "Statement IDs (SID) must be alpha-numeric. "  # codespell:ignore
            "Check that your input satisfies the regular expression [0-9A-Za-z]*",
            "Sid",
        )


def _check_presence(statements: Sequence[Mapping[str, Any]]) -> None:
    for statement in statements:
        if statement.get("Action", statement.get("NotAction", [])) == []:
            raise PolicyError("Policy statement must contain actions.", "Action")
    for statement in statements:
        if statement.get("Resource", statement.get("NotResource", [])) == []:
            _check_actions(statement)
            raise PolicyError("Policy statement must contain resources.", "Resource")
