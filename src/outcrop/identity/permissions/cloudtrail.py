"""What CloudTrail's operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudTrail".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import Need, Rule, Scope

Parameters = Mapping[str, Any]


def _on_anything(action: str) -> Rule:
    named = f"cloudtrail:{action}"

    def rule(_parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        return (Need(named),)

    return rule


def _on_trail(action: str, member: str) -> Rule:
    named = f"cloudtrail:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return (Need(named, scope.find("trail", parameters[member])),)

    return rule


NEEDS: Mapping[str, Rule] = {
    "DescribeTrails": _on_anything("DescribeTrails"),
    "GetEventSelectors": _on_trail("GetEventSelectors", "TrailName"),
    "GetTrail": _on_trail("GetTrail", "Name"),
    "GetTrailStatus": _on_trail("GetTrailStatus", "Name"),
    "ListTrails": _on_anything("ListTrails"),
    "LookupEvents": _on_anything("LookupEvents"),
}
