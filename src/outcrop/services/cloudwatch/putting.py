"""PutMetricData: values of the caller's own metrics."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.cloudwatch.errors import (
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    MissingRequiredParameterException,
)
from outcrop.services.platform import Context
from outcrop.storage.metrics import MINUTE_MS, Figures, Metric, Slot, dimensions_text

_RESERVED = "AWS/"
_MOST_DATA = 1000
_MOST_VALUES = 150
_MOST_DIMENSIONS = 30
_LARGEST = 2.0**360
_PAST_MS = 14 * 86_400_000
_FUTURE_MS = 2 * 3_600_000


@operation("cloudwatch:PutMetricData")
def put_metric_data(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add values to metrics, which are made by it.

    Raises:
        InvalidParameterValueException: a namespace of AWS's own, or a value, time or number of parts that will not do.
        InvalidParameterCombinationException: values given in more than one form.
        MissingRequiredParameterException: no values.
    """
    namespace = request["Namespace"]
    if namespace.startswith(_RESERVED):
        raise InvalidParameterValueException(
            f"The value {_RESERVED} for parameter Namespace is invalid: namespaces that begin with it are reserved."
        )
    data = [
        *(request.get("MetricData") or ()),
        *(
            datum
            for entity in request.get("EntityMetricData") or ()
            for datum in entity.get("MetricData") or ()
        ),
    ]
    if not data:
        raise MissingRequiredParameterException("The parameter MetricData is required.")
    if len(data) > _MOST_DATA:
        raise InvalidParameterValueException(
            f"The collection MetricData must not have a size greater than {_MOST_DATA}."
        )
    now_ms = now_us(context.platform.clock) // 1000
    slots: dict[Slot, Figures] = {}
    for number, datum in enumerate(data, 1):
        slot, figures = _read(
            f"MetricData.member.{number}", datum, namespace, context.region, now_ms
        )
        if slot in slots:
            slots[slot].merge(figures)
        else:
            slots[slot] = figures
    context.platform.metrics.add(slots.items())
    return {}


def _read(
    place: str, datum: Mapping[str, Any], namespace: str, region: str, now_ms: int
) -> tuple[Slot, Figures]:
    dimensions = read_dimensions(datum.get("Dimensions"))
    moment = datum.get("Timestamp")
    at_ms = now_ms if moment is None else int(moment.timestamp() * 1000)
    if not now_ms - _PAST_MS <= at_ms <= now_ms + _FUTURE_MS:
        raise InvalidParameterValueException(
            f"The parameter {place}.Timestamp must specify a time no more than two weeks in the past and two hours"
            " in the future."
        )
    metric = Metric(region, namespace, datum["MetricName"], dimensions_text(dimensions))
    return Slot(metric, at_ms // MINUTE_MS, datum.get("Unit", "None")), _figures(place, datum)


def _figures(place: str, datum: Mapping[str, Any]) -> Figures:
    forms = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if not forms:
        raise MissingRequiredParameterException(
            f"At least one of the parameters must be specified: {place}.Value, {place}.Values, {place}.StatisticValues."
        )
    if len(forms) > 1:
        raise InvalidParameterCombinationException(
            f"The parameters {place}.{forms[0]} and {place}.{forms[1]} are mutually exclusive and you have specified both."
        )
    if forms == ["StatisticValues"]:
        given = datum["StatisticValues"]
        samples, total = given["SampleCount"], given["Sum"]
        lowest, highest = given["Minimum"], given["Maximum"]
        for value in (samples, total, lowest, highest):
            _check(place, value)
        if samples <= 0 or lowest > highest:
            raise InvalidParameterValueException(
                f"The parameter {place}.StatisticValues is not consistent: its SampleCount must be above 0 and its "
                "Minimum not above its Maximum."
            )
        spread = {float(lowest): float(samples)} if lowest == highest else None
        return Figures(samples, total, lowest, highest, spread)
    figures = Figures()
    for value, samples in _values(place, datum):
        _check(place, value)
        figures.add(value, samples)
    return figures


def _values(place: str, datum: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    if datum.get("Value") is not None:
        yield datum["Value"], 1.0
        return
    values = datum["Values"]
    counts = datum.get("Counts") or [1.0] * len(values)
    if len(values) != len(counts):
        raise InvalidParameterValueException(
            f"The parameters {place}.Values and {place}.Counts must be of the same size."
        )
    if not 0 < len(values) <= _MOST_VALUES:
        raise InvalidParameterValueException(
            f"The collection {place}.Values must have between 1 and {_MOST_VALUES} values."
        )
    yield from zip(values, counts, strict=True)


def _check(place: str, value: float) -> None:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise InvalidParameterValueException(
            f"The value {value} for parameter {place} is invalid: it must be a number between -2^360 and 2^360."
        )


def read_dimensions(given: Any) -> dict[str, str]:
    """Return the dimensions of a request.

    Raises:
        InvalidParameterValueException: a name is given twice, or there are more than 30.
    """
    found: dict[str, str] = {}
    for item in given or ():
        if item["Name"] in found:
            raise InvalidParameterValueException(
                f"The dimension {item['Name']} is given twice: give each name once."
            )
        found[item["Name"]] = item["Value"]
    if len(found) > _MOST_DIMENSIONS:
        raise InvalidParameterValueException(
            f"The collection Dimensions must not have a size greater than {_MOST_DIMENSIONS}."
        )
    return found
