"""Policy documents on their way in and out: checked, measured, and URL-encoded as IAM shows them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.identity.principal_ids import named_identities, named_unique_ids
from outcrop.services.iam.errors import LimitExceeded, MalformedPolicyDocument
from outcrop.storage.identities import Entity, entities

MANAGED_POLICY_CHARACTERS = 6144
TRUST_POLICY_CHARACTERS = 4096  # AWS: 2048, which an account may have raised to 4096
# Of all inline policies of one entity together.
INLINE_CHARACTERS = {"user": 2048, "role": 10240, "group": 5120}


def shown(document: str) -> str:
    """Return a document as IAM's answers carry it: percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def counted_characters(document: str) -> int:
    """Return the size that counts towards quotas: without white space."""
    return sum(not character.isspace() for character in document)


def check_identity_policy(document: str) -> None:
    """Refuse what is no identity-based policy.

    Raises:
        MalformedPolicyDocument: with the reason.
    """
    _check(document, PolicyKind.IDENTITY)


def check_managed_policy(document: str) -> None:
    """Refuse what is no identity-based policy, or too long for a managed one.

    Raises:
        MalformedPolicyDocument: with the reason.
        LimitExceeded: it is too long.
    """
    _check(document, PolicyKind.IDENTITY)
    if counted_characters(document) > MANAGED_POLICY_CHARACTERS:
        raise LimitExceeded(f"Cannot exceed quota for PolicySize: {MANAGED_POLICY_CHARACTERS}")


def check_inline_size(entity: Entity, inline: Mapping[str, str]) -> None:
    """Refuse inline policies that are too long together.

    Raises:
        LimitExceeded: they are.
    """
    limit = INLINE_CHARACTERS[entity.kind]
    if sum(counted_characters(document) for document in inline.values()) > limit:
        raise LimitExceeded(
            f"Maximum policy size of {limit} bytes exceeded for {entity.kind} {entity.name}"
        )


def check_trust_policy(
    connection: Connection, document: str, account_id: str
) -> tuple[str, dict[str, str]]:
    """Return a trust policy as it is kept: its text, and the unique ids of those whom it names.

    Raises:
        MalformedPolicyDocument: it is no trust policy, or names somebody who does not exist.
        LimitExceeded: it is too long.
    """
    _check(document, PolicyKind.TRUST)
    if counted_characters(document) > TRUST_POLICY_CHARACTERS:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_CHARACTERS}")
    parsed: Mapping[str, Any] = json.loads(document)
    ids = {}
    for arn in sorted(named_identities(parsed, account_id)):
        named = entities.by_arn(connection, arn)
        if named is None:
            raise _invalid_principal(arn)
        ids[arn] = named.id
    for unique_id in sorted(named_unique_ids(parsed)):
        if entities.by_id(connection, unique_id) is None:
            raise _invalid_principal(unique_id)
        ids[unique_id] = unique_id
    return document, ids


def _check(document: str, kind: PolicyKind) -> None:
    try:
        parse_policy(document, kind)
    except PolicyError as error:
        raise MalformedPolicyDocument(str(error)) from None


def _invalid_principal(name: str) -> MalformedPolicyDocument:
    return MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{name}"')
