"""The account as a whole: its alias, its numbers, and everything about everybody in one list."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.identity.managed_policies import managed_policies
from outcrop.services.iam import descriptions
from outcrop.services.iam.documents import (
    INLINE_CHARACTERS,
    MANAGED_POLICY_CHARACTERS,
    TRUST_POLICY_CHARACTERS,
    shown,
)
from outcrop.services.iam.errors import EntityAlreadyExists, NoSuchEntity
from outcrop.services.iam.managed_policies import Usage, describe, describe_aws, only_name
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, EntityKind, entities, members, policies
from outcrop.storage.identities.store import account_alias, set_account_alias

_EVERY_KIND = ("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")
_COUNTED: Mapping[str, EntityKind] = {
    "Users": "user",
    "Groups": "group",
    "Roles": "role",
    "Policies": "policy",
    "InstanceProfiles": "instance-profile",
}
# Filter value → what it means here, and the list that it fills.
_DETAILED: Mapping[str, tuple[EntityKind, str]] = {
    "User": ("user", "UserDetailList"),
    "Group": ("group", "GroupDetailList"),
    "Role": ("role", "RoleDetailList"),
    "LocalManagedPolicy": ("policy", "Policies"),
}


@operation("iam:CreateAccountAlias")
def create_account_alias(request: Mapping[str, Any], context: Context) -> None:
    """Give the account an alias; an older one gives way.

    Raises:
        EntityAlreadyExists: it has this alias already.
    """
    alias = request["AccountAlias"]
    with context.platform.directory.identities.write() as connection:
        if account_alias(connection) == alias:
            raise EntityAlreadyExists(f"The account alias {alias} already exists.")
        set_account_alias(connection, alias)


@operation("iam:DeleteAccountAlias")
def delete_account_alias(request: Mapping[str, Any], context: Context) -> None:
    """Take the account's alias away.

    Raises:
        NoSuchEntity: the account has another alias, or none.
    """
    alias = request["AccountAlias"]
    with context.platform.directory.identities.write() as connection:
        if account_alias(connection) != alias:
            raise NoSuchEntity(f"The account alias {alias} cannot be found.")
        set_account_alias(connection, "")


@operation("iam:ListAccountAliases")
def list_account_aliases(_request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the account's alias, if it has one."""
    with context.platform.database.read() as connection:
        alias = account_alias(connection)
    return {"AccountAliases": [alias] if alias else [], "IsTruncated": False}


@operation("iam:GetAccountSummary")
def get_account_summary(_request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return how many of everything there are, and how many there may be."""
    with context.platform.database.read() as connection:
        counts = {member: entities.count(connection, kind) for member, kind in _COUNTED.items()}
        own = entities.page(connection, "policy", "/", "", counts["Policies"])
        versions = sum(len(policies.versions(connection, policy.id)) for policy in own)
    return {
        "SummaryMap": {
            **counts,
            "PolicyVersionsInUse": versions,
            "UsersQuota": 5000,
            "GroupsQuota": 300,
            "RolesQuota": 1000,
            "PoliciesQuota": 1500,
            "InstanceProfilesQuota": 1000,
            "PolicyVersionsInUseQuota": 10000,
            "VersionsPerPolicyQuota": 5,
            "GroupsPerUserQuota": 10,
            "AccessKeysPerUserQuota": 2,
            "AttachedPoliciesPerUserQuota": 10,
            "AttachedPoliciesPerGroupQuota": 10,
            "AttachedPoliciesPerRoleQuota": 10,
            "PolicySizeQuota": MANAGED_POLICY_CHARACTERS,
            "UserPolicySizeQuota": INLINE_CHARACTERS["user"],
            "GroupPolicySizeQuota": INLINE_CHARACTERS["group"],
            "RolePolicySizeQuota": INLINE_CHARACTERS["role"],
            "AssumeRolePolicySizeQuota": TRUST_POLICY_CHARACTERS,
            "AccountAccessKeysPresent": 1,
            "AccountMFAEnabled": 0,
            "AccountPasswordPresent": 0,
            "MFADevices": 0,
            "MFADevicesInUse": 0,
            "Providers": 0,
            "ServerCertificates": 0,
        }
    }


@operation("iam:GetAccountAuthorizationDetails")
def get_account_authorization_details(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return every user, group, role and policy with all their documents and relations."""
    wanted = request.get("Filter") or _EVERY_KIND
    found: list[tuple[str, Any]] = []
    with context.platform.database.read() as connection:
        usage = Usage.read(connection)
        for member, (kind, name) in _DETAILED.items():
            if member in wanted:
                found += [(name, entity) for entity in _all(connection, kind)]
        if "AWSManagedPolicy" in wanted:
            found += [("Policies", policy) for policy in managed_policies().values()]
        items, end = page(found, lambda item: f"{item[0]}/{item[1].arn.lower()}", request, context)
        answer: dict[str, Any] = {
            name: [] for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
        }
        for name, item in items:
            if name == "UserDetailList":
                described = _user(connection, item)
            elif name == "GroupDetailList":
                described = descriptions.group(item) | _documents(connection, item, "Group")
            elif name == "RoleDetailList":
                described = _role(connection, item, context)
            elif isinstance(item, Entity):
                described = _policy(connection, item, usage)
            else:
                version = {
                    "Document": shown(item.document),
                    "VersionId": item.version,
                    "IsDefaultVersion": True,
                }
                described = describe_aws(item, usage) | {"PolicyVersionList": [version]}
            answer[name].append(described)
    return {**answer, **end}


def _all(connection: Connection, kind: EntityKind) -> list[Entity]:
    return entities.page(connection, kind, "/", "", entities.count(connection, kind))


def _documents(connection: Connection, entity: Entity, noun: str) -> dict[str, Any]:
    return {
        f"{noun}PolicyList": [
            {"PolicyName": name, "PolicyDocument": shown(document)}
            for name, document in policies.inline(connection, entity.id).items()
        ],
        "AttachedManagedPolicies": [
            {"PolicyName": only_name(arn), "PolicyArn": arn}
            for arn in policies.attached(connection, entity.id)
        ],
    }


def _user(connection: Connection, user: Entity) -> dict[str, Any]:
    return {
        **descriptions.user(user),
        **descriptions.boundary(user),
        **_documents(connection, user, "User"),
        "GroupList": [group.name for group in members.groups(connection, user.id)],
        "Tags": descriptions.tag_list(entities.tags_of(connection, user.id)),
    }


def _role(connection: Connection, role: Entity, context: Context) -> dict[str, Any]:
    described = descriptions.role(connection, role)
    for member in ("Description", "MaxSessionDuration"):
        described.pop(member, None)
    return {
        **described,
        **descriptions.boundary(role),
        **descriptions.role_last_used(connection, role, context),
        **_documents(connection, role, "Role"),
        "InstanceProfileList": [
            descriptions.instance_profile(connection, profile)
            for profile in members.groups(connection, role.id)
        ],
        "Tags": descriptions.tag_list(entities.tags_of(connection, role.id)),
    }


def _policy(connection: Connection, policy: Entity, usage: Usage) -> dict[str, Any]:
    versions = [
        {
            "Document": shown(version.document),
            "VersionId": f"v{version.number}",
            "IsDefaultVersion": version.number == policy.detail["default_version"],
            "CreateDate": descriptions.from_us(version.created_us),
        }
        for version in policies.versions(connection, policy.id)
    ]
    return describe(policy, usage) | {"PolicyVersionList": versions}
