"""Tags of users, roles, managed policies and instance profiles; keys ignore case."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.services.iam import finding
from outcrop.services.iam.descriptions import tag_list
from outcrop.services.iam.errors import LimitExceeded
from outcrop.services.iam.managed_policies import require_own_policy
from outcrop.services.iam.new_entities import MOST_TAGS, checked_tags
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, EntityKind, entities


@operation("iam:TagUser")
def tag_user(request: Mapping[str, Any], context: Context) -> None:
    """Set tags of a user.

    Raises:
        NoSuchEntity: there is no such user.
        InvalidInput: two keys differ in case alone, or a key is AWS's own.
        LimitExceeded: there would be more than 50 tags.
    """
    _tag("user", request, context)


@operation("iam:TagRole")
def tag_role(request: Mapping[str, Any], context: Context) -> None:
    """Set tags of a role.

    Raises:
        NoSuchEntity: there is no such role.
        InvalidInput: two keys differ in case alone, or a key is AWS's own.
        LimitExceeded: there would be more than 50 tags.
    """
    _tag("role", request, context)


@operation("iam:TagPolicy")
def tag_policy(request: Mapping[str, Any], context: Context) -> None:
    """Set tags of a managed policy of the account.

    Raises:
        NoSuchEntity: there is no such policy.
        InvalidInput: two keys differ in case alone, or a key is AWS's own.
        LimitExceeded: there would be more than 50 tags.
    """
    _tag("policy", request, context)


@operation("iam:TagInstanceProfile")
def tag_instance_profile(request: Mapping[str, Any], context: Context) -> None:
    """Set tags of an instance profile.

    Raises:
        NoSuchEntity: there is no such instance profile.
        InvalidInput: two keys differ in case alone, or a key is AWS's own.
        LimitExceeded: there would be more than 50 tags.
    """
    _tag("instance-profile", request, context)


@operation("iam:UntagUser")
def untag_user(request: Mapping[str, Any], context: Context) -> None:
    """Delete tags of a user; keys that are not there are no error.

    Raises:
        NoSuchEntity: there is no such user.
    """
    _untag("user", request, context)


@operation("iam:UntagRole")
def untag_role(request: Mapping[str, Any], context: Context) -> None:
    """Delete tags of a role; keys that are not there are no error.

    Raises:
        NoSuchEntity: there is no such role.
    """
    _untag("role", request, context)


@operation("iam:UntagPolicy")
def untag_policy(request: Mapping[str, Any], context: Context) -> None:
    """Delete tags of a managed policy of the account; keys that are not there are no error.

    Raises:
        NoSuchEntity: there is no such policy.
    """
    _untag("policy", request, context)


@operation("iam:UntagInstanceProfile")
def untag_instance_profile(request: Mapping[str, Any], context: Context) -> None:
    """Delete tags of an instance profile; keys that are not there are no error.

    Raises:
        NoSuchEntity: there is no such instance profile.
    """
    _untag("instance-profile", request, context)


@operation("iam:ListUserTags")
def list_user_tags(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the tags of a user.

    Raises:
        NoSuchEntity: there is no such user.
    """
    return _list("user", request, context)


@operation("iam:ListRoleTags")
def list_role_tags(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the tags of a role.

    Raises:
        NoSuchEntity: there is no such role.
    """
    return _list("role", request, context)


@operation("iam:ListPolicyTags")
def list_policy_tags(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the tags of a managed policy of the account.

    Raises:
        NoSuchEntity: there is no such policy.
    """
    return _list("policy", request, context)


@operation("iam:ListInstanceProfileTags")
def list_instance_profile_tags(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the tags of an instance profile.

    Raises:
        NoSuchEntity: there is no such instance profile.
    """
    return _list("instance-profile", request, context)


def _require(connection: Connection, kind: EntityKind, request: Mapping[str, Any]) -> Entity:
    if kind == "policy":
        return require_own_policy(connection, request["PolicyArn"])
    return finding.require(connection, kind, request[finding.NAME_MEMBERS[kind]])


def _tag(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    with context.platform.directory.identities.write() as connection:
        owner = _require(connection, kind, request)
        tags = checked_tags(request["Tags"])
        present = {key.lower() for key in entities.tags_of(connection, owner.id)}
        if len(present | {key.lower() for key in tags}) > MOST_TAGS:
            raise LimitExceeded(
                f"The number of tags has reached the maximum limit: {MOST_TAGS} per resource."
            )
        entities.put_tags(connection, owner.id, tags)


def _untag(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    with context.platform.directory.identities.write() as connection:
        owner = _require(connection, kind, request)
        entities.drop_tags(connection, owner.id, request["TagKeys"])


def _list(kind: EntityKind, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    with context.platform.database.read() as connection:
        tags = entities.tags_of(connection, _require(connection, kind, request).id)
    items, end = page(tag_list(tags), lambda tag: tag["Key"], request, context)
    return {"Tags": list(items), **end}
