"""IAM's policy simulators: what policies would decide, asked of the evaluator that decides calls."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.identity.attached_policies import PolicySource, boundary_of, sources_of
from outcrop.identity.policy import (
    Caller,
    Policy,
    PolicyError,
    PolicyKind,
    SimulatedDecision,
    Simulation,
    Source,
    context_keys,
    parse_policy,
    simulate,
)
from outcrop.services.iam.errors import InvalidInput, NoSuchEntity
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, entities

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?", re.ASCII)
_IDENTITY = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}):(?P<kind>root|user/.+|role/.+|group/.+)"
    r"|arn:aws[a-z-]*:sts::([0-9]{12}):(?P<session>assumed-role|federated-user)/.+",
    re.ASCII,
)
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is simulated, before it is put together for one caller.

    Attributes:
        context: condition keys that are known without being given.
    """

    identity: list[Source] = field(default_factory=list)
    boundaries: list[Source] = field(default_factory=list)
    context: dict[str, str | Sequence[str]] = field(default_factory=dict)


@operation("iam:SimulateCustomPolicy")
async def simulate_custom_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say what given policies would decide about actions on resources.

    Raises:
        InvalidInput: a policy, an ARN or an action is not valid.
    """
    trial = _Trial(
        _given(request, "PolicyInputList", PolicyKind.IDENTITY),
        _given(request, "PermissionsBoundaryPolicyInputList", PolicyKind.BOUNDARY),
    )
    if "ResourcePolicy" in request and "CallerArn" not in request:
        raise InvalidInput("CallerArn is required when ResourcePolicy is given.")
    return await asyncio.to_thread(_answer, trial, request, request.get("CallerArn", ""), context)


@operation("iam:SimulatePrincipalPolicy")
async def simulate_principal_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say what the policies of a user, group or role would decide, together with further ones.

    Raises:
        NoSuchEntity: there is no such user, group or role.
        InvalidInput: a policy, an ARN or an action is not valid.
    """
    source_arn = request["PolicySourceArn"]
    with context.platform.database.read() as connection:
        entity = _require_source(connection, source_arn)
        attached = [_quoted(found) for found in sources_of(connection, entity)]
        own_boundary = boundary_of(connection, entity)
        known = _known_keys(connection, entity, context.account_id)
    boundaries = _given(request, "PermissionsBoundaryPolicyInputList", PolicyKind.BOUNDARY)
    if not boundaries and own_boundary is not None:
        boundaries = [Source(own_boundary, str(entity.boundary_arn), "user-managed")]
    given = _given(request, "PolicyInputList", PolicyKind.IDENTITY)
    trial = _Trial(attached + given, boundaries, known)
    caller_arn = request.get("CallerArn", source_arn)
    if entity.kind == "group" and "CallerArn" not in request:
        # AWS: a group calls nobody; its policies are tried out as some user's.
        caller_arn = f"arn:aws:iam::{context.account_id}:user/{entity.name}"
    return await asyncio.to_thread(_answer, trial, request, caller_arn, context)


@operation("iam:GetContextKeysForCustomPolicy")
def get_context_keys_for_custom_policy(
    request: Mapping[str, Any], _context: Context
) -> dict[str, Any]:
    """List the condition keys that given policies refer to.

    Raises:
        InvalidInput: a policy is not valid.
    """
    given = _given(request, "PolicyInputList", PolicyKind.IDENTITY)
    return {"ContextKeyNames": list(context_keys([source.policy for source in given]))}


@operation("iam:GetContextKeysForPrincipalPolicy")
def get_context_keys_for_principal_policy(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """List the condition keys that the policies of a user, group or role refer to.

    Raises:
        NoSuchEntity: there is no such user, group or role.
        InvalidInput: a further policy is not valid.
    """
    with context.platform.database.read() as connection:
        entity = _require_source(connection, request["PolicySourceArn"])
        found = sources_of(connection, entity)
    asked: list[Policy] = [source.policy for source in found]
    asked += [source.policy for source in _given(request, "PolicyInputList", PolicyKind.IDENTITY)]
    return {"ContextKeyNames": list(context_keys(asked))}


def _require_source(connection: Connection, arn: str) -> Entity:
    entity = entities.by_arn(connection, arn)
    if entity is None or entity.kind not in {"user", "group", "role"}:
        kind = arn.partition(":")[2].rpartition(":")[2].partition("/")[0]
        noun = kind if kind in {"user", "group", "role"} else "entity"
        raise NoSuchEntity(f"The {noun} with name {arn.rsplit('/', 1)[-1]} cannot be found.")
    return entity


def _known_keys(
    connection: Connection, entity: Entity, account_id: str
) -> dict[str, str | Sequence[str]]:
    """Return the condition keys that every call of a user or role has."""
    if entity.kind == "group":
        return {}
    known: dict[str, str | Sequence[str]] = {
        "aws:PrincipalArn": entity.arn,
        "aws:PrincipalAccount": account_id,
        "aws:PrincipalType": "User" if entity.kind == "user" else "AssumedRole",
    }
    if entity.kind == "user":
        known |= {"aws:username": entity.name, "aws:userid": entity.id}
    tags = entities.tags_of(connection, entity.id)
    return known | {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}


def _laid_over(
    known: Mapping[str, str | Sequence[str]], given: Mapping[str, str | Sequence[str]]
) -> dict[str, str | Sequence[str]]:
    """Return condition keys, those that were given in the place of those that were known; keys ignore case."""
    names = {name.lower() for name in given}
    return {name: value for name, value in known.items() if name.lower() not in names} | dict(given)


def _quoted(found: PolicySource) -> Source:
    """Return an attached policy with the name that IAM's answers give it."""
    is_managed = bool(found.arn)
    policy_id = found.name if is_managed else f"{found.type}_{found.holder}_{found.name}"
    return Source(found.policy, policy_id, found.type)


def _given(request: Mapping[str, Any], member: str, kind: PolicyKind) -> list[Source]:
    return [
        Source(_parsed(document, kind), f"{member}.{place}")
        for place, document in enumerate(request.get(member, ()), 1)
    ]


def _parsed(document: str, kind: PolicyKind) -> Policy:
    try:
        return parse_policy(document, kind)
    except PolicyError as error:
        raise InvalidInput(f"Invalid Input Policy: {error}") from None


def _answer(
    trial: _Trial, request: Mapping[str, Any], caller_arn: str, context: Context
) -> dict[str, Any]:
    resource_policy = None
    if "ResourcePolicy" in request:
        parsed = _parsed(request["ResourcePolicy"], PolicyKind.RESOURCE)
        resource_policy = Source(parsed, "ResourcePolicy", "resource")
    caller = _caller(caller_arn, context)
    simulation = Simulation(
        trial.identity,
        caller,
        boundaries=trial.boundaries,
        resource=resource_policy,
        resource_account=_owner(request, caller),
        context=_laid_over(trial.context, _context_entries(request)),
    )
    for action in request["ActionNames"]:
        if not _ACTION.fullmatch(action):
            raise InvalidInput(
                f"Invalid Action: {action}; write service:action, such as s3:GetObject."
            )
    resources = request.get("ResourceArns") or ["*"]
    # AWS answers for every pair of action and resource; the list is in their order.
    pairs = [(action, resource) for action in request["ActionNames"] for resource in resources]
    numbered = [(f"{place:08d}", pair) for place, pair in enumerate(pairs)]
    items, end = page(numbered, lambda item: item[0], request, context)
    results = [
        _result(simulate(simulation, action, resource), resource_policy is not None)
        for _, (action, resource) in items
    ]
    return {"EvaluationResults": results, **end}


def _result(decision: SimulatedDecision, has_resource_policy: bool) -> dict[str, Any]:
    statements = [
        {
            "SourcePolicyId": statement.policy_id,
            "SourcePolicyType": statement.policy_type,
            "StartPosition": {"Line": statement.start.line, "Column": statement.start.column},
            "EndPosition": {"Line": statement.end.line, "Column": statement.end.column},
        }
        for statement in decision.statements
    ]
    shared: dict[str, Any] = {
        "MatchedStatements": statements,
        "MissingContextValues": list(decision.missing_context_keys),
    }
    # AWS: present but empty within one account, and left out where every resource is meant.
    if decision.details or decision.resource != "*":
        shared["EvalDecisionDetails"] = {
            kind: outcome.value for kind, outcome in decision.details.items()
        }
    if decision.allowed_by_boundary is not None:
        shared["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": decision.allowed_by_boundary
        }
    result = {
        "EvalActionName": decision.action,
        "EvalResourceName": decision.resource,
        "EvalDecision": decision.kind.value,
        **shared,
    }
    if decision.resource != "*" or has_resource_policy:
        specific = {
            "EvalResourceName": decision.resource,
            "EvalResourceDecision": decision.kind.value,
        }
        result["ResourceSpecificResults"] = [specific | shared]
    return result


def _caller(arn: str, context: Context) -> Caller:
    """Return the caller that an ARN stands for; without one, some user of the account."""
    if not arn:
        return Caller(
            "User", f"arn:aws:iam::{context.account_id}:user/simulated", context.account_id
        )
    if arn == context.principal.arn:
        principal = context.principal
        issuer = principal.role_arn or principal.federated_by
        return Caller(principal.type, arn, principal.account_id, issuer)
    matched = _IDENTITY.fullmatch(arn)
    if matched is None:
        raise InvalidInput(
            f"Invalid caller ARN: {arn}; it must be that of a user, role, session or account root."
        )
    account_id = matched[1] or matched[3]
    if matched["session"]:
        return _session_caller(arn, account_id, context)
    if matched["kind"] == "root":
        return Caller("Account", arn, account_id)
    if matched["kind"].startswith("role/"):
        # A role as such: a session of it without a name that a policy could know.
        return Caller("AssumedRole", arn, account_id, arn)
    return Caller("User", arn, account_id)


def _session_caller(arn: str, account_id: str, context: Context) -> Caller:
    kind, name = arn.rpartition(":")[2].split("/")[:2]
    if kind == "federated-user":
        return Caller("FederatedUser", arn, account_id)
    with context.platform.database.read() as connection:
        role = entities.by_name(connection, "role", name)
    is_ours = role is not None and account_id == context.account_id
    issuer = role.arn if role and is_ours else f"arn:aws:iam::{account_id}:role/{name}"
    return Caller("AssumedRole", arn, account_id, issuer)


def _owner(request: Mapping[str, Any], caller: Caller) -> str:
    """Return the account that owns the resources: ResourceOwner, else the caller's."""
    owner = request.get("ResourceOwner")
    if owner is None:
        return caller.account_id
    matched = _ACCOUNT.fullmatch(owner)
    if matched is None:
        raise InvalidInput(f"Invalid ResourceOwner: {owner}; it must be an account's ARN or id.")
    return matched[1]


def _context_entries(request: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    found: dict[str, str | Sequence[str]] = {}
    for entry in request.get("ContextEntries", ()):
        name, values = entry.get("ContextKeyName", ""), entry.get("ContextKeyValues", [])
        is_list = entry.get("ContextKeyType", "string").endswith("List")
        if not is_list and len(values) == 1:
            found[name] = values[0]
        else:
            found[name] = tuple(values)
    return found
