"""Whether executions are traced: tracingConfiguration."""

from collections.abc import Mapping
from typing import Any

from outcrop.services.stepfunctions.errors import InvalidTracingConfiguration


def normalise(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a configuration as DescribeStateMachine shows it.

    Raises:
        InvalidTracingConfiguration: it does not say whether tracing is enabled.
    """
    if given is None:
        return {"enabled": False}
    if "enabled" not in given:
        raise InvalidTracingConfiguration(
            "Invalid Tracing Configuration: 'enabled' must be set to true or false."
        )
    return {"enabled": bool(given["enabled"])}
