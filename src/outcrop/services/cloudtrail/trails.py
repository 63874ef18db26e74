"""The one trail: it records everything, in every region, from the first start on, and nobody can stop it."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.cloudtrail.access import TRAIL_NAME, trail_arn
from outcrop.services.cloudtrail.errors import (
    CloudTrailARNInvalidException,
    InvalidTrailNameException,
    TrailNotFoundException,
)
from outcrop.services.platform import Context


@operation("cloudtrail:DescribeTrails")
def describe_trails(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the trail, or nothing where others are asked for."""
    names = request.get("trailNameList") or [TRAIL_NAME]
    is_asked = any(name in {TRAIL_NAME, _arn(context)} for name in names)
    return {"trailList": [_described(context)] if is_asked else []}


@operation("cloudtrail:GetTrail")
def get_trail(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the trail.

    Raises:
        TrailNotFoundException: another was asked for.
    """
    _check_name(request["Name"], context)
    return {"Trail": _described(context)}


@operation("cloudtrail:ListTrails")
def list_trails(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the trail's names."""
    del request
    home = context.platform.settings.region
    return {"Trails": [{"TrailARN": _arn(context), "Name": TRAIL_NAME, "HomeRegion": home}]}


@operation("cloudtrail:GetTrailStatus")
def get_trail_status(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return since when the trail records and when it was last put under a signed checkpoint.

    Raises:
        TrailNotFoundException: another was asked for.
    """
    _check_name(request["Name"], context)
    times = context.platform.audit.times
    status: dict[str, Any] = {
        "IsLogging": True,
        "StartLoggingTime": times.started,
        "TimeLoggingStarted": times.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "LatestDeliveryError": "",
        "LatestDeliveryAttemptSucceeded": "",
    }
    if times.checkpointed is not None:
        status["LatestDigestDeliveryTime"] = times.checkpointed
    return status


@operation("cloudtrail:GetEventSelectors")
def get_event_selectors(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what the trail records: everything.

    Raises:
        TrailNotFoundException: another was asked for.
    """
    _check_name(request["TrailName"], context)
    return {
        "TrailARN": _arn(context),
        "EventSelectors": [
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": True,
                "DataResources": [
                    {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]},
                    {"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]},
                ],
                "ExcludeManagementEventSources": [],
            }
        ],
    }


def _described(context: Context) -> dict[str, Any]:
    return {
        "Name": TRAIL_NAME,
        "IncludeGlobalServiceEvents": True,
        "IsMultiRegionTrail": True,
        "HomeRegion": context.platform.settings.region,
        "TrailARN": _arn(context),
        "LogFileValidationEnabled": True,
        "HasCustomEventSelectors": True,
        "HasInsightSelectors": False,
        "IsOrganizationTrail": False,
    }


def _arn(context: Context) -> str:
    return trail_arn(context.platform)


def _check_name(name: str, context: Context) -> None:
    if name in {TRAIL_NAME, _arn(context)}:
        return
    if name.startswith("arn:") and ":trail/" not in name:
        raise CloudTrailARNInvalidException(f"{name!r:.200} is not the ARN of a trail.")
    if not name:
        raise InvalidTrailNameException("Trail name must not be empty.")
    raise TrailNotFoundException(
        f"Unknown trail: {name:.200} for the user: {context.account_id}. "
        f"The one trail here is {TRAIL_NAME}."
    )
