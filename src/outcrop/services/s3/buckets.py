"""Buckets: create, delete, head, list, location."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.governance.quota_catalogue import BUCKETS
from outcrop.services.platform import Context
from outcrop.services.s3.acl import gives_public_something, grants_of_new_bucket, stored_form
from outcrop.services.s3.bucket_tagging import checked_tags
from outcrop.services.s3.errors import (
    BucketAlreadyOwnedByYou,
    IllegalLocationConstraint,
    InvalidBucketAclWithBlockPublicAccess,
    InvalidBucketAclWithObjectOwnership,
    InvalidBucketName,
    InvalidLocationConstraint,
    NotImplementedHere,
    TooManyBuckets,
    in_s3_words,
)
from outcrop.services.s3.owner import owner
from outcrop.services.s3.ownership import lists_are_on
from outcrop.services.s3.stored_configuration import check_owner
from outcrop.storage import bucket_configuration, usage
from outcrop.storage.bucket_configuration import Kind
from outcrop.storage.objects.errors import BucketExists

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        CreateBucketRequestTypeDef,
        DeleteBucketRequestTypeDef,
        GetBucketLocationRequestTypeDef,
        HeadBucketRequestTypeDef,
        ListBucketsRequestTypeDef,
    )

_FIRST_REGION = "us-east-1"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z", re.ASCII)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+\Z", re.ASCII)
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+\Z", re.ASCII)
_OLD_REGION_NAMES = {"EU": "eu-west-1"}
_MOST_BUCKETS = 10_000


@operation("s3:CreateBucket")
def create_bucket(request: "CreateBucketRequestTypeDef", context: Context) -> dict[str, Any]:
    """Make a bucket; what headers and document ask for is configured with it.

    Raises:
        InvalidBucketName: the name breaks S3's rules.
        BucketAlreadyOwnedByYou: it exists (in us-east-1, as in AWS, that is no error).
        IllegalLocationConstraint: the location is not the region that the request was signed for.
        TooManyBuckets: the account has as many as its quota allows.
        InvalidBucketAclWithObjectOwnership: it comes with a list that would count for nothing.
        InvalidBucketAclWithBlockPublicAccess: its list would give the public something.
    """
    name = request["Bucket"]
    if not is_bucket_name(name):
        raise InvalidBucketName(BucketName=name)
    if request.get("BucketNamespace", "global") != "global":
        raise NotImplementedHere(
            "Buckets are in one namespace here; leave x-amz-bucket-namespace out.",
            Header="x-amz-bucket-namespace",
        )
    region = _location(request, context)
    documents = _documents(request, context)
    buckets, configurations = (
        context.platform.objects.buckets,
        context.platform.bucket_configurations,
    )
    _check_quota(context)
    try:
        buckets.create(
            name,
            region,
            "Enabled" if "object_lock" in documents else "",
            companion=lambda connection: bucket_configuration.write(connection, name, documents),
        )
    except BucketExists as error:
        if not (region == _FIRST_REGION == buckets.get(name).region):
            raise BucketAlreadyOwnedByYou(BucketName=name) from error
        if lists_are_on(configurations.get(name)):
            # S3 API reference, CreateBucket: making it again resets its list.
            configurations.put_all(name, {"acl": documents.get("acl")})
    else:
        configurations.forget(name)
    return {
        "Location": f"/{name}" if region == _FIRST_REGION else f"http://{context.host}/{name}",
        "BucketArn": f"arn:aws:s3:::{name}",
    }


@operation("s3:DeleteBucket")
def delete_bucket(request: "DeleteBucketRequestTypeDef", context: Context) -> dict[str, Any]:
    """Delete an empty bucket.

    Raises:
        NoSuchBucket: no such bucket.
        BucketNotEmpty: it holds objects or unfinished multipart uploads.
    """
    check_owner(request, context)
    with in_s3_words(request["Bucket"]):
        context.platform.objects.buckets.delete(request["Bucket"])
    context.platform.bucket_configurations.forget(request["Bucket"])
    return {}


@operation("s3:HeadBucket")
def head_bucket(request: "HeadBucketRequestTypeDef", context: Context) -> dict[str, Any]:
    """Say that a bucket exists, and in which region.

    Raises:
        NoSuchBucket: no such bucket.
    """
    check_owner(request, context)
    with in_s3_words(request["Bucket"]):
        bucket = context.platform.objects.buckets.get(request["Bucket"])
    return {"BucketRegion": bucket.region, "AccessPointAlias": False}


@operation("s3:GetBucketLocation")
def get_bucket_location(
    request: "GetBucketLocationRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return a bucket's region; us-east-1 is the empty one.

    Raises:
        NoSuchBucket: no such bucket.
    """
    check_owner(request, context)
    with in_s3_words(request["Bucket"]):
        region = context.platform.objects.buckets.get(request["Bucket"]).region
    return {"LocationConstraint": None if region == _FIRST_REGION else region}


@operation("s3:ListBuckets")
def list_buckets(request: "ListBucketsRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return the account's buckets by name."""
    prefix, region = request.get("Prefix", ""), request.get("BucketRegion")
    key = context.platform.token_key
    token = request.get("ContinuationToken")
    after = str(decode_token(token, key)["after"]) if token else ""
    found = [
        bucket
        for bucket in context.platform.objects.buckets.list()
        if bucket.name.startswith(prefix)
        and bucket.name > after
        and region in {None, bucket.region}
    ]
    shown = found[: request.get("MaxBuckets", _MOST_BUCKETS)]
    result: dict[str, Any] = {
        "Buckets": [
            {
                "Name": bucket.name,
                "CreationDate": bucket.created.replace(microsecond=0),
                "BucketRegion": bucket.region,
            }
            for bucket in shown
        ],
        "Owner": owner(context),
    }
    if prefix:
        result["Prefix"] = prefix
    if len(shown) < len(found):
        result["ContinuationToken"] = encode_token({"after": shown[-1].name}, key)
    return result


def is_bucket_name(name: str) -> bool:
    """Whether a name follows S3's rules for general purpose buckets.

    Source: Amazon S3 User Guide, "General purpose bucket naming rules".
    """
    return (
        _NAME.match(name) is not None
        and ".." not in name
        and not _ADDRESS.match(name)
        and not name.startswith(_RESERVED_STARTS)
        and not name.endswith(_RESERVED_ENDS)
    )


def _documents(request: Mapping[str, Any], context: Context) -> dict[Kind, Any]:
    """Return what is to be configured of a new bucket."""
    documents: dict[Kind, Any] = {}
    ownership = request.get("ObjectOwnership", "BucketOwnerEnforced")
    if "ObjectOwnership" in request:
        documents["ownership"] = ownership
    grants = grants_of_new_bucket(request, context)
    stored = stored_form(grants)
    if stored is not None:
        if ownership == "BucketOwnerEnforced":
            raise InvalidBucketAclWithObjectOwnership
        if gives_public_something(grants):
            raise InvalidBucketAclWithBlockPublicAccess
        documents["acl"] = stored
    if request.get("ObjectLockEnabledForBucket"):
        documents["object_lock"] = {"ObjectLockEnabled": "Enabled"}
    tags = request.get("CreateBucketConfiguration", {}).get("Tags")
    if tags:
        documents["tagging"] = checked_tags(tags)
    return documents


def _check_quota(context: Context) -> None:
    used = usage.bucket_count(context.platform.database.reader) + 1
    if context.platform.quotas.excess(BUCKETS.service, BUCKETS.code, used):
        raise TooManyBuckets


def _location(request: Mapping[str, Any], context: Context) -> str:
    """Return the region that a bucket is to be in: where the request was sent unless that is us-east-1."""
    given = str(request.get("CreateBucketConfiguration", {}).get("LocationConstraint", ""))
    if not given:
        if context.region != _FIRST_REGION:
            raise IllegalLocationConstraint(
                "The unspecified location constraint is incompatible for the region specific "
                "endpoint this request was sent to."
            )
        return _FIRST_REGION
    region = _OLD_REGION_NAMES.get(given, given)
    if not _REGION.match(region) or region == _FIRST_REGION:
        raise InvalidLocationConstraint(LocationConstraint=given)
    if context.region not in {_FIRST_REGION, region}:
        raise IllegalLocationConstraint(
            f"The {given} location constraint is incompatible for the region specific endpoint "
            "this request was sent to."
        )
    return region
