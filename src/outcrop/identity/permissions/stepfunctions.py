"""What Step Functions' operations ask of their callers.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for AWS Step Functions"; Developer
guide, "Creating granular IAM permissions for versions and aliases". Operations on a version or an alias are permitted
on the machine; the condition key states:StateMachineQualifier tells which of them is meant.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
Context = dict[str, ConditionValues]

_SERVICE = "states.amazonaws.com"
_PARTS = 8  # of the ARN of a version or an alias


def _on_anything(action: str) -> Rule:
    needs = (Need(f"states:{action}"),)
    return lambda _parameters, _scope: needs


def _on(action: str, member: str) -> Rule:
    """Return the rule of an operation on the resource that a member names by its ARN."""
    named = f"states:{action}"

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        return (Need(named, parameters[member]),)

    return rule


def _on_machine(action: str, member: str = "stateMachineArn") -> Rule:
    """Return the rule of an operation on a machine, or on one of its versions or aliases."""
    named = f"states:{action}"

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        arn, context = _machine(parameters[member])
        return (Need(named, arn, context),)

    return rule


def _machine(arn: str) -> tuple[str, Context]:
    parts = arn.split(":", _PARTS - 1)
    if len(parts) < _PARTS:
        return arn, {}
    return ":".join(parts[:-1]), {"states:StateMachineQualifier": parts[-1]}


def _request_tags(tags: Iterable[Mapping[str, str]] | None) -> Context:
    given = {tag.get("key", ""): tag.get("value", "") for tag in tags or ()}
    if not given:
        return {}
    context: Context = {f"aws:RequestTag/{key}": value for key, value in given.items()}
    context["aws:TagKeys"] = tuple(given)
    return context


def _pass_role(role_arn: str, resource: str) -> Need:
    return Need(
        "iam:PassRole",
        role_arn,
        {"iam:PassedToService": _SERVICE, "iam:AssociatedResourceArn": resource},
    )


def _create_state_machine(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = scope.find("stateMachine", parameters["name"])
    tags = _request_tags(parameters.get("tags"))
    needs = [Need("states:CreateStateMachine", arn, tags), _pass_role(parameters["roleArn"], arn)]
    if tags:
        needs.append(Need("states:TagResource", arn, tags))
    return needs


def _update_state_machine(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    arn, context = _machine(parameters["stateMachineArn"])
    needs = [Need("states:UpdateStateMachine", arn, context)]
    if role_arn := parameters.get("roleArn"):
        needs.append(_pass_role(role_arn, arn))
    return needs


def _create_activity(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = scope.find("activity", parameters["name"])
    tags = _request_tags(parameters.get("tags"))
    needs = [Need("states:CreateActivity", arn, tags)]
    if tags:
        needs.append(Need("states:TagResource", arn, tags))
    return needs


def _create_alias(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    context: Context = {"states:StateMachineQualifier": parameters["name"]}
    arns = dict.fromkeys(
        _machine(item["stateMachineVersionArn"])[0] for item in parameters["routingConfiguration"]
    )
    return [Need("states:CreateStateMachineAlias", arn, context) for arn in arns]


def _list_executions(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    action = "states:ListExecutions"
    if machine := parameters.get("stateMachineArn"):
        arn, context = _machine(machine)
        return (Need(action, arn, context),)
    return (Need(action, parameters.get("mapRunArn", "*")),)


def _tag_resource(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    context = _request_tags(parameters["tags"])
    return (Need("states:TagResource", parameters["resourceArn"], context),)


def _untag_resource(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    context: Context = {"aws:TagKeys": tuple(parameters["tagKeys"])}
    return (Need("states:UntagResource", parameters["resourceArn"], context),)


def _test_state(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    needs = [Need("states:TestState")]
    if role_arn := parameters.get("roleArn"):
        needs.append(Need("iam:PassRole", role_arn, {"iam:PassedToService": _SERVICE}))
    if parameters.get("revealSecrets"):
        needs.append(Need("states:RevealSecrets"))
    return needs


def _answer_task(action: str) -> Rule:
    named = f"states:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        # Developer guide: tokens are answered for the machine (or activity) that gave them out.
        return (Need(named, scope.find("task", parameters["taskToken"])),)

    return rule


NEEDS: Mapping[str, Rule] = {
    "CreateActivity": _create_activity,
    "CreateStateMachine": _create_state_machine,
    "CreateStateMachineAlias": _create_alias,
    "DeleteActivity": _on("DeleteActivity", "activityArn"),
    "DeleteStateMachine": _on_machine("DeleteStateMachine"),
    "DeleteStateMachineAlias": _on_machine("DeleteStateMachineAlias", "stateMachineAliasArn"),
    "DeleteStateMachineVersion": _on_machine("DeleteStateMachineVersion", "stateMachineVersionArn"),
    "DescribeActivity": _on("DescribeActivity", "activityArn"),
    "DescribeExecution": _on("DescribeExecution", "executionArn"),
    "DescribeMapRun": _on("DescribeMapRun", "mapRunArn"),
    "DescribeStateMachine": _on_machine("DescribeStateMachine"),
    "DescribeStateMachineAlias": _on_machine("DescribeStateMachineAlias", "stateMachineAliasArn"),
    "DescribeStateMachineForExecution": _on("DescribeStateMachineForExecution", "executionArn"),
    "GetActivityTask": _on("GetActivityTask", "activityArn"),
    "GetExecutionHistory": _on("GetExecutionHistory", "executionArn"),
    "ListActivities": _on_anything("ListActivities"),
    "ListExecutions": _list_executions,
    "ListMapRuns": _on("ListMapRuns", "executionArn"),
    "ListStateMachineAliases": _on_machine("ListStateMachineAliases"),
    "ListStateMachineVersions": _on_machine("ListStateMachineVersions"),
    "ListStateMachines": _on_anything("ListStateMachines"),
    "ListTagsForResource": _on("ListTagsForResource", "resourceArn"),
    "PublishStateMachineVersion": _on_machine("PublishStateMachineVersion"),
    "RedriveExecution": _on("RedriveExecution", "executionArn"),
    "SendTaskFailure": _answer_task("SendTaskFailure"),
    "SendTaskHeartbeat": _answer_task("SendTaskHeartbeat"),
    "SendTaskSuccess": _answer_task("SendTaskSuccess"),
    "StartExecution": _on_machine("StartExecution"),
    "StartSyncExecution": _on_machine("StartSyncExecution"),
    "StopExecution": _on("StopExecution", "executionArn"),
    "TagResource": _tag_resource,
    "TestState": _test_state,
    "UntagResource": _untag_resource,
    "UpdateMapRun": _on("UpdateMapRun", "mapRunArn"),
    "UpdateStateMachine": _update_state_machine,
    "UpdateStateMachineAlias": _on_machine("UpdateStateMachineAlias", "stateMachineAliasArn"),
    "ValidateStateMachineDefinition": _on_anything("ValidateStateMachineDefinition"),
}
