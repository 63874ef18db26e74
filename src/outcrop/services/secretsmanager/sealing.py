"""Values, sealed and opened: under this service's own key, or under a data key of the secret's KMS key.

KMS is asked as the caller, through this service, with the secret's ARN and the version's id as encryption context: key
policies decide who may read a secret, and a disabled key closes it at once.
"""

import dataclasses
from typing import Any

from outcrop.aws.errors import AccessDeniedException, OperationNotBuilt, ServiceError
from outcrop.core.errors import SealBroken
from outcrop.crypto.sealed import open_bytes, seal_bytes
from outcrop.services.platform import Context
from outcrop.services.secretsmanager.errors import (
    DecryptionFailure,
    EncryptionFailure,
    SecretsManagerError,
)
from outcrop.services.secretsmanager.values import Value
from outcrop.storage.secrets import SecretRow, VersionRow

SERVICE = "secretsmanager"
_OWN_ALIASES = ("alias/aws/secretsmanager",)


def named_key(kms_key_id: str | None) -> str | None:
    """Return the KMS key that a request means, or None for the service's own."""
    if not kms_key_id or kms_key_id.endswith(_OWN_ALIASES):
        return None
    return kms_key_id


async def make_version(
    secret: SecretRow, version_id: str, value: Value, now_us: int, context: Context
) -> VersionRow:
    """Return a new version of a secret, its value sealed.

    Raises:
        AccessDeniedException: the caller may not use the KMS key.
        EncryptionFailure: the KMS key cannot be used.
    """
    sealed, wrapped_key = await _seal(secret.arn, version_id, value, secret.kms_key_id, context)
    return VersionRow(
        secret_arn=secret.arn,
        id=version_id,
        kind=value.kind,
        sealed=sealed,
        kms_key_id=secret.kms_key_id,
        wrapped_key=wrapped_key,
        created_us=now_us,
        accessed_us=None,
    )


async def reseal(version: VersionRow, kms_key_id: str | None, context: Context) -> VersionRow:
    """Return a version under another key.

    Raises:
        AccessDeniedException: the caller may not use one of the keys.
        DecryptionFailure: the old key cannot be used.
        EncryptionFailure: the new key cannot be used.
    """
    value = await open_version(version, context)
    sealed, wrapped_key = await _seal(version.secret_arn, version.id, value, kms_key_id, context)
    return dataclasses.replace(
        version, sealed=sealed, wrapped_key=wrapped_key, kms_key_id=kms_key_id
    )


async def open_version(version: VersionRow, context: Context) -> Value:
    """Return a version's value.

    Raises:
        AccessDeniedException: the caller may not use the KMS key.
        DecryptionFailure: the KMS key cannot be used, or the row was tampered with.
    """
    bound = _bound(version.secret_arn, version.id, version.kind)
    try:
        if version.wrapped_key is None:
            keys = context.platform.service_keys
            return Value(version.kind, keys.open(SERVICE, version.sealed, bound))
        answer = await _kms(
            "Decrypt",
            {"CiphertextBlob": version.wrapped_key, "KeyId": version.kms_key_id},
            version.secret_arn,
            version.id,
            context,
            DecryptionFailure,
        )
        return Value(version.kind, open_bytes(answer["Plaintext"], version.sealed, bound))
    except SealBroken:
        raise DecryptionFailure from None


async def _seal(
    arn: str, version_id: str, value: Value, kms_key_id: str | None, context: Context
) -> tuple[bytes, bytes | None]:
    bound = _bound(arn, version_id, value.kind)
    if kms_key_id is None:
        return context.platform.service_keys.seal(SERVICE, value.content, bound), None
    answer = await _kms(
        "GenerateDataKey",
        {"KeyId": kms_key_id, "KeySpec": "AES_256"},
        arn,
        version_id,
        context,
        EncryptionFailure,
    )
    return seal_bytes(answer["Plaintext"], value.content, bound), answer["CiphertextBlob"]


async def _kms(  # noqa: PLR0913, PLR0917  # both calls give all of them
    operation: str,
    request: dict[str, Any],
    arn: str,
    version_id: str,
    context: Context,
    failure: type[SecretsManagerError],
) -> dict[str, Any]:
    try:
        return await context.invoke(
            "kms",
            operation,
            {
                **request,
                "EncryptionContext": {"SecretARN": arn, "SecretVersionId": version_id},
            },
            principal=dataclasses.replace(context.principal, via=SERVICE),
            region=context.region,
        )
    except OperationNotBuilt:
        raise
    except ServiceError as error:
        if error.code in ("AccessDeniedException", "AccessDenied"):
            raise AccessDeniedException(f"Access to KMS is not allowed: {error.message}") from error
        raise failure(f"{failure.text} ({error.code}: {error.message})") from error


def _bound(arn: str, version_id: str, kind: str) -> bytes:
    # A value put in another secret's, version's or kind's place does not open.
    return f"{SERVICE}/{arn}/{version_id}/{kind}".encode()
