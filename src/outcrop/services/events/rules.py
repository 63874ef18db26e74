"""Rules: which events, or which times, their targets are told of."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.governance.event_patterns import InvalidEventPattern, compile_pattern
from outcrop.governance.event_schedules import InvalidSchedule, parse_schedule
from outcrop.services.events import buses, tags
from outcrop.services.events.errors import (
    InvalidEventPatternException,
    LimitExceededException,
    no_rule,
)
from outcrop.services.events.identifiers import bus_name, rule_arn
from outcrop.services.events.pages import page
from outcrop.services.platform import Context
from outcrop.storage import events as rows
from outcrop.storage import tags as tag_rows
from outcrop.storage.events import DEFAULT_BUS, RuleRow

_MOST_RULES = 300


@operation("events:PutRule")
def put_rule(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a rule, or replace one; its targets stay.

    Raises:
        ResourceNotFoundException: no such bus.
        InvalidEventPatternException: the pattern is none.
        ValidationException: neither a pattern nor a schedule is given, or the schedule is none.
        LimitExceededException: the bus has 300 rules already.
    """
    name, bus = request["Name"], bus_name(request.get("EventBusName"))
    pattern, schedule = request.get("EventPattern", ""), request.get("ScheduleExpression", "")
    _check(pattern, schedule, bus)
    platform = context.platform
    state = request.get("State", "ENABLED")
    new_tags = tags.read_tags(request.get("Tags"))
    arn = rule_arn(context.region, context.account_id, bus, name)
    platform.events.prepare()
    with platform.database.write(durable=True) as connection:
        buses.require(connection, bus, context)
        found = rows.rule(connection, context.region, bus, name)
        if found is None and len(rows.rules(connection, context.region, bus)) >= _MOST_RULES:
            raise LimitExceededException
        row = RuleRow(
            region=context.region,
            bus=bus,
            name=name,
            pattern=pattern,
            schedule=schedule,
            state=state,
            description=request.get("Description", ""),
            role_arn=request.get("RoleArn", ""),
            created_us=found.created_us if found else now_us(platform.clock),
            next_us=platform.events.first_time_us(schedule, state),
        )
        rows.put_rule(connection, row)
        if found is None:  # AWS: tags of a rule that is replaced are left as they are
            tag_rows.put(connection, arn, new_tags)
    platform.events.forget_rules(context.region, bus)
    return {"RuleArn": arn}


@operation("events:DeleteRule")
def delete_rule(request: Mapping[str, Any], context: Context) -> None:
    """Delete a rule that has no targets; it is no error if there is none.

    Raises:
        ResourceNotFoundException: no such bus.
        ValidationException: it has targets.
    """
    name, bus = request["Name"], bus_name(request.get("EventBusName"))
    with context.platform.database.write(durable=True) as connection:
        buses.require(connection, bus, context)
        if rows.targets(connection, context.region, bus, name):
            raise ValidationException("Rule can't be deleted since it has targets.")
        rows.remove_rule(connection, context.region, bus, name)
        arn = rule_arn(context.region, context.account_id, bus, name)
        tag_rows.drop_all(connection, arn)
    context.platform.events.forget_rules(context.region, bus)


@operation("events:EnableRule")
def enable_rule(request: Mapping[str, Any], context: Context) -> None:
    """Let a rule match events, or fire, again.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    _set_state(request, context, "ENABLED")


@operation("events:DisableRule")
def disable_rule(request: Mapping[str, Any], context: Context) -> None:
    """Keep a rule from matching events, or from firing.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    _set_state(request, context, "DISABLED")


@operation("events:DescribeRule")
def describe_rule(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a rule.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    with context.platform.database.read() as connection:
        row = require(connection, request["Name"], request.get("EventBusName"), context)
    return {**_described(row, context), "CreatedBy": context.account_id}


@operation("events:ListRules")
def list_rules(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the rules of a bus, by name.

    Raises:
        ResourceNotFoundException: no such bus.
        ValidationException: the token is none that this operation returned.
    """
    bus = bus_name(request.get("EventBusName"))
    with context.platform.database.read() as connection:
        buses.require(connection, bus, context)
        found = rows.rules(connection, context.region, bus, request.get("NamePrefix", ""))
    return page("Rules", [_described(row, context) for row in found], request, context)


@operation("events:ListRuleNamesByTarget")
def list_rule_names_by_target(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the names of the rules that have a target, in order.

    Raises:
        ResourceNotFoundException: no such bus.
        ValidationException: the token is none that this operation returned.
    """
    bus = bus_name(request.get("EventBusName"))
    with context.platform.database.read() as connection:
        buses.require(connection, bus, context)
        found = rows.rule_names_by_target(connection, context.region, bus, request["TargetArn"])
    return page("RuleNames", found, request, context)


def require(connection: Connection, name: str, given_bus: str | None, context: Context) -> RuleRow:
    """Return a rule.

    Args:
        connection: to read with.
        name: of the rule.
        given_bus: as the request names it.
        context: of the call.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    bus = bus_name(given_bus)
    buses.require(connection, bus, context)
    row = rows.rule(connection, context.region, bus, name)
    if row is None:
        raise no_rule(name, bus)
    return row


def _check(pattern: str, schedule: str, bus: str) -> None:
    if not pattern and not schedule:
        raise ValidationException(
            "Parameter(s) EventPattern or ScheduleExpression must be specified."
        )
    if schedule:
        if bus != DEFAULT_BUS:
            raise ValidationException(
                "ScheduleExpression is supported only on the default event bus."
            )
        try:
            parse_schedule(schedule)
        except InvalidSchedule as error:
            raise ValidationException("Parameter ScheduleExpression is not valid.") from error
    if pattern:
        try:
            compile_pattern(pattern)
        except InvalidEventPattern as error:
            raise InvalidEventPatternException(str(error)) from error


def _set_state(request: Mapping[str, Any], context: Context, state: str) -> None:
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        row = require(connection, request["Name"], request.get("EventBusName"), context)
        next_us = platform.events.first_time_us(row.schedule, state)
        rows.change_rule(connection, row, state=state, next_us=next_us)
    platform.events.forget_rules(context.region, row.bus)


def _described(row: RuleRow, context: Context) -> dict[str, Any]:
    return {
        "Name": row.name,
        "Arn": rule_arn(row.region, context.account_id, row.bus, row.name),
        "EventPattern": row.pattern or None,
        "ScheduleExpression": row.schedule or None,
        "State": row.state,
        "Description": row.description or None,
        "RoleArn": row.role_arn or None,
        "EventBusName": row.bus,
    }
