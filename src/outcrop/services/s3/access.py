"""Buckets and objects as decisions see them.

A bucket's policy decides over its objects too. What access control lists give the public, and that nobody is served
anonymously where the requester pays, become statements of the same policy: so one evaluator decides everything. All of
it is worked out once for each change of a bucket, since every request on an object comes by here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outcrop.identity.permissions import NO_FACTS, ConditionValues, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.services.s3.acl import Grant, bucket_grants, from_stored
from outcrop.services.s3.ownership import lists_are_on
from outcrop.services.s3.public_access import public_access_of
from outcrop.services.s3.public_policies import is_public
from outcrop.storage import object_acls
from outcrop.storage.bucket_configuration import BucketConfiguration

_ARN_START = "arn:aws:s3:::"
_DERIVED = "access"
_ANONYMOUS = {"Null": {"aws:PrincipalArn": "true"}}
_SIGNED = {"Null": {"aws:PrincipalArn": "false"}}

# Source: S3 User Guide, "Mapping of ACL permissions and access policy permissions".
_BUCKET_ACTIONS = {
    "READ": ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
    "READ_ACP": ["s3:GetBucketAcl"],
    "WRITE_ACP": ["s3:PutBucketAcl"],
}
_OBJECT_ACTIONS_OF_BUCKET = {"WRITE": ["s3:PutObject", "s3:DeleteObject"]}
_OBJECT_ACTIONS = {
    "READ": ["s3:GetObject", "s3:GetObjectVersion"],
    "READ_ACP": ["s3:GetObjectAcl", "s3:GetObjectVersionAcl"],
    "WRITE_ACP": ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"],
}


@dataclass(frozen=True, slots=True)
class _Access:
    """What holds for a bucket and for all of its objects.

    Attributes:
        statements: of the policy; what an object's own list adds comes after them.
        objects_have_lists: whether lists of objects can give the public something.
    """

    of_bucket: ResourceFacts
    of_objects: ResourceFacts
    statements: tuple[Any, ...]
    version: str
    objects_have_lists: bool


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:  # noqa: ARG001  # the form of all services
    """Return the ARN of a bucket, or of an object given as bucket/key."""
    return identifier if identifier.startswith("arn:") else _ARN_START + identifier


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return what decides over a bucket or an object."""
    bucket, slash, key = arn.removeprefix(_ARN_START).partition("/")
    configuration = platform.bucket_configurations.find(bucket)
    if configuration is None:
        return NO_FACTS
    access: _Access | None = configuration.derived.get(_DERIVED)
    if access is None:
        access = _work_out(configuration, bucket, platform.account_id)
        configuration.derived[_DERIVED] = access
    if not slash:
        return access.of_bucket
    return _of_object(access, bucket, key, platform)


def _of_object(access: _Access, bucket: str, key: str, platform: Platform) -> ResourceFacts:
    known = access.of_objects
    stored = platform.objects.newest(bucket, key)
    if stored is None:
        return known
    if stored.tags_json:
        tags = {f"s3:ExistingObjectTag/{name}": value for name, value in stored.tags.items()}
        known = replace(known, context={**known.context, **tags})
    if access.objects_have_lists:
        stored_grants = object_acls.of(platform.database.reader, stored.content_id)
        added = _granting(
            from_stored(stored_grants), _OBJECT_ACTIONS, f"{_ARN_START}{bucket}/{key}"
        )
        if added:
            known = replace(known, policy=_policy(access.version, [*access.statements, *added]))
    return known


def _work_out(configuration: BucketConfiguration, bucket: str, account_id: str) -> _Access:
    arn = _ARN_START + bucket
    text = configuration.document("policy") or ""
    policy: Mapping[str, Any] = json.loads(text) if text else {}
    blocked = public_access_of(configuration)
    added: list[Any] = []
    has_lists = lists_are_on(configuration) and not blocked.lists
    if has_lists:
        grants = bucket_grants(configuration)
        added += _granting(grants, _BUCKET_ACTIONS, arn)
        added += _granting(grants, _OBJECT_ACTIONS_OF_BUCKET, f"{arn}/*")
    if configuration.document("request_payment") == "Requester":
        added.append(_statement("Deny", ["s3:*"], [arn, f"{arn}/*"], _ANONYMOUS))
    given = policy.get("Statement", [])
    statements = (*(given if isinstance(given, list) else [given]), *added)
    # Variables are of the newer version alone: a policy keeps the one it was written in.
    version = policy.get("Version", "2008-10-17" if policy else "2012-10-17")
    context: dict[str, ConditionValues] = {"s3:ResourceAccount": account_id}
    tags: Mapping[str, str] = {}
    if configuration.document("abac") == "Enabled":
        tags = configuration.document("tagging") or {}
        context |= {f"s3:BucketTag/{key}": value for key, value in tags.items()}
    of_objects = ResourceFacts(
        policy=_policy(version, statements) if added else text,
        context=context,
        blocks_public_access=blocked.policies and bool(policy) and is_public(policy),
    )
    return _Access(replace(of_objects, tags=tags), of_objects, statements, version, has_lists)


def _granting(
    grants: Sequence[Grant], actions: Mapping[str, list[str]], resource: str
) -> list[Any]:
    """Return the statements that say what lists give to the public; owners need none."""
    statements = []
    for grant in grants:
        if grant.grantee not in {"everybody", "signed"}:
            continue
        granted = [
            action
            for permission, its_actions in actions.items()
            if grant.permission in {permission, "FULL_CONTROL"}
            for action in its_actions
        ]
        if granted:
            condition = _SIGNED if grant.grantee == "signed" else {}
            statements.append(_statement("Allow", granted, [resource], condition))
    return statements


def _statement(
    effect: str, actions: list[str], resources: list[str], condition: Mapping[str, Any]
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": effect,
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
    }
    return {**statement, "Condition": condition} if condition else statement


def _policy(version: str, statements: Sequence[Any]) -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})
