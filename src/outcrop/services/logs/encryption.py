"""KMS keys of log groups. CloudWatch Logs asks KMS by itself, so the key's policy must let it.

A group's data key is made by KMS and kept only as KMS wrapped it. It is asked for again every few minutes while it is
used: a key that was disabled closes its groups.
"""

from typing import Any

from outcrop.aws.errors import OperationNotBuilt, ServiceError
from outcrop.aws.operation import Principal
from outcrop.services.logs.errors import InvalidParameterException
from outcrop.services.logs.naming import group_arn
from outcrop.services.platform import Context, Platform
from outcrop.storage.logs import GroupKey, GroupRow, KeyWithheld
from outcrop.storage.logs.store import Unlock


async def make_key(name: str, kms_key_id: str, context: Context) -> tuple[bytes, str]:
    """Return a new data key for a group, as KMS wrapped it, and the KMS key's ARN.

    Raises:
        InvalidParameterException: the KMS key does not exist, or does not let CloudWatch Logs use it for the group.
    """
    arn = group_arn(context.region, context.account_id, name)
    try:
        made = await context.invoke(
            "kms",
            "GenerateDataKey",
            {"KeyId": kms_key_id, "KeySpec": "AES_256", "EncryptionContext": _bound(arn)},
            principal=_service(context.region, arn, context.account_id),
            region=context.region,
        )
    except OperationNotBuilt:
        raise
    except ServiceError as error:
        raise InvalidParameterException(
            "The specified KMS key does not exist or is not allowed to be used with LogGroup "
            f"'{arn}' ({error.code}: {error.message})"
        ) from error
    return made["CiphertextBlob"], made["KeyId"]


def unlocker(platform: Platform) -> Unlock:
    """Return how the log store opens keys that KMS wrapped; blocks, so never to be called on the event loop."""

    def unlock(group: GroupRow, key: GroupKey) -> bytes:
        arn = group_arn(group.region, platform.account_id, group.name)
        try:
            opened: dict[str, Any] = platform.invoke_blocking(
                "kms",
                "Decrypt",
                {
                    "CiphertextBlob": key.wrapped,
                    "KeyId": key.kms_key_arn,
                    "EncryptionContext": _bound(arn),
                },
                principal=_service(group.region, arn, platform.account_id),
                region=group.region,
            )
        except ServiceError as error:
            raise KeyWithheld(
                f"The KMS key {key.kms_key_arn} of the log group {group.name} cannot be used "
                f"({error.code}: {error.message})"
            ) from error
        plain: bytes = opened["Plaintext"]
        return plain

    return unlock


def _bound(arn: str) -> dict[str, str]:
    return {"aws:logs:arn": arn}


def _service(region: str, arn: str, account_id: str) -> Principal:
    name = f"logs.{region}.amazonaws.com"
    return Principal(
        type="AWSService",
        arn=name,
        account_id=account_id,
        principal_id=name,
        via="logs",
        source_arn=arn,
        source_account=account_id,
    )
