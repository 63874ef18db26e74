"""State machines: CreateStateMachine, UpdateStateMachine, DescribeStateMachine, ListStateMachines, DeleteStateMachine."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import (
    definitions,
    deletion,
    descriptions,
    encryption,
    identifiers,
    logging_configurations,
    lookup,
    pages,
    roles,
    tags,
    tracing_configurations,
    versions,
)
from outcrop.services.stepfunctions.errors import (
    ConflictException,
    MissingRequiredParameter,
    StateMachineAlreadyExists,
    StateMachineLimitExceeded,
    ValidationException,
)
from outcrop.storage import state_machines as rows
from outcrop.storage import tags as tag_rows
from outcrop.storage.state_machines import Content, MachineRow

_MOST_MACHINES = 100_000  # Developer guide, "Quotas": registered state machines of an account
_CHANGES = (
    "definition",
    "roleArn",
    "loggingConfiguration",
    "tracingConfiguration",
    "encryptionConfiguration",
)


@operation("stepfunctions:CreateStateMachine")
async def create_state_machine(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a state machine; the same request again finds it. Its role must trust Step Functions.

    Raises:
        InvalidName: the name has characters that names may not have.
        InvalidDefinition: the definition is not valid.
        InvalidLoggingConfiguration: the log group is not there, or not exactly one is named.
        InvalidTracingConfiguration: it does not say whether tracing is enabled.
        InvalidEncryptionConfiguration: the KMS key cannot be used.
        StateMachineAlreadyExists: a machine of this name differs in definition or configuration.
        StateMachineDeleting: a machine of this name is being deleted.
        AccessDeniedException: the role cannot be assumed.
    """
    name, definition = request["name"], request["definition"]
    identifiers.check_name(name)
    _check_description(request)
    machine_type = request.get("type", "STANDARD")
    logging = logging_configurations.normalise(request.get("loggingConfiguration"))
    tracing = tracing_configurations.normalise(request.get("tracingConfiguration"))
    encrypted = encryption.normalise(request.get("encryptionConfiguration"))
    carried = tags.read(request.get("tags"), name)
    await definitions.check(definition, machine_type)
    arn = identifiers.machine_arn(context.region, context.account_id, name)
    now = now_us(context.platform.clock)
    machine = MachineRow(
        arn=arn,
        region=context.region,
        name=name,
        type=machine_type,
        status=rows.ACTIVE,
        revision_id="",
        role_arn=request["roleArn"],
        definition=b"",
        logging_json=json.dumps(logging),
        tracing_json=json.dumps(tracing),
        encryption_json=json.dumps(encrypted),
        created_by_json="",
        last_version=0,
        created_us=now,
        updated_us=now,
    )
    is_published = bool(request.get("publish"))
    asked = _fingerprint(machine, definition) | {
        "publish": is_published,
        "versionDescription": request.get("versionDescription"),
    }
    machine = replace(machine, created_by_json=json.dumps(asked))
    with context.platform.database.read() as connection:
        if (found := _again(connection, machine)) is not None:
            return found
    role = roles.assume(machine.role_arn, arn, context)
    await logging_configurations.check(logging, role, context)
    await encryption.check_key(encrypted, context)
    sealed, wrapped_key = await encryption.seal(definition, encrypted, arn, context)
    machine = replace(machine, definition=sealed, wrapped_key=wrapped_key)

    def store() -> dict[str, Any]:
        with context.platform.database.write(durable=True) as connection:
            if (found := _again(connection, machine)) is not None:
                return found
            if rows.count(connection, context.region) >= _MOST_MACHINES:
                raise StateMachineLimitExceeded(
                    f"State Machine Limit Exceeded: the account has {_MOST_MACHINES} in this region."
                )
            rows.insert(connection, machine)
            tag_rows.put(connection, arn, carried)
            if is_published:
                rows.publish(connection, machine, request.get("versionDescription"), now)
            return _created(machine)

    return await asyncio.to_thread(store)


@operation("stepfunctions:UpdateStateMachine")
async def update_state_machine(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Give a machine a new revision; running executions go on with theirs. What changes nothing makes none.

    Raises:
        MissingRequiredParameter: nothing to change is named.
        StateMachineDoesNotExist: no such machine; versions cannot be updated.
        StateMachineDeleting: it is being deleted.
        InvalidDefinition: the definition is not valid.
        InvalidLoggingConfiguration: the log group is not there, or not exactly one is named.
        InvalidTracingConfiguration: it does not say whether tracing is enabled.
        InvalidEncryptionConfiguration: the KMS key cannot be used.
        ConflictException: another update came between.
        AccessDeniedException: the role cannot be assumed.
    """
    _check_description(request)
    with context.platform.database.read() as connection:
        machine = lookup.own(connection, request["stateMachineArn"])
    if not any(name in request for name in _CHANGES):
        raise MissingRequiredParameter(
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
            "specified"
        )
    changed, definition = await _changed(machine, request, context)
    fingerprint = json.loads(machine.created_by_json) | _fingerprint(changed, definition)
    is_same = (
        json.dumps(fingerprint) == machine.created_by_json and changed.role_arn == machine.role_arn
    )
    now = now_us(context.platform.clock)
    if not is_same:
        changed = replace(
            changed,
            revision_id=str(uuid4()),
            updated_us=now,
            created_by_json=json.dumps(fingerprint),
        )

    def store() -> dict[str, Any]:
        with context.platform.database.write(durable=True) as connection:
            present = lookup.own(connection, machine.arn)
            if not is_same:
                if present.revision_id != machine.revision_id:
                    raise ConflictException(
                        f"State machine {machine.arn} was updated by another request at the same time; try again."
                    )
                rows.change_content(connection, machine.arn, changed)
                rows.change(connection, machine.arn, created_by_json=changed.created_by_json)
                present = replace(changed, last_version=present.last_version)
            answer: dict[str, Any] = {
                "updateDate": from_us(now),
                "revisionId": present.revision_id or None,
            }
            if request.get("publish"):
                version = versions.publish(
                    connection, present, request.get("versionDescription"), context
                )
                answer["stateMachineVersionArn"] = version.arn
            return answer

    return await asyncio.to_thread(store)


async def _changed(
    machine: MachineRow, request: Mapping[str, Any], context: Context
) -> tuple[MachineRow, str]:
    """Return a machine as an update wants it, everything checked, and its definition's text."""
    changed = machine
    if "definition" in request:
        await definitions.check(request["definition"], machine.type)
    if "loggingConfiguration" in request:
        logging = logging_configurations.normalise(request["loggingConfiguration"])
        changed = replace(changed, logging_json=json.dumps(logging))
    if "tracingConfiguration" in request:
        tracing = tracing_configurations.normalise(request["tracingConfiguration"])
        changed = replace(changed, tracing_json=json.dumps(tracing))
    if "encryptionConfiguration" in request:
        encrypted = encryption.normalise(request["encryptionConfiguration"])
        changed = replace(changed, encryption_json=json.dumps(encrypted))
    if "roleArn" in request:
        changed = replace(changed, role_arn=request["roleArn"])
    if "roleArn" in request or "loggingConfiguration" in request:
        role = roles.assume(changed.role_arn, machine.arn, context)
        await logging_configurations.check(changed.logging, role, context)
    if "definition" not in request and changed.encryption_json == machine.encryption_json:
        return changed, await encryption.definition_of(machine, machine.arn, context)
    definition = request.get("definition")
    if definition is None:
        definition = await encryption.definition_of(machine, machine.arn, context)
    await encryption.check_key(changed.encryption, context)
    sealed, wrapped_key = await encryption.seal(
        definition, changed.encryption, machine.arn, context
    )
    return replace(changed, definition=sealed, wrapped_key=wrapped_key), definition


def _check_description(request: Mapping[str, Any]) -> None:
    if "versionDescription" in request and not request.get("publish"):
        raise ValidationException("Version description can only be set when publish is true")


def _fingerprint(content: Content, definition: str) -> dict[str, Any]:
    """Return what tells one revision from another, its role aside."""
    found: dict[str, Any] = {
        "definition": hashlib.sha256(definition.encode()).hexdigest(),
        "logging": content.logging,
        "tracing": content.tracing,
        "encryption": content.encryption,
    }
    if isinstance(content, MachineRow):
        found["type"] = content.type
    return found


def _again(connection: Connection, asked: MachineRow) -> dict[str, Any] | None:
    """Return the answer where a machine of this name is there and the same was asked for.

    Role and tags may differ: AWS leaves those of the first request.
    """
    present = rows.get(connection, asked.arn)
    if present is None:
        return None
    lookup.refuse_deleting(present)
    if json.loads(present.created_by_json) != json.loads(asked.created_by_json):
        raise StateMachineAlreadyExists(f"State Machine Already Exists: '{asked.arn}'")
    return _created(present)


def _created(machine: MachineRow) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "stateMachineArn": machine.arn,
        "creationDate": from_us(machine.created_us),
    }
    if json.loads(machine.created_by_json)["publish"]:
        answer["stateMachineVersionArn"] = f"{machine.arn}:1"
    return answer


@operation("stepfunctions:DescribeStateMachine")
def describe_state_machine(request: Mapping[str, Any], context: Context) -> Any:
    """Return a machine or one of its versions.

    Raises:
        InvalidArn: not the ARN of a machine or version.
        StateMachineDoesNotExist: no such machine or version.
        KmsAccessDeniedException: the definition lies under a KMS key that the caller may not use.
        KmsInvalidStateException: that key is disabled or gone.
    """
    with context.platform.database.read() as connection:
        named = lookup.named(connection, request["stateMachineArn"])
    if named.alias is not None:
        raise lookup.missing(named.arn.text)
    machine, content = named.machine, named.content
    version = named.version
    identity = {
        "stateMachineArn": named.arn.text,
        "name": machine.name,
        "status": machine.status,
        "type": machine.type,
        "creationDate": from_us(machine.created_us if version is None else version.created_us),
        "description": None if version is None else version.description,
    }
    if request.get("includedData") == descriptions.WITHOUT_DATA:
        return identity | descriptions.without_definition(content)
    if content.wrapped_key is None:
        return identity | descriptions.describe(content, content.definition.decode())

    async def unlock() -> dict[str, Any]:
        definition = await encryption.definition_of(content, machine.arn, context)
        return identity | descriptions.describe(content, definition)

    return unlock()


@operation("stepfunctions:ListStateMachines")
def list_state_machines(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List machines by name.

    Raises:
        InvalidToken: the token was not given out by this operation.
    """
    limit = pages.limit_of(request)
    position = pages.read_position(request, "", context)
    with context.platform.database.read() as connection:
        found = rows.page(
            connection, context.region, after=position.get("name", ""), limit=limit + 1
        )
    answer: dict[str, Any] = {
        "stateMachines": [
            {
                "stateMachineArn": arn,
                "name": name,
                "type": machine_type,
                "creationDate": from_us(created_us),
            }
            for arn, name, machine_type, created_us in found[:limit]
        ]
    }
    if len(found) > limit:
        answer["nextToken"] = pages.write_position({"name": found[limit - 1][1]}, "", context)
    return answer


@operation("stepfunctions:DeleteStateMachine")
async def delete_state_machine(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a machine with its versions and aliases; executions that run are ended. One that is gone is no error.

    Raises:
        InvalidArn: no machine's ARN.
        ValidationException: a version or an alias is named.
    """
    arn = identifiers.machine(request["stateMachineArn"])
    if arn.is_qualified:
        raise ValidationException(
            f"A qualified state machine ARN cannot be deleted by this operation: {arn.text}. Name the state machine "
            "itself, or delete the version or the alias."
        )
    await deletion.delete(arn.base, context.platform)
    return {}
