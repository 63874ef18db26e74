"""What CloudWatch is told of calls."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from services.lambda_.conftest import Make
from support.composed_server import ComposedServer, Refused

WORK = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as asked")
    return 1
"""


def point(server: ComposedServer, metric: str, **dimensions: str) -> dict[str, Any]:
    """Return the sum, maximum and number of a metric's values of today."""
    server.platform.metrics.settle()
    now = datetime.now(UTC)
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=12),
        EndTime=now + timedelta(hours=12),
        Period=86_400,
        Statistics=["Sum", "Maximum", "SampleCount"],
    )["Datapoints"]
    assert points, metric
    return {
        "Sum": sum(point["Sum"] for point in points),
        "SampleCount": sum(point["SampleCount"] for point in points),
        "Maximum": max(point["Maximum"] for point in points),
        "Unit": points[0]["Unit"],
    }


def test_calls_errors_and_times_are_counted_by_function(
    server: ComposedServer, lambda_client: Any, make: Make
) -> None:
    name = make(WORK)
    for payload in ({}, {"fail": True}, {}):
        lambda_client.invoke(FunctionName=name, Payload=json.dumps(payload))
    of_function = {"FunctionName": name}
    assert point(server, "Invocations", **of_function)["Sum"] == 3
    errors = point(server, "Errors", **of_function)
    assert (errors["Sum"], errors["SampleCount"]) == (1, 3)
    duration = point(server, "Duration", **of_function)
    assert duration["SampleCount"] == 3
    assert duration["Sum"] > 0
    assert duration["Unit"] == "Milliseconds"
    assert point(server, "Throttles", **of_function)["Sum"] == 0
    assert point(server, "ConcurrentExecutions", **of_function)["Maximum"] == 1
    assert point(server, "Invocations")["Sum"] >= 3


def test_calls_of_an_alias_are_counted_by_alias_and_version(
    server: ComposedServer, lambda_client: Any, make: Make
) -> None:
    name = make(WORK)
    version = lambda_client.publish_version(FunctionName=name)["Version"]
    lambda_client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    lambda_client.invoke(FunctionName=f"{name}:live")
    called = {"FunctionName": name, "Resource": f"{name}:live"}
    assert point(server, "Invocations", **called)["Sum"] == 1
    assert point(server, "Invocations", **called, ExecutedVersion=version)["Sum"] == 1
    assert point(server, "Invocations", FunctionName=name)["Sum"] == 1


def test_a_call_that_is_refused_is_a_throttle_and_no_invocation(
    server: ComposedServer, lambda_client: Any, make: Make, refused: Refused
) -> None:
    name = make(WORK)
    lambda_client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    code, _ = refused(lambda_client.invoke, FunctionName=name)
    assert code == "TooManyRequestsException"
    assert point(server, "Throttles", FunctionName=name)["Sum"] == 1
    metrics = server.client("cloudwatch").list_metrics(
        Namespace="AWS/Lambda", Dimensions=[{"Name": "FunctionName", "Value": name}]
    )["Metrics"]
    assert "Invocations" not in {metric["MetricName"] for metric in metrics}
