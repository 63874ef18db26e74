"""What EventBridge's operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EventBridge".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
_SERVICE = "events.amazonaws.com"


def _on_anything(action: str) -> Rule:
    needs = (Need(f"events:{action}"),)
    return lambda _parameters, _scope: needs


def _on_bus(action: str, member: str) -> Rule:
    named = f"events:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = scope.find("event-bus", parameters.get(member) or "")
        return [Need(named, arn, _tag_keys(parameters))]

    return rule


def _on_rule(action: str, member: str) -> Rule:
    named = f"events:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return [Need(named, _rule_arn(parameters, member, scope))]

    return rule


def _rule_arn(parameters: Parameters, member: str, scope: Scope) -> str:
    # A bus may come as an ARN, whose last part is its name.
    bus = str(parameters.get("EventBusName") or "").rpartition("/")[2]
    return scope.find("rule", f"{bus}/{parameters[member]}")


def _tag_keys(parameters: Parameters) -> dict[str, ConditionValues]:
    tags = parameters.get("Tags")
    if not tags:
        return {}
    return {
        "aws:TagKeys": [tag["Key"] for tag in tags],
        **{f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags},
    }


def _passed(role_arn: str | None) -> list[Need]:
    if not role_arn:
        return []
    return [Need("iam:PassRole", role_arn, {"iam:PassedToService": _SERVICE})]


def _put_rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = _rule_arn(parameters, "Name", scope)
    return [
        Need("events:PutRule", arn, _tag_keys(parameters)),
        *_passed(parameters.get("RoleArn")),
    ]


def _put_targets(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    targets = parameters["Targets"]
    context = {"events:TargetArn": [target["Arn"] for target in targets]}
    needs = [Need("events:PutTargets", _rule_arn(parameters, "Rule", scope), context)]
    roles = dict.fromkeys(target.get("RoleArn") for target in targets)
    return [*needs, *[need for role in roles for need in _passed(role)]]


def _put_events(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    needs: list[Need] = []
    for entry in parameters["Entries"]:
        arn = scope.find("event-bus", entry.get("EventBusName") or "")
        context: dict[str, ConditionValues] = {}
        if entry.get("Source"):
            context["events:source"] = entry["Source"]
        if entry.get("DetailType"):
            context["events:detail-type"] = entry["DetailType"]
        needs.append(Need("events:PutEvents", arn, context))
    return needs


def _on_resource(action: str) -> Rule:
    named = f"events:{action}"

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        context = _tag_keys(parameters)
        if parameters.get("TagKeys"):
            context["aws:TagKeys"] = parameters["TagKeys"]
        return [Need(named, parameters["ResourceARN"], context)]

    return rule


NEEDS: Mapping[str, Rule] = {
    "CreateEventBus": _on_bus("CreateEventBus", "Name"),
    "DeleteEventBus": _on_bus("DeleteEventBus", "Name"),
    "DescribeEventBus": _on_bus("DescribeEventBus", "Name"),
    "ListEventBuses": _on_anything("ListEventBuses"),
    "UpdateEventBus": _on_bus("UpdateEventBus", "Name"),
    "PutPermission": _on_bus("PutPermission", "EventBusName"),
    "RemovePermission": _on_bus("RemovePermission", "EventBusName"),
    "DeleteRule": _on_rule("DeleteRule", "Name"),
    "DescribeRule": _on_rule("DescribeRule", "Name"),
    "DisableRule": _on_rule("DisableRule", "Name"),
    "EnableRule": _on_rule("EnableRule", "Name"),
    "ListRuleNamesByTarget": _on_anything("ListRuleNamesByTarget"),
    "ListRules": _on_anything("ListRules"),
    "PutRule": _put_rule,
    "ListTargetsByRule": _on_rule("ListTargetsByRule", "Rule"),
    "PutTargets": _put_targets,
    "RemoveTargets": _on_rule("RemoveTargets", "Rule"),
    "PutEvents": _put_events,
    "TestEventPattern": _on_anything("TestEventPattern"),
    "ListTagsForResource": _on_resource("ListTagsForResource"),
    "TagResource": _on_resource("TagResource"),
    "UntagResource": _on_resource("UntagResource"),
}
