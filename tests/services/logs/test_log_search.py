"""FilterLogEvents over the streams of a group, and metric filters on what comes in."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.logs.conftest import REGION
from support.composed_server import ComposedServer, refuse


@pytest.fixture
def filled(logs: Any, group: str) -> tuple[str, int]:
    """A group with twelve events in three streams, their times interleaved; and the time of the first."""
    start = int(time.time() * 1000) - 1000
    for name in ("a", "b", "c"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    for index in range(12):
        level = "ERROR" if index % 4 == 0 else "INFO"
        logs.put_log_events(
            logGroupName=group,
            logStreamName="abc"[index % 3],
            logEvents=[
                {
                    "timestamp": start + index,
                    "message": f'{{"level": "{level}", "n": {index}, "user": "u{index % 2}"}}',
                }
            ],
        )
    return group, start


def numbers(answer: dict[str, Any]) -> list[int]:
    return [int(event["message"].split('"n": ')[1].split(",")[0]) for event in answer["events"]]


def test_the_events_of_all_streams_come_in_one_order(logs: Any, filled: tuple[str, int]) -> None:
    answer = logs.filter_log_events(logGroupName=filled[0])

    assert numbers(answer) == list(range(12))
    assert [event["logStreamName"] for event in answer["events"]] == list("abc" * 4)
    assert len({event["eventId"] for event in answer["events"]}) == 12
    assert answer["searchedLogStreams"] == []


def test_patterns_times_and_streams_narrow_a_search(logs: Any, filled: tuple[str, int]) -> None:
    group, start = filled
    by_pattern = logs.filter_log_events(
        logGroupName=group, filterPattern='{ $.level = "ERROR" && $.n > 0 }'
    )
    by_time = logs.filter_log_events(logGroupName=group, startTime=start + 3, endTime=start + 5)
    by_stream = logs.filter_log_events(logGroupName=group, logStreamNames=["a", "c"])
    by_prefix = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="b")

    assert numbers(by_pattern) == [4, 8]
    assert numbers(by_time) == [3, 4, 5]
    assert numbers(by_stream) == [0, 2, 3, 5, 6, 8, 9, 11]
    assert numbers(by_prefix) == [1, 4, 7, 10]


def test_pages_of_a_search_join_without_gap_or_repetition(
    logs: Any, filled: tuple[str, int]
) -> None:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=filled[0], filterPattern="INFO", PaginationConfig={"PageSize": 2}
    )

    found = [number for page in pages for number in numbers(page)]

    assert found == [index for index in range(12) if index % 4]


def test_the_newest_come_first_where_it_is_asked_for(logs: Any, filled: tuple[str, int]) -> None:
    first = logs.filter_log_events(logGroupName=filled[0], startFromHead=False, limit=5)
    second = logs.filter_log_events(
        logGroupName=filled[0], startFromHead=False, nextToken=first["nextToken"]
    )

    assert numbers(first) == [11, 10, 9, 8, 7]
    assert numbers(second) == [6, 5, 4, 3, 2, 1, 0]


def test_a_token_is_good_for_its_own_search_alone(logs: Any, filled: tuple[str, int]) -> None:
    token = logs.filter_log_events(logGroupName=filled[0], limit=1)["nextToken"]

    other = refuse(
        logs.filter_log_events, logGroupName=filled[0], filterPattern="INFO", nextToken=token
    )
    invented = refuse(logs.filter_log_events, logGroupName=filled[0], nextToken="invented")

    assert (
        other
        == invented
        == (
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        )
    )


def test_wrong_patterns_and_streams_are_refused(logs: Any, filled: tuple[str, int]) -> None:
    bad_term = refuse(logs.filter_log_events, logGroupName=filled[0], filterPattern="a:b")
    no_stream = refuse(logs.filter_log_events, logGroupName=filled[0], logStreamNames=["none"])

    assert bad_term == ("InvalidParameterException", "Invalid character(s) in term 'a:b'")
    assert no_stream == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


def test_a_pattern_can_be_tried_on_messages(logs: Any) -> None:
    matches = logs.test_metric_filter(
        filterPattern="[ip, status = 5*, ...]",
        logEventMessages=["1.1.1.1 503 x", "1.1.1.1 200 x"],
    )["matches"]

    assert matches == [
        {
            "eventNumber": 1,
            "eventMessage": "1.1.1.1 503 x",
            "extractedValues": {"$ip": "1.1.1.1", "$status": "503", "$3": "x"},
        }
    ]


def test_a_metric_filter_makes_a_metric_of_what_comes_in(
    server: ComposedServer, logs: Any, group: str, stream: str
) -> None:
    namespace = f"Tests/{uuid4()}"
    logs.put_metric_filter(
        logGroupName=group,
        filterName="latency",
        filterPattern="{ $.ms > 0 }",
        metricTransformations=[
            {
                "metricName": "Latency",
                "metricNamespace": namespace,
                "metricValue": "$.ms",
                "unit": "Milliseconds",
                "dimensions": {"Path": "$.path"},
            }
        ],
    )
    now = int(time.time() * 1000)
    texts = ['{"ms": 20, "path": "/a"}', '{"ms": 40, "path": "/a"}', '{"ms": 5}', "no JSON"]
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": text} for text in texts],
    )
    server.platform.logs.settle()

    cloudwatch = server.client("cloudwatch", region=REGION)
    moment = datetime.fromtimestamp(now / 1000, UTC)
    (point,) = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Latency",
        Dimensions=[{"Name": "Path", "Value": "/a"}],
        StartTime=moment - timedelta(minutes=1),
        EndTime=moment + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"],
    )["Datapoints"]
    (described,) = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    counted = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]

    assert (point["Sum"], point["SampleCount"], point["Maximum"]) == (60, 2, 40)
    assert point["Unit"] == "Milliseconds"
    assert described["filterPattern"] == "{ $.ms > 0 }"
    assert counted["metricFilterCount"] == 1
    logs.delete_metric_filter(logGroupName=group, filterName="latency")
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == []
