"""Definitions: checked when machines are made, and by ValidateStateMachineDefinition."""

import asyncio
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.stepfunctions.errors import InvalidDefinition
from outcrop.workflows.asl import validation
from outcrop.workflows.asl.definition import parse_definition

_DEFAULT_DIAGNOSTICS = 100


async def check(definition: str, machine_type: str) -> None:
    """Make sure that a machine can have a definition.

    Raises:
        InvalidDefinition: it is not valid Amazon States Language, or asks what machines of the type cannot do.
    """
    try:
        # In a thread: a megabyte of definition takes its time.
        await asyncio.to_thread(parse_definition, definition, machine_type)
    except validation.InvalidDefinition as error:
        raise InvalidDefinition(str(error)) from None


@operation("stepfunctions:ValidateStateMachineDefinition")
async def validate_state_machine_definition(
    request: Mapping[str, Any], _context: Context
) -> dict[str, Any]:
    """Return what is wrong or doubtful about a definition."""
    found = await asyncio.to_thread(
        validation.validate, request["definition"], request.get("type", "STANDARD")
    )
    if request.get("severity", "ERROR") == "ERROR":
        shown = [diagnostic for diagnostic in found if diagnostic.severity == "ERROR"]
    else:
        shown = list(found)
    limit = request.get("maxResults") or _DEFAULT_DIAGNOSTICS
    return {
        "result": "FAIL" if any(item.severity == "ERROR" for item in found) else "OK",
        "diagnostics": [
            {
                "severity": diagnostic.severity,
                "code": diagnostic.code,
                "message": diagnostic.message,
                "location": diagnostic.location,
            }
            for diagnostic in shown[:limit]
        ],
        "truncated": len(shown) > limit,
    }
