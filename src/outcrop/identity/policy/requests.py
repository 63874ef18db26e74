"""What a decision is made of, and what it says: requests, the policies that apply to them, decisions.

These are plain facts. Whoever asks (the gateway, STS, a simulation) collects them; nothing here reads a database,
a clock or a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from outcrop.identity.policy.documents import Policy, PolicyKind
from outcrop.identity.policy.patterns import ConditionValues
from outcrop.identity.policy.principals import Caller

__all__ = [
    "Caller",
    "ConditionValues",
    "Decision",
    "DecisionKind",
    "MatchedStatement",
    "Policies",
    "Request",
    "ResourcePolicyMode",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may this caller do this to that?

    Attributes:
        action: such as "s3:GetObject"; its case does not matter.
        resource: an ARN, or "*" for actions that know no resources.
        context: condition keys (their case does not matter) and what the request has for them: a string, or several
            for multivalued keys. Leave out what a request does not have. Booleans are "true" and "false", dates
            ISO 8601 or seconds since 1970, blobs base64.
        resource_account: who owns the resource; "" where it is of the caller's own account.
    """

    action: str
    resource: str
    caller: Caller
    context: Mapping[str, ConditionValues] = field(default_factory=dict)
    resource_account: str = ""


class ResourcePolicyMode(Enum):
    """What a resource's own policy is worth.

    Attributes:
        STANDARD: within one account it and the identity policies add up (S3, Secrets Manager, Lambda, …).
        KEY: a KMS key's policy: it must allow; naming the account hands the question on to identity policies.
        TRUST: a role's trust policy: the same, in its own words.
    """

    STANDARD = "standard"
    KEY = "key"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies that bear on a request.

    Attributes:
        identity: (name, policy) of all that is attached to the user or role and to the user's groups, inline or
            managed; the name is what a decision quotes.
        boundary: the permissions boundary of the user or role.
        sessions: session policies; each of them must allow. None given means that the session has none.
        resource: the policy of the resource, of the role in `TRUST` mode, of the key in `KEY` mode.
    """

    identity: Sequence[tuple[str, Policy]] = ()
    boundary: Policy | None = None
    sessions: Sequence[Policy] = ()
    resource: Policy | None = None
    mode: ResourcePolicyMode = ResourcePolicyMode.STANDARD


class DecisionKind(Enum):
    """The three outcomes; the values are those of IAM's EvalDecision."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement that contributed to a decision.

    Attributes:
        policy_kind: in which role its policy took part.
        policy_name: the name given in `Policies.identity`; "" for the others.
        sid: its Sid, "" for none.
        index: its place in the policy, from 0.
    """

    policy_kind: PolicyKind
    policy_name: str
    sid: str
    index: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request may go on, and why.

    Attributes:
        action: as asked.
        decided_by: the kind of policy that denied, or whose Allow sufficed; None where the account root needed none.
        statements: the denying statements of an explicit deny; else the Allow statements that matched, also where
            they did not suffice.
        missing_context_keys: of an implicit deny: keys, as written, that conditions or variables of statements about
            this action and resource asked for and the request does not have.
    """

    kind: DecisionKind
    action: str
    decided_by: PolicyKind | None = None
    statements: tuple[MatchedStatement, ...] = ()
    missing_context_keys: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.kind is DecisionKind.ALLOWED

    @property
    def reason_phrase(self) -> str:
        """How AWS ends the AccessDenied message: "because no …" or "with an explicit deny in …"; "" if allowed."""
        if self.kind is DecisionKind.ALLOWED or self.decided_by is None:
            return ""
        noun = self.decided_by.value
        if self.kind is DecisionKind.IMPLICIT_DENY:
            return f"because no {noun} allows the {self.action} action"
        if self.decided_by is PolicyKind.TRUST:
            return f"with an explicit deny in the {noun}"
        return f"with an explicit deny in {'an' if noun[0] in 'aeiou' else 'a'} {noun}"
