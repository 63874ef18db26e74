"""What SNS's operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SNS". Two operations may come
without a signature, from a link in a mail; what the link carries is the proof, and the operation holds it against what
is stored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]


def _tag_context(parameters: Parameters) -> dict[str, ConditionValues]:
    context: dict[str, ConditionValues] = {}
    tags = parameters.get("Tags")
    if tags:
        context.update({f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags})
        context["aws:TagKeys"] = tuple(tag["Key"] for tag in tags)
    elif parameters.get("TagKeys"):
        context["aws:TagKeys"] = tuple(parameters["TagKeys"])
    return context


def _on(kind: str, member: str, action: str) -> Rule:
    named = f"sns:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = scope.find(kind, parameters[member])
        return [Need(named, arn, _tag_context(parameters))]

    return rule


def _anywhere(action: str) -> Rule:
    needs = (Need(f"sns:{action}"),)
    return lambda _parameters, _scope: needs


def _create(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn, context = scope.find("topic", parameters["Name"]), _tag_context(parameters)
    needs = [Need("sns:CreateTopic", arn, context)]
    if parameters.get("Tags"):
        needs.append(Need("sns:TagResource", arn, context))
    return needs


def _subscribe(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    context: dict[str, ConditionValues] = {"sns:Protocol": parameters["Protocol"]}
    if parameters.get("Endpoint"):
        context["sns:Endpoint"] = parameters["Endpoint"]
    return [Need("sns:Subscribe", scope.find("topic", parameters["TopicArn"]), context)]


def _publish(action: str) -> Rule:
    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        target = parameters.get("TopicArn") or parameters.get("TargetArn")
        # What names a phone, or nothing, is refused by the operation.
        return [Need(f"sns:{action}", scope.find("topic", target) if target else "*")]

    return rule


def _by_link(kind: str, member: str, action: str) -> Rule:
    signed = _on(kind, member, action)

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return [] if scope.principal.type == "Anonymous" else signed(parameters, scope)

    return rule


NEEDS: Mapping[str, Rule] = {
    "CreateTopic": _create,
    "Subscribe": _subscribe,
    "Publish": _publish("Publish"),
    # API reference, PublishBatch: it is allowed and denied as Publish.
    "PublishBatch": _publish("Publish"),
    "ConfirmSubscription": _by_link("topic", "TopicArn", "ConfirmSubscription"),
    "Unsubscribe": _by_link("subscription", "SubscriptionArn", "Unsubscribe"),
    "ListTopics": _anywhere("ListTopics"),
    "ListSubscriptions": _anywhere("ListSubscriptions"),
    **{
        action: _on("topic", "TopicArn", action)
        for action in (
            "AddPermission",
            "DeleteTopic",
            "GetTopicAttributes",
            "ListSubscriptionsByTopic",
            "RemovePermission",
            "SetTopicAttributes",
        )
    },
    **{
        action: _on("subscription", "SubscriptionArn", action)
        for action in ("GetSubscriptionAttributes", "SetSubscriptionAttributes")
    },
    **{
        action: _on("topic", "ResourceArn", action)
        for action in ("ListTagsForResource", "TagResource", "UntagResource")
    },
}
