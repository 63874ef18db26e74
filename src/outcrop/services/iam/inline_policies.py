"""Inline policies: documents that live and die with one user, group or role."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import finding
from outcrop.services.iam.documents import check_identity_policy, check_inline_size, shown
from outcrop.services.iam.errors import NoSuchEntity
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import EntityKind, policies


@operation("iam:PutUserPolicy")
def put_user_policy(request: Mapping[str, Any], context: Context) -> None:
    """Write an inline policy of a user.

    Raises:
        NoSuchEntity: there is no such user.
        MalformedPolicyDocument: the document is no identity-based policy.
        LimitExceeded: the user's inline policies would be too long together.
    """
    _put("user", request, context)


@operation("iam:PutGroupPolicy")
def put_group_policy(request: Mapping[str, Any], context: Context) -> None:
    """Write an inline policy of a group.

    Raises:
        NoSuchEntity: there is no such group.
        MalformedPolicyDocument: the document is no identity-based policy.
        LimitExceeded: the group's inline policies would be too long together.
    """
    _put("group", request, context)


@operation("iam:PutRolePolicy")
def put_role_policy(request: Mapping[str, Any], context: Context) -> None:
    """Write an inline policy of a role.

    Raises:
        NoSuchEntity: there is no such role.
        MalformedPolicyDocument: the document is no identity-based policy.
        LimitExceeded: the role's inline policies would be too long together.
        UnmodifiableEntity: it is a service-linked role.
    """
    _put("role", request, context)


@operation("iam:GetUserPolicy")
def get_user_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return an inline policy of a user.

    Raises:
        NoSuchEntity: there is no such user or policy.
    """
    return _get("user", request, context)


@operation("iam:GetGroupPolicy")
def get_group_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return an inline policy of a group.

    Raises:
        NoSuchEntity: there is no such group or policy.
    """
    return _get("group", request, context)


@operation("iam:GetRolePolicy")
def get_role_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return an inline policy of a role.

    Raises:
        NoSuchEntity: there is no such role or policy.
    """
    return _get("role", request, context)


@operation("iam:DeleteUserPolicy")
def delete_user_policy(request: Mapping[str, Any], context: Context) -> None:
    """Delete an inline policy of a user.

    Raises:
        NoSuchEntity: there is no such user or policy.
    """
    _delete("user", request, context)


@operation("iam:DeleteGroupPolicy")
def delete_group_policy(request: Mapping[str, Any], context: Context) -> None:
    """Delete an inline policy of a group.

    Raises:
        NoSuchEntity: there is no such group or policy.
    """
    _delete("group", request, context)


@operation("iam:DeleteRolePolicy")
def delete_role_policy(request: Mapping[str, Any], context: Context) -> None:
    """Delete an inline policy of a role.

    Raises:
        NoSuchEntity: there is no such role or policy.
        UnmodifiableEntity: it is a service-linked role.
    """
    _delete("role", request, context)


@operation("iam:ListUserPolicies")
def list_user_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the names of a user's inline policies.

    Raises:
        NoSuchEntity: there is no such user.
    """
    return _list("user", request, context)


@operation("iam:ListGroupPolicies")
def list_group_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the names of a group's inline policies.

    Raises:
        NoSuchEntity: there is no such group.
    """
    return _list("group", request, context)


@operation("iam:ListRolePolicies")
def list_role_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the names of a role's inline policies.

    Raises:
        NoSuchEntity: there is no such role.
    """
    return _list("role", request, context)


def _put(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    name, document = request["PolicyName"], request["PolicyDocument"]
    with context.platform.directory.identities.write() as connection:
        owner = finding.require_changeable(connection, kind, request[finding.NAME_MEMBERS[kind]])
        check_identity_policy(document)
        check_inline_size(owner, policies.inline(connection, owner.id) | {name: document})
        policies.put_inline(connection, owner.id, name, document)


def _get(kind: EntityKind, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    member, name = finding.NAME_MEMBERS[kind], request["PolicyName"]
    with context.platform.database.read() as connection:
        owner = finding.require(connection, kind, request[member])
        document = policies.inline(connection, owner.id).get(name)
    if document is None:
        raise _no_such_policy(kind, name)
    return {member: owner.name, "PolicyName": name, "PolicyDocument": shown(document)}


def _delete(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    with context.platform.directory.identities.write() as connection:
        owner = finding.require_changeable(connection, kind, request[finding.NAME_MEMBERS[kind]])
        if not policies.remove_inline(connection, owner.id, request["PolicyName"]):
            raise _no_such_policy(kind, request["PolicyName"])


def _list(kind: EntityKind, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    with context.platform.database.read() as connection:
        owner = finding.require(connection, kind, request[finding.NAME_MEMBERS[kind]])
        names = list(policies.inline(connection, owner.id))
    items, end = page(names, str, request, context)
    return {"PolicyNames": list(items), **end}


def _no_such_policy(kind: EntityKind, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {kind} policy with name {name} cannot be found.")
