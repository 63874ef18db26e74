"""The decision: which policies must allow a request, and which may.

Source: IAM User Guide, "Policy evaluation logic", with "Cross-account policy evaluation logic" and the notes on
resource-based policies and implicit denies in other policy types.
"""

from __future__ import annotations

from outcrop.identity.policy.documents import Policy, PolicyKind
from outcrop.identity.policy.patterns import Context, distinct_keys
from outcrop.identity.policy.principals import Reach
from outcrop.identity.policy.requests import (
    Decision,
    DecisionKind,
    MatchedStatement,
    Policies,
    Request,
    ResourcePolicyMode,
)


def decide(request: Request, policies: Policies) -> Decision:
    """Say whether a request is allowed, in AWS's order of evaluation.

    An explicit deny in any policy ends it. Otherwise, within one account, identity policies allow as far as the
    boundary and every session policy do, or the resource's policy allows on its own: to a user, a session or
    everybody in full, to a role as far as its boundary and session policies go, and to the account not at all: that
    hands the question on to the identity policies. Across accounts both sides must allow. Key and trust policies
    must allow in every case. The account root needs no identity policy; services and anonymous callers have only
    the resource's policy.
    """
    tally = _Tally(request, policies)
    if tally.denies:
        return Decision(
            DecisionKind.EXPLICIT_DENY,
            request.action,
            tally.denies[0].policy_kind,
            tuple(tally.denies),
        )
    refused_by = _lacking(tally, request, policies)
    if refused_by is not None:
        return Decision(
            DecisionKind.IMPLICIT_DENY,
            request.action,
            refused_by,
            tuple(tally.allows),
            _missing_keys(request, policies),
        )
    decided_by = None
    if tally.allows:
        named = any(match.policy_kind is PolicyKind.IDENTITY for match in tally.allows)
        decided_by = PolicyKind.IDENTITY if named else tally.resource_kind
    return Decision(DecisionKind.ALLOWED, request.action, decided_by, tuple(tally.allows))


class _Tally:
    """What each policy says of a request.

    Attributes:
        denies: Deny statements that apply.
        allows: Allow statements that apply.
        reach: how far the resource's policy allows.
    """

    __slots__ = (
        "allows",
        "boundary_allows",
        "denies",
        "identity_allows",
        "reach",
        "resource_kind",
        "sessions_allow",
    )

    def __init__(self, request: Request, policies: Policies) -> None:
        self.allows: list[MatchedStatement] = []
        self.denies: list[MatchedStatement] = []
        action = request.action.lower()
        resource = request.resource
        context = Context(request.context)
        self.identity_allows = request.caller.type == "Account"
        for name, policy in policies.identity:
            if self._ask(policy, PolicyKind.IDENTITY, name, action, resource, context):
                self.identity_allows = True
        boundary = policies.boundary
        self.boundary_allows = boundary is None or self._ask(
            boundary, PolicyKind.BOUNDARY, "", action, resource, context
        )
        self.sessions_allow = True
        for policy in policies.sessions:
            if not self._ask(policy, PolicyKind.SESSION, "", action, resource, context):
                self.sessions_allow = False
        is_trust = policies.mode is ResourcePolicyMode.TRUST
        self.resource_kind = PolicyKind.TRUST if is_trust else PolicyKind.RESOURCE
        self.reach = Reach.NONE
        if policies.resource is not None:
            self._ask_resource(policies.resource, request, action, context, boundary is not None)

    def _ask(  # noqa: PLR0913, PLR0917  # the hot path: no object to carry them
        self,
        policy: Policy,
        kind: PolicyKind,
        name: str,
        action: str,
        resource: str,
        context: Context,
    ) -> bool:
        allowed = False
        for statement in policy.statements:
            if statement.applies(action, resource, context):
                match = MatchedStatement(kind, name, statement.sid, statement.index)
                if statement.is_allow:
                    allowed = True
                    self.allows.append(match)
                else:
                    self.denies.append(match)
        return allowed

    def _ask_resource(
        self, policy: Policy, request: Request, action: str, context: Context, has_boundary: bool
    ) -> None:
        for statement in policy.statements:
            reach = statement.reach(request.caller, has_boundary=has_boundary)
            if reach is Reach.NONE or not statement.applies(action, request.resource, context):
                continue
            match = MatchedStatement(self.resource_kind, "", statement.sid, statement.index)
            if statement.is_allow:
                self.allows.append(match)
                self.reach = max(self.reach, reach)
            else:
                self.denies.append(match)


def _lacking(tally: _Tally, request: Request, policies: Policies) -> PolicyKind | None:
    """Return the kind of policy whose Allow is lacking, or None where none is."""
    caller = request.caller
    if caller.type in {"AWSService", "Federated", "Anonymous"}:
        return None if tally.reach is Reach.CALLER else tally.resource_kind
    if policies.mode is not ResourcePolicyMode.STANDARD and tally.reach is Reach.NONE:
        return tally.resource_kind
    if request.resource_account not in {"", caller.account_id}:
        return _lacking_in_caller_account(tally, needs_identity=True) or (
            tally.resource_kind if tally.reach is Reach.NONE else None
        )
    if tally.reach is Reach.CALLER:
        return None
    return _lacking_in_caller_account(tally, needs_identity=tally.reach is not Reach.ISSUER)


def _lacking_in_caller_account(tally: _Tally, *, needs_identity: bool) -> PolicyKind | None:
    if needs_identity and not tally.identity_allows:
        return PolicyKind.IDENTITY
    if not tally.boundary_allows:
        return PolicyKind.BOUNDARY
    return None if tally.sessions_allow else PolicyKind.SESSION


def _missing_keys(request: Request, policies: Policies) -> tuple[str, ...]:
    action = request.action.lower()
    context = Context(request.context)
    asked = [policy for _, policy in policies.identity]
    asked += [policy for policy in (policies.boundary, *policies.sessions) if policy is not None]
    found = [
        key
        for policy in asked
        for statement in policy.statements
        for key in statement.missing_keys(action, request.resource, context)
    ]
    if policies.resource is not None:
        has_boundary = policies.boundary is not None
        for statement in policies.resource.statements:
            if statement.reach(request.caller, has_boundary=has_boundary) is not Reach.NONE:
                found += statement.missing_keys(action, request.resource, context)
    return distinct_keys(found)
