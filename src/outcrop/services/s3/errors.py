"""Errors as S3 names them, and what the object store's own become.

ServiceError
└── S3Error          one class for each code, named by it
"""

from collections.abc import Iterator
from contextlib import contextmanager

from outcrop.aws.errors import ServiceError
from outcrop.core.errors import ObjectStoreUnavailable, StorageFull
from outcrop.storage.object_locks import ObjectLocked
from outcrop.storage.objects import errors as store


class S3Error(ServiceError):
    """An error of S3; `fields` become elements of its XML."""

    status = 400
    text = ""

    def __init__(self, message: str = "", **fields: object) -> None:
        super().__init__(message or self.text, **fields)


class NoSuchBucket(S3Error):
    """There is no bucket of this name."""

    code, status = "NoSuchBucket", 404
    text = "The specified bucket does not exist"


class NoSuchKey(S3Error):
    """The bucket has no object under this key."""

    code, status = "NoSuchKey", 404
    text = "The specified key does not exist."


class NoSuchVersion(S3Error):
    """The object has no version of this id."""

    code, status = "NoSuchVersion", 404
    text = "The specified version does not exist."


class MethodNotAllowed(S3Error):
    """A delete marker can only be deleted."""

    code, status = "MethodNotAllowed", 405
    text = "The specified method is not allowed against this resource."


class InvalidEncryptionAlgorithm(S3Error):
    """A customer's key is for something other than AES256."""

    code = "InvalidEncryptionAlgorithmError"
    text = "The encryption request that you specified is not valid. The valid value is AES256."


class InvalidStorageClass(S3Error):
    """The storage class does not exist, or its objects would need a restore to be read, which is not built."""

    code = "InvalidStorageClass"
    text = "The storage class you specified is not valid"


class KmsRefusal(S3Error):
    """KMS would not make or open a data key; the code is "KMS." and KMS's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = f"KMS.{code}"


class NoSuchUpload(S3Error):
    """The multipart upload was never begun, or was completed or aborted."""

    code, status = "NoSuchUpload", 404
    text = (
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed."
    )


class TooManyBuckets(S3Error):
    """The account has as many buckets as its quota allows."""

    code = "TooManyBuckets"
    text = "You have attempted to create more buckets than allowed"


class BucketAlreadyOwnedByYou(S3Error):
    """The bucket exists already."""

    code, status = "BucketAlreadyOwnedByYou", 409
    text = "Your previous request to create the named bucket succeeded and you already own it."


class BucketNotEmpty(S3Error):
    """A bucket with objects cannot be deleted."""

    code, status = "BucketNotEmpty", 409
    text = "The bucket you tried to delete is not empty"


class InvalidBucketName(S3Error):
    """The name breaks S3's rules for bucket names."""

    code = "InvalidBucketName"
    text = "The specified bucket is not valid."


class IllegalLocationConstraint(S3Error):
    """The location is not the region that the request was sent to."""

    code = "IllegalLocationConstraintException"


class InvalidLocationConstraint(S3Error):
    """The location is no region."""

    code = "InvalidLocationConstraint"
    text = "The specified location-constraint is not valid"


class InvalidRange(S3Error):
    """The range lies outside the object."""

    code, status = "InvalidRange", 416
    text = "The requested range is not satisfiable"


class InvalidPartNumber(S3Error):
    """The object has no part of this number."""

    code, status = "InvalidPartNumber", 416
    text = "The requested partnumber is not satisfiable"


class PreconditionFailed(S3Error):
    """A condition of the request does not hold."""

    code, status = "PreconditionFailed", 412
    text = "At least one of the pre-conditions you specified did not hold"


class NotModified(S3Error):
    """The client has the object already."""

    code, status = "NotModified", 304
    text = "Not Modified"


class BadDigest(S3Error):
    """The content does not sum up to what the client says."""

    code = "BadDigest"


class InvalidDigest(S3Error):
    """Content-MD5 is no MD5."""

    code = "InvalidDigest"
    text = "The Content-MD5 you specified was invalid."


class InvalidRequest(S3Error):
    """The request contradicts itself or the state it refers to."""

    code = "InvalidRequest"


class InvalidArgument(S3Error):
    """A parameter has an impossible value."""

    code = "InvalidArgument"


class MalformedXML(S3Error):
    """The document lacks something or has too much of it."""

    code = "MalformedXML"
    text = (
        "The XML you provided was not well-formed or did not validate against our published schema"
    )


class KeyTooLong(S3Error):
    """A key has more than 1,024 bytes."""

    code = "KeyTooLongError"
    text = "Your key is too long"


class MetadataTooLarge(S3Error):
    """Metadata has more than 2,048 bytes."""

    code = "MetadataTooLarge"
    text = "Your metadata headers exceed the maximum allowed metadata size"


class EntityTooLarge(S3Error):
    """More than 5 GiB in one request; use a multipart upload."""

    code = "EntityTooLarge"
    text = "Your proposed upload exceeds the maximum allowed size"


class EntityTooSmall(S3Error):
    """A part before the last has less than 5 MiB."""

    code = "EntityTooSmall"
    text = "Your proposed upload is smaller than the minimum allowed size"


class InvalidPart(S3Error):
    """A part to complete with was not uploaded, or is another."""

    code = "InvalidPart"
    text = (
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag."
    )


class InvalidPartOrder(S3Error):
    """The parts to complete with are not in ascending order."""

    code = "InvalidPartOrder"
    text = "The list of parts was not in ascending order. Parts must be ordered by part number."


class AccessControlListNotSupported(S3Error):
    """Access is for policies to give: access control lists are off for this bucket."""

    code = "AccessControlListNotSupported"
    text = "The bucket does not allow ACLs"


class InvalidBucketAclWithObjectOwnership(S3Error):
    """A bucket's list would count for nothing."""

    code = "InvalidBucketAclWithObjectOwnership"
    text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"


class InvalidBucketAclWithBlockPublicAccess(S3Error):
    """A new bucket's list would give the public something."""

    code = "InvalidBucketAclWithBlockPublicAccessError"
    text = "Bucket cannot have public ACLs set with BlockPublicAccess enabled"


class MalformedACLError(S3Error):
    """The document is no access control list."""

    code = "MalformedACLError"
    text = (
        "The XML you provided was not well-formed or did not validate against our published schema"
    )


class MissingSecurityHeader(S3Error):
    """A list is to be set, and the request has none."""

    code = "MissingSecurityHeader"
    text = "Your request was missing a required header"


class UnexpectedContent(S3Error):
    """A request has both a document and the headers that stand for one."""

    code = "UnexpectedContent"
    text = "This request does not support content"


class UnresolvableGrantByEmailAddress(S3Error):
    """Accounts have no mail addresses here."""

    code = "UnresolvableGrantByEmailAddress"
    text = "The e-mail address you provided does not match any account on record."


class MalformedPolicy(S3Error):
    """The document is no policy for this bucket."""

    code = "MalformedPolicy"


class PolicyTooLarge(S3Error):
    """A bucket policy has more than 20 KB."""

    code = "PolicyTooLarge"
    text = "Policy exceeds the maximum allowed document size of 20 KB."


class InvalidTag(S3Error):
    """A tag breaks S3's rules."""

    code = "InvalidTag"


class TooManyTags(S3Error):
    """More tags than S3 allows."""

    code = "BadRequest"


class InvalidBucketOwnerAWSAccountID(S3Error):
    """The expected owner is no account."""

    code = "InvalidBucketOwnerAWSAccountID"
    text = "The value of the expected bucket owner parameter must be an AWS Account ID."


class InvalidBucketState(S3Error):
    """What is asked for does not go with how the bucket is configured."""

    code, status = "InvalidBucketState", 409


class InvalidRetentionPeriod(S3Error):
    """A retention period must have at least one day and at most a hundred years."""

    code = "InvalidRetentionPeriod"


class NoSuchObjectLockConfiguration(S3Error):
    """The object has no retention or legal hold."""

    code, status = "NoSuchObjectLockConfiguration", 404
    text = "The specified object does not have a ObjectLock configuration"


class AccessDenied(S3Error):
    """The caller may not do this, or not to this bucket."""

    code, status = "AccessDenied", 403
    text = "Access Denied"


class NotImplementedHere(S3Error):
    """The request asks for something that is not built, and that must not be passed over silently."""

    code, status = "NotImplemented", 501


class NotConfigured(S3Error):
    """A configuration that was never made; the code is S3's for this kind of it."""

    status = 404

    def __init__(self, code: str, message: str, **fields: object) -> None:
        super().__init__(message, **fields)
        self.code = code


class ServiceUnavailable(S3Error):
    """The external endpoint that keeps contents fails; the request may be retried."""

    code, status = "ServiceUnavailable", 503


class InsufficientStorage(S3Error):
    """The disk is full. S3 has no such error; the status is WebDAV's, which SDKs do not retry."""

    code, status = "InsufficientStorage", 507


@contextmanager
def in_s3_words(bucket: str = "", key: str = "", upload_id: str = "") -> Iterator[None]:
    """Turn the object store's errors into S3's for the things named.

    Raises:
        S3Error: for each error of the object store.
    """
    try:
        yield
    except store.ObjectStoreError as error:
        named = {"BucketName": bucket, "Key": key, "UploadId": upload_id}
        raise _translate(error, named) from error
    except StorageFull as error:
        raise InsufficientStorage(str(error)) from error
    except ObjectStoreUnavailable as error:
        raise ServiceUnavailable(str(error)) from error


# Error of the store → S3's, and which of the things named it is about.
_TRANSLATIONS: dict[type[store.ObjectStoreError], tuple[type[S3Error], str]] = {
    store.BucketMissing: (NoSuchBucket, "BucketName"),
    store.BucketNotEmpty: (BucketNotEmpty, "BucketName"),
    store.ObjectMissing: (NoSuchKey, "Key"),
    store.ObjectHidden: (NoSuchKey, "Key"),
    store.VersionMissing: (NoSuchVersion, "Key"),
    store.VersionIsMarker: (MethodNotAllowed, "Key"),
    store.ConditionFailed: (PreconditionFailed, "Key"),
    store.UploadMissing: (NoSuchUpload, "UploadId"),
    store.PartMissing: (InvalidPart, "UploadId"),
    store.PartsOutOfOrder: (InvalidPartOrder, "UploadId"),
}


def _translate(error: store.ObjectStoreError, named: dict[str, str]) -> S3Error:
    if isinstance(error, store.PartTooSmall):
        return EntityTooSmall(
            PartNumber=error.number,
            ProposedSize=error.size_bytes,
            MinSizeAllowed=error.minimum_bytes,
        )
    if isinstance(error, ObjectLocked):
        return AccessDenied(str(error))
    if type(error) not in _TRANSLATIONS:
        return InvalidRequest(str(error))
    kind, about = _TRANSLATIONS[type(error)]
    return kind(**{about: named[about]})
