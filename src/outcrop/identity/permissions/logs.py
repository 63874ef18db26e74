"""What CloudWatch Logs' operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch Logs". The
resource of almost every action is written with ":log-stream:" and the stream's name, if any, behind the group's: that
is why policies on groups end in ":*".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
_GROUP = ":log-group:"


def _arn(scope: Scope, group: str, stream: str = "") -> str:
    name = group.partition(_GROUP)[2].partition(":")[0] if group.startswith("arn:") else group
    return f"arn:aws:logs:{scope.region}:{scope.account_id}:log-group:{name}:log-stream:{stream}"


def _group_of(parameters: Parameters) -> str:
    for member in ("logGroupName", "logGroupIdentifier", "resourceIdentifier"):
        if parameters.get(member):
            return str(parameters[member])
    return ""


def _on_group(action: str) -> Rule:
    named = f"logs:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return (Need(named, _arn(scope, _group_of(parameters))),)

    return rule


def _on_stream(action: str) -> Rule:
    named = f"logs:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        stream = parameters.get("logStreamName", "")
        return (Need(named, _arn(scope, _group_of(parameters), stream)),)

    return rule


def _anywhere(action: str) -> Rule:
    needs = (Need(f"logs:{action}"),)
    return lambda _parameters, _scope: needs


def _tag_context(parameters: Parameters) -> dict[str, ConditionValues]:
    tags = parameters.get("tags")
    if isinstance(tags, Mapping):
        context: dict[str, ConditionValues] = {
            f"aws:RequestTag/{key}": value for key, value in tags.items()
        }
        return {**context, "aws:TagKeys": list(tags)} if tags else context
    keys = tags or parameters.get("tagKeys")
    return {"aws:TagKeys": list(keys)} if keys else {}


def _create(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = _arn(scope, parameters["logGroupName"])
    context = _tag_context(parameters)
    needs = [Need("logs:CreateLogGroup", arn, context)]
    if parameters.get("tags"):
        needs.append(Need("logs:TagResource", arn, context))
    return needs


def _on_tagged(action: str) -> Rule:
    named = f"logs:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        given = parameters.get("resourceArn")
        arn = given or _arn(scope, parameters["logGroupName"])
        return (Need(named, arn, _tag_context(parameters)),)

    return rule


def _policy(action: str) -> Rule:
    named = f"logs:{action}"

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        return (Need(named, parameters.get("resourceArn") or "*"),)

    return rule


NEEDS: Mapping[str, Rule] = {
    "CreateLogGroup": _create,
    **{
        action: _on_group(action)
        for action in (
            "AssociateKmsKey",
            "DeleteLogGroup",
            "DeleteMetricFilter",
            "DeleteRetentionPolicy",
            "DescribeLogGroups",
            "DescribeLogStreams",
            "DescribeMetricFilters",
            "DisassociateKmsKey",
            "FilterLogEvents",
            "PutLogGroupDeletionProtection",
            "PutMetricFilter",
            "PutRetentionPolicy",
        )
    },
    **{
        action: _on_stream(action)
        for action in ("CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents")
    },
    **{
        action: _on_tagged(action)
        for action in (
            "ListTagsForResource",
            "ListTagsLogGroup",
            "TagLogGroup",
            "TagResource",
            "UntagLogGroup",
            "UntagResource",
        )
    },
    **{
        action: _policy(action)
        for action in ("DeleteResourcePolicy", "DescribeResourcePolicies", "PutResourcePolicy")
    },
    "ListLogGroups": _anywhere("ListLogGroups"),
    "TestMetricFilter": _anywhere("TestMetricFilter"),
}
