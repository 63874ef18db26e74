"""May this principal make this call? The one place where permissions are decided.

For each need of an operation the policies that bear on it are gathered (of the identity, its boundary, the session,
the resource), together with the condition keys of the moment, and given to the evaluator. Every need must be allowed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from outcrop.aws.operation import Principal
from outcrop.identity.denials import denial, not_permitted_to_anyone
from outcrop.identity.permissions import NO_FACTS, Grant, Need, ResourceFacts, Scope
from outcrop.identity.policy import (
    Caller,
    Decision,
    DecisionKind,
    Policies,
    Policy,
    PolicyKind,
    Request,
    ResourcePolicyMode,
    cached_policy,
    decide,
)
from outcrop.identity.request_context import Circumstances, Context, request_keys, resource_keys
from outcrop.identity.rules import Rules

# Resources of these services carry no policies, so that there is nothing that could deny the account root.
_WITHOUT_RESOURCE_POLICIES = frozenset(
    {
        "bedrock",
        "bedrock-runtime",
        "cloudtrail",
        "cloudwatch",
        "iam",
        "service-quotas",
    }
)
_TRUST_ACTIONS = frozenset(
    {
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:SetSourceIdentity",
        "sts:TagSession",
    }
)
# S3 User Guide, "Bucket policies": the root can always take back a policy that locks everybody out.
_ALWAYS_ROOTS = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
_ENCRYPTION_CONTEXT = "kms:EncryptionContext:"


class PoliciesOfPrincipal(Protocol):
    """What is attached to a principal."""

    @property
    def identity(self) -> Sequence[tuple[str, Policy]]:
        """Named policies of the identity and its groups."""

    @property
    def boundary(self) -> Policy | None:
        """The permissions boundary."""


class PolicySource(Protocol):
    """Knows what principals may."""

    def policies_of(self, principal: Principal) -> PoliciesOfPrincipal:
        """Return a principal's own policies."""


class Resources(Protocol):
    """Knows the resources of all services."""

    def find(self, service: str, kind: str, identifier: str, region: str) -> str:
        """Return the ARN of what a request names."""

    def facts(self, arn: str) -> ResourceFacts:
        """Return what decisions need to know of a resource."""


class Authorizer:
    """Decides calls.

    Args:
        account_id: the one account.
        rules: what operations need; an operation without a rule is the root's alone.
        policies: of principals; None where there is nobody but the root.
        resources: of all services; None where there are none with policies, tags or names.
    """

    def __init__(
        self,
        account_id: str,
        rules: Rules,
        policies: PolicySource | None = None,
        resources: Resources | None = None,
    ) -> None:
        self._account_id = account_id
        self._rules = rules
        self._policies = policies
        self._resources = resources

    def check(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        principal: Principal,
        call: Circumstances,
    ) -> None:
        """Let a call pass.

        Args:
            operation: AWS's name, of the service named in `call`.
            parameters: the parsed request.
            principal: who calls.
            call: its circumstances.

        Raises:
            ServiceError: the service's "access denied", naming the action, the resource and the reason.
        """
        service = call.service
        is_root = principal.type == "Account" and principal.account_id == self._account_id
        if is_root and service in _WITHOUT_RESOURCE_POLICIES:
            return
        rule = self._rules.get((service, operation))
        if rule is None:
            if is_root:
                return
            raise not_permitted_to_anyone(service, operation, principal)
        scope = Scope(
            call.region, self._account_id, principal, self._finder(call), headers=call.headers
        )
        needs = rule(parameters, scope)
        if principal.bearer_token_type:
            needs = [_bearing(principal), *needs]
        self._require(needs, principal, call, is_root=is_root)

    def decide(self, need: Need, principal: Principal, call: Circumstances) -> Decision:
        """Return the decision on one need, for those who ask before they act."""
        caller = _caller(principal)
        return self._decide(
            need, self._facts(need), principal, caller, request_keys(call, principal)
        )

    def _require(
        self, needs: Sequence[Need], principal: Principal, call: Circumstances, *, is_root: bool
    ) -> None:
        caller = _caller(principal)
        common: Context | None = None
        for need in needs:
            facts = self._facts(need)
            if is_root and (
                need.action in _ALWAYS_ROOTS or (not facts.policy and not _asks_trust_policy(need))
            ):
                continue
            if common is None:
                common = request_keys(call, principal)
            decision = self._decide(need, facts, principal, caller, common)
            if not decision.allowed:
                raise denial(call.service, need, decision, principal)

    def _decide(
        self,
        need: Need,
        facts: ResourceFacts,
        principal: Principal,
        caller: Caller,
        common: Context,
    ) -> Decision:
        context = {**common, **resource_keys(need.resource, facts, self._account_id)}
        if principal.via and need.action.startswith("kms:"):
            region = common["aws:RequestedRegion"]
            context["kms:ViaService"] = f"{principal.via}.{region}.amazonaws.com"
        context.update(need.context)
        owner = context.get("aws:ResourceAccount", self._account_id)
        request = Request(
            need.action,
            need.resource,
            caller,
            context,
            resource_account=owner if isinstance(owner, str) else "",
        )
        decision = decide(request, self._gather(need, facts, principal))
        if (
            decision.kind is DecisionKind.IMPLICIT_DENY
            and facts.grants
            and any(_covers(grant, need, principal) for grant in facts.grants)
        ):
            return Decision(DecisionKind.ALLOWED, need.action, PolicyKind.RESOURCE)
        return decision

    def _gather(self, need: Need, facts: ResourceFacts, principal: Principal) -> Policies:
        mode, resource = _resource_policy(need, facts, principal)
        sessions = tuple(
            cached_policy(text, PolicyKind.SESSION) for text in principal.session_policies
        )
        if self._policies is None:
            return Policies(sessions=sessions, resource=resource, mode=mode)
        own = self._policies.policies_of(principal)
        return Policies(own.identity, own.boundary, sessions, resource, mode)

    def _facts(self, need: Need) -> ResourceFacts:
        if self._resources is None or need.resource == "*":
            return NO_FACTS
        return self._resources.facts(need.resource)

    def _finder(self, call: Circumstances) -> Any:  # a closure: (kind, identifier) → ARN
        resources = self._resources

        def find(kind: str, identifier: str) -> str:
            if resources is None:
                return identifier
            return resources.find(call.service, kind, identifier, call.region)

        return find


def _caller(principal: Principal) -> Caller:
    return Caller(
        principal.type,
        principal.arn,
        "" if principal.type == "AWSService" else principal.account_id,
        issuer_arn=principal.role_arn or principal.federated_by,
    )


def _bearing(principal: Principal) -> Need:
    key = {"bedrock:bearerTokenType": principal.bearer_token_type}
    return Need("bedrock:CallWithBearerToken", "*", key)


def _asks_trust_policy(need: Need) -> bool:
    return need.action in _TRUST_ACTIONS and ":role/" in need.resource


def _resource_policy(
    need: Need, facts: ResourceFacts, principal: Principal
) -> tuple[ResourcePolicyMode, Policy | None]:
    """Return a resource's policy as far as it counts for this caller, and what it is worth."""
    if _asks_trust_policy(need):
        trust = cached_policy(facts.policy, PolicyKind.TRUST) if facts.policy else None
        return ResourcePolicyMode.TRUST, trust
    is_standard = not need.action.startswith("kms:")
    if not facts.policy or need.resource.startswith("arn:aws:iam:"):
        # A role's trust policy says nothing about who may change the role. A key without a policy is no key: who
        # may ask about it by their own policies is told so by the operation.
        return ResourcePolicyMode.STANDARD, None
    if facts.blocks_public_access and principal.type == "Anonymous":
        # A policy that lets everybody in counts for the account's own identities and for services alone.
        return ResourcePolicyMode.STANDARD, None
    mode = ResourcePolicyMode.STANDARD if is_standard else ResourcePolicyMode.KEY
    return mode, cached_policy(facts.policy, PolicyKind.RESOURCE)


def _covers(grant: Grant, need: Need, principal: Principal) -> bool:
    """Whether a KMS grant allows a need to a principal."""
    if need.action not in grant.actions:
        return False
    if grant.grantee not in {principal.arn, principal.role_arn}:
        return False
    given = {
        key.removeprefix(_ENCRYPTION_CONTEXT): value
        for key, value in need.context.items()
        if key.startswith(_ENCRYPTION_CONTEXT)
    }
    equals, subset = grant.encryption_context_equals, grant.encryption_context_subset
    if equals is not None and given != dict(equals):
        return False
    return subset is None or all(given.get(key) == value for key, value in subset.items())
