"""Block Public Access of buckets: on in every respect until a client says otherwise, as in AWS since April 2023."""

from dataclasses import dataclass
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    keep_document,
    not_configured,
)
from outcrop.storage.bucket_configuration import BucketConfiguration


@dataclass(frozen=True, slots=True)
class PublicAccess:
    """What of public access is blocked.

    Attributes:
        new_lists: no access control list may be set that gives the public something.
        lists: what lists give the public is passed over.
        new_policies: no public policy may be set.
        policies: a public policy counts only for callers of the bucket's own account.
    """

    new_lists: bool = True
    lists: bool = True
    new_policies: bool = True
    policies: bool = True

    @property
    def document(self) -> dict[str, bool]:
        """As on the wire."""
        return {
            "BlockPublicAcls": self.new_lists,
            "IgnorePublicAcls": self.lists,
            "BlockPublicPolicy": self.new_policies,
            "RestrictPublicBuckets": self.policies,
        }


_OPEN = PublicAccess(new_lists=False, lists=False, new_policies=False, policies=False)


def public_access_of(configuration: BucketConfiguration) -> PublicAccess:
    """Return what of public access to a bucket is blocked."""
    document = configuration.document("public_access_block")
    if document is None:
        return PublicAccess()
    if not document:
        return _OPEN
    return PublicAccess(
        new_lists=document["BlockPublicAcls"],
        lists=document["IgnorePublicAcls"],
        new_policies=document["BlockPublicPolicy"],
        policies=document["RestrictPublicBuckets"],
    )


@operation("s3:GetPublicAccessBlock")
def get_public_access_block(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return what is blocked.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it was deleted, and nothing is blocked.
    """
    configuration = configuration_of(request, context)
    if configuration.document("public_access_block") == {}:
        raise not_configured(
            request,
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        )
    return {"PublicAccessBlockConfiguration": public_access_of(configuration).document}


@operation("s3:PutPublicAccessBlock")
def put_public_access_block(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Say what is to be blocked; what is not mentioned is not.

    Raises:
        NoSuchBucket: no such bucket.
    """
    given = request["PublicAccessBlockConfiguration"]
    document = {name: bool(given.get(name, False)) for name in PublicAccess().document}
    return keep_document(request, context, "public_access_block", document)


@operation("s3:DeletePublicAccessBlock")
def delete_public_access_block(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Block nothing any more.

    Raises:
        NoSuchBucket: no such bucket.
    """
    # An empty document says that it was taken away; a bucket without one has everything blocked.
    return keep_document(request, context, "public_access_block", {})
