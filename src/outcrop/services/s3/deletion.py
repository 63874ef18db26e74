"""Deletions of objects and versions, one at a time and many at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.identity.permissions.s3 import deletion_needs
from outcrop.services.platform import Context
from outcrop.services.s3.announcements import Happening, announce, removed
from outcrop.services.s3.conditions import write_condition
from outcrop.services.s3.errors import MalformedXML, NoSuchVersion, in_s3_words
from outcrop.services.s3.refusals import check_key, refuse_unbuilt
from outcrop.services.s3.uploaded_content import check_document
from outcrop.services.s3.versions import named_version
from outcrop.storage.objects.records import Deletion, Doomed
from outcrop.storage.objects.rows import is_version_id

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteObjectRequestTypeDef,
        DeleteObjectsRequestTypeDef,
    )

_MOST_DELETED = 1000


@operation("s3:DeleteObject")
def delete_object(request: "DeleteObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Delete an object or a version; it is no error if there is none.

    In a bucket with versions, an object is hidden behind a delete marker, and only versions are deleted.

    Raises:
        NoSuchBucket: no such bucket.
        PreconditionFailed: the object is not as required.
        AccessDenied: the version is under retention or legal hold.
        InvalidArgument: no version has an id of this form.
    """
    refuse_unbuilt(request, context)
    bucket, key = request["Bucket"], request["Key"]
    doomed = Doomed(
        key,
        named_version(request),
        write_condition(request),
        bool(request.get("BypassGovernanceRetention")),
    )
    with in_s3_words(bucket, key):
        (done,) = context.platform.objects.delete(bucket, [doomed])
        if not isinstance(done, Deletion):
            raise done
    announce(bucket, [removed(doomed, done, now_us(context.platform.clock))], context)
    result: dict[str, Any] = {}
    if done.version_id is not None:
        result["VersionId"] = done.version_id
    if done.is_marker:
        result["DeleteMarker"] = True
    return result


@operation("s3:DeleteObjects")
def delete_objects(request: "DeleteObjectsRequestTypeDef", context: Context) -> dict[str, Any]:
    """Delete up to 1,000 objects and versions, in one transaction; what is refused holds up no other.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedXML: no objects, or too many.
        BadDigest: the list does not sum up to what its headers say.
    """
    refuse_unbuilt(request, context)
    check_document(request, context)
    bucket, wanted = request["Bucket"], request["Delete"].get("Objects", [])
    if not 1 <= len(wanted) <= _MOST_DELETED:
        raise MalformedXML
    bypasses = bool(request.get("BypassGovernanceRetention"))
    checked = [_checked(item, bucket, context, bypasses_governance=bypasses) for item in wanted]
    store = context.platform.objects
    with in_s3_words(bucket):
        done = iter(store.delete(bucket, [item for item in checked if isinstance(item, Doomed)]))
    deleted: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    happenings: list[Happening] = []
    at_us = now_us(context.platform.clock)
    for item, asked in zip(checked, wanted, strict=True):
        try:
            if isinstance(item, ServiceError):
                raise item
            with in_s3_words(bucket, item.key):
                result = next(done)
                if not isinstance(result, Deletion):
                    raise result
        except ServiceError as error:
            errors.append(_describe_error(asked, error))
        else:
            deleted.append(_describe_deletion(asked, result))
            happenings.append(removed(item, result, at_us))
    announce(bucket, happenings, context)
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def _checked(
    item: Mapping[str, Any], bucket: str, context: Context, *, bypasses_governance: bool
) -> Doomed | ServiceError:
    condition = {
        name: item[member]
        for member, name in (
            ("ETag", "IfMatch"),
            ("LastModifiedTime", "IfMatchLastModifiedTime"),
            ("Size", "IfMatchSize"),
        )
        if member in item
    }
    version_id = item.get("VersionId")
    try:
        check_key(item["Key"])
        for need in deletion_needs(
            bucket,
            item["Key"],
            version_id,
            bypasses_governance=bypasses_governance,
            if_match=item.get("ETag"),
        ):
            context.require(need.action, need.resource, need.context)
    except ServiceError as error:
        return error
    if version_id is not None and not is_version_id(version_id):
        return NoSuchVersion(VersionId=version_id)
    return Doomed(item["Key"], version_id, write_condition(condition), bypasses_governance)


def _describe_deletion(asked: Mapping[str, Any], done: Deletion) -> dict[str, Any]:
    described: dict[str, Any] = {"Key": done.key}
    if "VersionId" in asked:
        described["VersionId"] = asked["VersionId"]
    if done.is_marker:
        described |= {"DeleteMarker": True, "DeleteMarkerVersionId": done.version_id}
    return described


def _describe_error(asked: Mapping[str, Any], error: ServiceError) -> dict[str, Any]:
    described = {"Key": asked["Key"], "Code": error.code, "Message": error.message}
    if "VersionId" in asked:
        described["VersionId"] = asked["VersionId"]
    return described
