"""The KMS keys of machines and activities: checked when named, asked whenever what they protect is read.

A machine that names a key has its definition sealed under a data key of it. Whoever reads its definition, or the inputs
and outputs of its executions, must be allowed kms:Decrypt on that key; a disabled key closes them at once.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outcrop.aws.errors import ServiceError
from outcrop.core.errors import SealBroken
from outcrop.crypto.sealed import open_bytes, seal_bytes
from outcrop.services.platform import Context
from outcrop.services.stepfunctions.errors import (
    InvalidEncryptionConfiguration,
    KmsAccessDeniedException,
    KmsInvalidStateException,
    StepFunctionsError,
)
from outcrop.storage.state_machines import Content

OWNED: Mapping[str, Any] = {"type": "AWS_OWNED_KEY"}
_CUSTOMER = "CUSTOMER_MANAGED_KMS_KEY"
_DEFAULT_REUSE_SECONDS = 300
_VIA = "states"


def normalise(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a configuration with its defaults, as Describe operations show it.

    Raises:
        InvalidEncryptionConfiguration: a key is missing, or named where none is used.
    """
    if given is None:
        return dict(OWNED)
    key = given.get("kmsKeyId")
    if given["type"] == _CUSTOMER:
        if not key:
            raise _invalid("kmsKeyId must be specified when the type is CUSTOMER_MANAGED_KMS_KEY.")
        return {
            "kmsKeyId": key,
            "kmsDataKeyReusePeriodSeconds": given.get(
                "kmsDataKeyReusePeriodSeconds", _DEFAULT_REUSE_SECONDS
            ),
            "type": _CUSTOMER,
        }
    if key or "kmsDataKeyReusePeriodSeconds" in given:
        raise _invalid(
            "kmsKeyId and kmsDataKeyReusePeriodSeconds can only be specified when the type is "
            "CUSTOMER_MANAGED_KMS_KEY."
        )
    return dict(OWNED)


def has_key(configuration: Mapping[str, Any]) -> bool:
    """Return whether a configuration names a KMS key."""
    return configuration.get("type") == _CUSTOMER


async def check_key(configuration: Mapping[str, Any], context: Context) -> None:
    """Make sure that the key of a configuration is there, enabled and symmetric.

    Raises:
        InvalidEncryptionConfiguration: it is not.
        KmsAccessDeniedException: the caller may not look at it.
    """
    if not has_key(configuration):
        return
    key_id = configuration["kmsKeyId"]
    try:
        described = await _ask("DescribeKey", {"KeyId": key_id}, context)
    except KmsInvalidStateException as error:
        raise _invalid(error.message) from error
    metadata = described["KeyMetadata"]
    if metadata["KeySpec"] != "SYMMETRIC_DEFAULT" or metadata["KeyUsage"] != "ENCRYPT_DECRYPT":
        raise _invalid(f"The KMS key {key_id} is not a symmetric encryption key.")
    if not metadata["Enabled"]:
        raise _invalid(f"The KMS key {key_id} is not enabled: its state is {metadata['KeyState']}.")


async def seal(
    definition: str, configuration: Mapping[str, Any], arn: str, context: Context
) -> tuple[bytes, bytes | None]:
    """Return (definition as rows keep it, wrapped data key or None).

    Raises:
        KmsAccessDeniedException: the caller may not use the key.
        InvalidEncryptionConfiguration: the key cannot be used.
    """
    content = definition.encode()
    if not has_key(configuration):
        return content, None
    try:
        made = await _ask(
            "GenerateDataKey",
            {
                "KeyId": configuration["kmsKeyId"],
                "KeySpec": "AES_256",
                "EncryptionContext": _encryption_context(arn),
            },
            context,
        )
    except KmsInvalidStateException as error:
        raise _invalid(error.message) from error
    return seal_bytes(made["Plaintext"], content, _bound(arn)), made["CiphertextBlob"]


async def definition_of(content: Content, arn: str, context: Context) -> str:
    """Return a definition; KMS is asked as the caller where it lies under a key.

    Raises:
        KmsAccessDeniedException: the caller may not use the key.
        KmsInvalidStateException: the key is disabled or gone.
    """
    if content.wrapped_key is None:
        return content.definition.decode()
    plain = await _open(content.wrapped_key, content.encryption, arn, context)
    try:
        return open_bytes(plain, content.definition, _bound(arn)).decode()
    except SealBroken:
        raise KmsInvalidStateException(
            f"The definition of {arn} does not open under its KMS key."
        ) from None


async def require_key(content: Content | None, arn: str, context: Context) -> None:
    """Return if the caller may read what a machine's key protects.

    Args:
        content: the machine's present revision, or None where it is gone.
        arn: of the machine.

    Raises:
        KmsAccessDeniedException: the caller may not use the key.
        KmsInvalidStateException: the key is disabled or gone.
    """
    if content is not None and content.wrapped_key is not None:
        await _open(content.wrapped_key, content.encryption, arn, context)


async def _open(
    wrapped_key: bytes, configuration: Mapping[str, Any], arn: str, context: Context
) -> bytes:
    answer = await _ask(
        "Decrypt",
        {
            "CiphertextBlob": wrapped_key,
            "KeyId": configuration["kmsKeyId"],
            "EncryptionContext": _encryption_context(arn),
        },
        context,
    )
    plain: bytes = answer["Plaintext"]
    return plain


async def _ask(operation: str, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    try:
        return await context.invoke(
            "kms",
            operation,
            request,
            principal=replace(context.principal, via=_VIA),
            region=context.region,
        )
    except ServiceError as error:
        if "AccessDenied" in error.code:
            raise KmsAccessDeniedException(error.message) from error
        raise KmsInvalidStateException(error.message) from error


def _encryption_context(arn: str) -> dict[str, str]:
    return {"aws:states:stateMachineArn": arn}


def _bound(arn: str) -> bytes:
    # A definition put in another machine's place does not open.
    return f"states/definition/{arn}".encode()


def _invalid(reason: str) -> StepFunctionsError:
    return InvalidEncryptionConfiguration(f"Invalid Encryption Configuration: {reason}")
