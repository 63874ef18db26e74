"""IAM's resources as decisions see them: which ARN a name stands for, tags, boundaries, and roles' trust policies."""

from collections.abc import Mapping
from typing import get_args

from outcrop.identity.permissions import NO_FACTS, ConditionValues, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.storage.identities import EntityKind, entities, keys

_KINDS: Mapping[str, EntityKind] = {kind: kind for kind in get_args(EntityKind)}


def find(kind: str, identifier: str, _region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "user", "group", "role", "policy", "instance-profile", or "owner-of-access-key" for a key's user.
        identifier: name, access key id or ARN.
        platform: where to look.
    """
    if identifier.startswith("arn:"):
        return identifier
    reader = platform.database.reader
    if kind == "owner-of-access-key":
        key = keys.access_key(reader, identifier)
        owner = None if key is None else entities.by_id(reader, key.user_id)
        return owner.arn if owner else f"arn:aws:iam::{platform.account_id}:user/*"
    entity = entities.by_name(reader, _KINDS[kind], identifier)
    return entity.arn if entity else f"arn:aws:iam::{platform.account_id}:{kind}/{identifier}"


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return tags and boundary of an identity; of a role also its trust policy."""
    reader = platform.database.reader
    entity = entities.by_arn(reader, arn)
    if entity is None:
        return NO_FACTS
    role = platform.directory.role(arn) if entity.kind == "role" else None
    tags = entities.tags_of(reader, entity.id)
    context: dict[str, ConditionValues] = {
        f"iam:ResourceTag/{key}": value for key, value in tags.items()
    }
    if entity.boundary_arn is not None:
        context["iam:PermissionsBoundary"] = entity.boundary_arn
    return ResourceFacts(policy=role.trust if role else "", tags=tags, context=context)
