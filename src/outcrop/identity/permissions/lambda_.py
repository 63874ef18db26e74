"""What Lambda's operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda"; Lambda Developer
Guide, "Working with resource-based policies". What S3 and KMS ask is decided by them, in the calls that Lambda makes
as the caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
_SERVICE = "lambda.amazonaws.com"


def _function(parameters: Parameters, scope: Scope) -> str:
    """Return the ARN of the function that a request names, with its qualifier."""
    name, qualifier = parameters["FunctionName"], parameters.get("Qualifier", "")
    arn = scope.find("function", name)
    # What the name says of a qualifier counts; a contradiction is the operation's to refuse.
    is_qualified = arn.count(":") > 6
    return f"{arn}:{qualifier}" if qualifier and not is_qualified else arn


def _unqualified(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


def _on_function(action: str) -> Rule:
    """Return the rule of operations that need one action on what they name, with its qualifier."""
    name = f"lambda:{action}"
    return lambda parameters, scope: [Need(name, _function(parameters, scope))]


def _on_whole_function(action: str) -> Rule:
    """Return the rule of operations for which only the function counts, whatever version is named."""
    name = f"lambda:{action}"
    return lambda parameters, scope: [Need(name, _unqualified(_function(parameters, scope)))]


def _anywhere(action: str) -> Rule:
    needs = (Need(f"lambda:{action}"),)
    return lambda _parameters, _scope: needs


def _configuring(parameters: Parameters) -> dict[str, ConditionValues]:
    context: dict[str, ConditionValues] = {}
    if layers := parameters.get("Layers"):
        context["lambda:Layer"] = tuple(layers)
    if signing := parameters.get("CodeSigningConfigArn"):
        context["lambda:CodeSigningConfigArn"] = signing
    return context


def _request_tags(tags: Mapping[str, str] | None) -> dict[str, ConditionValues]:
    if not tags:
        return {}
    context: dict[str, ConditionValues] = {
        f"aws:RequestTag/{key}": value for key, value in tags.items()
    }
    context["aws:TagKeys"] = tuple(tags)
    return context


def _passing(role: str, arn: str) -> Need:
    conditions = {"iam:PassedToService": _SERVICE, "iam:AssociatedResourceArn": arn}
    return Need("iam:PassRole", role, conditions)


def _using_layers(parameters: Parameters) -> list[Need]:
    return [Need("lambda:GetLayerVersion", arn) for arn in parameters.get("Layers", ())]


def _create(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = _unqualified(scope.find("function", parameters["FunctionName"]))
    tags = _request_tags(parameters.get("Tags"))
    needs = [
        Need("lambda:CreateFunction", arn, _configuring(parameters) | tags),
        _passing(parameters["Role"], arn),
        *_using_layers(parameters),
    ]
    if tags:
        needs.append(Need("lambda:TagResource", arn, tags))
    return needs


def _configure(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = _unqualified(_function(parameters, scope))
    needs = [Need("lambda:UpdateFunctionConfiguration", arn, _configuring(parameters))]
    if "Role" in parameters:
        needs.append(_passing(parameters["Role"], arn))
    return needs + _using_layers(parameters)


def _change_policy(action: str) -> Rule:
    name = f"lambda:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        context: dict[str, ConditionValues] = {}
        if principal := parameters.get("Principal"):
            context["lambda:Principal"] = principal
        if kind := parameters.get("FunctionUrlAuthType"):
            context["lambda:FunctionUrlAuthType"] = kind
        return [Need(name, _function(parameters, scope), context)]

    return rule


def _tag(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = scope.find("function", parameters["Resource"])
    return [Need("lambda:TagResource", arn, _request_tags(parameters["Tags"]))]


def _untag(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = scope.find("function", parameters["Resource"])
    keys = {"aws:TagKeys": tuple(parameters["TagKeys"])}
    return [Need("lambda:UntagResource", arn, keys)]


def _list_tags(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    return [Need("lambda:ListTags", scope.find("function", parameters["Resource"]))]


def _on_layer(action: str) -> Rule:
    name = f"lambda:{action}"
    return lambda parameters, scope: [Need(name, scope.find("layer", parameters["LayerName"]))]


def _on_layer_version(action: str) -> Rule:
    name = f"lambda:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = scope.find("layer", parameters["LayerName"])
        return [Need(name, f"{arn}:{parameters['VersionNumber']}")]

    return rule


def _layer_by_arn(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    return [Need("lambda:GetLayerVersion", parameters["Arn"])]


NEEDS: Mapping[str, Rule] = {
    "AddPermission": _change_policy("AddPermission"),
    "CreateAlias": _on_whole_function("CreateAlias"),
    "CreateFunction": _create,
    "DeleteAlias": _on_whole_function("DeleteAlias"),
    "DeleteFunction": _on_function("DeleteFunction"),
    "DeleteFunctionConcurrency": _on_whole_function("DeleteFunctionConcurrency"),
    "DeleteFunctionEventInvokeConfig": _on_function("DeleteFunctionEventInvokeConfig"),
    "DeleteLayerVersion": _on_layer_version("DeleteLayerVersion"),
    "GetAccountSettings": _anywhere("GetAccountSettings"),
    "GetAlias": _on_whole_function("GetAlias"),
    "GetFunction": _on_function("GetFunction"),
    "GetFunctionCodeSigningConfig": _on_whole_function("GetFunctionCodeSigningConfig"),
    "GetFunctionConcurrency": _on_whole_function("GetFunctionConcurrency"),
    "GetFunctionConfiguration": _on_function("GetFunctionConfiguration"),
    "GetFunctionEventInvokeConfig": _on_function("GetFunctionEventInvokeConfig"),
    "GetLayerVersion": _on_layer_version("GetLayerVersion"),
    "GetLayerVersionByArn": _layer_by_arn,
    "GetPolicy": _on_function("GetPolicy"),
    "Invoke": _on_function("InvokeFunction"),
    "InvokeWithResponseStream": _on_function("InvokeFunction"),
    "ListAliases": _on_whole_function("ListAliases"),
    "ListFunctionEventInvokeConfigs": _on_whole_function("ListFunctionEventInvokeConfigs"),
    "ListFunctions": _anywhere("ListFunctions"),
    "ListLayers": _anywhere("ListLayers"),
    "ListLayerVersions": _anywhere("ListLayerVersions"),
    "ListTags": _list_tags,
    "ListVersionsByFunction": _on_whole_function("ListVersionsByFunction"),
    "PublishLayerVersion": _on_layer("PublishLayerVersion"),
    "PublishVersion": _on_whole_function("PublishVersion"),
    "PutFunctionConcurrency": _on_whole_function("PutFunctionConcurrency"),
    "PutFunctionEventInvokeConfig": _on_function("PutFunctionEventInvokeConfig"),
    "RemovePermission": _change_policy("RemovePermission"),
    "TagResource": _tag,
    "UntagResource": _untag,
    "UpdateAlias": _on_whole_function("UpdateAlias"),
    "UpdateFunctionCode": _on_whole_function("UpdateFunctionCode"),
    "UpdateFunctionConfiguration": _configure,
    "UpdateFunctionEventInvokeConfig": _on_function("UpdateFunctionEventInvokeConfig"),
}
