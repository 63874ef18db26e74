"""Configuring a bucket and reading that back: what the operations of every kind of it have in common."""

import re
from collections.abc import Mapping
from typing import Any

from outcrop.services.platform import Context
from outcrop.services.s3.errors import (
    AccessDenied,
    InvalidBucketOwnerAWSAccountID,
    NotConfigured,
    in_s3_words,
)
from outcrop.services.s3.uploaded_content import check_document
from outcrop.storage.bucket_configuration import BucketConfiguration, Document, Kind

# The requests of all these operations name a bucket, at most with an expected owner and a document.
BucketRequest = Mapping[str, Any]
_ACCOUNT_ID = re.compile(r"\d{12}\Z", re.ASCII)


def check_owner(request: BucketRequest, context: Context) -> None:
    """Make sure that the bucket is the account's that the request expects.

    Raises:
        AccessDenied: it is another's.
        InvalidBucketOwnerAWSAccountID: what is expected is no account.
    """
    expected = request.get("ExpectedBucketOwner")
    if expected is None:
        return
    if not _ACCOUNT_ID.match(expected):
        raise InvalidBucketOwnerAWSAccountID
    if expected != context.account_id:
        raise AccessDenied


def configuration_of(request: BucketRequest, context: Context) -> BucketConfiguration:
    """Return all that is configured of the bucket named.

    Raises:
        NoSuchBucket: no such bucket.
        AccessDenied: it is not the expected owner's.
    """
    check_owner(request, context)
    with in_s3_words(request["Bucket"]):
        return context.platform.bucket_configurations.get(request["Bucket"])


def read_document(
    request: BucketRequest, context: Context, kind: Kind, code: str, message: str
) -> Document:
    """Return a document.

    Args:
        request: names the bucket.
        context: of the call.
        kind: of the document.
        code: S3's for a bucket that has none.
        message: likewise.

    Raises:
        NotConfigured: it was never configured.
        NoSuchBucket: no such bucket.
    """
    document = configuration_of(request, context).document(kind)
    if not document:
        raise not_configured(request, code, message)
    return document


def not_configured(request: BucketRequest, code: str, message: str) -> NotConfigured:
    """Return the error for a configuration that a bucket does not have."""
    return NotConfigured(code, message, BucketName=request["Bucket"])


def keep_document(
    request: BucketRequest, context: Context, kind: Kind, document: Document
) -> dict[str, Any]:
    """Configure something; the document's digests, where the request has any, must fit.

    Raises:
        NoSuchBucket: no such bucket.
        BadDigest: the document is not what the client summed.
    """
    configuration_of(request, context)
    check_document(request, context)
    with in_s3_words(request["Bucket"]):
        context.platform.bucket_configurations.put(request["Bucket"], kind, document)
    return {}


def drop_document(request: BucketRequest, context: Context, kind: Kind) -> dict[str, Any]:
    """Take a configuration away; it is no error if there was none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    configuration_of(request, context)
    context.platform.bucket_configurations.remove(request["Bucket"], kind)
    return {}
