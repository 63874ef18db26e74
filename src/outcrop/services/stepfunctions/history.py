"""GetExecutionHistory: what happened in an execution, event by event."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers, pages
from outcrop.services.stepfunctions.executions import unlocked

_DATA = frozenset({"input", "output"})


@operation("stepfunctions:GetExecutionHistory")
async def get_execution_history(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of the events of a standard execution, the oldest first unless asked otherwise.

    Raises:
        InvalidArn: no execution's ARN, or that of an express execution.
        ExecutionDoesNotExist: no such execution.
        InvalidToken: the token was not given out by this operation for this execution and order.
        KmsAccessDeniedException: the data lie under a KMS key that the caller may not use.
        KmsInvalidStateException: that key is disabled or gone.
    """
    arn, reverse = request["executionArn"], bool(request.get("reverseOrder"))
    identifiers.parse(arn, identifiers.EXECUTION)
    of = f"{arn} {reverse}"
    position = pages.read_position(request, of, context)
    executions = context.platform.executions
    record = executions.describe(arn)
    page = await executions.history(
        arn, reverse=reverse, start=position.get("id"), limit=pages.limit_of(request)
    )
    with_data = request.get("includeExecutionData", True)
    events = page.events if with_data else tuple(_without_data(event) for event in page.events)
    answer: dict[str, Any] = {"events": events}
    if page.following is not None:
        answer["nextToken"] = pages.write_position({"id": page.following}, of, context)
    if with_data:
        readable = unlocked(answer, record.machine_arn, context)
        return answer if readable is answer else await readable  # type: ignore[no-any-return]
    return answer


def _without_data(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        member: (
            {name: inner for name, inner in value.items() if name not in _DATA}
            if isinstance(value, Mapping)
            else value
        )
        for member, value in event.items()
    }
