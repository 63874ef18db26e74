"""Identities as rows: users, groups, roles, policies, instance profiles, and the keys of users.

Knows nothing of what a policy means; `identity/` decides and `services/iam/` answers.
"""

from outcrop.storage.identities.entities import Entity, EntityKind, NameTaken
from outcrop.storage.identities.store import IdentityStore

__all__ = ["Entity", "EntityKind", "IdentityStore", "NameTaken"]
