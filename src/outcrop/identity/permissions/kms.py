"""What KMS's operations ask of their callers.

Sources: KMS Developer Guide, "Permissions reference" and "Condition keys for KMS"; Service Authorization Reference,
"Actions, resources, and condition keys for AWS Key Management Service". The key policy, the account's own policies and
grants are weighed by the gateway. Two things are left to the operations, since they depend on the grant in question:
which grant may be retired, and how far one that is passed on may go.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outcrop.core.errors import SealBroken
from outcrop.crypto.ciphertexts import read_header
from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope
from outcrop.storage.kms_keys import grant_tokens

Parameters = Mapping[str, Any]
Context = dict[str, ConditionValues]

_TRUTH = {True: "true", False: "false"}
_SYMMETRIC = "SYMMETRIC_DEFAULT"
# Request member → condition key, for members whose value is taken as it is.
_MEMBERS = {
    "SigningAlgorithm": "kms:SigningAlgorithm",
    "MacAlgorithm": "kms:MacAlgorithm",
    "KeyPairSpec": "kms:DataKeyPairSpec",
    "RotationPeriodInDays": "kms:RotationPeriodInDays",
}


def alias_in(identifier: str) -> str:
    """Return the alias that a key is called by, "" where it is called by id or ARN."""
    name = identifier.split(":", 5)[-1]
    return name if name.startswith("alias/") else ""


def _caller(scope: Scope) -> Context:
    return {"kms:CallerAccount": scope.principal.account_id}


def _named_key(identifier: str, scope: Scope) -> tuple[str, Context]:
    """Return the ARN of the key that a request names, and what its name tells conditions."""
    context = _caller(scope)
    if alias := alias_in(identifier):
        context["kms:RequestAlias"] = alias
    return scope.find("key", identifier), context


def _encryption_context(pairs: Mapping[str, str] | None) -> Context:
    if not pairs:
        return {}
    context: Context = {f"kms:EncryptionContext:{key}": value for key, value in pairs.items()}
    context["kms:EncryptionContextKeys"] = tuple(pairs)
    return context


def _on_key(action: str, more: Callable[[Parameters, Scope], Context] | None = None) -> Rule:
    """Return the rule of operations that need one action on the key in KeyId.

    Args:
        more: condition keys beyond those of every operation on a key.
    """
    name = f"kms:{action}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn, context = _named_key(parameters["KeyId"], scope)
        for member, key in _MEMBERS.items():
            if member in parameters:
                context[key] = str(parameters[member])
        if more is not None:
            context |= more(parameters, scope)
        return [Need(name, arn, context)]

    return rule


def _anywhere(action: str) -> Rule:
    name = f"kms:{action}"

    def rule(_parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return [Need(name, "*", _caller(scope))]

    return rule


def _cryptographic(parameters: Parameters, _scope: Scope) -> Context:
    return {
        "kms:EncryptionAlgorithm": parameters.get("EncryptionAlgorithm", _SYMMETRIC),
        **_encryption_context(parameters.get("EncryptionContext")),
    }


def _signature(parameters: Parameters, _scope: Scope) -> Context:
    return {"kms:MessageType": parameters.get("MessageType", "RAW")}


def _rotation(parameters: Parameters, _scope: Scope) -> Context:
    return {"kms:RotationPeriodInDays": str(parameters.get("RotationPeriodInDays", 365))}


def _deletion(parameters: Parameters, _scope: Scope) -> Context:
    days = parameters.get("PendingWindowInDays", 30)
    return {"kms:ScheduleKeyDeletionPendingWindowInDays": str(days)}


def _policy_change(parameters: Parameters, _scope: Scope) -> Context:
    return {
        "kms:PolicyName": parameters.get("PolicyName", "default"),
        "kms:BypassPolicyLockoutSafetyCheck": _TRUTH[
            bool(parameters.get("BypassPolicyLockoutSafetyCheck"))
        ],
    }


def _request_tags(tags: Sequence[Mapping[str, str]] | None) -> Context:
    if not tags:
        return {}
    context: Context = {f"aws:RequestTag/{tag['TagKey']}": tag["TagValue"] for tag in tags}
    context["aws:TagKeys"] = tuple(tag["TagKey"] for tag in tags)
    return context


def _tagging(parameters: Parameters, _scope: Scope) -> Context:
    return _request_tags(parameters["Tags"])


def _untagging(parameters: Parameters, _scope: Scope) -> Context:
    return {"aws:TagKeys": tuple(parameters["TagKeys"])}


def _for_service(_parameters: Parameters, scope: Scope) -> Context:
    # A service that calls for its user asks for the grant on a resource of its own.
    return {"kms:GrantIsForAWSResource": _TRUTH[bool(scope.principal.via)]}


def _granting(parameters: Parameters, scope: Scope) -> Context:
    context = _for_service(parameters, scope)
    context["kms:GrantOperations"] = tuple(parameters["Operations"])
    for member in ("GranteePrincipal", "RetiringPrincipal"):
        if member in parameters:
            context[f"kms:{member}"] = parameters[member]
    constraints = parameters.get("Constraints") or {}
    kinds = tuple(kind for kind in constraints if kind.startswith("EncryptionContext"))
    if kinds:
        context["kms:GrantConstraintType"] = kinds
    return context


def _create_key(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    spec = parameters.get("KeySpec") or parameters.get("CustomerMasterKeySpec") or _SYMMETRIC
    usage = parameters.get("KeyUsage", "ENCRYPT_DECRYPT")
    tags = _request_tags(parameters.get("Tags"))
    context: Context = {
        **_caller(scope),
        **tags,
        "kms:BypassPolicyLockoutSafetyCheck": _TRUTH[
            bool(parameters.get("BypassPolicyLockoutSafetyCheck"))
        ],
        "kms:KeySpec": spec,
        "kms:KeyUsage": usage,
        "kms:CustomerMasterKeySpec": spec,
        "kms:CustomerMasterKeyUsage": usage,
        "kms:KeyOrigin": parameters.get("Origin", "AWS_KMS"),
        "kms:MultiRegion": _TRUTH[bool(parameters.get("MultiRegion"))],
    }
    needs = [Need("kms:CreateKey", "*", context)]
    if tags:
        any_key = f"arn:aws:kms:{scope.region}:{scope.account_id}:key/*"
        needs.append(Need("kms:TagResource", any_key, context))
    return needs


def _create_alias(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    context = _caller(scope)
    alias = scope.find("alias", parameters["AliasName"])
    key = scope.find("key", parameters["TargetKeyId"])
    return [Need("kms:CreateAlias", alias, context), Need("kms:CreateAlias", key, context)]


def _update_alias(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    context = _caller(scope)
    alias = scope.find("alias", parameters["AliasName"])
    before = scope.find("key", parameters["AliasName"])
    after = scope.find("key", parameters["TargetKeyId"])
    arns = dict.fromkeys((alias, before, after))
    return [Need("kms:UpdateAlias", arn, context) for arn in arns]


def _delete_alias(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    context = _caller(scope)
    alias = scope.find("alias", parameters["AliasName"])
    key = scope.find("key", parameters["AliasName"])
    return [Need("kms:DeleteAlias", arn, context) for arn in dict.fromkeys((alias, key))]


def _decrypt(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    arn, context = _source(parameters.get("KeyId"), parameters.get("CiphertextBlob"), scope)
    context |= _cryptographic(parameters, scope)
    return [Need("kms:Decrypt", arn, context)]


def _re_encrypt(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    source, source_context = _source(
        parameters.get("SourceKeyId"), parameters.get("CiphertextBlob"), scope
    )
    target, target_context = _named_key(parameters["DestinationKeyId"], scope)
    same: Context = {"kms:ReEncryptOnSameKey": _TRUTH[source == target]}
    source_context |= same | _encryption_context(parameters.get("SourceEncryptionContext"))
    source_context["kms:EncryptionAlgorithm"] = parameters.get(
        "SourceEncryptionAlgorithm", _SYMMETRIC
    )
    target_context |= same | _encryption_context(parameters.get("DestinationEncryptionContext"))
    target_context["kms:EncryptionAlgorithm"] = parameters.get(
        "DestinationEncryptionAlgorithm", _SYMMETRIC
    )
    return [
        Need("kms:ReEncryptFrom", source, source_context),
        Need("kms:ReEncryptTo", target, target_context),
    ]


def _source(identifier: str | None, blob: bytes | None, scope: Scope) -> tuple[str, Context]:
    """Return the key that is to open a ciphertext: the named one, else the one that the ciphertext names."""
    if identifier:
        return _named_key(identifier, scope)
    try:
        key_id = read_header(blob or b"").key_id
    except SealBroken:
        return "*", _caller(scope)  # no key at all: the operation says so to whoever may decrypt
    return scope.find("key", key_id), _caller(scope)


def _retire_grant(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    token = grant_tokens.read(parameters.get("GrantToken", ""))
    identifier = token.key_id if token else parameters.get("KeyId", "")
    if not identifier:
        return []  # nothing is named; the operation says what is missing
    return [Need("kms:RetireGrant", scope.find("key", identifier), _caller(scope))]


NEEDS: Mapping[str, Rule] = {
    "CancelKeyDeletion": _on_key("CancelKeyDeletion"),
    "CreateAlias": _create_alias,
    "CreateGrant": _on_key("CreateGrant", _granting),
    "CreateKey": _create_key,
    "Decrypt": _decrypt,
    "DeleteAlias": _delete_alias,
    "DescribeKey": _on_key("DescribeKey"),
    "DisableKey": _on_key("DisableKey"),
    "DisableKeyRotation": _on_key("DisableKeyRotation"),
    "EnableKey": _on_key("EnableKey"),
    "EnableKeyRotation": _on_key("EnableKeyRotation", _rotation),
    "Encrypt": _on_key("Encrypt", _cryptographic),
    "GenerateDataKey": _on_key("GenerateDataKey", _cryptographic),
    "GenerateDataKeyPair": _on_key("GenerateDataKeyPair", _cryptographic),
    "GenerateDataKeyPairWithoutPlaintext": _on_key(
        "GenerateDataKeyPairWithoutPlaintext", _cryptographic
    ),
    "GenerateDataKeyWithoutPlaintext": _on_key("GenerateDataKeyWithoutPlaintext", _cryptographic),
    "GenerateMac": _on_key("GenerateMac"),
    "GenerateRandom": _anywhere("GenerateRandom"),
    "GetKeyPolicy": _on_key("GetKeyPolicy"),
    "GetKeyRotationStatus": _on_key("GetKeyRotationStatus"),
    "GetPublicKey": _on_key("GetPublicKey"),
    "ListAliases": _anywhere("ListAliases"),
    "ListGrants": _on_key("ListGrants", _for_service),
    "ListKeyPolicies": _on_key("ListKeyPolicies"),
    "ListKeyRotations": _on_key("ListKeyRotations"),
    "ListKeys": _anywhere("ListKeys"),
    "ListResourceTags": _on_key("ListResourceTags"),
    "ListRetirableGrants": _anywhere("ListRetirableGrants"),
    "PutKeyPolicy": _on_key("PutKeyPolicy", _policy_change),
    "ReEncrypt": _re_encrypt,
    "RetireGrant": _retire_grant,
    "RevokeGrant": _on_key("RevokeGrant", _for_service),
    "RotateKeyOnDemand": _on_key("RotateKeyOnDemand"),
    "ScheduleKeyDeletion": _on_key("ScheduleKeyDeletion", _deletion),
    "Sign": _on_key("Sign", _signature),
    "TagResource": _on_key("TagResource", _tagging),
    "UntagResource": _on_key("UntagResource", _untagging),
    "UpdateAlias": _update_alias,
    "UpdateKeyDescription": _on_key("UpdateKeyDescription"),
    "Verify": _on_key("Verify", _signature),
    "VerifyMac": _on_key("VerifyMac"),
}
