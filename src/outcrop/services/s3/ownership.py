"""Who owns objects, and with it whether access control lists count."""

from typing import Any, Literal, cast

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import InvalidBucketAclWithObjectOwnership, MalformedXML
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    keep_document,
    not_configured,
)
from outcrop.storage.bucket_configuration import BucketConfiguration

Ownership = Literal["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]


def ownership_of(configuration: BucketConfiguration) -> Ownership:
    """Return a bucket's rule: lists are off until a client says otherwise, as in AWS since April 2023."""
    document = configuration.document("ownership")
    if document is None:
        return "BucketOwnerEnforced"
    return cast("Ownership", document or "ObjectWriter")


def lists_are_on(configuration: BucketConfiguration) -> bool:
    """Whether access control lists count."""
    return ownership_of(configuration) != "BucketOwnerEnforced"


@operation("s3:GetBucketOwnershipControls")
def get_bucket_ownership_controls(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return a bucket's rule.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it was deleted; objects are then their writers'.
    """
    configuration = configuration_of(request, context)
    if configuration.document("ownership") == "":
        raise not_configured(
            request,
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
        )
    rule = {"ObjectOwnership": ownership_of(configuration)}
    return {"OwnershipControls": {"Rules": [rule]}}


@operation("s3:PutBucketOwnershipControls")
def put_bucket_ownership_controls(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Set a bucket's rule.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedXML: not exactly one rule.
        InvalidBucketAclWithObjectOwnership: lists are to be off, and the bucket's gives others something.
    """
    rules = request["OwnershipControls"]["Rules"]
    if len(rules) != 1:
        raise MalformedXML
    wanted = rules[0]["ObjectOwnership"]
    # The owner's own grant is not stored, so that a list that is stored gives others something.
    if wanted == "BucketOwnerEnforced" and configuration_of(request, context).document("acl"):
        raise InvalidBucketAclWithObjectOwnership
    return keep_document(request, context, "ownership", wanted)


@operation("s3:DeleteBucketOwnershipControls")
def delete_bucket_ownership_controls(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Take the rule away; objects are then their writers', and lists count.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return keep_document(request, context, "ownership", "")
