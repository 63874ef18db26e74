"""Keys of custom models: made when a job begins, given out whenever the model is used.

Every custom model is sealed under a data key of its own. Where the job names a KMS key, KMS wraps the data key, and
each use asks KMS again, once as Amazon Bedrock under the grant that the job's caller made and once as whoever uses
the model: disabling the key, revoking the grant or denying kms:Decrypt ends the use at once. Otherwise the data key is
wrapped under the service's own key.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

from outcrop.aws.errors import AccessDeniedException, ServiceError, ValidationException
from outcrop.aws.operation import Principal
from outcrop.core.weights import Weights
from outcrop.crypto.sealed_folder import SEAL_FILE, FolderSeal
from outcrop.services.platform import Platform

log = structlog.get_logger(__name__)

SERVICE = "bedrock"
SERVICE_PRINCIPAL = "bedrock.amazonaws.com"
# User guide, "Encryption of custom models": what the grant lets Amazon Bedrock do.
_GRANTED = ["Decrypt", "DescribeKey", "GenerateDataKey", "RetireGrant"]


@dataclass(frozen=True, slots=True)
class ModelKey:
    """The data key of a model that is being made.

    Attributes:
        seal: what is written beside the files.
        plain: the data key.
    """

    seal: FolderSeal
    plain: bytes = field(repr=False)


def model_context(model_arn: str) -> str:
    """Return what is bound to every sealed file of a model."""
    return f"model/{model_arn.rsplit('/', 1)[-1]}"


def service_principal(account_id: str) -> Principal:
    """Return Amazon Bedrock acting for the account under a grant."""
    return Principal(
        type="AWSService",
        arn=SERVICE_PRINCIPAL,
        account_id=account_id,
        principal_id=SERVICE_PRINCIPAL,
        via=SERVICE,
    )


async def grant_key(
    platform: Platform, key_id: str, model_arn: str, principal: Principal, region: str
) -> FolderSeal:
    """Let Amazon Bedrock use a KMS key for a model, as the caller, and return the model's seal under it.

    Args:
        platform: the product's parts.
        key_id: customModelKmsKeyId: a key's id, ARN, alias or alias ARN.
        model_arn: of the model to come.
        principal: the caller of the operation that makes the model.
        region: of the operation.

    Raises:
        AccessDeniedException: the caller may not use the key so.
        ValidationException: the key cannot be used: missing, disabled, not symmetric.
    """
    caller = replace(principal, via=SERVICE)
    context = _encryption_context(model_arn)

    async def ask(operation: str, **request: object) -> dict[str, Any]:
        try:
            return await platform.invoke("kms", operation, request, principal=caller, region=region)
        except ServiceError as error:
            raise _refused(error, f"customModelKmsKeyId {key_id}") from error

    described = (await ask("DescribeKey", KeyId=key_id))["KeyMetadata"]
    if described["KeySpec"] != "SYMMETRIC_DEFAULT":
        raise ValidationException(
            f"customModelKmsKeyId {key_id} is a {described['KeySpec']} key: use a symmetric encryption key"
        )
    made = await ask("GenerateDataKey", KeyId=key_id, KeySpec="AES_256", EncryptionContext=context)
    grant = await ask(
        "CreateGrant",
        KeyId=described["KeyId"],
        GranteePrincipal=SERVICE_PRINCIPAL,
        RetiringPrincipal=SERVICE_PRINCIPAL,
        Operations=_GRANTED,
        Constraints={"EncryptionContextSubset": context},
    )
    return FolderSeal(
        model_context(model_arn), made["CiphertextBlob"], described["Arn"], grant["GrantId"]
    )


def own_seal(platform: Platform, model_arn: str) -> FolderSeal:
    """Return a new seal under the service's own key."""
    context = model_context(model_arn)
    key = platform.service_keys.new_data_key(SERVICE, context.encode())
    return FolderSeal(context, key.wrapped)


def open_for_job(platform: Platform, seal: FolderSeal, region: str) -> bytes:
    """Return a model's data key for the job that makes it or trains from it; blocks.

    Raises:
        ServiceError: KMS refuses.
    """
    if seal.kms_key_arn is None:
        return platform.service_keys.unwrap(SERVICE, seal.wrapped, seal.context.encode())
    return platform.on_loop(_decrypt(platform, seal, region, None))  # type: ignore[no-any-return]


def unlock_for_job(platform: Platform, weights: Weights, region: str) -> Weights:
    """Return weights with the keys of their folders, as the service itself; blocks.

    Raises:
        ServiceError: KMS refuses.
    """

    def key_of(folder: Path | None) -> bytes | None:
        seal = None if folder is None else seal_of(folder)
        return None if seal is None else open_for_job(platform, seal, region)

    return replace(weights, base_key=key_of(weights.base), adapter_key=key_of(weights.adapter))


async def unlock(
    platform: Platform, weights: Weights, principal: Principal, region: str
) -> Weights:
    """Return weights with the keys of their folders, for a caller who may use them.

    Raises:
        AccessDeniedException: the caller, or the service, may not use a model's KMS key.
        ValidationException: the KMS key is disabled or gone.
    """
    base_key = await _key_of(platform, weights.base, principal, region)
    adapter_key = await _key_of(platform, weights.adapter, principal, region)
    if base_key is None and adapter_key is None:
        return weights
    return replace(weights, base_key=base_key, adapter_key=adapter_key)


async def retire(platform: Platform, seal: FolderSeal | None, region: str) -> None:
    """Give back the grant on a KMS key, when its model is deleted or was never made."""
    if seal is None or seal.kms_key_arn is None or seal.grant_id is None:
        return
    try:
        await platform.invoke(
            "kms",
            "RetireGrant",
            {"KeyId": seal.kms_key_arn, "GrantId": seal.grant_id},
            principal=service_principal(platform.account_id),
            region=region,
        )
    except ServiceError as error:
        # The key or the grant is gone already, or was taken back.
        log.info("grant_not_retired", key=seal.kms_key_arn, reason=error.message)


async def _key_of(
    platform: Platform, folder: Path | None, principal: Principal, region: str
) -> bytes | None:
    seal = None if folder is None else seal_of(folder)
    if seal is None:
        return None
    if seal.kms_key_arn is None:
        return _own_key(platform.service_keys.unwrap, seal)
    await _decrypt(platform, seal, region, replace(principal, via=SERVICE))
    return await _decrypt(platform, seal, region, None)


@lru_cache(maxsize=1024)
def _own_key(unwrap: Callable[[str, bytes, bytes], bytes], seal: FolderSeal) -> bytes:
    return unwrap(SERVICE, seal.wrapped, seal.context.encode())


def _decrypt(
    platform: Platform, seal: FolderSeal, region: str, principal: Principal | None
) -> Coroutine[Any, Any, bytes]:
    """Ask KMS for a data key, as a caller or as the service under its grant."""

    async def ask() -> bytes:
        try:
            response = await platform.invoke(
                "kms",
                "Decrypt",
                {
                    "KeyId": seal.kms_key_arn,
                    "CiphertextBlob": seal.wrapped,
                    "EncryptionContext": _encryption_context_of(seal),
                },
                principal=principal or service_principal(platform.account_id),
                region=region,
            )
        except ServiceError as error:
            raise _refused(error, f"the KMS key {seal.kms_key_arn} of the model") from error
        plain: bytes = response["Plaintext"]
        return plain

    return ask()


def seal_of(folder: Path) -> FolderSeal | None:
    """Return the seal of a model's folder, None where the model lies in clear; kept in memory."""
    return _read_seal(folder) if (folder / SEAL_FILE).exists() else None


@lru_cache(maxsize=1024)  # a model's folder never changes once it is there
def _read_seal(folder: Path) -> FolderSeal | None:
    return FolderSeal.read(folder)


def _encryption_context(model_arn: str) -> dict[str, str]:
    return {"aws:bedrock:model": model_arn.rsplit("/", 1)[-1]}


def _encryption_context_of(seal: FolderSeal) -> dict[str, str]:
    return {"aws:bedrock:model": seal.context.removeprefix("model/")}


def _refused(error: ServiceError, what: str) -> ServiceError:
    """Return what Bedrock says when KMS refuses."""
    if error.status == AccessDeniedException.status or "AccessDenied" in error.code:
        return AccessDeniedException(f"Amazon Bedrock cannot use {what}: {error.message}")
    return ValidationException(f"Amazon Bedrock cannot use {what}: {error.code}: {error.message}")
