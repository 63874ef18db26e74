"""The evaluation function of the customization workflow: what between two states is more than a call.

It runs as a Lambda function, on plain Python and boto3. Deployment packs these files together with the modules of the
product that they import, under a name of their own, so that nothing of the product need be installed where it runs.
"""

from collections.abc import Mapping
from typing import Any

from outcrop.bundled.workflow.function.preparation import limit, prepare
from outcrop.bundled.workflow.function.reporting import report
from outcrop.bundled.workflow.function.scoring import score


def _check(_event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer, which shows a deployment that functions run where it was made."""
    return {"Ready": True}


_STEPS = {"Check": _check, "Prepare": prepare, "Limit": limit, "Score": score, "Report": report}


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Carry out the step that the event names.

    Raises:
        ValueError: there is no such step.
    """
    step = _STEPS.get(event["Step"])
    if step is None:
        raise ValueError(f"Step cannot be {event['Step']!r}: expected one of {', '.join(_STEPS)}")
    return step(event)
