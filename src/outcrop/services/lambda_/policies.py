"""Resource policies: who besides the account's own identities may call a function, a version or an alias.

Statements are added one by one and are weighed by the gateway, with the source that a service names when it calls.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.services.lambda_.access import policy_document
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from outcrop.services.lambda_.identifiers import (
    Reference,
    find_function,
    is_alias,
    no_alias,
    not_found,
    read,
)
from outcrop.services.platform import Context
from outcrop.storage.functions import attachments, rows
from outcrop.storage.functions.rows import LATEST

_LONGEST_POLICY_BYTES = 20_480
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?", re.ASCII)
_IDENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:.+", re.ASCII)


@operation("lambda:AddPermission")
def add_permission(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Let a service, an account or an identity call a function.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
        ResourceConflictException: there is a statement of this id.
        InvalidParameterValueException: the principal is none, or $LATEST is named.
        PreconditionFailedException: RevisionId is not the latest.
        PolicyLengthExceededException: the policy would be too long.
    """
    reference = _reference(request, context)
    statement = _statement(request, reference)
    with context.platform.database.write(durable=True) as connection:
        revision = _revision(connection, reference)
        _check_revision(revision, request)
        statements = attachments.statements(connection, reference.arn, reference.qualifier)
        sid = statement["Sid"]
        if any(item["Sid"] == sid for item in statements):
            raise ResourceConflictException(
                f"The statement id ({sid}) provided already exists. Please provide a new statement id, or "
                "remove the existing statement."
            )
        statements.append(statement)
        if len(policy_document(statements)) > _LONGEST_POLICY_BYTES:
            raise PolicyLengthExceededException(
                f"The final policy size ({len(policy_document(statements))}) is bigger than the limit "
                f"({_LONGEST_POLICY_BYTES})."
            )
        attachments.put_statements(connection, reference.arn, reference.qualifier, statements)
        _revise(connection, reference)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@operation("lambda:RemovePermission")
def remove_permission(request: Mapping[str, Any], context: Context) -> None:
    """Take a statement out of a policy.

    Raises:
        ResourceNotFoundException: no such function, version, alias, policy or statement.
        PreconditionFailedException: RevisionId is not the latest.
    """
    reference, sid = _reference(request, context), request["StatementId"]
    with context.platform.database.write(durable=True) as connection:
        revision = _revision(connection, reference)
        statements = attachments.statements(connection, reference.arn, reference.qualifier)
        if not statements:
            raise ResourceNotFoundException("No policy is associated with the given resource.")
        kept = [item for item in statements if item["Sid"] != sid]
        if len(kept) == len(statements):
            raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
        _check_revision(revision, request)
        attachments.put_statements(connection, reference.arn, reference.qualifier, kept)
        _revise(connection, reference)


@operation("lambda:GetPolicy")
def get_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the policy of a function, a version or an alias.

    Raises:
        ResourceNotFoundException: there is none.
    """
    reference, connection = _reference(request, context), context.platform.database.reader
    revision = _revision(connection, reference)
    statements = attachments.statements(connection, reference.arn, reference.qualifier)
    if not statements:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return {"Policy": policy_document(statements), "RevisionId": revision}


def _reference(request: Mapping[str, Any], context: Context) -> Reference:
    reference = read(request, context)
    if reference.qualifier == LATEST:
        raise InvalidParameterValueException(
            "We currently do not support adding policies for $LATEST."
        )
    return reference


def _revision(connection: Connection, reference: Reference) -> str:
    """Return the revision of what carries the policy."""
    arn, qualifier = find_function(connection, reference).arn, reference.qualifier
    if is_alias(qualifier):
        alias = attachments.alias(connection, arn, qualifier)
        if alias is None:
            raise no_alias(reference.qualified_arn)
        return alias.revision_id
    version = rows.version(connection, arn, qualifier or LATEST)
    if version is None:
        raise not_found(reference.qualified_arn)
    return version.revision_id


def _check_revision(revision: str, request: Mapping[str, Any]) -> None:
    if request.get("RevisionId") not in {None, "", revision}:
        raise PreconditionFailedException


def _revise(connection: Connection, reference: Reference) -> None:
    arn, qualifier, revision = reference.arn, reference.qualifier, str(uuid4())
    if is_alias(qualifier):
        attachments.change_alias(connection, arn, qualifier, revision_id=revision)
    else:
        rows.change_version(connection, arn, qualifier or LATEST, revision_id=revision)


def _statement(request: Mapping[str, Any], reference: Reference) -> dict[str, Any]:
    equals: dict[str, Any] = {}
    if kind := request.get("FunctionUrlAuthType"):
        equals["lambda:FunctionUrlAuthType"] = kind
    if organization := request.get("PrincipalOrgID"):
        equals["aws:PrincipalOrgID"] = organization
    if account := request.get("SourceAccount"):
        equals["AWS:SourceAccount"] = account
    if token := request.get("EventSourceToken"):
        equals["lambda:EventSourceToken"] = token
    condition: dict[str, Any] = {}
    if equals:
        condition["StringEquals"] = equals
    if "InvokedViaFunctionUrl" in request:
        via_url = "true" if request["InvokedViaFunctionUrl"] else "false"
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": via_url}
    if source := request.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": source}
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": reference.qualified_arn,
    }
    return {**statement, "Condition": condition} if condition else statement


def _principal(named: str) -> Any:  # as policies write it
    if named == "*":
        return named
    if _ACCOUNT.fullmatch(named):
        return {"AWS": f"arn:aws:iam::{named}:root"}
    if _IDENTITY.fullmatch(named):
        return {"AWS": named}
    if _SERVICE.fullmatch(named):
        return {"Service": named}
    raise InvalidParameterValueException(
        "The provided principal was invalid. Please check the principal and try again."
    )
