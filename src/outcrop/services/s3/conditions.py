"""Conditions of requests: on what is read, and on what a write replaces.

Source: RFC 9110 section 13, with S3's order of precedence (API reference, GetObject).
"""

from collections.abc import Mapping
from typing import Any

from outcrop.services.s3.errors import NotModified, PreconditionFailed
from outcrop.storage.objects.records import UNCONDITIONAL, Condition, StoredObject


def check_read(stored: StoredObject, request: Mapping[str, Any]) -> None:
    """Compare an object with the conditions under which it is to be read.

    Raises:
        PreconditionFailed: If-Match or If-Unmodified-Since does not hold.
        NotModified: If-None-Match or If-Modified-Since does not hold.
    """
    modified = stored.last_modified_second
    if "IfMatch" in request:
        if not _matches(stored.etag, request["IfMatch"]):
            raise PreconditionFailed(Condition="If-Match")
    elif "IfUnmodifiedSince" in request and modified > request["IfUnmodifiedSince"]:
        raise PreconditionFailed(Condition="If-Unmodified-Since")
    if "IfNoneMatch" in request:
        if _matches(stored.etag, request["IfNoneMatch"]):
            raise NotModified
    elif "IfModifiedSince" in request and modified <= request["IfModifiedSince"]:
        raise NotModified


def check_copy_source(stored: StoredObject, request: Mapping[str, Any]) -> None:
    """Compare an object with the conditions under which it is to be copied.

    Raises:
        PreconditionFailed: one of them does not hold.
    """
    prefix = "CopySource"
    conditions = {
        name.removeprefix(prefix): value
        for name, value in request.items()
        if name.startswith(prefix + "If")
    }
    try:
        check_read(stored, conditions)
    except NotModified as error:
        raise PreconditionFailed from error


def write_condition(request: Mapping[str, Any]) -> Condition:
    """Return what a write requires of the object it replaces or deletes."""
    absent, etag = request.get("IfNoneMatch"), request.get("IfMatch")
    modified, size_bytes = request.get("IfMatchLastModifiedTime"), request.get("IfMatchSize")
    if absent is None and etag is None and modified is None and size_bytes is None:
        return UNCONDITIONAL
    return Condition(
        must_be_absent=absent == "*",
        etag=None if etag is None else etag.strip('"'),
        # S3 offers * alone; a client that names an entity tag means what HTTP means by it.
        not_etag=None if absent in {None, "*"} else absent.strip('"'),
        modified=None if modified is None else modified.replace(microsecond=0),
        size_bytes=size_bytes,
    )


def _matches(etag: str, candidates: str) -> bool:
    for candidate in candidates.split(","):
        if candidate.strip().removeprefix("W/").strip('"') in {etag, "*"}:
            return True
    return False
