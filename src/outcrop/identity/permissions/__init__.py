"""What each operation asks of its caller: the one hand-written map from operations to permissions.

AWS publishes no machine-readable map from an operation to the actions, resources and condition keys that are
evaluated for it, so each service has a module here, named as botocore names the service (with "_" for "-"), whose
`NEEDS` maps every operation that is built to a rule. A rule looks at the parsed request and returns all that the
caller needs; each of the needs must be allowed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from outcrop.aws.operation import Principal

ConditionValues = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that a call depends on.

    Attributes:
        action: such as "s3:GetObject".
        resource: an ARN, or "*" for actions that know no resources.
        context: condition keys of this action for this request, such as {"s3:prefix": "logs/"}; those that hold for
            every request (aws:SourceIp, aws:PrincipalArn, …) and those of the resource (tags) are added later.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, ConditionValues] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and by whom an operation is called.

    Attributes:
        find: (kind, identifier) → ARN of a resource of the called service; an ARN comes back as it is, a name that
            nothing bears becomes the ARN that it would have.
    """

    region: str
    account_id: str
    principal: Principal
    find: Callable[[str, str], str]
    headers: Mapping[str, str] = field(default_factory=dict)


Rule = Callable[[Mapping[str, Any], Scope], Sequence[Need]]


@dataclass(frozen=True, slots=True)
class Grant:
    """A KMS grant as far as decisions go.

    Attributes:
        grantee: ARN of the principal that may.
        actions: such as "kms:Decrypt".
        encryption_context_equals: pairs that the request's encryption context must be, or None.
        encryption_context_subset: pairs that it must contain, or None.
    """

    grantee: str
    actions: frozenset[str]
    encryption_context_equals: Mapping[str, str] | None = None
    encryption_context_subset: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """What decisions need to know of a resource.

    Attributes:
        policy: JSON of the policy attached to it, "" for none.
        tags: its tags, for aws:ResourceTag.
        context: further condition keys that it brings.
        grants: KMS grants on it.
        blocks_public_access: whether a policy that lets everybody in is disregarded.
    """

    policy: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, ConditionValues] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    blocks_public_access: bool = False


NO_FACTS = ResourceFacts()
