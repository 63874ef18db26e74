"""Tags of objects and of their versions."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.s3.announcements import announce, changed
from outcrop.services.s3.errors import InvalidArgument, InvalidTag, in_s3_words
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.uploaded_content import check_document
from outcrop.services.s3.versions import find_object, version_members

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteObjectTaggingRequestTypeDef,
        GetObjectTaggingRequestTypeDef,
        PutObjectTaggingRequestTypeDef,
    )

_MOST_TAGS = 10
_MOST_KEY_CHARACTERS, _MOST_VALUE_CHARACTERS = 128, 256
_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*\Z")


@operation("s3:GetObjectTagging")
def get_object_tagging(
    request: "GetObjectTaggingRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return the tags of an object or version, by key in order.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion, MethodNotAllowed: no such object.
    """
    refuse_unbuilt(request, context)
    stored = find_object(request, context)
    tags = [{"Key": key, "Value": value} for key, value in stored.tags.items()]
    return {"TagSet": tags, **version_members(stored)}


@operation("s3:PutObjectTagging")
def put_object_tagging(
    request: "PutObjectTaggingRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Give an object or version these tags and no others.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion, MethodNotAllowed: no such object.
        InvalidTag: more than 10 tags, one that is too long, or one key twice.
    """
    refuse_unbuilt(request, context)
    check_document(request, context)
    pairs = [(tag["Key"], tag["Value"]) for tag in request["Tagging"]["TagSet"]]
    return _set_tags(request, context, checked_tags(pairs))


@operation("s3:DeleteObjectTagging")
def delete_object_tagging(
    request: "DeleteObjectTaggingRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Take all tags from an object or version.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion, MethodNotAllowed: no such object.
    """
    refuse_unbuilt(request, context)
    return _set_tags(request, context, {})


def tags_of_upload(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that a request gives to the object that it makes.

    Raises:
        InvalidArgument: the header is no query string.
        InvalidTag: more than 10 tags, one that is too long, or one key twice.
    """
    given = request.get("Tagging")
    if not given:
        return {}
    try:
        pairs = parse_qsl(given, keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
            "parameters without tag name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=given,
        ) from error
    return checked_tags(pairs)


def checked_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return tags by key.

    Raises:
        InvalidTag: more than 10 tags, one that is too long or has strange characters, or one key twice.
    """
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key) <= _MOST_KEY_CHARACTERS or not _ALLOWED.match(key):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > _MOST_VALUE_CHARACTERS or not _ALLOWED.match(value):
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key)
        if key.startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        tags[key] = value
    if len(tags) > _MOST_TAGS:
        raise InvalidTag(f"Object tags cannot be greater than {_MOST_TAGS}")
    return tags


def _set_tags(
    request: Mapping[str, Any], context: Context, tags: Mapping[str, str]
) -> dict[str, Any]:
    stored = find_object(request, context)
    with in_s3_words(stored.bucket, stored.key):
        context.platform.objects.set_tags(stored.bucket, stored.key, request.get("VersionId"), tags)
    platform = context.platform
    name = (
        "ObjectTagging:Put" if context.operation == "PutObjectTagging" else "ObjectTagging:Delete"
    )
    announce(stored.bucket, [changed(stored, name, now_us(platform.clock))], context)
    return version_members(stored)
