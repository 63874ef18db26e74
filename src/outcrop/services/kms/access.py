"""What decisions need to know of keys: which one a request means, its policy, tags and grants."""

from outcrop.identity.permissions import NO_FACTS, ConditionValues, Grant, ResourceFacts
from outcrop.services.kms import making
from outcrop.services.kms.grant_rules import CONSTRAINED, EQUALS, SUBSET
from outcrop.services.kms.identifiers import alias_arn, alias_name, key_arn
from outcrop.services.platform import Platform
from outcrop.storage import tags
from outcrop.storage.kms_keys import aliases, grants, keys
from outcrop.storage.kms_keys.grants import GrantRow
from outcrop.storage.kms_keys.keys import KeyRow


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "key" for a key by id, ARN, alias or alias ARN; "alias" for an alias itself.
        identifier: as the request has it.

    Returns:
        An alias that stands for no key keeps its own ARN.
    """
    name = alias_name(identifier)
    if kind == "alias":
        return alias_arn(region, platform.account_id, name or identifier)
    if not name:
        if identifier.startswith("arn:"):
            return identifier
        return key_arn(region, platform.account_id, identifier)
    alias = aliases.find(platform.database.reader, region, name)
    if alias is None:
        return alias_arn(region, platform.account_id, name)
    return key_arn(region, platform.account_id, alias.key_id)


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return what decisions need to know of a key; NO_FACTS for what is none.

    An alias of a service whose key is made at first use has the facts that its key will have.
    """
    reader = platform.database.reader
    key_id = arn.rpartition(":key/")[2] if ":key/" in arn else ""
    revision = keys.revision_of(reader, key_id, arn) if key_id else 0
    remembered = platform.kms_materials.facts.get(key_id)
    if revision and remembered is not None and remembered[0] == revision:
        assert isinstance(remembered[1], ResourceFacts)
        return remembered[1]
    row = keys.get(reader, key_id) if revision else None
    if row is None:
        return _facts_to_be(arn, platform)
    found = ResourceFacts(
        policy=row.policy,
        tags=tags.of(reader, arn),
        context=_context(row, aliases.of_key(reader, key_id)),
        grants=tuple(
            grant for item in grants.of_key(reader, key_id) for grant in _as_decided(item)
        ),
    )
    platform.kms_materials.facts[key_id] = (row.revision, found)
    return found


def _facts_to_be(arn: str, platform: Platform) -> ResourceFacts:
    name = alias_name(arn)
    service = making.managing_service(name)
    if not service:
        return NO_FACTS
    region = arn.split(":")[3]
    policy = making.managed_policy(service, region, platform.account_id)
    return ResourceFacts(policy=policy, context={"kms:ResourceAliases": (name,)})


def _context(row: KeyRow, names: tuple[str, ...]) -> dict[str, ConditionValues]:
    context: dict[str, ConditionValues] = {
        "kms:KeySpec": row.spec,
        "kms:KeyUsage": row.usage,
        "kms:KeyOrigin": row.origin,
        "kms:MultiRegion": "false",
        # Their names of earlier days, which policies still use.
        "kms:CustomerMasterKeySpec": row.spec,
        "kms:CustomerMasterKeyUsage": row.usage,
    }
    if names:
        context["kms:ResourceAliases"] = names
    return context


def _as_decided(grant: GrantRow) -> list[Grant]:
    """Return a grant as decisions take it: constraints hold for what has an encryption context only."""
    operations = set(grant.operations)
    constraints = grant.constraints
    decided = [
        Grant(
            grant.grantee,
            _actions(operations & CONSTRAINED),
            encryption_context_equals=constraints.get(EQUALS),
            encryption_context_subset=constraints.get(SUBSET),
        ),
        Grant(grant.grantee, _actions(operations - CONSTRAINED)),
    ]
    if grant.retiring:
        decided.append(Grant(grant.retiring, _actions({"RetireGrant"})))
    return [item for item in decided if item.actions]


def _actions(operations: set[str]) -> frozenset[str]:
    return frozenset(f"kms:{operation}" for operation in operations)
