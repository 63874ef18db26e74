"""Executions: start, describe, list, stop, redrive; the work itself is done by `platform.executions`."""

import asyncio
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us, optional
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import (
    descriptions,
    encryption,
    identifiers,
    json_text,
    lookup,
    pages,
)
from outcrop.services.stepfunctions.errors import (
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    StateMachineTypeNotSupported,
    ValidationException,
)
from outcrop.services.stepfunctions.lookup import Named
from outcrop.storage import idempotency
from outcrop.storage import state_machines as rows
from outcrop.workflows.revisions import ExecutionRecord, MachineRevision, StartRequest

_WHOLE = 100
_EXPRESS = "EXPRESS"
# Developer guide, "Express pricing": billed by 100 ms and by chunks of 64 MB.
_BILLED_MILLISECONDS, _BILLED_MEGABYTES = 100, 64


@operation("stepfunctions:StartExecution")
async def start_execution(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Start an execution of a machine, a version, or what an alias leads to; it is durable when this answers.

    The same name and input again find the execution while it runs.

    Raises:
        InvalidArn: not the ARN of a machine, version or alias.
        InvalidName: the name has characters that names may not have.
        InvalidExecutionInput: the input is no JSON.
        StateMachineDoesNotExist: no such machine, version or alias.
        StateMachineDeleting: the machine is being deleted.
        ExecutionAlreadyExists: the name is taken by an execution with another input, or by one that ended.
    """
    named = _startable(request, context)
    started = await context.platform.executions.start(await _prepared(request, named, context))
    return {"executionArn": started.arn, "startDate": from_us(started.started_us)}


@operation("stepfunctions:StartSyncExecution")
async def start_sync_execution(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Run an express execution and answer when it has ended.

    Raises:
        InvalidArn: not the ARN of a machine, version or alias.
        InvalidName: the name has characters that names may not have.
        InvalidExecutionInput: the input is no JSON.
        StateMachineDoesNotExist: no such machine, version or alias.
        StateMachineDeleting: the machine is being deleted.
        StateMachineTypeNotSupported: the machine is not an express one.
    """
    named = _startable(request, context)
    if named.machine.type != _EXPRESS:
        raise StateMachineTypeNotSupported
    prepared = await _prepared(request, named, context)
    record = await context.platform.executions.start_sync(prepared)
    stopped_us = record.started_us if record.stopped_us is None else record.stopped_us
    taken = max(1, math.ceil((stopped_us - record.started_us) / 1000 / _BILLED_MILLISECONDS))
    with_data = request.get("includedData") != descriptions.WITHOUT_DATA
    return {
        **_data(record, with_data=with_data),
        "outputDetails": {"included": with_data},  # also where there is no output
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "startDate": from_us(record.started_us),
        "stopDate": from_us(stopped_us),
        "status": record.status,
        "traceHeader": record.trace_header or None,
        "billingDetails": {
            "billedDurationInMilliseconds": taken * _BILLED_MILLISECONDS,
            "billedMemoryUsedInMB": _BILLED_MEGABYTES,
        },
    }


def _startable(request: Mapping[str, Any], context: Context) -> Named:
    """Return what a request wants to start, its version chosen where an alias is named."""
    with context.platform.database.read() as connection:
        named = lookup.named(connection, request["stateMachineArn"])
        lookup.refuse_deleting(named.machine)
        if named.alias is None:
            return named
        version = rows.version(connection, named.machine.arn, _draw(named.alias.routing))
    assert version is not None, "a version that an alias leads to cannot be deleted"
    return Named(named.arn, named.machine, version=version, alias=named.alias)


def _draw(routing: Sequence[tuple[int, int]]) -> int:
    """Return the number of one of an alias's versions, by their weights."""
    drawn = secrets.randbelow(_WHOLE)
    for number, weight in routing:
        if drawn < weight:
            return number
        drawn -= weight
    return routing[-1][0]


async def _prepared(request: Mapping[str, Any], named: Named, context: Context) -> StartRequest:
    name, text = request.get("name", ""), request.get("input", "{}")
    if name:
        identifiers.check_name(name)
    try:
        json_text.read(text)
    except json_text.NotJson as error:
        reason = str(error) or "Invalid execution input."
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{reason}'") from None
    machine, content = named.machine, named.content
    revision = MachineRevision(
        arn=machine.arn,
        name=machine.name,
        type="EXPRESS" if machine.type == _EXPRESS else "STANDARD",
        definition=await encryption.definition_of(content, machine.arn, context),
        role_arn=content.role_arn,
        logging=content.logging,
        tracing=bool(content.tracing.get("enabled")),
        version_arn="" if named.version is None else named.version.arn,
        alias_arn="" if named.alias is None else named.alias.arn,
        revision_id=content.revision_id,
        updated_us=content.updated_us,
    )
    return StartRequest(revision, name, text, request.get("traceHeader", ""))


@operation("stepfunctions:DescribeExecution")
def describe_execution(request: Mapping[str, Any], context: Context) -> Any:
    """Return a standard execution.

    Raises:
        InvalidArn: no execution's ARN, or that of an express execution.
        ExecutionDoesNotExist: no such execution.
        KmsAccessDeniedException: the data lie under a KMS key that the caller may not use.
        KmsInvalidStateException: that key is disabled or gone.
    """
    record = _require(request["executionArn"], context)
    with_data = request.get("includedData") != descriptions.WITHOUT_DATA
    described = {
        **_data(record, with_data=with_data),
        **_summary(record),
        "traceHeader": record.trace_header or None,
        "redriveStatus": record.redrive_status,
        "redriveStatusReason": record.redrive_status_reason or None,
    }
    return unlocked(described, record.machine_arn, context) if with_data else described


def unlocked(answer: dict[str, Any], machine_arn: str, context: Context) -> Any:
    """Return an answer with data of a machine's executions, once the machine's KMS key lets the caller read them."""
    with context.platform.database.read() as connection:
        machine = rows.get(connection, machine_arn.partition("/")[0])
    if machine is None or machine.wrapped_key is None:
        return answer

    async def unlock() -> dict[str, Any]:
        await encryption.require_key(machine, machine.arn, context)
        return answer

    return unlock()


@operation("stepfunctions:DescribeStateMachineForExecution")
def describe_state_machine_for_execution(request: Mapping[str, Any], context: Context) -> Any:
    """Return the machine as it was when an execution started.

    Raises:
        InvalidArn: no execution's ARN, or that of an express execution.
        ExecutionDoesNotExist: no such execution.
        KmsAccessDeniedException: the definition lies under a KMS key that the caller may not use.
        KmsInvalidStateException: that key is disabled or gone.
    """
    record = _require(request["executionArn"], context)
    revision = context.platform.executions.revision_of(record.arn)
    with context.platform.database.read() as connection:
        machine = rows.get(connection, revision.arn.partition("/")[0])
    with_data = request.get("includedData") != descriptions.WITHOUT_DATA
    described = {
        "stateMachineArn": record.machine_arn,
        "name": revision.name,
        "roleArn": revision.role_arn,
        "updateDate": from_us(revision.updated_us),
        "loggingConfiguration": revision.logging or None,
        "tracingConfiguration": {"enabled": revision.tracing},
        "encryptionConfiguration": encryption.OWNED if machine is None else machine.encryption,
        "revisionId": revision.revision_id or None,
        "label": revision.label or None,
        "mapRunArn": record.map_run_arn or None,
        **descriptions.describe_definition(revision.definition if with_data else None),
    }
    return unlocked(described, record.machine_arn, context) if with_data else described


@operation("stepfunctions:ListExecutions")
def list_executions(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List executions, the newest first: of a machine, a version, an alias, or the children of a map run.

    Raises:
        ValidationException: not exactly one of machine and map run is named, or a filter that goes with neither.
        InvalidArn: not such an ARN.
        InvalidToken: the token was not given out by this operation for this list.
        StateMachineDoesNotExist: no such machine, version or alias.
        StateMachineTypeNotSupported: the machine is an express one.
        ResourceNotFound: no such map run.
    """
    machine_text, map_run = request.get("stateMachineArn"), request.get("mapRunArn")
    if bool(machine_text) == bool(map_run):
        raise ValidationException("Exactly one of stateMachineArn and mapRunArn must be specified.")
    filters: dict[str, Any] = {"status": request.get("statusFilter", "")}
    born_us = 0
    if map_run:
        identifiers.parse(map_run, identifiers.MAP_RUN)
        context.platform.executions.describe_map_run(map_run)
        filters["map_run_arn"] = map_run
        if "redriveFilter" in request:
            filters["redriven"] = request["redriveFilter"] == "REDRIVEN"
    else:
        assert machine_text is not None
        if "redriveFilter" in request:
            raise ValidationException("redriveFilter can only be used with a mapRunArn.")
        named = _listable(machine_text, context)
        born_us = named.machine.created_us
        if named.alias is not None:
            filters["alias_arn"] = named.alias.arn
        elif named.version is not None:
            filters["version_arn"] = named.version.arn
        else:
            filters["machine_arn"] = named.machine.arn
    of = map_run or str(machine_text)
    position = pages.read_position(request, of, context)
    after = (int(position["started_us"]), int(position["id"])) if position else None
    found = context.platform.executions.list(**filters, after=after, limit=pages.limit_of(request))
    # A machine that was deleted and made again does not own what its predecessor ran.
    shown = [record for record in found.executions if record.started_us >= born_us]
    answer: dict[str, Any] = {
        "executions": [{**_summary(record), **_listed(record)} for record in shown]
    }
    if found.following is not None and len(shown) == len(found.executions):
        started_us, identifier = found.following
        last = {"started_us": started_us, "id": identifier}
        answer["nextToken"] = pages.write_position(last, of, context)
    return answer


def _listable(text: str, context: Context) -> Named:
    with context.platform.database.read() as connection:
        named = lookup.named(connection, text)
    if named.machine.type == _EXPRESS:
        raise StateMachineTypeNotSupported
    return named


@operation("stepfunctions:StopExecution")
async def stop_execution(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Abort a standard execution.

    Raises:
        InvalidArn: no execution's ARN, or that of an express execution.
        ExecutionDoesNotExist: no such execution.
        ValidationException: it has ended.
    """
    arn = request["executionArn"]
    identifiers.parse(arn, identifiers.EXECUTION)
    stopped_us = await context.platform.executions.stop(
        arn, request.get("error"), request.get("cause")
    )
    return {"stopDate": from_us(stopped_us)}


@operation("stepfunctions:RedriveExecution")
async def redrive_execution(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Let an execution that did not succeed go on from where it failed.

    Raises:
        InvalidArn: no execution's ARN, or that of an express execution.
        ExecutionDoesNotExist: no such execution.
        ExecutionNotRedrivable: it runs, succeeded, or cannot be redriven any more.
        ValidationException: the client token was used for another execution.
    """
    arn = request["executionArn"]
    identifiers.parse(arn, identifiers.EXECUTION)
    asked = {"executionArn": arn, idempotency.TOKEN_MEMBER: request.get("clientToken")}
    with context.platform.database.read() as connection:
        known = (
            idempotency.find(
                connection, context.region, context.operation, asked[idempotency.TOKEN_MEMBER]
            )
            if request.get("clientToken")
            else None
        )
    if known is not None:
        digest, answer = known
        if digest != idempotency.digest(asked):
            raise ValidationException("The clientToken was used to redrive another execution.")
        return {"redriveDate": from_us(answer["redriven_us"])}
    redriven_us = await context.platform.executions.redrive(arn)

    def remember() -> None:
        with context.platform.database.write() as connection:
            idempotency.remember(
                connection,
                context.region,
                context.operation,
                asked,
                response={"redriven_us": redriven_us},
                now_us=now_us(context.platform.clock),
            )

    await asyncio.to_thread(remember)
    return {"redriveDate": from_us(redriven_us)}


def _require(arn: str, context: Context) -> ExecutionRecord:
    identifiers.parse(arn, identifiers.EXECUTION)
    record = context.platform.executions.describe(arn)
    if record.region != context.region:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
    return record


def _summary(record: ExecutionRecord) -> dict[str, Any]:
    """Return the members that DescribeExecution and ListExecutions share."""
    return {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": from_us(record.started_us),
        "stopDate": optional(record.stopped_us),
        "mapRunArn": record.map_run_arn or None,
        "stateMachineVersionArn": record.version_arn or None,
        "stateMachineAliasArn": record.alias_arn or None,
        "redriveCount": record.redrive_count,
        "redriveDate": optional(record.redriven_us),
    }


def _listed(record: ExecutionRecord) -> dict[str, Any]:
    return {"itemCount": record.item_count if record.map_run_arn else None}


def _data(record: ExecutionRecord, *, with_data: bool) -> dict[str, Any]:
    """Return input, output and what went wrong."""
    found: dict[str, Any] = {"error": record.error, "cause": record.cause}
    if with_data:
        found["input"] = record.input
        found["inputDetails"] = {"included": True}
        if record.output is not None:
            found["output"] = record.output
            found["outputDetails"] = {"included": True}
    else:
        found["inputDetails"] = {"included": False}
        if record.output is not None:
            found["outputDetails"] = {"included": False}
    return found
