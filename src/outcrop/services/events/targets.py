"""Targets: whom a rule tells, and of what."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.arns import Arn, is_arn
from outcrop.aws.errors import OperationNotBuilt, ValidationException
from outcrop.aws.operation import operation
from outcrop.governance.event_delivery import supports
from outcrop.governance.event_inputs import InvalidInput, check_input
from outcrop.services.events import rules
from outcrop.services.events.errors import LimitExceededException
from outcrop.services.events.pages import page
from outcrop.services.platform import Context
from outcrop.storage import events as rows

_MOST_TARGETS = 5
# What would be stored and then not be done; the other members belong to kinds of targets that are not built.
_NOT_BUILT = ("DeadLetterConfig",)


@operation("events:PutTargets")
def put_targets(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add targets to a rule; one with the same id is replaced.

    Raises:
        ResourceNotFoundException: no such bus or rule.
        ValidationException: an ARN or an input is none, or a role is missing.
        LimitExceededException: the rule would have more than 5.
        OperationNotBuilt: a target is of a kind that is not built.
    """
    documents = [dict(target) for target in request["Targets"]]
    for document in documents:
        _check(document)
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        row = rules.require(connection, request["Rule"], request.get("EventBusName"), context)
        present = rows.targets(connection, row.region, row.bus, row.name)
        ids = {item["Id"] for item in (*present, *documents)}
        if len(ids) > _MOST_TARGETS:
            raise LimitExceededException
        rows.put_targets(connection, row, documents)
    platform.events.forget_rules(context.region, row.bus)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("events:RemoveTargets")
def remove_targets(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take targets from a rule; ids that it does not have are no error.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        row = rules.require(connection, request["Rule"], request.get("EventBusName"), context)
        rows.remove_targets(connection, row, request["Ids"])
    platform.events.forget_rules(context.region, row.bus)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("events:ListTargetsByRule")
def list_targets_by_rule(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the targets of a rule, by id.

    Raises:
        ResourceNotFoundException: no such bus or rule.
        ValidationException: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        row = rules.require(connection, request["Rule"], request.get("EventBusName"), context)
        found = rows.targets(connection, row.region, row.bus, row.name)
    return page("Targets", found, request, context)


def _check(target: Mapping[str, Any]) -> None:
    text = target["Arn"]
    if not is_arn(text):
        raise ValidationException(
            f"Parameter {text} is not valid. Reason: Provided Arn is not in correct format."
        )
    arn = Arn.parse(text)
    if not supports(arn):
        raise OperationNotBuilt(
            f"Targets of {arn.service} are not built here; functions, state machines, topics, log groups "
            "and event buses are."
        )
    for member in _NOT_BUILT:
        if target.get(member):
            raise OperationNotBuilt(f"{member} of targets is not built here: leave it out.")
    if arn.service == "states" and not target.get("RoleArn"):
        raise ValidationException(f"RoleArn is required for target {text}.")
    try:
        check_input(target)
    except InvalidInput as error:
        raise ValidationException(str(error)) from error
