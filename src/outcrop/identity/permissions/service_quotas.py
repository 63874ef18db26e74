"""What Service Quotas' operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Service Quotas".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]


def _anywhere(action: str) -> Rule:
    """Return the rule of operations that only read."""
    needs = (Need(f"servicequotas:{action}"),)
    return lambda _parameters, _scope: needs


def _raise(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    service = parameters["ServiceCode"]
    arn = scope.find("quota", f"{service}/{parameters['QuotaCode']}")
    context = {"servicequotas:service": service}
    return [Need("servicequotas:RequestServiceQuotaIncrease", arn, context)]


def _on_tags(action: str) -> Rule:
    """Return the rule of an operation on a quota's tags."""

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        tags = parameters.get("Tags") or ()
        context: dict[str, ConditionValues] = {
            f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags
        }
        keys = [tag["Key"] for tag in tags] or parameters.get("TagKeys")
        if keys:
            context["aws:TagKeys"] = list(keys)
        return [Need(f"servicequotas:{action}", parameters["ResourceARN"], context)]

    return rule


NEEDS: Mapping[str, Rule] = {
    "RequestServiceQuotaIncrease": _raise,
    **{
        action: _anywhere(action)
        for action in (
            "GetAWSDefaultServiceQuota",
            "GetRequestedServiceQuotaChange",
            "GetServiceQuota",
            "ListAWSDefaultServiceQuotas",
            "ListRequestedServiceQuotaChangeHistory",
            "ListRequestedServiceQuotaChangeHistoryByQuota",
            "ListServiceQuotas",
            "ListServices",
        )
    },
    **{
        action: _on_tags(action)
        for action in ("ListTagsForResource", "TagResource", "UntagResource")
    },
}
