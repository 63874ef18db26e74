"""Decisions that were made, for as long as nothing that they depend on is different.

A decision follows from the policies, the action, the resource, the caller and those condition keys that the policies
mention. What was allowed under all of these is allowed under the same again, without asking the evaluator. Policies
are told apart by identity: whoever changes one, changes the object.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from outcrop.aws.operation import Principal
from outcrop.identity.policy import (
    Caller,
    Decision,
    Policies,
    Policy,
    PolicyKind,
    Request,
    ResourcePolicyMode,
    cached_policy,
    decide,
)
from outcrop.identity.policy.patterns import Context as EvaluatorContext
from outcrop.identity.request_context import Context

_MOST_GATHERED = 2048
_MOST_ALLOWED = 512
_TAGS_OF_RESOURCE = "aws:resourcetag/"


class PoliciesOfPrincipal(Protocol):
    """What is attached to a principal."""

    @property
    def identity(self) -> Sequence[tuple[str, Policy]]:
        """Named policies of the identity and its groups."""

    @property
    def boundary(self) -> Policy | None:
        """The permissions boundary."""


@dataclass(slots=True)
class Gathered:
    """The policies that bear on a principal and a resource.

    Attributes:
        own: what the principal's part was made from.
        allowed: what was allowed under them.
    """

    own: PoliciesOfPrincipal
    policies: Policies
    allowed: dict[tuple[object, ...], Decision] = field(default_factory=dict)
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def keys(self, action: str) -> tuple[str, ...]:
        """Return the condition keys, in lower case, that they mention where they speak of an action."""
        found = self._keys.get(action)
        if found is None:
            found = self._keys[action] = _mentioned(self.policies, action)
        return found

    def asks_tags(self, action: str) -> bool:
        """Whether they mention tags of resources where they speak of an action."""
        return any(key.startswith(_TAGS_OF_RESOURCE) for key in self.keys(action))


class Decisions:
    """Asks the evaluator, and remembers what it allowed."""

    def __init__(self) -> None:
        self._gathered: dict[tuple[object, ...], Gathered] = {}

    def gather(
        self,
        own: PoliciesOfPrincipal,
        principal: Principal,
        resource: Policy | None = None,
        mode: ResourcePolicyMode = ResourcePolicyMode.STANDARD,
    ) -> Gathered:
        """Put together the policies of a principal and a resource."""
        text = "" if resource is None else resource.text
        key = (id(own), principal.session_policies, text, mode)
        found = self._gathered.get(key)
        if found is None or found.own is not own:
            if len(self._gathered) >= _MOST_GATHERED:
                self._gathered.clear()
            found = self._gathered[key] = _gather(own, principal, resource, mode)
        return found

    def decide(
        self,
        gathered: Gathered,
        need: tuple[str, str],
        principal: Principal,
        context: Context,
        resource_account: str,
    ) -> Decision:
        """Return the decision on a request.

        Args:
            gathered: the policies.
            need: action and resource.
            principal: who asks.
            context: every condition key of the request, in lower case.
            resource_account: who owns the resource.
        """
        values = context.get
        key = (
            need,
            principal.type,
            principal.arn,
            principal.role_arn or principal.federated_by,
            resource_account,
            *[values(name) for name in gathered.keys(need[0])],
        )
        decision = gathered.allowed.get(key)
        if decision is None:
            action, resource = need
            request = Request(action, resource, caller_of(principal), context, resource_account)
            decision = decide(request, gathered.policies)
            if decision.allowed:
                if len(gathered.allowed) >= _MOST_ALLOWED:
                    gathered.allowed.clear()
                gathered.allowed[key] = decision
        return decision


def caller_of(principal: Principal) -> Caller:
    """Return a principal as the evaluator knows it."""
    return Caller(
        principal.type,
        principal.arn,
        "" if principal.type == "AWSService" else principal.account_id,
        issuer_arn=principal.role_arn or principal.federated_by,
    )


def _gather(
    own: PoliciesOfPrincipal,
    principal: Principal,
    resource: Policy | None,
    mode: ResourcePolicyMode,
) -> Gathered:
    sessions = tuple(cached_policy(text, PolicyKind.SESSION) for text in principal.session_policies)
    return Gathered(own, Policies(own.identity, own.boundary, sessions, resource, mode))


def _mentioned(policies: Policies, action: str) -> tuple[str, ...]:
    gathered = [policy for _, policy in policies.identity]
    others = (policies.boundary, policies.resource, *policies.sessions)
    gathered += [policy for policy in others if policy is not None]
    lowered, nothing = action.lower(), EvaluatorContext({})
    found = {
        key.lower(): None
        for policy in gathered
        for statement in policy.statements
        if statement.actions.matches(lowered, nothing) is not statement.excludes_actions
        for key in statement.referred_keys()
    }
    return tuple(found)
