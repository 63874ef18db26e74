"""Signatures of RSA and elliptic-curve keys, and public keys."""

import asyncio
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.crypto import asymmetric_keys
from outcrop.crypto.asymmetric_keys import WrongDigestLength
from outcrop.services.kms.errors import (
    InvalidKeyUsageException,
    KMSInvalidSignatureException,
    UnsupportedOperationException,
    stop_dry_run,
)
from outcrop.services.kms.grant_rules import check_grant_tokens
from outcrop.services.kms.identifiers import find
from outcrop.services.kms.specs import ALGORITHM_MEMBERS, SIGN_VERIFY, SPECS, algorithms_of
from outcrop.services.kms.states import require_not_pending
from outcrop.services.kms.use import current_material, read, usable_key
from outcrop.services.platform import Context
from outcrop.storage.kms_keys.keys import KeyRow


@operation("kms:Sign")
async def sign(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Sign a message of up to 4096 bytes, or a digest of a longer one.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        InvalidKeyUsageException: the key or the algorithm is for something else.
        ValidationException: a digest of another length than the algorithm's.
    """
    row, is_digest = await _signing_key(request, "Sign", context)
    algorithm = request["SigningAlgorithm"]
    material = await current_material(row, context)
    stop_dry_run(request.get("DryRun"))
    try:
        signature = await asyncio.to_thread(
            asymmetric_keys.sign,
            material.secret,
            algorithm,
            request["Message"],
            is_digest=is_digest,
        )
    except WrongDigestLength:
        raise _wrong_digest(algorithm) from None
    return {"KeyId": row.arn, "Signature": signature, "SigningAlgorithm": algorithm}


@operation("kms:Verify")
async def verify(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Check a signature.

    Raises:
        KMSInvalidSignatureException: it is not one of this message under this key.
        NotFoundException: no such key.
        DisabledException: it is disabled.
        InvalidKeyUsageException: the key or the algorithm is for something else.
    """
    row, is_digest = await _signing_key(request, "Verify", context)
    algorithm = request["SigningAlgorithm"]
    material = await current_material(row, context)
    stop_dry_run(request.get("DryRun"))
    try:
        is_valid = asymmetric_keys.verify(
            material.public_key,
            algorithm,
            request["Message"],
            request["Signature"],
            is_digest=is_digest,
        )
    except WrongDigestLength:
        raise _wrong_digest(algorithm) from None
    if not is_valid:
        raise KMSInvalidSignatureException("")
    return {"KeyId": row.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


@operation("kms:GetPublicKey")
async def get_public_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the public key of a key pair; also while it is disabled, as AWS does.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: it is to be deleted.
        UnsupportedOperationException: the key is no pair.
    """
    check_grant_tokens(request, context)
    reader = context.platform.database.reader
    row = await read(context, lambda: find(reader, request["KeyId"], context))
    require_not_pending(row)
    if SPECS[row.spec].secret_bytes:
        raise UnsupportedOperationException(
            f"{row.arn} key spec is {row.spec} which is not valid for GetPublicKey."
        )
    material = await current_material(row, context)
    return {
        "KeyId": row.arn,
        "PublicKey": material.public_key,
        "CustomerMasterKeySpec": row.spec,
        "KeySpec": row.spec,
        "KeyUsage": row.usage,
        ALGORITHM_MEMBERS[row.usage]: algorithms_of(row.spec, row.usage),
    }


async def _signing_key(
    request: Mapping[str, Any], name: str, context: Context
) -> tuple[KeyRow, bool]:
    check_grant_tokens(request, context)
    kind = request.get("MessageType", "RAW")
    if kind not in {"RAW", "DIGEST"}:
        raise ValidationException(
            f"MessageType {kind} is for ML-DSA keys, which are not built here"
        )
    row = await usable_key(request["KeyId"], SIGN_VERIFY, name, context)
    algorithm = request["SigningAlgorithm"]
    if algorithm not in algorithms_of(row.spec, row.usage):
        raise InvalidKeyUsageException(
            f"Algorithm {algorithm} is incompatible with key spec {row.spec}."
        )
    return row, kind == "DIGEST"


def _wrong_digest(algorithm: str) -> ValidationException:
    return ValidationException(f"Digest is invalid length for algorithm {algorithm}.")
