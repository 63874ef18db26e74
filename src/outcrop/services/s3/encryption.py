"""Server-side encryption of objects: which key seals an object, and which opens it.

SSE-S3 (this server's own key) is the default; SSE-KMS asks KMS for the data key on behalf of the caller, so that the KMS
key's policy decides; of SSE-C the key comes with every request and is never kept.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import Any

from outcrop.aws.errors import ServiceError
from outcrop.core.errors import SealBroken
from outcrop.services.platform import Context
from outcrop.services.s3.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidEncryptionAlgorithm,
    InvalidRequest,
    KmsRefusal,
    NotImplementedHere,
)
from outcrop.storage.objects import seals
from outcrop.storage.objects.records import Bucket, StoredObject, Upload
from outcrop.storage.objects.seals import SSE_C, SSE_KMS, SSE_S3, Seal

MANAGED_KEY = "alias/aws/s3"
_KEY_BYTES = 32
_HEADER = "x-amz-server-side-encryption"
_CUSTOMER = "Requests specifying Server Side Encryption with Customer provided keys must provide"


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A key that came with a request.

    Attributes:
        md5: its MD5 in base64, which answers repeat.
    """

    key: bytes = field(repr=False)
    md5: str


@dataclass(frozen=True, slots=True)
class Wish:
    """How an object is to be sealed.

    Attributes:
        sealing: AES256, aws:kms or SSE-C.
        key_id: the KMS key as the request or the bucket names it.
        encryption_context: the client's own pairs.
        uses_bucket_key: whether KMS is shown the bucket's ARN instead of the object's.
    """

    sealing: str = SSE_S3
    key_id: str = MANAGED_KEY
    encryption_context: Mapping[str, str] = field(default_factory=dict)
    uses_bucket_key: bool = False
    customer: CustomerKey | None = None


_BY_DEFAULT = Wish()


def read_wish(request: Mapping[str, Any], bucket: Bucket) -> Wish:
    """Return how the object that a request makes is to be sealed: as its headers say, else as its bucket does.

    Raises:
        InvalidArgument, InvalidEncryptionAlgorithm: the headers contradict themselves.
        NotImplementedHere: dual-layer encryption.
    """
    algorithm, key_id = request.get("ServerSideEncryption"), request.get("SSEKMSKeyId")
    customer = read_customer_key(request)
    if customer is not None:
        if algorithm is not None or key_id is not None:
            raise InvalidArgument(
                "Server Side Encryption with Customer provided key is incompatible with the "
                "encryption method specified",
                ArgumentName=_HEADER,
                ArgumentValue=algorithm,
            )
        if "SSE-C" in _rule_of(bucket).get("BlockedEncryptionTypes", {}).get("EncryptionType", []):
            raise AccessDenied(
                "The bucket's encryption configuration blocks server-side encryption with "
                "customer-provided keys (SSE-C)."
            )
        return Wish(SSE_C, customer=customer)
    if key_id is not None and algorithm != SSE_KMS:
        raise InvalidArgument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms",
            ArgumentName=_HEADER,
            ArgumentValue=algorithm,
        )
    if algorithm is None:
        return _default_of(bucket, request)
    if algorithm == "aws:kms:dsse":
        raise NotImplementedHere(
            "A header you provided implies functionality that is not implemented: dual-layer "
            "encryption (aws:kms:dsse); use aws:kms",
            Header=_HEADER,
        )
    if algorithm not in {SSE_S3, SSE_KMS}:
        raise InvalidArgument(
            "The encryption method specified is not supported",
            ArgumentName=_HEADER,
            ArgumentValue=algorithm,
        )
    if algorithm == SSE_S3:
        return _BY_DEFAULT
    uses_bucket_key = request.get("BucketKeyEnabled")
    default = _default_of(bucket, {})
    if uses_bucket_key is None:
        uses_bucket_key = default.uses_bucket_key
    return Wish(
        SSE_KMS,
        key_id or (default.key_id if default.sealing == SSE_KMS else MANAGED_KEY),
        _encryption_context(request),
        bool(uses_bucket_key),
    )


def read_customer_key(request: Mapping[str, Any], prefix: str = "") -> CustomerKey | None:
    """Return the customer's key that a request brings, verified against its MD5.

    Args:
        request: the request.
        prefix: "CopySource" for the key of what is copied.

    Raises:
        InvalidArgument, InvalidEncryptionAlgorithm: the three headers are not complete or do not agree.
    """
    algorithm = request.get(f"{prefix}SSECustomerAlgorithm")
    given, digest = (
        request.get(f"{prefix}SSECustomerKey"),
        request.get(f"{prefix}SSECustomerKeyMD5"),
    )
    if algorithm is None and given is None and digest is None:
        return None
    header = "x-amz-server-side-encryption-customer-"
    if prefix:
        header = "x-amz-copy-source-server-side-encryption-customer-"
    if algorithm is None:
        raise InvalidArgument(
            f"{_CUSTOMER} a valid encryption algorithm.",
            ArgumentName=f"{header}algorithm",
            ArgumentValue="null",
        )
    if algorithm != "AES256":
        raise InvalidEncryptionAlgorithm(ArgumentName=f"{header}algorithm", ArgumentValue=algorithm)
    if not given:
        raise InvalidArgument(
            f"{_CUSTOMER} an appropriate secret key.",
            ArgumentName=f"{header}key",
            ArgumentValue="null",
        )
    try:
        key = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidArgument(
            "The secret key was invalid for the specified algorithm.", ArgumentName=f"{header}key"
        )
    if not digest:
        raise InvalidArgument(
            f"{_CUSTOMER} the client calculated MD5 of the secret key.",
            ArgumentName=f"{header}key-MD5",
            ArgumentValue="null",
        )
    if base64.b64encode(md5(key, usedforsecurity=False).digest()).decode() != digest:
        raise InvalidArgument(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
            ArgumentName=f"{header}key-MD5",
            ArgumentValue=digest,
        )
    return CustomerKey(key, digest)


async def new_seal(wish: Wish, bucket: str, key: str, context: Context) -> Seal:
    """Return a fresh seal of the kind wished for, for the object at a key.

    Raises:
        KmsRefusal, AccessDenied: KMS would not make a data key.
    """
    if wish.sealing == SSE_S3:
        return context.platform.objects.new_seal(bucket, key)
    if wish.customer is not None:
        return seals.new_customer_seal(wish.customer.key, bucket, key)
    arn = f"arn:aws:s3:::{bucket}" if wish.uses_bucket_key else f"arn:aws:s3:::{bucket}/{key}"
    pairs = {**wish.encryption_context, "aws:s3:arn": arn}
    made = await _ask_kms(
        "GenerateDataKey",
        {"KeyId": wish.key_id, "KeySpec": "AES_256", "EncryptionContext": pairs},
        context,
    )
    particulars = {"KeyId": made["KeyId"], "EncryptionContext": pairs}
    if wish.uses_bucket_key:
        particulars["BucketKeyEnabled"] = True
    return Seal(
        SSE_KMS,
        bytes(made["Plaintext"]),
        bytes(made["CiphertextBlob"]),
        json.dumps(particulars, separators=(",", ":")),
    )


def check_readable(
    stored: StoredObject | Upload, request: Mapping[str, Any], prefix: str = ""
) -> None:
    """Make sure that a request brings a customer's key exactly where the object has one.

    Raises:
        InvalidRequest: it does not, or brings one for nothing.
        InvalidArgument, InvalidEncryptionAlgorithm: the headers do not agree.
        AccessDenied: it is another key than the object was put with.
    """
    customer = read_customer_key(request, prefix)
    if stored.sealing != SSE_C:
        if customer is not None:
            raise InvalidRequest("The encryption parameters are not applicable to this object.")
        return
    _unwrap_customer(stored, customer)


def data_key_at_once(
    stored: StoredObject | Upload, request: Mapping[str, Any], context: Context, prefix: str = ""
) -> bytes | None:
    """Return the data key of an object where that needs no waiting; None where KMS has to be asked.

    Raises:
        InvalidRequest, InvalidArgument, AccessDenied: as of `check_readable`.
    """
    if stored.sealing == SSE_C:
        return _unwrap_customer(stored, read_customer_key(request, prefix))
    check_readable(stored, request, prefix)
    if stored.sealing == SSE_KMS:
        return None
    assert isinstance(stored, StoredObject)
    return context.platform.objects.data_key(stored)


async def data_key_from_kms(stored: StoredObject | Upload, context: Context) -> bytes:
    """Return the data key of an SSE-KMS object.

    Raises:
        KmsRefusal, AccessDenied: KMS would not open it for the caller.
    """
    particulars = json.loads(stored.sealing_json)
    opened = await _ask_kms(
        "Decrypt",
        {
            "CiphertextBlob": stored.sealed_key,
            "KeyId": particulars["KeyId"],
            "EncryptionContext": particulars["EncryptionContext"],
        },
        context,
    )
    return bytes(opened["Plaintext"])


async def data_key_of(
    stored: StoredObject, request: Mapping[str, Any], context: Context, prefix: str = ""
) -> bytes:
    """Return the data key of an object, whoever keeps it.

    Raises:
        InvalidRequest, InvalidArgument, AccessDenied, KmsRefusal: as of the two above.
    """
    found = data_key_at_once(stored, request, context, prefix)
    return await data_key_from_kms(stored, context) if found is None else found


async def data_key_of_upload(
    upload: Upload, request: Mapping[str, Any], context: Context
) -> bytes | None:
    """Return the data key of a multipart upload; None where the store itself can open it.

    Raises:
        InvalidRequest: the upload was begun with a customer's key, and this is none or another.
        KmsRefusal, AccessDenied: KMS would not open it for the caller.
    """
    customer = read_customer_key(request)
    if upload.sealing == SSE_KMS:
        return await data_key_from_kms(upload, context)
    if upload.sealing != SSE_C:
        if customer is not None:
            raise InvalidRequest(
                "The multipart upload initiate did not request encryption with a customer key."
            )
        return None
    if customer is None:
        raise InvalidRequest(
            "The multipart upload initiate requested encryption. Subsequent part requests must "
            "include the appropriate encryption parameters."
        )
    try:
        return _unwrap_customer(upload, customer)
    except AccessDenied as error:
        raise InvalidRequest(
            "The provided encryption parameters did not match the ones used originally."
        ) from error


def members(stored: StoredObject | Upload | Seal, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members by which an answer says how an object is encrypted."""
    if stored.sealing == SSE_S3:
        return {"ServerSideEncryption": SSE_S3}
    if stored.sealing == SSE_C:
        digest = request.get("SSECustomerKeyMD5")
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": digest} if digest else {}
    if stored.sealing != SSE_KMS:
        return {}
    particulars = json.loads(
        stored.particulars_json if isinstance(stored, Seal) else stored.sealing_json
    )
    result = {"ServerSideEncryption": SSE_KMS, "SSEKMSKeyId": particulars["KeyId"]}
    if particulars.get("BucketKeyEnabled"):
        result["BucketKeyEnabled"] = True
    return result


def refuse_wish_to_read(context: Context) -> None:
    """Refuse the header by which writes ask for encryption where an object is read.

    Raises:
        InvalidArgument: it was sent.
    """
    if _HEADER in context.headers:
        raise InvalidArgument(
            f"{_HEADER} header is not supported for this operation.",
            ArgumentName=_HEADER,
            ArgumentValue=context.headers[_HEADER],
        )


def _default_of(bucket: Bucket, request: Mapping[str, Any]) -> Wish:
    rule = _rule_of(bucket)
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    if default.get("SSEAlgorithm", SSE_S3) != SSE_KMS:
        return _BY_DEFAULT
    return Wish(
        SSE_KMS,
        default.get("KMSMasterKeyID") or MANAGED_KEY,
        _encryption_context(request),
        bool(rule.get("BucketKeyEnabled", request.get("BucketKeyEnabled", False))),
    )


def _rule_of(bucket: Bucket) -> dict[str, Any]:
    if not bucket.encryption_json:
        return {}
    rule: dict[str, Any] = json.loads(bucket.encryption_json)["Rules"][0]
    return rule


def _encryption_context(request: Mapping[str, Any]) -> dict[str, str]:
    given = request.get("SSEKMSEncryptionContext")
    if given is None:
        return {}
    try:
        pairs = json.loads(base64.b64decode(given, validate=True))
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise InvalidArgument(
            "The header x-amz-server-side-encryption-context must be the base64 of a JSON object "
            "of strings",
            ArgumentName="x-amz-server-side-encryption-context",
            ArgumentValue=given,
        )
    return pairs


def _unwrap_customer(stored: StoredObject | Upload, customer: CustomerKey | None) -> bytes:
    if customer is None:
        raise InvalidRequest(
            "The object was stored using a form of Server Side Encryption. The correct parameters "
            "must be provided to retrieve the object."
        )
    assert stored.sealed_key is not None
    try:
        return seals.unwrap_customer(customer.key, stored.bucket, stored.key, stored.sealed_key)
    except SealBroken:
        raise AccessDenied(f"{_CUSTOMER} the correct secret key.") from None


async def _ask_kms(operation: str, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    try:
        return await context.invoke(
            "kms",
            operation,
            request,
            principal=replace(context.principal, via="s3"),
            region=context.region,
        )
    except ServiceError as error:
        if error.code in {"AccessDenied", "AccessDeniedException"}:
            raise AccessDenied(error.message) from error
        if error.status >= 500:
            raise
        raise KmsRefusal(error.code, error.message) from error
