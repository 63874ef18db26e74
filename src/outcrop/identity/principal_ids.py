"""Principals in policies: whom an ARN meant when the policy was written.

AWS keeps the unique id of a user or role beside the ARN that a policy names. When the user or role is deleted, the
policy shows the id, and one made later under the same name is somebody else.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

UNIQUE_ID = re.compile(r"A(?:IDA|ROA)[A-Z0-9]{12,124}")
_OF_IDENTITY = re.compile(r"arn:aws:iam::([0-9]{12}):(?:user|role)/.+")


def named_identities(document: Mapping[str, Any], account_id: str) -> set[str]:
    """Return the ARNs of users and roles of this account that a parsed policy names as principals."""
    return {
        name
        for _, _, names in _aws_principals(document)
        for name in names
        if (match := _OF_IDENTITY.fullmatch(name)) and match[1] == account_id
    }


def named_unique_ids(document: Mapping[str, Any]) -> set[str]:
    """Return the unique ids of users and roles that a parsed policy names as principals."""
    return {
        name
        for _, _, names in _aws_principals(document)
        for name in names
        if UNIQUE_ID.fullmatch(name)
    }


def present_names(text: str, ids: Mapping[str, str], arn_of: Callable[[str], str | None]) -> str:
    """Return a policy as it reads today: who was renamed under the new ARN, who is gone as a unique id.

    Args:
        text: the policy as it was written.
        ids: ARN → unique id at that time.
        arn_of: unique id → present ARN, or None when gone.
    """
    changes = {arn: arn_of(unique_id) or unique_id for arn, unique_id in ids.items()}
    if all(arn == present for arn, present in changes.items()):
        return text
    document = json.loads(text)
    for holder, key, names in list(_aws_principals(document)):
        changed = [changes.get(name, name) for name in names]
        holder[key] = changed[0] if isinstance(holder[key], str) else changed
    return json.dumps(document)


def _aws_principals(document: Mapping[str, Any]) -> Iterator[tuple[Any, str, list[str]]]:
    """Yield (mapping, key, names) of every "AWS" entry of the statements' principals."""
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element) if isinstance(statement, Mapping) else None
            if isinstance(principal, Mapping) and "AWS" in principal:
                value = principal["AWS"]
                names = [value] if isinstance(value, str) else value
                yield principal, "AWS", [name for name in names if isinstance(name, str)]
