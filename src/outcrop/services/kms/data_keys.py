"""Data keys: made here, used elsewhere; and random bytes."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.crypto import asymmetric_keys
from outcrop.services.kms.encryption import checked_context, refuse_recipient, sealed
from outcrop.services.kms.errors import (
    InvalidKeyUsageException,
    UnsupportedOperationException,
    stop_dry_run,
)
from outcrop.services.kms.grant_rules import check_grant_tokens
from outcrop.services.kms.specs import ENCRYPT_DECRYPT
from outcrop.services.kms.use import current_material, usable_key
from outcrop.services.platform import Context
from outcrop.storage.kms_keys.materials import Material

_BYTES = {"AES_128": 16, "AES_256": 32}


@operation("kms:GenerateDataKey")
async def generate_data_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a new data key, in clear and encrypted.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        KMSInvalidStateException: it is to be deleted.
        InvalidKeyUsageException: not a symmetric encryption key.
        ValidationException: not exactly one of KeySpec and NumberOfBytes.
    """
    refuse_recipient(request)
    return await _data_key(request, context, "GenerateDataKey")


@operation("kms:GenerateDataKeyWithoutPlaintext")
async def generate_data_key_without_plaintext(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return a new data key, encrypted only; raises what GenerateDataKey does."""
    response = await _data_key(request, context, "GenerateDataKeyWithoutPlaintext")
    del response["Plaintext"]
    return response


async def _data_key(request: Mapping[str, Any], context: Context, name: str) -> dict[str, Any]:
    check_grant_tokens(request, context)
    length = _length(request)
    encryption_context = checked_context(request.get("EncryptionContext"))
    arn, material = await _symmetric_material(request["KeyId"], context, name)
    stop_dry_run(request.get("DryRun"))
    plaintext = os.urandom(length)
    return {
        "CiphertextBlob": sealed(material, plaintext, encryption_context),
        "Plaintext": plaintext,
        "KeyId": arn,
        "KeyMaterialId": material.id,
    }


def _length(request: Mapping[str, Any]) -> int:
    if ("KeySpec" in request) == ("NumberOfBytes" in request):
        raise ValidationException("Please specify either number of bytes or key spec.")
    return (
        int(request["NumberOfBytes"]) if "NumberOfBytes" in request else _BYTES[request["KeySpec"]]
    )


@operation("kms:GenerateDataKeyPair")
async def generate_data_key_pair(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a new key pair, its private key in clear and encrypted.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        InvalidKeyUsageException: not a symmetric encryption key.
        UnsupportedOperationException: pairs of this spec are not built.
    """
    refuse_recipient(request)
    return await _data_key_pair(request, context, "GenerateDataKeyPair")


@operation("kms:GenerateDataKeyPairWithoutPlaintext")
async def generate_data_key_pair_without_plaintext(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return a new key pair, its private key encrypted only; raises what GenerateDataKeyPair does."""
    response = await _data_key_pair(request, context, "GenerateDataKeyPairWithoutPlaintext")
    del response["PrivateKeyPlaintext"]
    return response


async def _data_key_pair(request: Mapping[str, Any], context: Context, name: str) -> dict[str, Any]:
    check_grant_tokens(request, context)
    spec = request["KeyPairSpec"]
    if spec not in asymmetric_keys.SPECS:
        raise UnsupportedOperationException(f"Key pairs of spec {spec} are not built here")
    encryption_context = checked_context(request.get("EncryptionContext"))
    arn, material = await _symmetric_material(request["KeyId"], context, name)
    stop_dry_run(request.get("DryRun"))
    private_key, public_key = await asyncio.to_thread(asymmetric_keys.make_key_pair, spec)
    return {
        "PrivateKeyCiphertextBlob": sealed(material, private_key, encryption_context),
        "PrivateKeyPlaintext": private_key,
        "PublicKey": public_key,
        "KeyId": arn,
        "KeyPairSpec": spec,
        "KeyMaterialId": material.id,
    }


async def _symmetric_material(identifier: str, context: Context, name: str) -> tuple[str, Material]:
    row = await usable_key(identifier, ENCRYPT_DECRYPT, name, context)
    if not row.is_symmetric:
        raise InvalidKeyUsageException(
            f"{row.arn} key spec is {row.spec} which is not valid for {name}."
        )
    return row.arn, await current_material(row, context)


@operation("kms:GenerateRandom")
def generate_random(request: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    """Return random bytes of the operating system.

    Raises:
        ValidationException: no number of bytes.
        UnsupportedOperationException: from a custom key store.
    """
    refuse_recipient(request)
    if "CustomKeyStoreId" in request:
        raise UnsupportedOperationException("There are no custom key stores here")
    if "NumberOfBytes" not in request:
        raise ValidationException("NumberOfBytes is required.")
    return {"Plaintext": os.urandom(request["NumberOfBytes"])}
