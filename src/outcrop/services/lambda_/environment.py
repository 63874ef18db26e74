"""Environment variables: sealed under the service's own key, or under a data key of the function's KMS key.

Where a KMS key is named, whoever sets variables must be allowed to use it, and gives Lambda a grant on it; Lambda asks
KMS under that grant whenever the function is called, and as the caller whenever somebody reads the configuration.
Source: Lambda Developer Guide, "Securing Lambda environment variables".
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from outcrop.aws.errors import OperationNotBuilt, ServiceError
from outcrop.aws.operation import Principal
from outcrop.core.errors import SealBroken
from outcrop.crypto.sealed import open_bytes, seal_bytes
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    KMSAccessDeniedException,
    KMSDisabledException,
    KMSInvalidStateException,
    KMSNotFoundException,
    LambdaError,
    ServiceException,
)
from outcrop.services.lambda_.role_session import SERVICE, SERVICE_PRINCIPAL
from outcrop.services.platform import Context, Platform
from outcrop.storage.functions.rows import VersionRow

log = structlog.get_logger(__name__)

_CONTEXT_KEY = "aws:lambda:FunctionArn"
_REFUSALS: Mapping[str, tuple[type[LambdaError], str]] = {
    "DisabledException": (KMSDisabledException, "because the KMS key used is disabled"),
    "KMSInvalidStateException": (
        KMSInvalidStateException,
        "because the KMS key is in a wrong state",
    ),
    "NotFoundException": (KMSNotFoundException, "because the KMS key was not found"),
}


@dataclass(frozen=True, slots=True)
class Sealed:
    """Variables as a row keeps them, members as its columns."""

    environment: bytes | None = field(default=None, repr=False)
    environment_key: bytes | None = field(default=None, repr=False)
    kms_key_arn: str | None = None
    grant_id: str | None = None


async def seal(
    variables: Mapping[str, str] | None,
    kms_key_arn: str | None,
    function_arn: str,
    context: Context,
) -> Sealed:
    """Return variables sealed, as the caller.

    Args:
        variables: None where the function has none.
        kms_key_arn: None for the service's own key.
        function_arn: bound to what is sealed.
        context: of the operation.

    Raises:
        InvalidParameterValueException: the KMS key cannot be used, or the caller may not use it so.
    """
    content = None if variables is None else json.dumps(dict(variables)).encode()
    bound = _bound(function_arn)
    if kms_key_arn is None:
        keys = context.platform.service_keys
        return Sealed(None if content is None else keys.seal(SERVICE, content, bound))
    pairs = {_CONTEXT_KEY: function_arn}
    made = await _ask(
        context,
        "GenerateDataKey",
        {"KeyId": kms_key_arn, "KeySpec": "AES_256", "EncryptionContext": pairs},
    )
    grant = await _ask(
        context,
        "CreateGrant",
        {
            "KeyId": kms_key_arn,
            "GranteePrincipal": SERVICE_PRINCIPAL,
            "RetiringPrincipal": SERVICE_PRINCIPAL,
            "Operations": ["Decrypt", "RetireGrant"],
            "Constraints": {"EncryptionContextSubset": pairs},
        },
    )
    sealed = None if content is None else seal_bytes(made["Plaintext"], content, bound)
    return Sealed(sealed, made["CiphertextBlob"], kms_key_arn, grant["GrantId"])


async def _ask(context: Context, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return await context.invoke(
            "kms",
            operation,
            request,
            principal=dataclasses.replace(context.principal, via=SERVICE),
            region=context.region,
        )
    except OperationNotBuilt:
        raise
    except ServiceError as error:
        raise InvalidParameterValueException(
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid "
            f"for {operation}. Please check your KMS key settings. KMS Exception: {error.code} KMS Message: "
            f"{error.message}"
        ) from error


def open_own(version: VersionRow, platform: Platform) -> dict[str, str] | None:
    """Return the variables of a version that the service's own key seals; None where it has none.

    Raises:
        ServiceException: the row was changed.
    """
    if version.environment is None:
        return None
    assert version.environment_key is None
    try:
        content = platform.service_keys.open(
            SERVICE, version.environment, _bound(version.function_arn)
        )
    except SealBroken:
        raise _broken(version) from None
    variables: dict[str, str] = json.loads(content)
    return variables


async def open_for_caller(version: VersionRow, context: Context) -> dict[str, str] | None:
    """Return the variables of a version to somebody who reads its configuration.

    Raises:
        LambdaError: KMS does not let them.
    """
    caller = dataclasses.replace(context.principal, via=SERVICE)
    return await _open_with_kms(version, context.platform, caller, context.region)


async def open_for_function(version: VersionRow, platform: Platform, region: str) -> dict[str, str]:
    """Return the variables of a version for the function itself.

    Raises:
        LambdaError: KMS does not let Lambda, or the row was changed.
    """
    if version.environment_key is None:
        return open_own(version, platform) or {}
    service = Principal(
        type="AWSService",
        arn=SERVICE_PRINCIPAL,
        account_id=platform.account_id,
        principal_id=SERVICE_PRINCIPAL,
        via=SERVICE,
    )
    return await _open_with_kms(version, platform, service, region) or {}


async def _open_with_kms(
    version: VersionRow, platform: Platform, principal: Principal, region: str
) -> dict[str, str] | None:
    if version.environment is None:
        return None
    try:
        answer = await platform.invoke(
            "kms",
            "Decrypt",
            {
                "KeyId": version.kms_key_arn,
                "CiphertextBlob": version.environment_key,
                "EncryptionContext": {_CONTEXT_KEY: version.function_arn},
            },
            principal=principal,
            region=region,
        )
    except OperationNotBuilt:
        raise
    except ServiceError as error:
        kind, reason = _REFUSALS.get(
            error.code, (KMSAccessDeniedException, "because KMS access was denied")
        )
        raise kind(
            f"Lambda was unable to decrypt the environment variables {reason}. Please check the function's KMS "
            f"key settings. KMS Exception: {error.code} KMS Message: {error.message}"
        ) from error
    try:
        content = open_bytes(answer["Plaintext"], version.environment, _bound(version.function_arn))
    except SealBroken:
        raise _broken(version) from None
    variables: dict[str, str] = json.loads(content)
    return variables


async def retire(
    platform: Platform, key_arn: str | None, grant_id: str | None, region: str
) -> None:
    """Give back the grant on a KMS key that no version needs any more."""
    if key_arn is None or grant_id is None:
        return
    service = Principal(
        type="AWSService",
        arn=SERVICE_PRINCIPAL,
        account_id=platform.account_id,
        principal_id=SERVICE_PRINCIPAL,
        via=SERVICE,
    )
    try:
        await platform.invoke(
            "kms",
            "RetireGrant",
            {"KeyId": key_arn, "GrantId": grant_id},
            principal=service,
            region=region,
        )
    except ServiceError as error:
        # The key or the grant is gone already, or was taken back.
        log.info("grant_not_retired", key=key_arn, reason=error.message)


def _bound(function_arn: str) -> bytes:
    # The same for all versions, which share what $LATEST had when they were published.
    return f"{SERVICE}/environment/{function_arn}".encode()


def _broken(version: VersionRow) -> ServiceException:
    return ServiceException(
        f"The environment variables of {version.function_arn} cannot be opened: their row was changed."
    )
