"""Tags of buckets, and whether they decide over access (attribute-based access control)."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import InvalidTag, TooManyTags
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    drop_document,
    keep_document,
    read_document,
)

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketTaggingRequestTypeDef

_MOST_TAGS = 50
_ALLOWED = re.compile(r"[\w\s_.:/=+\-@]*\Z")


@operation("s3:GetBucketTagging")
def get_bucket_tagging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return a bucket's tags.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it has none.
    """
    tags = read_document(request, context, "tagging", "NoSuchTagSet", "The TagSet does not exist")
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


@operation("s3:PutBucketTagging")
def put_bucket_tagging(
    request: "PutBucketTaggingRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Give a bucket these tags and no others.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidTag: a tag breaks S3's rules, or two have one key.
        TooManyTags: more than 50.
    """
    tags = checked_tags(request["Tagging"]["TagSet"])
    return keep_document(request, context, "tagging", tags)


@operation("s3:DeleteBucketTagging")
def delete_bucket_tagging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Take all tags off a bucket.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return drop_document(request, context, "tagging")


@operation("s3:GetBucketAbac")
def get_bucket_abac(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Say whether policies see the bucket's tags.

    Raises:
        NoSuchBucket: no such bucket.
    """
    status = configuration_of(request, context).document("abac") or "Disabled"
    return {"AbacStatus": {"Status": status}}


@operation("s3:PutBucketAbac")
def put_bucket_abac(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Let policies see the bucket's tags, as aws:ResourceTag and s3:BucketTag, or hide them.

    Raises:
        NoSuchBucket: no such bucket.
    """
    status = request["AbacStatus"].get("Status", "Disabled")
    return keep_document(request, context, "abac", status)


def checked_tags(pairs: Sequence[Any]) -> dict[str, str]:  # pairs of wire names Key and Value
    """Return tags of a bucket by key.

    Raises:
        InvalidTag: a tag breaks S3's rules, or two have one key.
        TooManyTags: more than 50.
    """
    if len(pairs) > _MOST_TAGS:
        raise TooManyTags(f"Bucket tag count cannot be greater than {_MOST_TAGS}")
    tags: dict[str, str] = {}
    for pair in pairs:
        key, value = pair.get("Key", ""), pair.get("Value", "")
        if not 1 <= len(key) <= 128 or not _ALLOWED.match(key):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256 or not _ALLOWED.match(value):
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key)
        if key.lower().startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        tags[key] = value
    return tags
