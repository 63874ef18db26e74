"""May this principal make this call? The one place where permissions are decided.

For each need of an operation the policies that bear on it are gathered (of the identity, its boundary, the session,
the resource), together with the condition keys of the moment, and given to the evaluator. Every need must be allowed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from outcrop.aws.operation import Principal
from outcrop.identity.decisions import Decisions, Gathered, PoliciesOfPrincipal
from outcrop.identity.denials import denial, not_permitted_to_anyone
from outcrop.identity.permissions import NO_FACTS, Grant, Need, ResourceFacts, Scope
from outcrop.identity.policy import (
    Decision,
    DecisionKind,
    Policy,
    PolicyKind,
    ResourcePolicyMode,
    cached_policy,
)
from outcrop.identity.request_context import (
    Circumstances,
    Context,
    add_lowered,
    add_resource_keys,
    request_keys,
)
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
_WITH_ENCRYPTION_CONTEXT = frozenset(
    {
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyPair",
        "kms:GenerateDataKeyPairWithoutPlaintext",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    }
)
# Of these resources only tags are known, so that nothing need be looked up where no policy asks for tags.
_TAGS_ALONE = "arn:aws:bedrock:"
_IN_BUCKETS = "arn:aws:s3:::"


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


class _Nobody:
    """Attached to a principal: nothing."""

    identity: Sequence[tuple[str, Policy]] = ()
    boundary: Policy | None = None


_NOBODY = _Nobody()


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
        self._decisions = Decisions()

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
        return self._decide(need, principal, call, request_keys(call, principal))

    def require(self, need: Need, principal: Principal, call: Circumstances) -> None:
        """Let an operation go on that has found out, from what is stored, that it needs one thing more.

        Raises:
            ServiceError: as of `check`.
        """
        is_root = principal.type == "Account" and principal.account_id == self._account_id
        self._require([need], principal, call, is_root=is_root)

    def _require(
        self, needs: Sequence[Need], principal: Principal, call: Circumstances, *, is_root: bool
    ) -> None:
        common: Context | None = None
        for need in needs:
            if is_root and self._is_always_roots(need):
                continue
            if principal.type == "AWSService" and _is_own(need, principal):
                continue
            if common is None:
                common = request_keys(call, principal)
            decision = self._decide(need, principal, call, common)
            if not decision.allowed:
                raise denial(call.service, need, decision, principal)

    def _decide(
        self,
        need: Need,
        principal: Principal,
        call: Circumstances,
        common: Context,
    ) -> Decision:
        own = _NOBODY if self._policies is None else self._policies.policies_of(principal)
        gathered: Gathered | None = None
        facts: ResourceFacts | None = None
        if need.resource.startswith(_TAGS_ALONE):
            gathered = self._decisions.gather(own, principal)
            if not gathered.asks_tags(need.action):
                facts = NO_FACTS
        if facts is None:
            facts = self._facts(need.resource)
        if gathered is None:
            mode, resource = _resource_policy(need, facts, principal)
            gathered = self._decisions.gather(own, principal, resource, mode)
        context = dict(common)
        add_resource_keys(context, need.resource, facts, self._account_id)
        if principal.via and need.action.startswith("kms:"):
            context["kms:viaservice"] = f"{principal.via}.{call.region}.amazonaws.com"
        add_lowered(context, need.context)
        owner = context.get("aws:resourceaccount", self._account_id)
        decision = self._decisions.decide(
            gathered,
            (need.action, need.resource),
            principal,
            context,
            owner if isinstance(owner, str) else "",
        )
        if (
            decision.kind is DecisionKind.IMPLICIT_DENY
            and facts.grants
            and any(_covers(grant, need, principal) for grant in facts.grants)
        ):
            return Decision(DecisionKind.ALLOWED, need.action, PolicyKind.RESOURCE)
        return decision

    def _is_always_roots(self, need: Need) -> bool:
        """Whether nothing could keep the account root from what it asks for."""
        if need.action in _ALWAYS_ROOTS:
            return True
        resource = need.resource
        if resource.startswith(_IN_BUCKETS):
            # What is known of an object beyond its bucket allows more to others, and takes nothing from the root.
            resource = resource.partition("/")[0]
        return not self._facts(resource).policy and not _asks_trust_policy(need)

    def _facts(self, resource: str) -> ResourceFacts:
        if self._resources is None or resource == "*":
            return NO_FACTS
        return self._resources.facts(resource)

    def _finder(self, call: Circumstances) -> Callable[[str, str], str]:
        resources = self._resources

        def find(kind: str, identifier: str) -> str:
            if resources is None:
                return identifier
            return resources.find(call.service, kind, identifier, call.region)

        return find


def _bearing(principal: Principal) -> Need:
    key = {"bedrock:bearerTokenType": principal.bearer_token_type}
    return Need("bedrock:CallWithBearerToken", "*", key)


def _is_own(need: Need, principal: Principal) -> bool:
    """Whether a service asks for what is its own, which needs nobody's leave."""
    return principal.arn == f"{need.action.partition(':')[0]}.amazonaws.com"


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
    if need.action not in _WITH_ENCRYPTION_CONTEXT:
        return True  # constraints are on encryption contexts: API reference, GrantConstraints
    given = {
        key.removeprefix(_ENCRYPTION_CONTEXT): value
        for key, value in need.context.items()
        if key.startswith(_ENCRYPTION_CONTEXT)
    }
    equals, subset = grant.encryption_context_equals, grant.encryption_context_subset
    if equals is not None and given != dict(equals):
        return False
    return subset is None or all(given.get(key) == value for key, value in subset.items())
