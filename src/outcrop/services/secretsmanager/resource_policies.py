"""Resource policies: GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy, ValidateResourcePolicy."""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.services.platform import Context
from outcrop.services.secretsmanager import lookup
from outcrop.services.secretsmanager.errors import (
    InvalidParameterException,
    MalformedPolicyDocumentException,
    PublicPolicyException,
)
from outcrop.storage.secrets import rows

# Conditions with these keys and values without wildcards let in a fixed set of callers.
_NARROWING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpcsourceip",
    }
)
_NARROWING_OPERATORS = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
)
_EVERYWHERE = ("0.0.0.0/0", "::/0")


@operation("secretsmanager:PutResourcePolicy")
def put_resource_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Attach a resource policy to a secret in place of the one it has.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        MalformedPolicyDocumentException: it is no valid resource policy.
        PublicPolicyException: it lets everybody in, and BlockPublicPolicy is set.
        InvalidRequestException: the secret is marked for deletion.
    """
    _check_unnamed(request)
    text = request["ResourcePolicy"]
    document = _parse(text)
    if request.get("BlockPublicPolicy") and is_public(document):
        raise PublicPolicyException
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        rows.change(connection, secret.arn, policy=text, changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager:GetResourcePolicy")
def get_resource_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the resource policy of a secret, if it has one.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidRequestException: the secret is marked for deletion.
    """
    _check_unnamed(request)
    with context.platform.database.read() as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
    return {"ARN": secret.arn, "Name": secret.name, "ResourcePolicy": secret.policy}


@operation("secretsmanager:DeleteResourcePolicy")
def delete_resource_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take the resource policy off a secret; one that has none stays as it is.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidRequestException: the secret is marked for deletion.
    """
    _check_unnamed(request)
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        if secret.policy is not None:
            rows.change(connection, secret.arn, policy=None, changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager:ValidateResourcePolicy")
def validate_resource_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Tell whether a resource policy lets everybody in.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        MalformedPolicyDocumentException: it is no valid resource policy.
    """
    if identifier := request.get("SecretId"):
        with context.platform.database.read() as connection:
            lookup.require_usable(connection, identifier, context)
    errors = []
    if is_public(_parse(request["ResourcePolicy"])):
        message = (
            "The resource policy grants access to everybody: name principals, or add a condition."
        )
        errors.append({"CheckName": "BlockPublicPolicy", "ErrorMessage": message})
    return {"PolicyValidationPassed": not errors, "ValidationErrors": errors}


def is_public(document: Mapping[str, Any]) -> bool:
    """Whether a policy that was checked lets in callers whom nobody chose."""
    statements = document["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    return any(
        statement["Effect"] == "Allow"
        and _means_everybody(statement)
        and not _is_narrowed(statement.get("Condition", {}))
        for statement in statements
    )


def _means_everybody(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    return "*" in _listed(named)


def _is_narrowed(conditions: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(
        operator.lower().removeprefix("foranyvalue:") in _NARROWING_OPERATORS
        and key.lower() in _NARROWING_KEYS
        and all(_is_fixed(str(value)) for value in _listed(values))
        for operator, pairs in conditions.items()
        for key, values in pairs.items()
    )


def _is_fixed(value: str) -> bool:
    if value in _EVERYWHERE:
        return False
    # The account in an ARN tells whose it is; what stands after it may vary.
    fixed = ":".join(value.split(":")[:5]) if value.startswith("arn:") else value
    return "*" not in fixed and "?" not in fixed and "${" not in fixed


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _parse(text: str) -> dict[str, Any]:
    try:
        parse_policy(text, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise MalformedPolicyDocumentException(
            f"This resource policy is not valid: {error}"
        ) from error
    document: dict[str, Any] = json.loads(text)
    return document


def _check_unnamed(request: Mapping[str, Any]) -> None:
    if "PolicyName" in request:
        raise InvalidParameterException(
            "PolicyName can't be used: a secret has one resource policy here. Leave it out."
        )
