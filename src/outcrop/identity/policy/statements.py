"""One statement, compiled: does it speak of this action, this resource, this caller, in this context?"""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.identity.policy.conditions import Condition
from outcrop.identity.policy.patterns import Context, PatternSet, Variable, is_unfilled
from outcrop.identity.policy.principals import Caller, PrincipalSet, Reach


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy.

    Attributes:
        index: its place in the policy, from 0.
        actions: lower-case patterns; of NotAction where `excludes_actions`.
        resources: None in trust policies, which speak of their role alone.
        principals: None in policies of identities.
    """

    is_allow: bool
    sid: str
    index: int
    actions: PatternSet
    excludes_actions: bool
    resources: PatternSet | None
    excludes_resources: bool
    conditions: tuple[Condition, ...]
    principals: PrincipalSet | None = None
    excludes_principals: bool = False

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Whether action, resource and conditions are met; whose call it is, is `reach`'s question.

        Args:
            action: in lower case.
        """
        if self.actions.matches(action, context) is self.excludes_actions:
            return False
        if not self._speaks_of(resource, context):
            return False
        for condition in self.conditions:  # noqa: SIM110  # the hot path: no generator
            if not condition.holds(context):
                return False
        return True

    def _speaks_of(self, resource: str, context: Context) -> bool:
        if self.resources is None:
            return True
        if self.resources.matches(resource, context) is self.excludes_resources:
            return False
        # "All but what nobody can tell" is not everything: AWS voids a statement whose variable has no value.
        return not (self.excludes_resources and self.resources.unfilled(context))

    def reach(self, caller: Caller, *, has_boundary: bool) -> Reach:
        """Return how closely a statement of a resource's policy names a caller.

        Args:
            has_boundary: whether the caller has a permissions boundary: then a Deny with NotPrincipal spares nobody.
        """
        if self.principals is None:
            return Reach.CALLER
        if not self.excludes_principals:
            return self.principals.reach(caller)
        if self.is_allow:
            return Reach.CALLER if self.principals.reach(caller) is Reach.NONE else Reach.NONE
        if has_boundary and caller.type in {"User", "AssumedRole"}:
            return Reach.CALLER
        spared = self.principals.names_account_and_all_between(caller)
        return Reach.NONE if spared else Reach.CALLER

    def missing_keys(self, action: str, resource: str, context: Context) -> list[str]:
        """Return keys that this statement asks for, about this action and resource, and the request lacks."""
        if self.actions.matches(action, context) is self.excludes_actions:
            return []
        unfilled = self.resources.unfilled(context) if self.resources is not None else []
        if not unfilled and not self._speaks_of(resource, context):
            return []
        return (
            [variable.written for variable in unfilled]
            + [
                condition.written
                for condition in self.conditions
                if context.values(condition.key) is None
            ]
            + [
                variable.written
                for condition in self.conditions
                for variable in condition.variables
                if is_unfilled(variable, context)
            ]
        )

    def referred_keys(self) -> list[str]:
        """Return the condition keys and variables that this statement refers to, as written."""
        found: list[Variable] = [
            variable for condition in self.conditions for variable in condition.variables
        ]
        if self.resources is not None:
            found += self.resources.variables()
        return [condition.written for condition in self.conditions] + [
            variable.written for variable in found if variable.key
        ]
