"""The one trail describes itself, and cannot be stopped."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.composed_server import ComposedServer, refuse

ARN = "arn:aws:cloudtrail:us-east-1:123456789012:trail/outcrop"


def test_the_trail_covers_every_region_and_is_validated(client: Any) -> None:
    (trail,) = client.describe_trails()["trailList"]
    assert trail["TrailARN"] == ARN
    assert trail["IsMultiRegionTrail"] is True
    assert trail["LogFileValidationEnabled"] is True
    assert client.get_trail(Name="outcrop")["Trail"] == trail
    assert client.get_trail(Name=ARN)["Trail"] == trail
    assert client.list_trails()["Trails"] == [
        {"TrailARN": ARN, "Name": "outcrop", "HomeRegion": "us-east-1"}
    ]


def test_other_trails_are_not_there(client: Any) -> None:
    assert client.describe_trails(trailNameList=["mine"])["trailList"] == []
    with pytest.raises(ClientError, match="TrailNotFoundException"):
        client.get_trail(Name="mine")
    assert refuse(client.get_trail_status, Name="arn:aws:s3:::b")[0] in {
        "CloudTrailARNInvalidException",
        "CloudTrailInvalidARN",
    }


def test_the_status_tells_since_when_and_the_last_signature(
    client: Any, server: ComposedServer
) -> None:
    client.list_trails()
    server.platform.audit.checkpoint()
    status = client.get_trail_status(Name="outcrop")
    assert status["IsLogging"] is True
    assert status["StartLoggingTime"] <= status["LatestDigestDeliveryTime"] <= datetime.now(UTC)


def test_everything_is_selected(client: Any) -> None:
    (selector,) = client.get_event_selectors(TrailName="outcrop")["EventSelectors"]
    assert selector["ReadWriteType"] == "All"
    assert selector["IncludeManagementEvents"] is True


@pytest.mark.parametrize("operation", ["stop_logging", "delete_trail", "start_logging"])
def test_nobody_stops_the_trail(client: Any, operation: str) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        getattr(client, operation)(Name="outcrop")
    assert client.get_trail_status(Name="outcrop")["IsLogging"] is True
