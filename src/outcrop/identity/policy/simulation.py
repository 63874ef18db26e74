"""What IAM's SimulateCustomPolicy and SimulatePrincipalPolicy answer, without their wire form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.identity.policy.documents import Policy, PolicyKind, parse_policy
from outcrop.identity.policy.evaluation import decide
from outcrop.identity.policy.patterns import distinct_keys
from outcrop.identity.policy.positions import Position, Span, statement_spans
from outcrop.identity.policy.requests import (
    Caller,
    ConditionValues,
    Decision,
    DecisionKind,
    MatchedStatement,
    Policies,
    Request,
    ResourcePolicyMode,
)

__all__ = [
    "Position",
    "SimulatedDecision",
    "SimulatedStatement",
    "Simulation",
    "Source",
    "context_keys",
    "simulate",
]


_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


@dataclass(frozen=True, slots=True)
class Source:
    """A policy of a simulation and how its statements are quoted.

    Attributes:
        policy_id: "PolicyInputList.1" (from 1), "PermissionsBoundaryPolicyInputList.1", "ResourcePolicy", or the
            name of an attached policy.
        policy_type: IAM's PolicySourceType: "IAM Policy" for PolicyInputList; "user", "group", "role",
            "aws-managed", "user-managed", "resource" for what is attached.
    """

    policy: Policy
    policy_id: str
    policy_type: str = "IAM Policy"


@dataclass(frozen=True, slots=True)
class SimulatedStatement:
    """A statement that decided, and where it stands in its document."""

    policy_id: str
    policy_type: str
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class SimulatedDecision:
    """The outcome of one action on one resource.

    Attributes:
        kind: its value is IAM's EvalDecision.
        missing_context_keys: keys that the policies ask for and the simulation was not given.
        allowed_by_boundary: None where there is no boundary.
        details: policy kind → outcome, only filled where a resource policy takes part, as IAM's EvalDecisionDetails.
    """

    action: str
    resource: str
    kind: DecisionKind
    statements: tuple[SimulatedStatement, ...] = ()
    missing_context_keys: tuple[str, ...] = ()
    allowed_by_boundary: bool | None = None
    details: Mapping[str, DecisionKind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulation:
    """Policies to try out.

    Attributes:
        identity: what would be attached to the caller.
        boundaries: each must allow, as IAM takes a list (of at most one).
        resource: the policy of the simulated resources.
    """

    identity: Sequence[Source]
    caller: Caller
    boundaries: Sequence[Source] = ()
    resource: Source | None = None
    resource_account: str = ""
    context: Mapping[str, ConditionValues] = field(default_factory=dict)


def simulate(simulation: Simulation, action: str, resource: str = "*") -> SimulatedDecision:
    """Return what the policies would say to one action on one resource.

    Accounts matter only where a resource policy takes part: then a resource whose ARN names its account is that
    account's, any other is `Simulation.resource_account`'s.
    """
    request = Request(
        action,
        resource,
        simulation.caller,
        simulation.context,
        resource_account=_owner(simulation, resource),
    )
    decision = decide(request, _policies(simulation, simulation.resource, action))
    is_denied = decision.kind is DecisionKind.IMPLICIT_DENY
    return SimulatedDecision(
        action=action,
        resource=resource,
        kind=decision.kind,
        statements=() if is_denied else _located(simulation, decision),
        missing_context_keys=_missing(simulation),
        allowed_by_boundary=_boundary_outcome(simulation, request),
        details=_details(simulation, request),
    )


def _policies(simulation: Simulation, resource: Source | None, action: str) -> Policies:
    is_key = resource is not None and action.lower().startswith("kms:")
    return Policies(
        identity=[(str(place), source.policy) for place, source in enumerate(simulation.identity)],
        boundary=simulation.boundaries[0].policy if simulation.boundaries else None,
        # Further boundaries limit as session policies do: each must allow.
        sessions=[source.policy for source in simulation.boundaries[1:]],
        resource=resource.policy if resource is not None else None,
        mode=ResourcePolicyMode.KEY if is_key else ResourcePolicyMode.STANDARD,
    )


def _owner(simulation: Simulation, resource: str) -> str:
    if simulation.resource is None:
        return ""
    parts = resource.split(":", 5)
    names_account = len(parts) == 6 and len(parts[4]) == 12 and parts[4].isdigit()
    return parts[4] if names_account else simulation.resource_account


def _located(simulation: Simulation, decision: Decision) -> tuple[SimulatedStatement, ...]:
    found = []
    for match in decision.statements:
        source = _source(simulation, match)
        if source is None:
            continue
        span: Span = statement_spans(source.policy.text)[match.index]
        found.append(SimulatedStatement(source.policy_id, source.policy_type, span.start, span.end))
    return tuple(found)


def _source(simulation: Simulation, match: MatchedStatement) -> Source | None:
    if match.policy_kind is PolicyKind.IDENTITY:
        return simulation.identity[int(match.policy_name)]
    if match.policy_kind is PolicyKind.BOUNDARY:
        return simulation.boundaries[0]
    return simulation.resource if match.policy_kind is PolicyKind.RESOURCE else None


def _missing(simulation: Simulation) -> tuple[str, ...]:
    sources = [*simulation.identity, *simulation.boundaries]
    if simulation.resource is not None:
        sources.append(simulation.resource)
    given = {key.lower() for key, value in simulation.context.items() if value or value == ""}
    wanted = context_keys([source.policy for source in sources])
    return tuple(key for key in wanted if key.lower() not in given)


def _boundary_outcome(simulation: Simulation, request: Request) -> bool | None:
    if not simulation.boundaries:
        return None
    return all(
        decide(
            dataclasses.replace(request, resource_account=""),
            Policies(identity=[("", source.policy)]),
        ).allowed
        for source in simulation.boundaries
    )


def _details(simulation: Simulation, request: Request) -> dict[str, DecisionKind]:
    is_cross_account = request.resource_account not in {"", request.caller.account_id}
    if simulation.resource is None or not is_cross_account:
        return {}
    alone = decide(
        dataclasses.replace(request, resource_account=""),
        _policies(simulation, None, request.action),
    )
    # Seen from the resource's own account: everything else lets the caller through.
    theirs = decide(
        request,
        Policies(identity=[("", parse_policy(_EVERYTHING))], resource=simulation.resource.policy),
    )
    return {"IAM Policy": alone.kind, "Resource Policy": theirs.kind}


def context_keys(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the condition keys and variables that policies refer to, as IAM's GetContextKeysForCustomPolicy."""
    found = [
        key
        for policy in policies
        for statement in policy.statements
        for key in statement.referred_keys()
    ]
    return distinct_keys(found)
