"""Object Lock: default retention of buckets, retention and legal holds of versions.

What is locked is refused to deletions by the store (storage/object_locks.py), inside the deletion's transaction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.acl import content_of
from outcrop.services.s3.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidBucketState,
    InvalidRequest,
    InvalidRetentionPeriod,
    MalformedXML,
    NoSuchObjectLockConfiguration,
    NotImplementedHere,
    in_s3_words,
)
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    keep_document,
    not_configured,
)
from outcrop.services.s3.uploaded_content import check_document
from outcrop.storage import object_locks
from outcrop.storage.object_locks import Lock

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        GetObjectLegalHoldRequestTypeDef,
        GetObjectRetentionRequestTypeDef,
        PutObjectLegalHoldRequestTypeDef,
        PutObjectLockConfigurationRequestTypeDef,
        PutObjectRetentionRequestTypeDef,
    )

_MOST_DAYS, _MOST_YEARS = 36_500, 100
_PROTECTED = "Access Denied because object protected by object lock."


@operation("s3:GetObjectLockConfiguration")
def get_object_lock_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return whether objects can be locked, and the retention that new ones get.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: they cannot.
    """
    document = configuration_of(request, context).document("object_lock")
    if document is None:
        raise not_configured(
            request,
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        )
    return {"ObjectLockConfiguration": document}


@operation("s3:PutObjectLockConfiguration")
def put_object_lock_configuration(
    request: "PutObjectLockConfigurationRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Let objects be locked, for good, and say which retention new ones get.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidBucketState: the bucket's versioning is not enabled.
        InvalidRetentionPeriod: under one day or over a hundred years.
        MalformedXML: neither or both of days and years, or objects are not to be locked.
    """
    document: dict[str, Any] = {**request.get("ObjectLockConfiguration", {})}
    configuration_of(request, context)
    if document.get("ObjectLockEnabled") != "Enabled":
        raise MalformedXML
    if "Rule" in document:
        _check_default(document["Rule"].get("DefaultRetention") or {})
    with in_s3_words(request["Bucket"]):
        versioning = context.platform.objects.buckets.get(request["Bucket"]).versioning
    if versioning != "Enabled":
        raise InvalidBucketState(
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            BucketName=request["Bucket"],
        )
    return keep_document(request, context, "object_lock", document)


@operation("s3:GetObjectRetention")
def get_object_retention(
    request: "GetObjectRetentionRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return until when a version may not be deleted.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
        InvalidRequest: the bucket's objects cannot be locked.
        NoSuchObjectLockConfiguration: it has no retention.
    """
    lock = object_locks.of(context.platform.database.reader, _lockable(request, context))
    if lock.retain_until is None:
        raise NoSuchObjectLockConfiguration
    return {"Retention": {"Mode": lock.mode, "RetainUntilDate": lock.retain_until}}


@operation("s3:PutObjectRetention")
def put_object_retention(
    request: "PutObjectRetentionRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Retain a version; a retention can be made longer, and GOVERNANCE shorter by who may bypass it.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
        InvalidRequest: the bucket's objects cannot be locked.
        AccessDenied: the present retention forbids it.
        InvalidArgument: it would end in the past.
    """
    content_id = _lockable(request, context)
    check_document(request, context)
    retention: Mapping[str, Any] = request.get("Retention") or {}
    if "EventHold" in retention or "EventHoldDuration" in retention:
        raise NotImplementedHere("Event holds are not built here.", Header="EventHold")
    mode, until = _requested_retention(retention, context.received_at)
    bypasses = bool(request.get("BypassGovernanceRetention"))
    with context.platform.database.write(durable=True) as connection:
        lock = object_locks.of(connection, content_id)
        passes_over = lock.mode == "GOVERNANCE" and bypasses
        is_bound = lock.is_retained(context.received_at) and not passes_over
        if is_bound and _is_eased(lock, mode, until):
            raise AccessDenied(_PROTECTED)
        object_locks.put(connection, content_id, Lock(mode, until, lock.has_legal_hold))
    return {}


@operation("s3:GetObjectLegalHold")
def get_object_legal_hold(
    request: "GetObjectLegalHoldRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return whether a version is under legal hold.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
        InvalidRequest: the bucket's objects cannot be locked.
    """
    lock = object_locks.of(context.platform.database.reader, _lockable(request, context))
    return {"LegalHold": {"Status": "ON" if lock.has_legal_hold else "OFF"}}


@operation("s3:PutObjectLegalHold")
def put_object_legal_hold(
    request: "PutObjectLegalHoldRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Put a version under legal hold, or lift it.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
        InvalidRequest: the bucket's objects cannot be locked.
        MalformedXML: neither ON nor OFF.
    """
    content_id = _lockable(request, context)
    check_document(request, context)
    status = (request.get("LegalHold") or {}).get("Status")
    if status is None:
        raise MalformedXML
    with context.platform.database.write(durable=True) as connection:
        lock = object_locks.of(connection, content_id)
        held = Lock(lock.mode, lock.retain_until, status == "ON")
        object_locks.put(connection, content_id, held)
    return {}


def lock_of_upload(request: Mapping[str, Any], context: Context) -> Lock | None:
    """Return how a request locks the object that it makes: by its headers, else by the bucket's default.

    None where nothing locks it; to be asked before the object is made.

    Raises:
        InvalidRequest: it has headers of Object Lock, and the bucket's objects cannot be locked.
        InvalidArgument: a mode without a date or the reverse, or a date in the past.
        NoSuchBucket: no such bucket.
    """
    document = configuration_of(request, context).document("object_lock")
    mode, until = request.get("ObjectLockMode"), request.get("ObjectLockRetainUntilDate")
    hold = request.get("ObjectLockLegalHoldStatus")
    if mode is None and until is None and hold is None:
        return None if document is None else _default_lock(document, context.received_at)
    if document is None:
        raise InvalidRequest("Bucket is missing Object Lock Configuration")
    if (mode is None) != (until is None):
        raise InvalidArgument(
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            ArgumentName="x-amz-object-lock-mode"
            if mode is None
            else "x-amz-object-lock-retain-until-date",
        )
    if until is None or mode is None:
        default = _default_lock(document, context.received_at) or Lock()
        return Lock(default.mode, default.retain_until, hold == "ON")
    if until <= context.received_at:
        raise InvalidArgument(
            "The retain until date must be in the future!",
            ArgumentName="x-amz-object-lock-retain-until-date",
            ArgumentValue=until.isoformat(),
        )
    return Lock(mode, until, hold == "ON")


def lock_members(lock: Lock) -> dict[str, Any]:
    """Return the members by which GetObject and HeadObject say how a version is locked."""
    members: dict[str, Any] = {}
    if lock.retain_until is not None:
        members |= {
            "ObjectLockMode": lock.mode,
            "ObjectLockRetainUntilDate": lock.retain_until,
        }
    if lock.has_legal_hold:
        members["ObjectLockLegalHoldStatus"] = "ON"
    return members


def _default_lock(document: Mapping[str, Any], now: datetime) -> Lock | None:
    retention = (document.get("Rule") or {}).get("DefaultRetention")
    if not retention:
        return None
    days = retention.get("Days") or 365 * retention["Years"]
    return Lock(retention["Mode"], now + timedelta(days=days))


def _check_default(retention: Mapping[str, Any]) -> None:
    if "DefaultEventHold" in retention:
        raise NotImplementedHere("Event holds are not built here.", Header="DefaultEventHold")
    if "Mode" not in retention or ("Days" in retention) == ("Years" in retention):
        raise MalformedXML
    length = retention.get("Days", retention.get("Years"))
    if length < 1:
        raise InvalidRetentionPeriod("Default retention period must be a positive integer value.")
    if length > (_MOST_DAYS if "Days" in retention else _MOST_YEARS):
        raise InvalidRetentionPeriod("Default retention period too large.")


def _requested_retention(
    retention: Mapping[str, Any], now: datetime
) -> tuple[object_locks.Mode | None, datetime | None]:
    """Return mode and end of a retention; an empty document takes one away."""
    mode, until = retention.get("Mode"), retention.get("RetainUntilDate")
    if (mode is None) != (until is None):
        raise MalformedXML
    if until is not None and until <= now:
        raise InvalidArgument(
            "The retain until date must be in the future!",
            ArgumentName="RetainUntilDate",
            ArgumentValue=until.astimezone(UTC).isoformat(),
        )
    return mode, until


def _is_eased(lock: Lock, mode: object_locks.Mode | None, until: datetime | None) -> bool:
    if lock.retain_until is None:
        return False
    if until is None or until < lock.retain_until:
        return True
    return lock.mode == "COMPLIANCE" and mode != "COMPLIANCE"


def _lockable(request: Mapping[str, Any], context: Context) -> str:
    """Return the content id of the version that a request names."""
    configuration = configuration_of(request, context)
    content_id, _ = content_of(request, context)
    if configuration.document("object_lock") is None:
        raise InvalidRequest("Bucket is missing Object Lock Configuration")
    return content_id
