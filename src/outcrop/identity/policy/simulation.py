"""What IAM's SimulateCustomPolicy and SimulatePrincipalPolicy answer, without their wire form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.identity.policy.documents import Policy
from outcrop.identity.policy.requests import Caller, ConditionValues, DecisionKind


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
class Position:
    """A place in a policy document: line and column, both from 1."""

    line: int
    column: int


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
    """Return what the policies would say to one action on one resource."""
    raise NotImplementedError


def context_keys(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the condition keys and variables that policies refer to, as IAM's GetContextKeysForCustomPolicy."""
    raise NotImplementedError
