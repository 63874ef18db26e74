"""Versions: whether a bucket keeps them, and how requests name them and answers show them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.aws.protocols.timestamps import format_rfc822
from outcrop.identity.permissions.s3 import object_arn
from outcrop.services.platform import Context
from outcrop.services.s3.errors import (
    InvalidArgument,
    InvalidBucketState,
    MalformedXML,
    MethodNotAllowed,
    NoSuchKey,
    NoSuchVersion,
    NotImplementedHere,
    in_s3_words,
)
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.uploaded_content import check_document
from outcrop.storage.objects.errors import ObjectHidden, VersionIsMarker, VersionMissing
from outcrop.storage.objects.records import StoredObject, from_microseconds
from outcrop.storage.objects.rows import is_version_id

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        GetBucketVersioningRequestTypeDef,
        PutBucketVersioningRequestTypeDef,
    )

_ACTIONS_ON_VERSIONS = {
    "GetObjectAcl": "s3:GetObjectVersionAcl",
    "PutObjectAcl": "s3:PutObjectVersionAcl",
    "GetObjectTagging": "s3:GetObjectVersionTagging",
    "PutObjectTagging": "s3:PutObjectVersionTagging",
    "DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "GetObjectRetention": "s3:GetObjectRetention",
    "PutObjectRetention": "s3:PutObjectRetention",
    "GetObjectLegalHold": "s3:GetObjectLegalHold",
    "PutObjectLegalHold": "s3:PutObjectLegalHold",
}
_MARKER = ("x-amz-delete-marker", "true")


@operation("s3:GetBucketVersioning")
def get_bucket_versioning(
    request: "GetBucketVersioningRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Say whether a bucket keeps versions; nothing where it never did.

    Raises:
        NoSuchBucket: no such bucket.
    """
    refuse_unbuilt(request, context)
    with in_s3_words(request["Bucket"]):
        versioning = context.platform.objects.buckets.get(request["Bucket"]).versioning
    return {"Status": versioning} if versioning else {}


@operation("s3:PutBucketVersioning")
def put_bucket_versioning(
    request: "PutBucketVersioningRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Enable or suspend the keeping of versions.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidBucketState: the bucket's objects can be locked, so it keeps its versions.
        MalformedXML: neither Enabled nor Suspended.
        NotImplementedHere: deletions are to need a second factor.
    """
    refuse_unbuilt(request, context)
    check_document(request, context)
    bucket, wanted = request["Bucket"], request["VersioningConfiguration"]
    status = wanted.get("Status")
    if wanted.get("MFADelete") == "Enabled":
        raise NotImplementedHere(
            "A setting you provided implies functionality that is not implemented: MFA delete",
            Header="MfaDelete",
        )
    if status not in {"Enabled", "Suspended"}:
        raise MalformedXML
    platform = context.platform
    with in_s3_words(bucket):
        if (
            status == "Suspended"
            and platform.bucket_configurations.get(bucket).document("object_lock") is not None
        ):
            raise InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state "
                "cannot be changed.",
                BucketName=bucket,
            )
        platform.objects.buckets.set_versioning(bucket, status)
    return {}


def find_object(request: Mapping[str, Any], context: Context) -> StoredObject:
    """Return the object or version that a request names; of delete markers the answer's headers tell.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
        AccessDenied: there is none, and the caller may not list the bucket.
        MethodNotAllowed: the version named is a delete marker.
        InvalidArgument: no version has an id of this form.
    """
    bucket, key = request["Bucket"], request["Key"]
    version_id = named_version(request)
    try:
        with in_s3_words(bucket, key):
            stored = context.platform.objects.get(bucket, key, version_id)
    except NoSuchKey as error:
        # Who may not list a bucket is not told which keys it has: S3 API reference, GetObject.
        context.require("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        if isinstance(error.__cause__, ObjectHidden):
            context.response_headers += [_MARKER, ("x-amz-version-id", error.__cause__.version_id)]
        raise
    except NoSuchVersion as error:
        if isinstance(error.__cause__, VersionMissing):
            raise NoSuchVersion(Key=key, VersionId=version_id) from error
        raise
    except MethodNotAllowed as error:
        if isinstance(error.__cause__, VersionIsMarker):
            made = from_microseconds(error.__cause__.last_modified_us)
            context.response_headers += [
                _MARKER,
                ("x-amz-version-id", str(version_id)),
                ("Last-Modified", format_rfc822(made)),
                ("Allow", "DELETE"),
            ]
            raise MethodNotAllowed(ResourceType="DeleteMarker") from error
        raise
    if version_id is not None:
        _decide_by_own_tags(stored, context)
    return stored


def _decide_by_own_tags(stored: StoredObject, context: Context) -> None:
    """Ask again about a version with other tags than what the key shows: those are what the decision saw.

    Raises:
        AccessDenied: the version's own tags forbid it.
    """
    shown = context.platform.objects.newest(stored.bucket, stored.key)
    seen = {} if shown is None else shown.tags
    if stored.tags == seen:
        return
    # A tag that the version does not have counts as empty; it cannot be taken back.
    tags = dict.fromkeys(seen, "") | stored.tags
    context.require(
        _ACTIONS_ON_VERSIONS.get(context.operation, "s3:GetObjectVersion"),
        object_arn(stored.bucket, stored.key),
        {
            "s3:VersionId": stored.version_id,
            **{f"s3:ExistingObjectTag/{name}": value for name, value in tags.items()},
        },
    )


def named_version(request: Mapping[str, Any]) -> str | None:
    """Return the version that a request names, or None.

    Raises:
        InvalidArgument: no version has an id of this form.
    """
    version_id: str | None = request.get("VersionId")
    if version_id is not None:
        check_version_id(version_id, "versionId")
    return version_id


def check_version_id(version_id: str, argument: str) -> None:
    """Make sure that a version's id has the form of one.

    Raises:
        InvalidArgument: it has not.
    """
    if not version_id:
        raise InvalidArgument(
            "Version id cannot be the empty string", ArgumentName=argument, ArgumentValue=""
        )
    if not is_version_id(version_id):
        raise InvalidArgument(
            "Invalid version id specified", ArgumentName=argument, ArgumentValue=version_id
        )


def version_members(stored: StoredObject) -> dict[str, str]:
    """Return the member by which an answer shows a version's id; none where the bucket never had versions."""
    return {"VersionId": stored.version_id} if stored.versioning else {}
