"""Metrics of the caller's own and of the server, as boto3 puts and reads them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.composed_server import ComposedServer, refuse

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    """A server of this module's own."""
    running = ComposedServer(tmp_path_factory.mktemp("metrics")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cloudwatch(server: ComposedServer) -> Any:
    """CloudWatch as the account's root."""
    return server.client("cloudwatch", region=REGION)


@pytest.fixture
def namespace() -> str:
    return f"Tests/{uuid4()}"


@pytest.fixture
def moment() -> datetime:
    """The beginning of an hour that is past."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)


def put(cloudwatch: Any, namespace: str, *data: dict[str, Any]) -> None:
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=list(data))


def ask(cloudwatch: Any, namespace: str, moment: datetime, **request: Any) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
        **{
            "Namespace": namespace,
            "MetricName": "M",
            "StartTime": moment,
            "EndTime": moment + timedelta(hours=1),
            "Period": 60,
            "Statistics": ["Sum"],
            **request,
        }
    )["Datapoints"]
    return points


def test_values_are_gathered_by_minute_and_period(
    cloudwatch: Any, namespace: str, moment: datetime
) -> None:
    for second, value in ((1, 2.0), (30, 4.0), (61, 10.0), (301, 7.0)):
        at = moment + timedelta(seconds=second)
        put(cloudwatch, namespace, {"MetricName": "M", "Value": value, "Timestamp": at})
    statistics = ["Sum", "SampleCount", "Average", "Minimum", "Maximum"]

    minutes = ask(cloudwatch, namespace, moment, Statistics=statistics)
    fives = ask(cloudwatch, namespace, moment, Period=300)

    assert minutes[0] == {
        "Timestamp": moment,
        "Unit": "None",
        "Sum": 6.0,
        "SampleCount": 2.0,
        "Average": 3.0,
        "Minimum": 2.0,
        "Maximum": 4.0,
    }
    assert [(point["Timestamp"], point["Sum"]) for point in minutes[1:]] == [
        (moment + timedelta(minutes=1), 10.0),
        (moment + timedelta(minutes=5), 7.0),
    ]
    assert [point["Sum"] for point in fives] == [16.0, 7.0]


def test_dimensions_and_units_tell_metrics_apart(
    cloudwatch: Any, namespace: str, moment: datetime
) -> None:
    one, two = ([{"Name": "Model", "Value": name}] for name in ("one", "two"))
    put(
        cloudwatch,
        namespace,
        {"MetricName": "M", "Dimensions": one, "Value": 1, "Timestamp": moment},
        {"MetricName": "M", "Dimensions": two, "Value": 2, "Timestamp": moment, "Unit": "Bytes"},
        {"MetricName": "M", "Dimensions": two, "Value": 3, "Timestamp": moment, "Unit": "Count"},
    )

    assert [point["Sum"] for point in ask(cloudwatch, namespace, moment, Dimensions=one)] == [1]
    both = ask(cloudwatch, namespace, moment, Dimensions=two)
    assert {(point["Unit"], point["Sum"]) for point in both} == {("Bytes", 2), ("Count", 3)}
    counts = ask(cloudwatch, namespace, moment, Dimensions=two, Unit="Count")
    assert [point["Sum"] for point in counts] == [3]
    assert ask(cloudwatch, namespace, moment) == []


def test_percentiles_are_told_from_values_and_left_out_where_only_sums_are_known(
    cloudwatch: Any, namespace: str, moment: datetime
) -> None:
    put(
        cloudwatch,
        namespace,
        {"MetricName": "M", "Values": list(range(1, 101)), "Timestamp": moment},
    )
    later = moment + timedelta(minutes=1)
    sums = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}
    put(cloudwatch, namespace, {"MetricName": "M", "StatisticValues": sums, "Timestamp": later})

    first, second = ask(
        cloudwatch, namespace, moment, Statistics=["Sum"], ExtendedStatistics=["p50", "p99.5"]
    )

    assert first["ExtendedStatistics"] == {"p50": 50.0, "p99.5": 100.0}
    assert (first["Sum"], second["Sum"]) == (5050, 10)
    assert second["ExtendedStatistics"] == {}


def test_several_metrics_are_read_at_once_and_by_pages(
    cloudwatch: Any, namespace: str, moment: datetime
) -> None:
    for minute in range(5):
        at = moment + timedelta(minutes=minute)
        put(
            cloudwatch,
            namespace,
            {"MetricName": "A", "Value": minute, "Timestamp": at},
            {"MetricName": "B", "Value": minute * 10, "Timestamp": at},
        )
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": name},
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for name in ("A", "B")
    ]
    request = {
        "MetricDataQueries": queries,
        "StartTime": moment,
        "EndTime": moment + timedelta(hours=1),
    }

    newest_first = cloudwatch.get_metric_data(**request)["MetricDataResults"]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        **request, ScanBy="TimestampAscending", PaginationConfig={"PageSize": 4}
    )
    by_pages: dict[str, list[float]] = {"a": [], "b": []}
    for page in pages:
        for result in page["MetricDataResults"]:
            by_pages[result["Id"]] += result["Values"]

    assert [result["Values"] for result in newest_first] == [
        [4, 3, 2, 1, 0],
        [40, 30, 20, 10, 0],
    ]
    assert newest_first[0]["StatusCode"] == "Complete"
    assert by_pages == {"a": [0, 1, 2, 3, 4], "b": [0, 10, 20, 30, 40]}


def test_metrics_are_listed_by_namespace_name_and_dimensions(
    cloudwatch: Any, namespace: str
) -> None:
    one = [{"Name": "Model", "Value": "one"}]
    put(
        cloudwatch,
        namespace,
        {"MetricName": "A", "Value": 1},
        {"MetricName": "A", "Value": 1, "Dimensions": one},
        {"MetricName": "B", "Value": 1},
    )

    listed = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    by_name = cloudwatch.list_metrics(Namespace=namespace, MetricName="A")["Metrics"]
    by_dimension = cloudwatch.list_metrics(Namespace=namespace, Dimensions=[{"Name": "Model"}])

    assert sorted(item["MetricName"] for item in listed) == ["A", "A", "B"]
    assert len(by_name) == 2
    assert by_dimension["Metrics"] == [
        {"Namespace": namespace, "MetricName": "A", "Dimensions": one}
    ]


def test_what_the_server_counts_is_read_like_any_metric(
    server: ComposedServer, cloudwatch: Any, namespace: str
) -> None:
    for value in (10, 30):
        server.platform.metrics.count(
            namespace, "M", {"F": "x"}, value, "Milliseconds", region=REGION
        )
    now = datetime.now(UTC)

    points = ask(
        cloudwatch,
        namespace,
        now - timedelta(minutes=30),
        Dimensions=[{"Name": "F", "Value": "x"}],
        EndTime=now + timedelta(minutes=2),
        Period=3600,
        Statistics=["SampleCount", "Average"],
    )

    assert sum(point["SampleCount"] for point in points) == 2
    assert {point["Unit"] for point in points} == {"Milliseconds"}


def test_what_cannot_be_put_or_asked_is_refused(
    cloudwatch: Any, namespace: str, moment: datetime
) -> None:
    reserved = refuse(
        cloudwatch.put_metric_data,
        Namespace="AWS/Bedrock",
        MetricData=[{"MetricName": "M", "Value": 1}],
    )
    empty = refuse(
        cloudwatch.put_metric_data, Namespace=namespace, MetricData=[{"MetricName": "M"}]
    )
    too_old = refuse(
        cloudwatch.put_metric_data,
        Namespace=namespace,
        MetricData=[{"MetricName": "M", "Value": 1, "Timestamp": moment - timedelta(days=30)}],
    )
    both = refuse(
        cloudwatch.put_metric_data,
        Namespace=namespace,
        MetricData=[{"MetricName": "M", "Value": 1, "Values": [1]}],
    )
    no_statistic = refuse(
        cloudwatch.get_metric_statistics,
        Namespace=namespace,
        MetricName="M",
        StartTime=moment,
        EndTime=moment + timedelta(hours=1),
        Period=60,
    )
    too_many = refuse(
        cloudwatch.get_metric_statistics,
        Namespace=namespace,
        MetricName="M",
        StartTime=moment - timedelta(days=3),
        EndTime=moment,
        Period=60,
        Statistics=["Sum"],
    )

    assert reserved[0] == "InvalidParameterValue"
    assert empty[0] == "MissingParameter"
    assert too_old[0] == "InvalidParameterValue"
    assert both[0] == "InvalidParameterCombination"
    assert no_statistic[0] == "MissingParameter"
    assert too_many[0] == "InvalidParameterCombination"
    assert "exceeds the limit of 1440" in too_many[1]


def test_expressions_are_said_not_to_be_built(cloudwatch: Any, moment: datetime) -> None:
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "e", "Expression": "SUM(METRICS())"}],
            StartTime=moment,
            EndTime=moment + timedelta(hours=1),
        )

    assert refused.value.response["Error"]["Code"] == "NotImplemented"


@pytest.mark.parametrize("protocol", ["query", "json"])
def test_older_protocols_say_the_same(
    server: ComposedServer, namespace: str, moment: datetime, protocol: str
) -> None:
    import botocore.session

    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    model = dict(loader.load_service_model("cloudwatch", "service-2"))
    model["metadata"] = {**model["metadata"], "protocol": protocol, "protocols": [protocol]}
    if protocol == "json":
        model["metadata"]["jsonVersion"] = "1.0"
        model["metadata"].setdefault("targetPrefix", "GraniteServiceVersion20100801")
    load = loader.load_service_model

    def load_with_protocol(service: str, kind: str, api_version: str | None = None) -> Any:
        if (service, kind) == ("cloudwatch", "service-2"):
            return model
        return load(service, kind, api_version)

    loader.load_service_model = load_with_protocol
    client = boto3.Session(botocore_session=session).client(
        "cloudwatch",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name=REGION,
        aws_access_key_id=server.root_key.access_key_id,
        aws_secret_access_key=server.root_key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    put(client, namespace, {"MetricName": "M", "Value": 2.5, "Timestamp": moment})

    assert [point["Sum"] for point in ask(client, namespace, moment)] == [2.5]
    with pytest.raises(ClientError) as refused:
        put(client, "AWS/Own", {"MetricName": "M", "Value": 1})
    assert refused.value.response["Error"]["Code"].startswith("InvalidParameterValue")


def test_a_user_may_put_into_the_namespaces_that_a_condition_names(
    server: ComposedServer, namespace: str
) -> None:
    iam = server.client("iam", region="us-east-1")
    user = f"putter-{uuid4()}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    iam.put_user_policy(
        UserName=user,
        PolicyName="put",
        PolicyDocument=f"""{{"Version": "2012-10-17", "Statement": {{
            "Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*",
            "Condition": {{"StringEquals": {{"cloudwatch:namespace": "{namespace}"}}}}}}}}""",
    )
    client = server.client(
        "cloudwatch",
        region=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    put(client, namespace, {"MetricName": "M", "Value": 1})
    with pytest.raises(ClientError) as refused:
        put(client, f"{namespace}-other", {"MetricName": "M", "Value": 1})

    assert refused.value.response["Error"]["Code"].startswith("AccessDenied")


def test_of_many_different_values_percentiles_are_told_to_two_digits(
    server: ComposedServer, cloudwatch: Any, namespace: str, moment: datetime
) -> None:
    for number in range(1, 1001):
        server.platform.metrics.count(
            namespace, "M", {}, number, region=REGION, timestamp_ms=int(moment.timestamp() * 1000)
        )
    server.platform.metrics.settle()
    statistics = ["Sum", "Maximum", "SampleCount"]
    (point,) = ask(
        cloudwatch, namespace, moment, Statistics=statistics, ExtendedStatistics=["p50", "p90"]
    )
    assert (point["SampleCount"], point["Sum"], point["Maximum"]) == (1000, 500_500, 1000)
    assert point["ExtendedStatistics"]["p50"] == pytest.approx(500, rel=0.05)
    assert point["ExtendedStatistics"]["p90"] == pytest.approx(900, rel=0.05)
