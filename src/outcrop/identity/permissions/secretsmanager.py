"""What Secrets Manager's operations ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Secrets Manager". What KMS asks
where a secret names a key is decided by KMS itself, in the calls that this service makes as the caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
# Members of requests that are condition keys under the service's prefix.
_KEYS = {
    "Name": "Name",
    "Description": "Description",
    "KmsKeyId": "KmsKeyId",
    "VersionId": "VersionId",
    "VersionStage": "VersionStage",
    "RecoveryWindowInDays": "RecoveryWindowInDays",
    "ForceDeleteWithoutRecovery": "ForceDeleteWithoutRecovery",
    "BlockPublicPolicy": "BlockPublicPolicy",
    "RotationLambdaARN": "RotationLambdaARN",
    "RotateImmediately": "RotateImmediately",
    "ForceOverwriteReplicaSecret": "ForceOverwriteReplicaSecret",
    "Type": "Type",
}
_CURRENT = "AWSCURRENT"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _given(parameters: Parameters) -> dict[str, ConditionValues]:
    return {
        f"secretsmanager:{key}": _text(parameters[member])
        for member, key in _KEYS.items()
        if member in parameters
    }


def _tag_keys(parameters: Parameters) -> dict[str, ConditionValues]:
    context: dict[str, ConditionValues] = {}
    tags = parameters.get("Tags") or ()
    for tag in tags:
        context[f"aws:RequestTag/{tag.get('Key', '')}"] = tag.get("Value", "")
    keys = [tag.get("Key", "") for tag in tags] or parameters.get("TagKeys")
    if keys:
        context["aws:TagKeys"] = list(keys)
    return context


def _on_secret(action: str) -> Rule:
    """Return the rule of operations that need one action on the secret that they name."""
    named = f"secretsmanager:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = scope.find("secret", parameters["SecretId"])
        context = {
            "secretsmanager:SecretId": arn,
            **_given(parameters),
            **_tag_keys(parameters),
        }
        return [Need(named, arn, context)]

    return rule


def _anywhere(action: str) -> Rule:
    """Return the rule of operations that name no secret."""
    needs = (Need(f"secretsmanager:{action}"),)
    return lambda _parameters, _scope: needs


def _create(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = scope.find("secret", parameters["Name"])
    context = {**_given(parameters), **_tag_keys(parameters)}
    needs = [Need("secretsmanager:CreateSecret", arn, context)]
    if parameters.get("Tags"):
        needs.append(Need("secretsmanager:TagResource", arn, context))
    return needs


def _read(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn = scope.find("secret", parameters["SecretId"])
    context = {"secretsmanager:SecretId": arn, **_given(parameters)}
    if "VersionId" not in parameters:
        # What is read when nothing is named.
        context.setdefault("secretsmanager:VersionStage", _CURRENT)
    return [Need("secretsmanager:GetSecretValue", arn, context)]


def _read_batch(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    # Each secret is then read through GetSecretValue, and refused there alone.
    needs = [Need("secretsmanager:BatchGetSecretValue")]
    if parameters.get("Filters"):
        needs.append(Need("secretsmanager:ListSecrets"))
    return needs


def _validate(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    identifier = parameters.get("SecretId")
    arn = scope.find("secret", identifier) if identifier else "*"
    context = {"secretsmanager:SecretId": arn} if identifier else {}
    return [Need("secretsmanager:ValidateResourcePolicy", arn, context)]


NEEDS: Mapping[str, Rule] = {
    "CreateSecret": _create,
    "GetSecretValue": _read,
    "BatchGetSecretValue": _read_batch,
    "ValidateResourcePolicy": _validate,
    "ListSecrets": _anywhere("ListSecrets"),
    "GetRandomPassword": _anywhere("GetRandomPassword"),
    **{
        action: _on_secret(action)
        for action in (
            "CancelRotateSecret",
            "DeleteResourcePolicy",
            "DeleteSecret",
            "DescribeSecret",
            "GetResourcePolicy",
            "ListSecretVersionIds",
            "PutResourcePolicy",
            "PutSecretValue",
            "RestoreSecret",
            "RotateSecret",
            "TagResource",
            "UntagResource",
            "UpdateSecret",
            "UpdateSecretVersionStage",
        )
    },
}
