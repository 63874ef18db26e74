"""Metric filters: a pattern whose events become points of a metric, as they come in."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.logs import pages
from outcrop.services.logs.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from outcrop.services.logs.naming import require_group
from outcrop.services.logs.patterns import InvalidPattern, Pattern, parse_pattern
from outcrop.services.platform import Context, Platform
from outcrop.storage.database.tables.logs import log_groups, metric_filters
from outcrop.storage.logs import Event, GroupRow

_MOST_FILTERS = 100
_MOST_DIMENSIONS = 3
_MOST_REMEMBERED = 1024
Compiled = tuple[Pattern, Mapping[str, Any]]


@operation("logs:PutMetricFilter")
def put_metric_filter(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Set a filter of a group; it counts events that come in from now on.

    Raises:
        ResourceNotFoundException: no such group.
        InvalidParameterException: the pattern is none, or the transformation will not do.
        LimitExceededException: the group has a hundred.
    """
    _parse(request["filterPattern"])
    transformation = request["metricTransformations"][0]
    _check_transformation(transformation)
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        group = require_group(connection, request["logGroupName"], context)
        names = {row[1] for row in _of_group(connection, group.id)}
        if request["filterName"] not in names and len(names) >= _MOST_FILTERS:
            raise LimitExceededException("Resource limit exceeded.")
        _drop(connection, group.id, request["filterName"])
        connection.execute(
            metric_filters.insert(),
            {
                "group_id": group.id,
                "name": request["filterName"],
                "pattern": request["filterPattern"],
                "transformation_json": json.dumps(dict(transformation)),
                "created_us": now_us(platform.clock),
            },
        )
    return {}


@operation("logs:DeleteMetricFilter")
def delete_metric_filter(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Remove a filter of a group.

    Raises:
        ResourceNotFoundException: no such group or filter.
    """
    with context.platform.database.write(durable=True) as connection:
        group = require_group(connection, request["logGroupName"], context)
        if not _drop(connection, group.id, request["filterName"]):
            raise ResourceNotFoundException("The specified metric filter does not exist.")
    return {}


@operation("logs:DescribeMetricFilters")
def describe_metric_filters(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of the filters of a group, of a metric or of the region.

    Raises:
        ResourceNotFoundException: no such group.
        InvalidParameterException: a metric's name without its namespace, or a token of another listing.
    """
    metric, namespace = request.get("metricName"), request.get("metricNamespace")
    if bool(metric) != bool(namespace):
        raise InvalidParameterException(
            "Specify both metricName and metricNamespace, or neither of them."
        )
    reader = context.platform.database.reader
    wanted = None
    if request.get("logGroupName"):
        wanted = require_group(reader, request["logGroupName"], context).id
    query = (
        select(log_groups.c.name, *metric_filters.c)
        .join(log_groups, log_groups.c.id == metric_filters.c.group_id)
        .where(log_groups.c.region == context.region)
        .order_by(metric_filters.c.name, log_groups.c.name)
    )
    found = []
    for group_name, group_id, name, pattern, transformation_json, created_us in reader.execute(
        query
    ):
        transformation = json.loads(transformation_json)
        is_meant = (
            (wanted is None or group_id == wanted)
            and name.startswith(request.get("filterNamePrefix", ""))
            and metric in {None, transformation["metricName"]}
            and namespace in {None, transformation["metricNamespace"]}
        )
        if is_meant:
            found.append(
                {
                    "filterName": name,
                    "filterPattern": pattern,
                    "metricTransformations": [transformation],
                    "creationTime": created_us // 1000,
                    "logGroupName": group_name,
                    "applyOnTransformedLogs": False,
                }
            )
    names = [f"{item['filterName']}\0{item['logGroupName']}" for item in found]
    page, following = pages.cut(found, names, request, context)
    return {"metricFilters": page, **following}


@operation("logs:TestMetricFilter")
def test_metric_filter(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say which of some messages a pattern means, and what it reads out of them.

    Raises:
        InvalidParameterException: the pattern is none.
    """
    del context
    pattern = _parse(request["filterPattern"])
    return {
        "matches": [
            {
                "eventNumber": number,
                "eventMessage": message,
                "extractedValues": pattern.extract(message),
            }
            for number, message in enumerate(request["logEventMessages"], 1)
            if pattern.matches(message)
        ]
    }


def watcher(platform: Platform) -> Callable[[GroupRow, Sequence[Event]], None]:
    """Return what the log store tells of new events: it counts them into the metrics of their group's filters."""
    compiled: dict[tuple[str, str], Compiled] = {}

    def watch(group: GroupRow, events: Sequence[Event]) -> None:
        with platform.database.read() as connection:
            filters = _of_group(connection, group.id)
        for _, _, pattern_text, transformation_json, _ in filters:
            key = (pattern_text, transformation_json)
            known = compiled.get(key)
            if known is None:
                if len(compiled) >= _MOST_REMEMBERED:
                    compiled.clear()
                known = compiled[key] = parse_pattern(pattern_text), json.loads(transformation_json)
            _count(platform, group.region, known, events)

    return watch


def _count(platform: Platform, region: str, known: Compiled, events: Sequence[Event]) -> None:
    pattern, transformation = known
    metrics = platform.metrics
    namespace, name = transformation["metricNamespace"], transformation["metricName"]
    unit = transformation.get("unit", "None")
    for event in events:
        if pattern.matches(event.message):
            value = _number(transformation["metricValue"], pattern, event.message)
            dimensions = {
                key: pattern.value(event.message, source)
                for key, source in (transformation.get("dimensions") or {}).items()
            }
            if value is None or None in dimensions.values():
                continue
            given = {key: text for key, text in dimensions.items() if text is not None}
        elif (default := transformation.get("defaultValue")) is not None:
            value, given = float(default), {}
        else:
            continue
        metrics.count(
            namespace, name, given, value, unit, region=region, timestamp_ms=event.timestamp_ms
        )


def _number(source: str, pattern: Pattern, message: str) -> float | None:
    text = pattern.value(message, source) if source.startswith("$") else source
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _check_transformation(transformation: Mapping[str, Any]) -> None:
    value = transformation["metricValue"]
    if not value.startswith("$"):
        try:
            float(value)
        except ValueError:
            raise InvalidParameterException(
                f"Invalid metric transformation: metricValue {value!r} is neither a number nor a property or column"
            ) from None
    dimensions = transformation.get("dimensions") or {}
    if len(dimensions) > _MOST_DIMENSIONS:
        raise InvalidParameterException(
            f"Invalid metric transformation: a metric can have {_MOST_DIMENSIONS} dimensions"
        )
    if dimensions and transformation.get("defaultValue") is not None:
        raise InvalidParameterException(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties."
        )


def _parse(text: str) -> Pattern:
    try:
        return parse_pattern(text)
    except InvalidPattern as error:
        raise InvalidParameterException(str(error)) from error


def _of_group(connection: Connection, group_id: str) -> Sequence[Any]:
    query = select(*metric_filters.c).where(metric_filters.c.group_id == group_id)
    return connection.execute(query).all()


def _drop(connection: Connection, group_id: str, name: str) -> bool:
    done = connection.execute(
        delete(metric_filters).where(
            metric_filters.c.group_id == group_id, metric_filters.c.name == name
        )
    )
    return bool(done.rowcount)
