"""Access control lists: of buckets and objects, canned or spelled out, where the bucket's ownership rule lets them count.

There is one account, so a list can do two things: give the public or all signed callers something, or nothing. What it
gives becomes statements that the policy evaluator sees (access.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.s3.announcements import announce, changed
from outcrop.services.s3.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MalformedACLError,
    MissingSecurityHeader,
    UnexpectedContent,
    UnresolvableGrantByEmailAddress,
)
from outcrop.services.s3.owner import owner
from outcrop.services.s3.ownership import lists_are_on
from outcrop.services.s3.public_access import public_access_of
from outcrop.services.s3.stored_configuration import BucketRequest, configuration_of, keep_document
from outcrop.services.s3.versions import find_object
from outcrop.storage import object_acls
from outcrop.storage.bucket_configuration import BucketConfiguration

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketAclRequestTypeDef, PutObjectAclRequestTypeDef

Grantee = Literal["owner", "everybody", "signed", "log delivery"]
Permission = Literal["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"]

_GROUPS: dict[str, Grantee] = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everybody",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "signed",
    "http://acs.amazonaws.com/groups/s3/LogDelivery": "log delivery",
}
_URIS = {grantee: uri for uri, grantee in _GROUPS.items()}
_PUBLIC: frozenset[Grantee] = frozenset({"everybody", "signed"})
_HEADERS: dict[str, Permission] = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantWrite": "WRITE",
    "GrantReadACP": "READ_ACP",
    "GrantWriteACP": "WRITE_ACP",
}
_GRANTED = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]*)"?\s*\Z')
# What these say is so anyway where lists are off: the bucket's owner has full control.
_HARMLESS_LISTS = frozenset({"private", "bucket-owner-full-control"})


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One line of a list."""

    grantee: Grantee
    permission: Permission


_OWNERS: Grant = Grant("owner", "FULL_CONTROL")
# With one account, the owners of bucket and object are the same.
_CANNED: dict[str, list[Grant]] = {
    "private": [_OWNERS],
    "bucket-owner-read": [_OWNERS],
    "bucket-owner-full-control": [_OWNERS],
    "aws-exec-read": [_OWNERS],
    "public-read": [_OWNERS, Grant("everybody", "READ")],
    "public-read-write": [_OWNERS, Grant("everybody", "READ"), Grant("everybody", "WRITE")],
    "authenticated-read": [_OWNERS, Grant("signed", "READ")],
}


@operation("s3:GetBucketAcl")
def get_bucket_acl(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return a bucket's list.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return _described(bucket_grants(configuration_of(request, context)), context)


@operation("s3:PutBucketAcl")
def put_bucket_acl(request: "PutBucketAclRequestTypeDef", context: Context) -> dict[str, Any]:
    """Give a bucket a list in the place of the one it has.

    Raises:
        NoSuchBucket: no such bucket.
        AccessControlListNotSupported: lists are off.
        AccessDenied: it gives the public something, and that is blocked.
        InvalidArgument, InvalidRequest, MalformedACLError: it is no list.
    """
    configuration = configuration_of(request, context)
    if not lists_are_on(configuration):
        raise AccessControlListNotSupported
    grants = _requested(request, context, "AccessControlPolicy" in request)
    _check_public(grants, configuration, context, f"arn:aws:s3:::{request['Bucket']}")
    return keep_document(request, context, "acl", stored_form(grants))


@operation("s3:GetObjectAcl")
def get_object_acl(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return an object's list.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
    """
    configuration_of(request, context)
    content_id, version = content_of(request, context)
    grants = from_stored(object_acls.of(context.platform.database.reader, content_id))
    _show_version(version, context)
    return _described(grants, context)


@operation("s3:PutObjectAcl")
def put_object_acl(request: "PutObjectAclRequestTypeDef", context: Context) -> dict[str, Any]:
    """Give an object a list in the place of the one it has.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
        AccessControlListNotSupported: lists are off.
        AccessDenied: it gives the public something, and that is blocked.
    """
    configuration = configuration_of(request, context)
    content_id, version = content_of(request, context)
    if not lists_are_on(configuration):
        raise AccessControlListNotSupported
    grants = _requested(request, context, "AccessControlPolicy" in request)
    arn = f"arn:aws:s3:::{request['Bucket']}/{request['Key']}"
    _check_public(grants, configuration, context, arn)
    with context.platform.database.write(durable=True) as connection:
        object_acls.put(connection, content_id, stored_form(grants))
    happening = changed(
        find_object(request, context), "ObjectAcl:Put", now_us(context.platform.clock)
    )
    announce(request["Bucket"], [happening], context)
    _show_version(version, context)
    return {}


def grants_of_upload(request: Mapping[str, Any], context: Context) -> list[list[str]] | None:
    """Return what the list of a request that makes an object is stored as; to be checked before it is made.

    Raises:
        AccessControlListNotSupported: lists are off, and it gives others something.
        AccessDenied: it gives the public something, and that is blocked.
        NoSuchBucket: no such bucket.
    """
    if "ACL" not in request and not any(name in request for name in _HEADERS):
        return None
    configuration = configuration_of(request, context)
    grants = _requested(request, context, has_body=False)
    if not lists_are_on(configuration):
        if request.get("ACL") in _HARMLESS_LISTS or grants == [_OWNERS]:
            return None
        raise AccessControlListNotSupported
    arn = f"arn:aws:s3:::{request['Bucket']}/{request['Key']}"
    _check_public(grants, configuration, context, arn)
    return stored_form(grants)


def grants_of_new_bucket(request: Mapping[str, Any], context: Context) -> list[Grant]:
    """Return what the headers of a CreateBucket grant."""
    if "ACL" not in request and not any(name in request for name in _HEADERS):
        return [_OWNERS]
    return _requested(request, context, has_body=False)


def bucket_grants(configuration: BucketConfiguration) -> list[Grant]:
    """Return the lines of a bucket's list."""
    return from_stored(configuration.document("acl"))


def stored_form(grants: list[Grant]) -> list[list[str]] | None:
    """Return a list as it is stored; None for the one that everything has by default."""
    if grants == [_OWNERS]:
        return None
    return [[grant.grantee, grant.permission] for grant in grants]


def from_stored(stored: list[list[str]] | None) -> list[Grant]:
    """Return what `stored_form` was given."""
    if stored is None:
        return [_OWNERS]
    return [
        Grant(cast("Grantee", grantee), cast("Permission", permission))
        for grantee, permission in stored
    ]


def gives_public_something(grants: list[Grant]) -> bool:
    """Whether a list lets everybody, or everybody with an AWS account, do something."""
    return any(grant.grantee in _PUBLIC for grant in grants)


def content_of(request: Mapping[str, Any], context: Context) -> tuple[str, str | None]:
    """Return the content id of the object or version that a request names, and its version's id to show.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such object.
        MethodNotAllowed: a delete marker.
    """
    stored = find_object(request, context)
    return stored.content_id, stored.shown_version_id


def _show_version(version: str | None, context: Context) -> None:
    if version is not None:
        context.response_headers.append(("x-amz-version-id", version))


def _check_public(
    grants: list[Grant], configuration: BucketConfiguration, context: Context, arn: str
) -> None:
    if public_access_of(configuration).new_lists and gives_public_something(grants):
        raise AccessDenied(
            f"User: {context.principal.arn} is not authorized to perform: s3:{context.operation} on "
            f'resource: "{arn}" because public access control lists (ACLs) are prevented by the '
            "BlockPublicAcls setting in S3 Block Public Access."
        )


def _requested(request: Mapping[str, Any], context: Context, has_body: bool) -> list[Grant]:
    """Return the list that a request spells in one of three ways: canned, by headers, as a document."""
    canned = request.get("ACL")
    headers = [name for name in _HEADERS if name in request]
    if canned is not None and headers:
        raise InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    if has_body:
        if canned is not None or headers:
            raise UnexpectedContent
        return _from_document(request["AccessControlPolicy"], context)
    if canned is not None:
        if canned not in _CANNED:
            raise InvalidArgument(ArgumentName="x-amz-acl", ArgumentValue=canned)
        return _CANNED[canned]
    if not headers:
        raise MissingSecurityHeader(MissingHeaderName="x-amz-acl")
    return sorted({grant for name in headers for grant in _from_header(name, request, context)})


def _from_header(name: str, request: Mapping[str, Any], context: Context) -> Iterator[Grant]:
    for part in str(request[name]).split(","):
        match = _GRANTED.match(part)
        if match is None:
            raise InvalidArgument(
                "Argument format not recognized", ArgumentName=name, ArgumentValue=request[name]
            )
        kind, value = match.groups()
        member = {"id": "ID", "uri": "URI", "emailAddress": "EmailAddress"}[kind]
        yield Grant(_grantee({member: value}, context), _HEADERS[name])


def _from_document(policy: Mapping[str, Any], context: Context) -> list[Grant]:
    if "Owner" not in policy or "Grants" not in policy:
        raise MalformedACLError
    if policy["Owner"].get("ID") != owner(context)["ID"]:
        raise AccessDenied
    grants = set()
    for grant in policy["Grants"]:
        if "Grantee" not in grant or "Permission" not in grant:
            raise MalformedACLError
        grants.add(Grant(_grantee(grant["Grantee"], context), grant["Permission"]))
    return sorted(grants)


def _grantee(named: Mapping[str, Any], context: Context) -> Grantee:
    if "EmailAddress" in named:
        raise UnresolvableGrantByEmailAddress(EmailAddress=named["EmailAddress"])
    if "URI" in named:
        if named["URI"] not in _GROUPS:
            raise InvalidArgument(
                "Invalid group uri", ArgumentName="Group/URI", ArgumentValue=named["URI"]
            )
        return _GROUPS[named["URI"]]
    if named.get("ID") != owner(context)["ID"]:
        raise InvalidArgument(
            "Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=named.get("ID", "")
        )
    return "owner"


def _described(grants: list[Grant], context: Context) -> dict[str, Any]:
    account = owner(context)
    described = []
    for grant in grants:
        if grant.grantee == "owner":
            grantee: dict[str, str] = {"Type": "CanonicalUser", **account}
        else:
            grantee = {"Type": "Group", "URI": _URIS[grant.grantee]}
        described.append({"Grantee": grantee, "Permission": grant.permission})
    return {"Owner": account, "Grants": described}
