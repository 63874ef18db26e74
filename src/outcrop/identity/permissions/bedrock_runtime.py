"""What Amazon Bedrock's runtime asks of its callers: the actions are those of "bedrock".

A call through an inference profile is checked on the profile and again on every foundation model that it may lead to;
only these second checks know `bedrock:InferenceProfileArn`. That is how a policy allows a model through a profile alone
(User guide, "Prerequisites for inference profiles").
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.core.inference_profiles import APPLICATION, SYSTEM, models_of_source
from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
Context = dict[str, ConditionValues]

PROFILE_KEY = "bedrock:InferenceProfileArn"


def _invoking(action: str) -> Rule:
    """Return the rule of an operation that runs the model named by modelId."""
    named = f"bedrock:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = scope.find("invocable", parameters["modelId"])
        guardrail = _guardrail(parameters)
        context = _context(parameters, guardrail)
        needs = [Need(named, arn, context)]
        if _is_profile(arn):
            context = {**context, PROFILE_KEY: arn}
            source = scope.find("source-of-inference-profile", arn)
            needs += [Need(named, model, context) for model in models_of_source(source)]
        if guardrail:
            needs.append(Need("bedrock:ApplyGuardrail", scope.find("guardrail", guardrail)))
        return needs

    return rule


def _is_profile(arn: str) -> bool:
    return f":{APPLICATION}/" in arn or f":{SYSTEM}/" in arn


def _guardrail(parameters: Parameters) -> str:
    config = parameters.get("guardrailConfig") or parameters
    return config.get("guardrailIdentifier") or ""


def _context(parameters: Parameters, guardrail: str) -> Context:
    context: Context = {}
    if guardrail:
        context["bedrock:GuardrailIdentifier"] = guardrail
    tier = parameters.get("serviceTier")
    if tier:
        context["bedrock:ServiceTier"] = tier if isinstance(tier, str) else tier["type"]
    return context


NEEDS: Mapping[str, Rule] = {
    "InvokeModel": _invoking("InvokeModel"),
    "InvokeModelWithResponseStream": _invoking("InvokeModelWithResponseStream"),
    # API reference: Converse needs bedrock:InvokeModel, ConverseStream bedrock:InvokeModelWithResponseStream.
    "Converse": _invoking("InvokeModel"),
    "ConverseStream": _invoking("InvokeModelWithResponseStream"),
    "CountTokens": _invoking("CountTokens"),
}
