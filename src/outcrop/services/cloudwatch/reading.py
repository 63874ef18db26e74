"""ListMetrics, GetMetricStatistics and GetMetricData."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import OperationNotBuilt, ValidationException
from outcrop.aws.operation import operation
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.core.times import now_us
from outcrop.services.cloudwatch.errors import (
    InvalidNextToken,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    MissingRequiredParameterException,
)
from outcrop.services.cloudwatch.putting import read_dimensions
from outcrop.services.cloudwatch.statistics import PLAIN, Window, percent_of, periods, statistic
from outcrop.services.platform import Context
from outcrop.storage.metrics import Metric, dimensions_text

_PAGE = 500
_RECENT_MINUTES = 180
_MOST_POINTS = 1440
_MOST_DATA_POINTS = 100_800


@operation("cloudwatch:ListMetrics")
async def list_metrics(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of metrics that have values.

    Raises:
        InvalidNextToken: the token is none of this operation.
    """
    await _settled(context)
    wanted = [(item["Name"], item.get("Value")) for item in request.get("Dimensions") or ()]
    recent = now_us(context.platform.clock) // 60_000_000 - _RECENT_MINUTES
    found = []
    for metric, last_minute in context.platform.metrics.metrics(context.region):
        dimensions = json.loads(metric.dimensions)
        if (
            request.get("Namespace") in {None, metric.namespace}
            and request.get("MetricName") in {None, metric.name}
            and all(
                name in dimensions and value in {None, dimensions[name]} for name, value in wanted
            )
            and (not request.get("RecentlyActive") or last_minute >= recent)
        ):
            found.append((metric, dimensions))
    start = _start(request.get("NextToken"), context)
    response: dict[str, Any] = {
        "Metrics": [
            {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in dimensions.items()
                ],
            }
            for metric, dimensions in found[start : start + _PAGE]
        ]
    }
    if start + _PAGE < len(found):
        response["NextToken"] = encode_token({"start": start + _PAGE}, _token_key(context))
    return response


@operation("cloudwatch:GetMetricStatistics")
async def get_metric_statistics(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return statistics of one metric, a point for each period that has values.

    Raises:
        MissingRequiredParameterException: no statistic is asked for.
        InvalidParameterCombinationException: more points than may be asked for at once.
        InvalidParameterValueException: times, period or statistics will not do.
    """
    plain = request.get("Statistics") or []
    extended = request.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise MissingRequiredParameterException(
            "Must specify either Statistics or ExtendedStatistics."
        )
    for name in extended:
        percent_of(name)
    window = Window.of(request["StartTime"], request["EndTime"], request["Period"])
    asked = (window.end_minute - window.first_minute) // window.minutes
    if asked > _MOST_POINTS:
        raise InvalidParameterCombinationException(
            f"You have requested up to {asked} datapoints, which exceeds the limit of {_MOST_POINTS}. You may reduce"
            " the datapoints requested by increasing Period, or decreasing the time range."
        )
    await _settled(context)
    metric = _metric(request, context)
    found = periods(context.platform.metrics, metric, window, request.get("Unit"))
    points = []
    for (begins, unit), figures in found.items():
        point: dict[str, Any] = {"Timestamp": begins, "Unit": unit}
        point |= {name: statistic(figures, name) for name in plain}
        told = {name: statistic(figures, name) for name in extended}
        if told:
            point["ExtendedStatistics"] = {
                name: value for name, value in told.items() if value is not None
            }
        points.append(point)
    return {"Label": request["MetricName"], "Datapoints": points}


@operation("cloudwatch:GetMetricData")
async def get_metric_data(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the values of several metrics, the newest first unless asked otherwise.

    Raises:
        ValidationException: an id is given twice, or a query names no metric.
        OperationNotBuilt: an expression is asked for.
        InvalidParameterValueException: times, period or statistics will not do.
        InvalidNextToken: the token is none of this operation.
    """
    queries = request["MetricDataQueries"]
    ids = [query["Id"] for query in queries]
    if len(ids) != len(set(ids)):
        raise ValidationException(
            "The values for parameter Id in MetricDataQueries are not unique."
        )
    await _settled(context)
    results = [
        await asyncio.to_thread(_result, query, request, context)
        for query in queries
        if query.get("ReturnData", True)
    ]
    most = max(1, request.get("MaxDatapoints", _MOST_DATA_POINTS) // max(1, len(results)))
    start = _start(request.get("NextToken"), context)
    response: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    if any(len(result["Values"]) > start + most for result in results):
        response["NextToken"] = encode_token({"start": start + most}, _token_key(context))
    for result in results:
        if len(result["Values"]) > start + most:
            result["StatusCode"] = "PartialData"
        for member in ("Timestamps", "Values"):
            result[member] = result[member][start : start + most]
    return response


def _result(
    query: Mapping[str, Any], request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    if query.get("Expression"):
        raise OperationNotBuilt(
            f"The query {query['Id']} is an expression; metric math and search are not built here. Ask for the metrics"
            " that it is made of with MetricStat."
        )
    if not query.get("MetricStat"):
        raise ValidationException(f"The query {query['Id']} has neither MetricStat nor Expression.")
    wanted = query["MetricStat"]
    name = wanted["Stat"]
    if name not in PLAIN:
        percent_of(name)
    metric = _metric(wanted["Metric"], context)
    window = Window.of(request["StartTime"], request["EndTime"], wanted["Period"])
    found = periods(context.platform.metrics, metric, window, wanted.get("Unit"))
    values = [
        (begins, value)
        for (begins, _), figures in found.items()
        if (value := statistic(figures, name)) is not None
    ]
    if request.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        values.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or metric.name,
        "Timestamps": [begins for begins, _ in values],
        "Values": [value for _, value in values],
        "StatusCode": "Complete",
    }


def _metric(named: Mapping[str, Any], context: Context) -> Metric:
    namespace, name = named.get("Namespace"), named.get("MetricName")
    if not namespace or not name:
        raise InvalidParameterValueException("A metric needs both Namespace and MetricName.")
    dimensions = read_dimensions(named.get("Dimensions"))
    return Metric(context.region, namespace, name, dimensions_text(dimensions))


async def _settled(context: Context) -> None:
    if not context.platform.metrics.is_settled:
        await asyncio.to_thread(context.platform.metrics.settle)


def _start(token: str | None, context: Context) -> int:
    if not token:
        return 0
    try:
        return int(decode_token(token, _token_key(context))["start"])
    except ValidationException:
        raise InvalidNextToken("The NextToken is not one that this operation returned.") from None


def _token_key(context: Context) -> bytes:
    return context.platform.token_key + context.operation.encode()
