"""Message authentication codes of HMAC keys."""

import hmac
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.kms.errors import (
    InvalidKeyUsageException,
    KMSInvalidMacException,
    stop_dry_run,
)
from outcrop.services.kms.grant_rules import check_grant_tokens
from outcrop.services.kms.specs import GENERATE_VERIFY_MAC, algorithms_of
from outcrop.services.kms.use import current_material, usable_key
from outcrop.services.platform import Context
from outcrop.storage.kms_keys.keys import KeyRow


@operation("kms:GenerateMac")
async def generate_mac(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the HMAC of a message.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        InvalidKeyUsageException: the key or the algorithm is for something else.
    """
    row, mac = await _mac(request, "GenerateMac", context)
    return {"KeyId": row.arn, "Mac": mac, "MacAlgorithm": request["MacAlgorithm"]}


@operation("kms:VerifyMac")
async def verify_mac(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Check the HMAC of a message.

    Raises:
        KMSInvalidMacException: it is not one of this message under this key.
        NotFoundException: no such key.
        DisabledException: it is disabled.
        InvalidKeyUsageException: the key or the algorithm is for something else.
    """
    row, mac = await _mac(request, "VerifyMac", context)
    if not hmac.compare_digest(mac, request["Mac"]):
        raise KMSInvalidMacException("")
    return {"KeyId": row.arn, "MacValid": True, "MacAlgorithm": request["MacAlgorithm"]}


async def _mac(request: Mapping[str, Any], name: str, context: Context) -> tuple[KeyRow, bytes]:
    check_grant_tokens(request, context)
    row = await usable_key(request["KeyId"], GENERATE_VERIFY_MAC, name, context)
    algorithm = request["MacAlgorithm"]
    if algorithm not in algorithms_of(row.spec, row.usage):
        raise InvalidKeyUsageException(
            f"Algorithm {algorithm} is incompatible with key spec {row.spec}."
        )
    material = await current_material(row, context)
    stop_dry_run(request.get("DryRun"))
    hash_name = algorithm.removeprefix("HMAC_").replace("_", "").lower()
    return row, hmac.digest(material.secret, request["Message"], hash_name)
