"""Policy documents: JSON text becomes a checked, compiled `Policy`, or a `PolicyError` in AWS's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from outcrop.core.errors import OutcropError


class PolicyError(OutcropError):
    """A document is not a valid policy; the message is that of AWS's MalformedPolicyDocument."""


class PolicyKind(Enum):
    """What a policy is attached to; decides which elements it must and must not have.

    The values are the nouns of AWS's AccessDenied messages.
    """

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy, ready to be asked.

    Attributes:
        text: the document as it was written.
        version: "2012-10-17" or "2008-10-17"; only the former knows variables.
        id: its Id element, "" for none.
    """

    text: str
    kind: PolicyKind
    version: str
    id: str = ""


def parse_policy(
    document: str | bytes | Mapping[str, Any], kind: PolicyKind = PolicyKind.IDENTITY
) -> Policy:
    """Return the policy that a document spells.

    Sizes are the caller's to limit: they differ between services.

    Raises:
        PolicyError: not JSON, not a policy, or not one of this kind.
    """
    raise NotImplementedError


def cached_policy(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> Policy:
    """Return `parse_policy(text, kind)`, made once per text; for policies that are stored."""
    raise NotImplementedError
