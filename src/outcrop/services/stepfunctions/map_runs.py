"""Map runs: DescribeMapRun, ListMapRuns, UpdateMapRun."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers, pages

_CHANGES = ("maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount")


@operation("stepfunctions:DescribeMapRun")
def describe_map_run(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a map run with the counts of its items and executions.

    Raises:
        InvalidArn: no map run's ARN.
        ResourceNotFound: no such map run.
    """
    arn = request["mapRunArn"]
    identifiers.parse(arn, identifiers.MAP_RUN)
    return context.platform.executions.describe_map_run(arn)


@operation("stepfunctions:ListMapRuns")
def list_map_runs(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the map runs that an execution started, the newest first.

    Raises:
        InvalidArn: no execution's ARN.
        ExecutionDoesNotExist: no such execution.
        InvalidToken: the token was not given out by this operation for this execution.
    """
    arn = request["executionArn"]
    identifiers.parse(arn, identifiers.EXECUTION)
    limit = pages.limit_of(request)
    begin = int(pages.read_position(request, arn, context).get("shown", 0))
    found = context.platform.executions.list_map_runs(arn)
    answer: dict[str, Any] = {"mapRuns": found[begin : begin + limit]}
    if len(found) > begin + limit:
        answer["nextToken"] = pages.write_position({"shown": begin + limit}, arn, context)
    return answer


@operation("stepfunctions:UpdateMapRun")
async def update_map_run(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Change how many children of a running map run at once, and how many may fail.

    Raises:
        InvalidArn: no map run's ARN.
        ResourceNotFound: no such map run.
        ValidationException: it has ended.
    """
    arn = request["mapRunArn"]
    identifiers.parse(arn, identifiers.MAP_RUN)
    changes = {name: request[name] for name in _CHANGES if name in request}
    await context.platform.executions.update_map_run(arn, changes)
    return {}
