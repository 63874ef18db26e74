"""What STS asks of its callers. Roles' trust policies take part in the decisions on `sts:AssumeRole` and its kin.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Security Token Service".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope
from outcrop.identity.permissions.iam import tag_context

Parameters = Mapping[str, Any]


def _assume_role(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn, caller = parameters["RoleArn"], scope.principal
    context: dict[str, ConditionValues] = tag_context(parameters.get("Tags"))
    context["sts:RoleSessionName"] = parameters["RoleSessionName"]
    if "ExternalId" in parameters:
        context["sts:ExternalId"] = parameters["ExternalId"]
    if parameters.get("TransitiveTagKeys"):
        context["sts:TransitiveTagKeys"] = tuple(parameters["TransitiveTagKeys"])
    source_identity = parameters.get("SourceIdentity") or caller.source_identity
    if source_identity:
        context["sts:SourceIdentity"] = source_identity
    needs = [Need("sts:AssumeRole", arn, context)]
    if parameters.get("Tags") or caller.transitive_tag_keys:
        needs.append(Need("sts:TagSession", arn, context))
    if source_identity:
        needs.append(Need("sts:SetSourceIdentity", arn, context))
    return needs


def _get_federation_token(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = f"arn:aws:sts::{scope.account_id}:federated-user/{parameters['Name']}"
    context = tag_context(parameters.get("Tags"))
    needs = [Need("sts:GetFederationToken", arn, context)]
    if parameters.get("Tags"):
        needs.append(Need("sts:TagSession", arn, context))
    return needs


def _nothing(_parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    return ()


def _everywhere(action: str) -> Rule:
    needs = (Need(action),)
    return lambda _parameters, _scope: needs


NEEDS: Mapping[str, Rule] = {
    "AssumeRole": _assume_role,
    "DecodeAuthorizationMessage": _everywhere("sts:DecodeAuthorizationMessage"),
    "GetAccessKeyInfo": _everywhere("sts:GetAccessKeyInfo"),
    # STS API reference: no permissions are required for these two, and none can be denied for the first.
    "GetCallerIdentity": _nothing,
    "GetFederationToken": _get_federation_token,
    "GetSessionToken": _nothing,
}
