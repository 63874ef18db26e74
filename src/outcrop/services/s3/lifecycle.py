"""Lifecycle configurations of buckets; lifecycle_sweep.py carries them out."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.lifecycle_rules import check_rules
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    drop_document,
    keep_document,
    read_document,
)

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketLifecycleConfigurationRequestTypeDef

_DEFAULT_MINIMUM = "all_storage_classes_128K"
_ID_BYTES = 36  # 48 characters, as S3's own


@operation("s3:GetBucketLifecycleConfiguration")
def get_bucket_lifecycle_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return a bucket's rules.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it has none.
    """
    document = read_document(
        request,
        context,
        "lifecycle",
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    )
    return dict(document)


@operation("s3:PutBucketLifecycleConfiguration")
def put_bucket_lifecycle_configuration(
    request: "PutBucketLifecycleConfigurationRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Give a bucket these rules in the place of those it has; rules without an id get one.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedXML, InvalidArgument, InvalidRequest: a rule is none.
        NotImplementedHere: objects are to go to a storage class that would need a restore.
    """
    given: Mapping[str, Any] = request.get("LifecycleConfiguration") or {}
    rules: list[dict[str, Any]] = [{**rule} for rule in given.get("Rules", [])]
    check_rules(rules)
    for rule in rules:
        if not rule.get("ID"):
            rule["ID"] = secrets.token_urlsafe(_ID_BYTES)
    minimum = request.get("TransitionDefaultMinimumObjectSize", _DEFAULT_MINIMUM)
    document = {"Rules": rules, "TransitionDefaultMinimumObjectSize": minimum}
    keep_document(request, context, "lifecycle", document)
    return {"TransitionDefaultMinimumObjectSize": minimum}


@operation("s3:DeleteBucketLifecycle")
def delete_bucket_lifecycle(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Take a bucket's rules away; it is no error if there are none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return drop_document(request, context, "lifecycle")
