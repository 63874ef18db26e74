"""Who a policy of a resource speaks of: the Principal and NotPrincipal elements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

CallerType = Literal[
    "Account", "User", "AssumedRole", "FederatedUser", "AWSService", "Federated", "Anonymous"
]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as the Principal element of a policy can tell callers apart.

    Attributes:
        type: as `Principal.type`; also "Federated" for AssumeRoleWithWebIdentity and AssumeRoleWithSAML.
        arn: of the account root, the user, the role session ("…:assumed-role/ROLE/SESSION") or the federated user's
            session; for "AWSService" the service's name ("bedrock.amazonaws.com"); for "Federated" the provider's
            name or ARN; "" for anonymous callers.
        account_id: twelve digits; "" for services, providers and anonymous callers.
        issuer_arn: the role behind a role session (with its path), the user behind a federated user; else "".
        canonical_user_id: S3's name for the caller's account, where it has one.
    """

    type: CallerType
    arn: str
    account_id: str = ""
    issuer_arn: str = ""
    canonical_user_id: str = ""


class Reach(IntEnum):
    """How far an Allow of a resource's policy goes for a caller within its account.

    Attributes:
        NONE: it speaks of others.
        ACCOUNT: it names the caller's account: identity policies decide.
        ISSUER: it names the role behind the session: the boundary and the session policies still limit it.
        CALLER: it names the caller, or everybody: nothing limits it.
    """

    NONE = 0
    ACCOUNT = 1
    ISSUER = 2
    CALLER = 3


_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?", re.ASCII)
_AWS_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:iam::[0-9]{12}:(?:user|role)/[^*?\s]+"
    r"|sts::[0-9]{12}:(?:assumed-role/[^*?/\s]+/[^*?\s]+|federated-user/[^*?\s]+))",
    re.ASCII,
)
_UNIQUE_ID = re.compile(r"A[A-Z]{2}A[A-Z0-9]{12,124}", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)


def is_valid_principal(kind: str, value: str) -> bool:
    """Whether a value can be a principal of its kind; whether it exists is for others to know.

    Args:
        kind: "AWS", "Service", "Federated" or "CanonicalUser".
    """
    if kind == "AWS":
        return value == "*" or any(p.fullmatch(value) for p in (_ACCOUNT, _AWS_ARN, _UNIQUE_ID))
    if kind == "Service":
        return _SERVICE.fullmatch(value) is not None
    return bool(value) and "*" not in value


@dataclass(frozen=True, slots=True)
class PrincipalSet:
    """Principals of one element.

    Attributes:
        is_everyone: "*" or {"AWS": "*"}: everybody, services and anonymous callers included.
        accounts: ids of accounts named as such.
        arns: users, roles, sessions.
    """

    is_everyone: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    services: frozenset[str]
    providers: frozenset[str]
    canonical_users: frozenset[str]

    @classmethod
    def of(cls, named: Mapping[str, Sequence[str]]) -> PrincipalSet:
        """Return the set that valid principals make.

        Args:
            named: kind → values; {"AWS": ["*"]} for everybody.
        """
        aws = named.get("AWS", ())
        accounts = {value: _ACCOUNT.fullmatch(value) for value in aws}
        return cls(
            is_everyone="*" in aws,
            accounts=frozenset(match.group(1) for match in accounts.values() if match),
            arns=frozenset(value for value, match in accounts.items() if not match),
            services=frozenset(named.get("Service", ())),
            providers=frozenset(named.get("Federated", ())),
            canonical_users=frozenset(named.get("CanonicalUser", ())),
        )

    def reach(self, caller: Caller) -> Reach:
        """Return how closely the set names a caller."""
        if self.is_everyone:
            return Reach.CALLER
        if caller.type in {"AWSService", "Federated", "Anonymous"}:
            named = self.services if caller.type == "AWSService" else self.providers
            return Reach.CALLER if caller.arn and caller.arn in named else Reach.NONE
        if caller.arn in self.arns:
            return Reach.CALLER
        if caller.issuer_arn and caller.issuer_arn in self.arns:
            return Reach.ISSUER
        if not self._names_account(caller):
            return Reach.NONE
        return Reach.CALLER if caller.type == "Account" else Reach.ACCOUNT

    def names_account_and_all_between(self, caller: Caller) -> bool:
        """Whether NotPrincipal spares a caller from a Deny.

        AWS checks the account, then the role, then the session: each must be listed.
        """
        if caller.type in {"AWSService", "Federated", "Anonymous"} or self.is_everyone:
            return self.reach(caller) is not Reach.NONE
        chain = {caller.arn} if caller.type != "Account" else set()
        if caller.type == "AssumedRole":
            chain.add(caller.issuer_arn)
        return self._names_account(caller) and chain <= self.arns

    def _names_account(self, caller: Caller) -> bool:
        return (bool(caller.account_id) and caller.account_id in self.accounts) or (
            bool(caller.canonical_user_id) and caller.canonical_user_id in self.canonical_users
        )
