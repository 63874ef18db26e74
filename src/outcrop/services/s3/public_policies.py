"""Whether a bucket policy is public, by the rule with which S3 blocks public access.

A policy is public unless each statement that allows something names its principals, or binds everybody by a condition
to fixed values of a key that tells callers apart.

Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of public".
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

Statement = Mapping[str, Any]

# Conditions on these, with values that hold no wildcard or variable, make a statement not public.
_TELLING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:username",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_EQUALITIES = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}
)
_WILDCARDS = ("*", "?", "${")
_SOURCE_IP = "aws:sourceip"
# Wider networks than these say nothing about who calls.
_WIDEST_PREFIX = {4: 8, 6: 32}


def is_public(policy: Mapping[str, Any]) -> bool:
    """Whether a policy document, which has been found valid, gives access to the public."""
    return any(
        statement.get("Effect") == "Allow"
        and _names_everybody(statement)
        and not _is_bound(statement)
        for statement in _many(policy.get("Statement"))
    )


def _names_everybody(statement: Statement) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return True
    return any("*" in name for name in _many(principal.get("AWS")))


def _is_bound(statement: Statement) -> bool:
    return any(
        _binds(operator.lower(), key.lower(), list(_many(values)))
        for operator, pairs in (statement.get("Condition") or {}).items()
        for key, values in pairs.items()
    )


def _binds(operator: str, key: str, values: list[Any]) -> bool:
    operator = operator.removeprefix("foranyvalue:")
    if not values:
        return False
    if key == _SOURCE_IP:
        return operator == "ipaddress" and all(_is_narrow(str(value)) for value in values)
    if operator not in _EQUALITIES or key not in _TELLING_KEYS:
        return False
    return all(_is_fixed(key, str(value)) for value in values)


def _is_fixed(key: str, value: str) -> bool:
    if key in {"s3:dataaccesspointarn", "aws:sourcearn", "aws:principalarn"}:
        # The resource may be left open where the account is not.
        parts = value.split(":", 5)
        return len(parts) == 6 and parts[4] != "" and not _is_open(parts[4])
    if key == "aws:userid":
        # "AROA…:*" stands for all sessions of one role.
        value = value.removesuffix(":*")
    return value != "" and not _is_open(value)


def _is_open(value: str) -> bool:
    return any(sign in value for sign in _WILDCARDS)


def _is_narrow(value: str) -> bool:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return False
    return network.is_private or network.prefixlen >= _WIDEST_PREFIX[network.version]


def _many(value: Any) -> Iterator[Any]:  # a JSON value that may stand alone for a list of one
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
