"""Versions: PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion."""

import sys
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers, lookup, pages
from outcrop.services.stepfunctions.errors import (
    ConflictException,
    ServiceQuotaExceededException,
    ValidationException,
)
from outcrop.storage import state_machines as rows
from outcrop.storage.state_machines import MachineRow, VersionRow

_MOST_VERSIONS = 1000  # Developer guide, "Quotas": published versions of a state machine
# How callers of PublishStateMachineVersion name the revision of a machine that was never updated.
_INITIAL = "INITIAL"


@operation("stepfunctions:PublishStateMachineVersion")
def publish_state_machine_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a version of a machine's present revision; a revision that has one gets no other.

    Raises:
        StateMachineDoesNotExist: no such machine.
        StateMachineDeleting: it is being deleted.
        ConflictException: the present revision is not the one that is named.
        ServiceQuotaExceededException: the machine has a thousand versions.
    """
    with context.platform.database.write(durable=True) as connection:
        machine = lookup.own(connection, request["stateMachineArn"])
        revision = request.get("revisionId")
        present = machine.revision_id or _INITIAL
        if revision is not None and revision != present:
            raise ConflictException(
                f"Failed to publish the State Machine version for revision {revision}. The current State Machine "
                f"revision is {present}."
            )
        version = publish(connection, machine, request.get("description"), context)
    return {
        "stateMachineVersionArn": version.arn,
        "creationDate": from_us(version.created_us),
    }


def publish(
    connection: Connection, machine: MachineRow, description: str | None, context: Context
) -> VersionRow:
    """Return the version of a machine's present revision, made now if there is none.

    Raises:
        ServiceQuotaExceededException: the machine has a thousand versions.
    """
    found = rows.version_of_revision(connection, machine.arn, machine.revision_id)
    if found is not None:
        return found
    if rows.version_count(connection, machine.arn) >= _MOST_VERSIONS:
        raise ServiceQuotaExceededException(
            f"{machine.arn} has {_MOST_VERSIONS} versions, which is the most it can have: delete some."
        )
    return rows.publish(connection, machine, description, now_us(context.platform.clock))


@operation("stepfunctions:ListStateMachineVersions")
def list_state_machine_versions(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the versions of a machine, the newest first; none where there is no such machine.

    Raises:
        InvalidArn: no machine's ARN.
        InvalidToken: the token was not given out by this operation for this machine.
    """
    arn = identifiers.machine(request["stateMachineArn"])
    limit = pages.limit_of(request)
    position = pages.read_position(request, arn.base, context)
    before = int(position.get("number", sys.maxsize))
    with context.platform.database.read() as connection:
        found = rows.version_page(connection, arn.base, before=before, limit=limit + 1)
    answer: dict[str, Any] = {
        "stateMachineVersions": [
            {
                "stateMachineVersionArn": f"{arn.base}:{number}",
                "creationDate": from_us(created_us),
            }
            for number, created_us in found[:limit]
        ]
    }
    if len(found) > limit:
        last = {"number": found[limit - 1][0]}
        answer["nextToken"] = pages.write_position(last, arn.base, context)
    return answer


@operation("stepfunctions:DeleteStateMachineVersion")
def delete_state_machine_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a version; one that is gone is no error, and its number is never given again.

    Raises:
        InvalidArn: not the ARN of a version.
        ValidationException: the machine itself or an alias is named.
        ConflictException: an alias leads to the version.
    """
    arn = identifiers.machine(request["stateMachineVersionArn"])
    if arn.version is None:
        raise ValidationException(
            f"{arn.text} is not the ARN of a version: it must end in a colon and the version's number."
        )
    with context.platform.database.write(durable=True) as connection:
        leading = [
            alias.name
            for alias in rows.aliases_of(connection, arn.base)
            if any(number == arn.version for number, _ in alias.routing)
        ]
        if leading:
            raise ConflictException(
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this "
                f"version: [{', '.join(leading)}]"
            )
        rows.remove_version(connection, arn.base, arn.version)
    return {}
