"""Policies of buckets."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.services.platform import Context
from outcrop.services.s3.errors import AccessDenied, MalformedPolicy, PolicyTooLarge
from outcrop.services.s3.public_access import public_access_of
from outcrop.services.s3.public_policies import is_public
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    drop_document,
    keep_document,
    read_document,
)

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketPolicyRequestTypeDef

_MOST_BYTES = 20 * 1024
_MISSING = ("NoSuchBucketPolicy", "The bucket policy does not exist")


@operation("s3:GetBucketPolicy")
def get_bucket_policy(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return a bucket's policy as it was put.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it has none.
    """
    return {"Policy": read_document(request, context, "policy", *_MISSING)}


@operation("s3:GetBucketPolicyStatus")
def get_bucket_policy_status(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Say whether a bucket's policy is public.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it has no policy.
    """
    policy = json.loads(read_document(request, context, "policy", *_MISSING))
    return {"PolicyStatus": {"IsPublic": is_public(policy)}}


@operation("s3:PutBucketPolicy")
def put_bucket_policy(request: "PutBucketPolicyRequestTypeDef", context: Context) -> dict[str, Any]:
    """Give a bucket a policy; it decides over the next request.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedPolicy: it is no valid policy, or says something of other resources or services.
        PolicyTooLarge: over 20 KB.
        AccessDenied: it is public, and public policies are blocked.
    """
    bucket, text = request["Bucket"], request["Policy"]
    configuration = configuration_of(request, context)
    if len(text.encode()) > _MOST_BYTES:
        raise PolicyTooLarge
    policy = _checked(text, bucket)
    if public_access_of(configuration).new_policies and is_public(policy):
        raise AccessDenied(
            f"User: {context.principal.arn} is not authorized to perform: s3:PutBucketPolicy on "
            f'resource: "arn:aws:s3:::{bucket}" because public policies are prevented by the '
            "BlockPublicPolicy setting in S3 Block Public Access."
        )
    return keep_document(request, context, "policy", text)


@operation("s3:DeleteBucketPolicy")
def delete_bucket_policy(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Take a bucket's policy away; it is no error if there is none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return drop_document(request, context, "policy")


def _checked(text: str, bucket: str) -> dict[str, Any]:
    try:
        parse_policy(text, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise MalformedPolicy(str(error)) from error
    policy: dict[str, Any] = json.loads(text)
    for statement in _many(policy["Statement"]):
        _check_statement(statement, f"arn:aws:s3:::{bucket}")
    return policy


def _check_statement(statement: Mapping[str, Any], arn: str) -> None:
    actions = list(_many(statement.get("Action", statement.get("NotAction"))))
    for action in actions:
        if action != "*" and not action.lower().startswith("s3:"):
            raise MalformedPolicy("Policy has invalid action", Detail=action)
    resources = list(_many(statement.get("Resource", statement.get("NotResource"))))
    for resource in resources:
        if not (resource == arn or resource.startswith((f"{arn}/", f"{arn}*"))):
            raise MalformedPolicy("Policy has invalid resource", Detail=resource)
    if "Action" in statement and "Resource" in statement:
        _check_fit(actions, resources, arn)


def _check_fit(actions: list[str], resources: list[str], arn: str) -> None:
    """Make sure that each action can apply to one of the resources: to the bucket or to objects."""
    names_bucket = any(resource in {arn, f"{arn}*"} for resource in resources)
    names_objects = any(resource != arn for resource in resources)
    for action in actions:
        name = action.partition(":")[2]
        if "*" in name or "?" in name or action == "*":
            continue
        if not (names_objects if _is_of_objects(name.lower()) else names_bucket):
            raise MalformedPolicy(
                "Action does not apply to any resource(s) in statement", Detail=action
            )


def _is_of_objects(action: str) -> bool:
    """Whether an action of S3 is one on objects; all other actions of a bucket policy are on buckets."""
    if action in {
        "abortmultipartupload",
        "bypassgovernanceretention",
        "initiatereplication",
        "listmultipartuploadparts",
        "objectowneroverridetobucketowner",
        "restoreobject",
    }:
        return True
    return action.startswith(
        ("getobject", "putobject", "deleteobject", "replicate", "updateobject")
    )


def _many(value: Any) -> Iterator[Any]:  # a JSON value that may stand alone for a list of one
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
