"""Encrypt, Decrypt and ReEncrypt, under symmetric and RSA keys.

These run on the event loop: a symmetric operation costs less than handing it to a thread. Private RSA operations and
whatever waits for the root of trust go to one.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.aws.errors import AccessDeniedException, ValidationException
from outcrop.aws.operation import operation
from outcrop.core.errors import SealBroken
from outcrop.crypto import asymmetric_keys
from outcrop.crypto.ciphertexts import BlobHeader, open_blob, read_header, seal_blob
from outcrop.services.kms.errors import (
    IncorrectKeyException,
    InvalidCiphertextException,
    InvalidKeyUsageException,
    stop_dry_run,
)
from outcrop.services.kms.grant_rules import check_grant_tokens
from outcrop.services.kms.specs import ENCRYPT_DECRYPT, SYMMETRIC, algorithms_of
from outcrop.services.kms.states import require_enabled, require_usage
from outcrop.services.kms.use import current_material, key_of_id, material_of, usable_key
from outcrop.services.platform import Context
from outcrop.storage.kms_keys.keys import KeyRow
from outcrop.storage.kms_keys.materials import Material

_MOST_CONTEXT_BYTES = 8192
_NO_SUCH_KEY = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)
_WRONG_KEY = "The key ID in the request does not identify a CMK that can perform this operation."


@dataclass(frozen=True, slots=True)
class _Opening:
    """What is asked about a ciphertext: one half of ReEncrypt, or all of Decrypt.

    Attributes:
        blob: None where a dry run asks for permissions only.
        key: id, ARN or alias of the key it must belong to, "" for the one that it names.
    """

    blob: bytes | None
    key: str
    algorithm: str
    encryption_context: Mapping[str, str]
    operation: str


@operation("kms:Encrypt")
async def encrypt(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Encrypt up to 4096 bytes, bound to an encryption context.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        KMSInvalidStateException: it is to be deleted.
        InvalidKeyUsageException: the key or the algorithm is for something else.
    """
    check_grant_tokens(request, context)
    algorithm = request.get("EncryptionAlgorithm", SYMMETRIC)
    encryption_context = checked_context(request.get("EncryptionContext"))
    row = await usable_key(request["KeyId"], ENCRYPT_DECRYPT, "Encrypt", context)
    _require_algorithm(row, algorithm, encryption_context)
    _require_room(row, algorithm, request["Plaintext"])
    material = await current_material(row, context)
    stop_dry_run(request.get("DryRun"))
    return {
        "CiphertextBlob": _sealed(
            row, material, algorithm, request["Plaintext"], encryption_context
        ),
        "KeyId": row.arn,
        "EncryptionAlgorithm": algorithm,
    }


@operation("kms:Decrypt")
async def decrypt(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Decrypt what Encrypt or GenerateDataKey* returned; under a symmetric key the ciphertext names it.

    Raises:
        InvalidCiphertextException: changed, not ours, or another encryption context.
        IncorrectKeyException: made under another key than the named one.
        AccessDeniedException: the key that the ciphertext names is not there.
        DisabledException: it is disabled.
        KMSInvalidStateException: it is to be deleted.
    """
    check_grant_tokens(request, context)
    refuse_recipient(request)
    opening = _Opening(
        _blob(request),
        request.get("KeyId", ""),
        request.get("EncryptionAlgorithm", SYMMETRIC),
        checked_context(request.get("EncryptionContext")),
        "Decrypt",
    )
    row, material = await _source(opening, context)
    plaintext = b"" if opening.blob is None else await _opened(opening, row, material)
    stop_dry_run(request.get("DryRun"))
    response = {
        "KeyId": row.arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": opening.algorithm,
    }
    if row.is_symmetric:
        response["KeyMaterialId"] = material.id
    return response


@operation("kms:ReEncrypt")
async def re_encrypt(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Bring a ciphertext under another key or context; the plaintext does not leave the server.

    Raises:
        InvalidCiphertextException: changed, not ours, or another encryption context.
        IncorrectKeyException: made under another key than the named one.
        NotFoundException: no such destination key.
        DisabledException: one of the keys is disabled.
        KMSInvalidStateException: one of the keys is to be deleted.
    """
    check_grant_tokens(request, context)
    opening = _Opening(
        _blob(request),
        request.get("SourceKeyId", ""),
        request.get("SourceEncryptionAlgorithm", SYMMETRIC),
        checked_context(request.get("SourceEncryptionContext")),
        "ReEncrypt",
    )
    algorithm = request.get("DestinationEncryptionAlgorithm", SYMMETRIC)
    encryption_context = checked_context(request.get("DestinationEncryptionContext"))
    source, source_material = await _source(opening, context)
    row = await usable_key(request["DestinationKeyId"], ENCRYPT_DECRYPT, "ReEncrypt", context)
    _require_algorithm(row, algorithm, encryption_context)
    plaintext = b"" if opening.blob is None else await _opened(opening, source, source_material)
    _require_room(row, algorithm, plaintext)
    material = await current_material(row, context)
    stop_dry_run(request.get("DryRun"))
    response = {
        "CiphertextBlob": _sealed(row, material, algorithm, plaintext, encryption_context),
        "SourceKeyId": source.arn,
        "KeyId": row.arn,
        "SourceEncryptionAlgorithm": opening.algorithm,
        "DestinationEncryptionAlgorithm": algorithm,
    }
    if source.is_symmetric:
        response["SourceKeyMaterialId"] = source_material.id
    if row.is_symmetric:
        response["DestinationKeyMaterialId"] = material.id
    return response


def checked_context(encryption_context: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the encryption context of a request, {} for none.

    Raises:
        ValidationException: it is too long.
    """
    if not encryption_context:
        return {}
    size_bytes = sum(
        len(key.encode()) + len(value.encode()) for key, value in encryption_context.items()
    )
    if size_bytes > _MOST_CONTEXT_BYTES:
        raise ValidationException(
            f"The encryption context has {size_bytes} bytes; it can have {_MOST_CONTEXT_BYTES}"
        )
    return encryption_context


def refuse_recipient(request: Mapping[str, Any]) -> None:
    """Refuse to encrypt an answer for a Nitro enclave: silence would return the plaintext in clear.

    Raises:
        ValidationException: the request asks for it.
    """
    if "Recipient" in request:
        raise ValidationException(
            "Recipient is for AWS Nitro enclaves, whose attestation cannot be checked here: leave it out"
        )


def sealed(material: Material, plaintext: bytes, encryption_context: Mapping[str, str]) -> bytes:
    """Return the blob of a plaintext under a symmetric key's material."""
    header = BlobHeader(material.key_id, material.id)
    return seal_blob(material.secret, header, plaintext, encryption_context)


def _sealed(
    row: KeyRow,
    material: Material,
    algorithm: str,
    plaintext: bytes,
    encryption_context: Mapping[str, str],
) -> bytes:
    if row.is_symmetric:
        return sealed(material, plaintext, encryption_context)
    return asymmetric_keys.encrypt(material.public_key, algorithm, plaintext)


def _blob(request: Mapping[str, Any]) -> bytes | None:
    blob: bytes | None = request.get("CiphertextBlob")
    asks_for_permission_only = request.get("DryRun") and "IGNORE_CIPHERTEXT" in request.get(
        "DryRunModifiers", ()
    )
    if blob is None and not asks_for_permission_only:
        raise ValidationException("CiphertextBlob is required")
    return None if asks_for_permission_only else blob


async def _source(opening: _Opening, context: Context) -> tuple[KeyRow, Material]:
    """Return the key and the material that a ciphertext is to be opened with."""
    if opening.key:
        row = await _named_key(opening, context)
    elif opening.blob is None or opening.algorithm != SYMMETRIC:
        raise ValidationException(
            "KeyId is required: the ciphertext does not say which key opens it"
        )
    else:
        row = await _key_in(opening.blob, context)
    require_enabled(row)
    require_usage(row, ENCRYPT_DECRYPT, opening.operation)
    _require_algorithm(row, opening.algorithm, opening.encryption_context)
    if opening.blob is None or not row.is_symmetric:
        return row, await current_material(row, context)
    header = _header(opening.blob)
    if header.key_id != row.id:
        raise IncorrectKeyException(_WRONG_KEY)
    material = await material_of(row, context, header.material_id)
    if material is None:
        raise InvalidCiphertextException("")
    return row, material


async def _named_key(opening: _Opening, context: Context) -> KeyRow:
    try:
        return await usable_key(opening.key, ENCRYPT_DECRYPT, opening.operation, context)
    except InvalidKeyUsageException:
        raise IncorrectKeyException(_WRONG_KEY) from None


async def _key_in(blob: bytes, context: Context) -> KeyRow:
    row = await key_of_id(_header(blob).key_id, context)
    if row is None:
        raise AccessDeniedException(_NO_SUCH_KEY)
    return row


def _header(blob: bytes) -> BlobHeader:
    try:
        return read_header(blob)
    except SealBroken:
        # KMS says no more: what is wrong with a ciphertext would help who guesses.
        raise InvalidCiphertextException("") from None


async def _opened(opening: _Opening, row: KeyRow, material: Material) -> bytes:
    assert opening.blob is not None
    try:
        if row.is_symmetric:
            return open_blob(material.secret, opening.blob, opening.encryption_context)
        return await asyncio.to_thread(
            asymmetric_keys.decrypt, material.secret, opening.algorithm, opening.blob
        )
    except SealBroken:
        raise InvalidCiphertextException("") from None


def _require_algorithm(row: KeyRow, algorithm: str, encryption_context: Mapping[str, str]) -> None:
    if algorithm not in algorithms_of(row.spec, row.usage):
        raise InvalidKeyUsageException(
            f"Algorithm {algorithm} is incompatible with key spec {row.spec}."
        )
    if encryption_context and not row.is_symmetric:
        raise ValidationException(
            f"EncryptionContext cannot be bound to a ciphertext of {algorithm}: leave it out"
        )


def _require_room(row: KeyRow, algorithm: str, plaintext: bytes) -> None:
    if row.is_symmetric:
        return
    longest = asymmetric_keys.longest_plaintext_bytes(row.spec, algorithm)
    if len(plaintext) > longest:
        raise ValidationException(
            f"Algorithm {algorithm} and key spec {row.spec} cannot encrypt data larger than "
            f"{longest} bytes."
        )
