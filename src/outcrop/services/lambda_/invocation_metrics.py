"""AWS/Lambda in CloudWatch: what is counted of calls, under the dimensions that Lambda uses."""

from collections.abc import Mapping
from typing import Any

from outcrop.functions.code import FunctionCode, Invocation
from outcrop.services.platform import Platform
from outcrop.storage.functions.rows import LATEST

NAMESPACE = "AWS/Lambda"
_MILLISECONDS = "Milliseconds"


def count_end(
    platform: Platform, code: FunctionCode, qualifier: str, invocation: Invocation
) -> None:
    """Count a call that ran, well or not.

    Args:
        qualifier: as the caller named it, or "".
    """
    error = 1 if invocation.function_error else 0
    for dimensions in _dimensions(code, qualifier):
        _count(platform, code, dimensions, Invocations=1, Errors=error, Throttles=0)
        platform.metrics.count(
            NAMESPACE,
            "Duration",
            dimensions,
            invocation.duration_ms,
            _MILLISECONDS,
            region=code.region,
        )
    # With the one that has just ended: whoever ends first after a peak tells its height.
    functions = platform.functions
    for dimensions, running in (
        ({}, functions.running()),
        ({"FunctionName": code.name}, functions.running(code.arn)),
    ):
        _count(platform, code, dimensions, ConcurrentExecutions=running + 1)


def count_throttle(platform: Platform, code: FunctionCode, qualifier: str) -> None:
    """Count a call that was refused because too many ran; it is no invocation and no error."""
    for dimensions in _dimensions(code, qualifier):
        _count(platform, code, dimensions, Throttles=1)


def _dimensions(code: FunctionCode, qualifier: str) -> list[Mapping[str, str]]:
    """Return what a call is counted under: all functions, this one, and what was called."""
    resource = f"{code.name}:{qualifier}" if qualifier not in {"", LATEST} else code.name
    called = {"FunctionName": code.name, "Resource": resource}
    found: list[Mapping[str, str]] = [{}, {"FunctionName": code.name}, called]
    if qualifier not in {"", LATEST, code.version}:
        # An alias: its two versions can be compared.
        found.append({**called, "ExecutedVersion": code.version})
    return found


def _count(
    platform: Platform, code: FunctionCode, dimensions: Mapping[str, Any], **values: int
) -> None:
    for name, value in values.items():
        platform.metrics.count(NAMESPACE, name, dimensions, value, region=code.region)
