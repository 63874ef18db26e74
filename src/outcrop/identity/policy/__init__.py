"""The policy language: parse a document once, then decide requests; pure, without I/O or clock.

`documents` checks and compiles, `evaluation` decides, `simulation` answers IAM's simulators.
"""

from outcrop.identity.policy.documents import (
    Policy,
    PolicyError,
    PolicyKind,
    cached_policy,
    parse_policy,
)
from outcrop.identity.policy.evaluation import decide
from outcrop.identity.policy.requests import (
    Caller,
    Decision,
    DecisionKind,
    MatchedStatement,
    Policies,
    Request,
    ResourcePolicyMode,
)
from outcrop.identity.policy.simulation import (
    Position,
    SimulatedDecision,
    SimulatedStatement,
    Simulation,
    Source,
    context_keys,
    simulate,
)

__all__ = [
    "Caller",
    "Decision",
    "DecisionKind",
    "MatchedStatement",
    "Policies",
    "Policy",
    "PolicyError",
    "PolicyKind",
    "Position",
    "Request",
    "ResourcePolicyMode",
    "SimulatedDecision",
    "SimulatedStatement",
    "Simulation",
    "Source",
    "cached_policy",
    "context_keys",
    "decide",
    "parse_policy",
    "simulate",
]
