"""Policy documents: JSON text becomes a checked, compiled `Policy`, or a `PolicyError` in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from outcrop.core.errors import PolicyError
from outcrop.identity.policy.arn_patterns import resource_builder, resource_matcher
from outcrop.identity.policy.conditions import Condition, OperatorName, compile_condition
from outcrop.identity.policy.grammar import (
    VERSIONS,
    PolicyKind,
    condition_texts,
    read_json,
    texts,
)
from outcrop.identity.policy.identity_grammar import check_identity_document
from outcrop.identity.policy.patterns import PatternSet, compile_glob, tokenize
from outcrop.identity.policy.principals import PrincipalSet
from outcrop.identity.policy.resource_grammar import check_resource_document, principals_of
from outcrop.identity.policy.statements import Statement

__all__ = ["Policy", "PolicyError", "PolicyKind", "cached_policy", "parse_policy"]

_REMEMBERED_POLICIES = 4096


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy, ready to be asked.

    Attributes:
        text: the document as it was written.
        version: "2012-10-17" or "2008-10-17"; only the former knows variables.
        id: its Id element, "" for none.
    """

    text: str
    kind: PolicyKind
    version: str
    id: str = ""
    statements: tuple[Statement, ...] = field(default=(), repr=False, compare=False)


def parse_policy(
    document: str | bytes | Mapping[str, Any], kind: PolicyKind = PolicyKind.IDENTITY
) -> Policy:
    """Return the policy that a document spells.

    Sizes are the caller's to limit: they differ between services. So is the version that IAM asks of managed policies
    ("Policy document must be version 2012-10-17 or greater."): without one, a policy is of 2008-10-17.

    Raises:
        PolicyError: not JSON, not a policy, or not one of this kind.
    """
    if isinstance(document, bytes):
        text = document.decode("utf-8", "replace")
    elif isinstance(document, str):
        text = document
    else:
        text = json.dumps(document)
    members = read_json(text, kind)
    if kind.names_principals:
        statements = check_resource_document(members, kind)
    else:
        statements = check_identity_document(members)
    version = members.get("Version", VERSIONS[0])
    has_variables = version == VERSIONS[1]
    return Policy(
        text=text,
        kind=kind,
        version=version,
        id=members.get("Id", ""),
        statements=tuple(
            _compile(statement, index, kind, has_variables=has_variables)
            for index, statement in enumerate(statements)
        ),
    )


@lru_cache(maxsize=_REMEMBERED_POLICIES)
def cached_policy(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> Policy:
    """Return `parse_policy(text, kind)`, made once per text; for policies that are stored."""
    return parse_policy(text, kind)


def _compile(
    statement: Mapping[str, Any], index: int, kind: PolicyKind, *, has_variables: bool
) -> Statement:
    actions = texts(statement.get("Action", statement.get("NotAction")))
    resources = None
    if kind is not PolicyKind.TRUST:
        resources = PatternSet.of(
            [
                tokenize(text, wildcards=True, variables=has_variables)
                for text in texts(statement.get("Resource", statement.get("NotResource")))
            ],
            resource_matcher,
            resource_builder,
        )
    principals = None
    if kind.names_principals:
        element = statement.get("Principal", statement.get("NotPrincipal"))
        principals = PrincipalSet.of(principals_of(element, kind))
    return Statement(
        is_allow=statement["Effect"] == "Allow",
        sid=statement.get("Sid", ""),
        index=index,
        actions=PatternSet.of(
            [tokenize(text.lower(), wildcards=True, variables=False) for text in actions],
            compile_glob,
        ),
        excludes_actions="NotAction" in statement,
        resources=resources,
        excludes_resources="NotResource" in statement,
        conditions=tuple(_conditions(statement.get("Condition", {}), has_variables=has_variables)),
        principals=principals,
        excludes_principals="NotPrincipal" in statement,
    )


def _conditions(
    element: Mapping[str, Mapping[str, Any]], *, has_variables: bool
) -> list[Condition]:
    return [
        compile_condition(operator, key, condition_texts(value), has_variables=has_variables)
        for name, keys in element.items()
        if (operator := OperatorName.parse(name)) is not None
        for key, value in keys.items()
    ]
