"""What Amazon Bedrock's control plane asks of its callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Bedrock". What a create
operation makes has no id yet when its permission is checked, so it is named with "*" in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
Context = dict[str, ConditionValues]

_SERVICE = "bedrock.amazonaws.com"


def tag_context(tags: Iterable[Mapping[str, str]] | None) -> Context:
    """Return the condition keys of the tags that a request carries."""
    given = {tag["key"]: tag["value"] for tag in tags or ()}
    if not given:
        return {}
    context: Context = {f"aws:RequestTag/{key}": value for key, value in given.items()}
    context["aws:TagKeys"] = tuple(given)
    return context


def _everywhere(action: str) -> Rule:
    """Return the rule of an operation that knows no resources."""
    needs = (Need(f"bedrock:{action}"),)
    return lambda _parameters, _scope: needs


def _on(action: str, kind: str, member: str) -> Rule:
    """Return the rule of an operation on one resource, named by a member of the request."""
    named = f"bedrock:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return (Need(named, scope.find(kind, parameters[member])),)

    return rule


def _own(scope: Scope, resource: str) -> str:
    return f"arn:aws:bedrock:{scope.region}:{scope.account_id}:{resource}"


def _tagging(arn: str, context: Context) -> list[Need]:
    return [Need("bedrock:TagResource", arn, context)] if context else []


def _create_model_customization_job(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    action = "bedrock:CreateModelCustomizationJob"
    base = parameters["baseModelIdentifier"]
    foundation = scope.find("foundation-model-of", base)
    base_id = foundation.rsplit("/", 1)[-1]
    job_tags, model_tags = parameters.get("jobTags") or (), parameters.get("customModelTags") or ()
    context = tag_context([*job_tags, *model_tags])
    made = _own(scope, f"custom-model/{base_id}/*")
    needs = [Need(action, foundation, context), Need(action, made, context)]
    parent = scope.find("base-model", base)
    if parent != foundation:
        needs.append(Need(action, parent, context))
    needs += _tagging(_own(scope, f"model-customization-job/{base_id}/*"), tag_context(job_tags))
    needs += _tagging(made, tag_context(model_tags))
    needs.append(
        Need("iam:PassRole", parameters["roleArn"], {"iam:PassedToService": _SERVICE}),
    )
    return needs


def _create_provisioned_model_throughput(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    context = tag_context(parameters.get("tags"))
    model = scope.find("base-model", parameters["modelId"])
    return [
        Need("bedrock:CreateProvisionedModelThroughput", model, context),
        *_tagging(_own(scope, "provisioned-model/*"), context),
    ]


def _update_provisioned_model_throughput(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    action = "bedrock:UpdateProvisionedModelThroughput"
    needs = [Need(action, scope.find("provisioned-model", parameters["provisionedModelId"]))]
    if desired := parameters.get("desiredModelId"):
        needs.append(Need(action, scope.find("base-model", desired)))
    return needs


def _create_custom_model_deployment(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    context = tag_context(parameters.get("tags"))
    model = scope.find("custom-model", parameters["modelArn"])
    return [
        Need("bedrock:CreateCustomModelDeployment", model, context),
        *_tagging(_own(scope, "custom-model-deployment/*"), context),
    ]


def _update_custom_model_deployment(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    action = "bedrock:UpdateCustomModelDeployment"
    identifier = parameters["customModelDeploymentIdentifier"]
    return [
        Need(action, scope.find("custom-model-deployment", identifier)),
        Need(action, scope.find("custom-model", parameters["modelArn"])),
    ]


def _create_inference_profile(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    action = "bedrock:CreateInferenceProfile"
    context = tag_context(parameters.get("tags"))
    made = _own(scope, "application-inference-profile/*")
    return [
        Need(action, made, context),
        Need(action, parameters["modelSource"]["copyFrom"], context),
        *_tagging(made, context),
    ]


def _list_inference_profiles(_parameters: Parameters, scope: Scope) -> Sequence[Need]:
    # User guide, "Prerequisites for inference profiles": its policy allows the listing on inference-profile/*.
    return (Need("bedrock:ListInferenceProfiles", _own(scope, "inference-profile/*")),)


def _tag_resource(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    context = tag_context(parameters["tags"])
    return (Need("bedrock:TagResource", parameters["resourceARN"], context),)


def _untag_resource(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    context: Context = {"aws:TagKeys": tuple(parameters["tagKeys"])}
    return (Need("bedrock:UntagResource", parameters["resourceARN"], context),)


def _list_tags_for_resource(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    return (Need("bedrock:ListTagsForResource", parameters["resourceARN"]),)


def _put_invocation_logging(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    needs = [Need("bedrock:PutModelInvocationLoggingConfiguration")]
    if cloud_watch := parameters["loggingConfig"].get("cloudWatchConfig"):
        context = {"iam:PassedToService": _SERVICE}
        needs.append(Need("iam:PassRole", cloud_watch["roleArn"], context))
    return needs


NEEDS: Mapping[str, Rule] = {
    "PutModelInvocationLoggingConfiguration": _put_invocation_logging,
    "GetModelInvocationLoggingConfiguration": _everywhere("GetModelInvocationLoggingConfiguration"),
    "DeleteModelInvocationLoggingConfiguration": _everywhere(
        "DeleteModelInvocationLoggingConfiguration"
    ),
    "CreateModelCustomizationJob": _create_model_customization_job,
    "GetModelCustomizationJob": _on(
        "GetModelCustomizationJob", "model-customization-job", "jobIdentifier"
    ),
    "ListModelCustomizationJobs": _everywhere("ListModelCustomizationJobs"),
    "StopModelCustomizationJob": _on(
        "StopModelCustomizationJob", "model-customization-job", "jobIdentifier"
    ),
    "GetCustomModel": _on("GetCustomModel", "custom-model", "modelIdentifier"),
    "ListCustomModels": _everywhere("ListCustomModels"),
    "DeleteCustomModel": _on("DeleteCustomModel", "custom-model", "modelIdentifier"),
    "ListFoundationModels": _everywhere("ListFoundationModels"),
    "GetFoundationModel": _on("GetFoundationModel", "foundation-model", "modelIdentifier"),
    "GetFoundationModelAvailability": _on(
        "GetFoundationModelAvailability", "foundation-model", "modelId"
    ),
    "CreateProvisionedModelThroughput": _create_provisioned_model_throughput,
    "GetProvisionedModelThroughput": _on(
        "GetProvisionedModelThroughput", "provisioned-model", "provisionedModelId"
    ),
    "ListProvisionedModelThroughputs": _everywhere("ListProvisionedModelThroughputs"),
    "UpdateProvisionedModelThroughput": _update_provisioned_model_throughput,
    "DeleteProvisionedModelThroughput": _on(
        "DeleteProvisionedModelThroughput", "provisioned-model", "provisionedModelId"
    ),
    "CreateCustomModelDeployment": _create_custom_model_deployment,
    "GetCustomModelDeployment": _on(
        "GetCustomModelDeployment", "custom-model-deployment", "customModelDeploymentIdentifier"
    ),
    "ListCustomModelDeployments": _everywhere("ListCustomModelDeployments"),
    "UpdateCustomModelDeployment": _update_custom_model_deployment,
    "DeleteCustomModelDeployment": _on(
        "DeleteCustomModelDeployment", "custom-model-deployment", "customModelDeploymentIdentifier"
    ),
    "CreateInferenceProfile": _create_inference_profile,
    "GetInferenceProfile": _on(
        "GetInferenceProfile", "inference-profile", "inferenceProfileIdentifier"
    ),
    "ListInferenceProfiles": _list_inference_profiles,
    "DeleteInferenceProfile": _on(
        "DeleteInferenceProfile", "inference-profile", "inferenceProfileIdentifier"
    ),
    "TagResource": _tag_resource,
    "UntagResource": _untag_resource,
    "ListTagsForResource": _list_tags_for_resource,
}
