"""What CloudWatch's operations ask of their callers; metrics have no ARNs.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import Need, Rule, Scope


def _anywhere(action: str) -> Rule:
    needs = (Need(f"cloudwatch:{action}"),)
    return lambda _parameters, _scope: needs


def _put(parameters: Mapping[str, Any], _scope: Scope) -> Sequence[Need]:
    return (
        Need(
            "cloudwatch:PutMetricData",
            context={"cloudwatch:namespace": parameters["Namespace"]},
        ),
    )


NEEDS: Mapping[str, Rule] = {
    "PutMetricData": _put,
    **{
        action: _anywhere(action)
        for action in ("GetMetricData", "GetMetricStatistics", "ListMetrics")
    },
}
