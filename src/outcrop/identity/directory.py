"""Who there is and what they may: users, roles and sessions as decisions need to know them.

Everything is remembered until the next change of any identity, so that asking costs a look-up; whoever was deleted,
switched off or detached is noticed by the very next call.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection

from outcrop.aws.operation import Principal
from outcrop.core.errors import OutcropError
from outcrop.identity.attached_policies import (
    boundary_of,
    managed_document,
    present_trust,
    sources_of,
)
from outcrop.identity.key_uses import KeyUses
from outcrop.identity.managed_policies import managed_policies
from outcrop.identity.policy import (
    Caller,
    DecisionKind,
    Policies,
    Policy,
    PolicyKind,
    Request,
    ResourcePolicyMode,
    cached_policy,
    decide,
)
from outcrop.identity.session_policies import merged_session_policies
from outcrop.identity.sessions import Session, SessionTokens, TokenInvalid
from outcrop.storage.identities import Entity, IdentityStore, entities, keys
from outcrop.storage.service_keys import ServiceKeys

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
_REMEMBERED = 4096
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


class RoleNotAssumable(OutcropError):
    """A service may not act as a role; the message says why."""


@dataclass(frozen=True, slots=True)
class PrincipalPolicies:
    """What a principal may by itself.

    Attributes:
        identity: (name, policy) of all that is attached to it and to its groups.
        boundary: its permissions boundary.
    """

    identity: tuple[tuple[str, Policy], ...] = ()
    boundary: Policy | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A key that may sign requests.

    Attributes:
        session_token: what must come with it; "" for long-term keys.
        expires: when it ends; None for long-term keys.
    """

    access_key_id: str
    secret: str = field(repr=False)
    principal: Principal
    session_token: str = field(default="", repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role as decisions need it.

    Attributes:
        arn: with its path.
        trust: its trust policy as it reads today: principals that are gone stand there as unique ids.
    """

    id: str
    name: str
    arn: str
    trust: str
    max_session_seconds: int
    tags: Mapping[str, str]


NO_POLICIES = PrincipalPolicies()


class _Remembered:
    """What was looked up since the last change."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.policies: dict[tuple[str, str], PrincipalPolicies] = {}
        self.roles: dict[str, Role | None] = {}
        self.credentials: dict[tuple[str, str], Credential] = {}
        self.api_keys: dict[str, tuple[Principal, int | None]] = {}


class Directory:
    """Answers who a key belongs to and what a principal may.

    Args:
        identities: the tables.
        service_keys: open secrets and session tokens.
        account_id: the one account.

    Attributes:
        tokens: of sessions.
        uses: of keys and roles.
    """

    def __init__(
        self, identities: IdentityStore, service_keys: ServiceKeys, account_id: str
    ) -> None:
        self.identities = identities
        self.tokens = SessionTokens(service_keys, account_id)
        self.account_id = account_id
        self._service_keys = service_keys
        self._remembered = _Remembered(identities.generation)
        self.uses = KeyUses(identities.database)

    @property
    def root_arn(self) -> str:
        """The account's root identity."""
        return f"arn:aws:iam::{self.account_id}:root"

    def policies_of(self, principal: Principal) -> PrincipalPolicies:
        """Return a principal's own policies; its session policies are in the principal itself.

        The root, services, anonymous callers and whoever is no longer there have none.
        """
        if principal.type == "FederatedUser":
            if not principal.session_policies:
                return (
                    NO_POLICIES  # AWS: without session policies only resources' policies let it in
                )
            arn, unique_id = principal.federated_by, ""
        elif principal.type == "AssumedRole":
            arn, unique_id = principal.role_arn, principal.principal_id.partition(":")[0]
        elif principal.type == "User":
            arn, unique_id = principal.arn, principal.principal_id
        else:
            return NO_POLICIES
        remembered = self._current()
        found = remembered.policies.get((arn, unique_id))
        if found is None:
            found = self._load_policies(arn, unique_id)
            _keep(remembered.policies, (arn, unique_id), found)
        return found

    def credential(self, access_key_id: str, session_token: str = "") -> Credential | None:
        """Return the credential of an access key, or None for one that is unknown, off, or not this token's.

        Args:
            access_key_id: "AKIA…" of a user (the root's key is the credential store's), or "ASIA…".
            session_token: what came with a temporary key.
        """
        remembered = self._current()
        found = remembered.credentials.get((access_key_id, session_token))
        if found is None:
            if access_key_id.startswith("ASIA"):
                found = self._temporary(access_key_id, session_token)
            elif access_key_id.isalnum() and not session_token:
                found = self._long_term(access_key_id)
            if found is not None:
                _keep(remembered.credentials, (access_key_id, session_token), found)
        return found

    def owner_of_service_credential(
        self, secret: str, service: str, now: datetime
    ) -> Principal | None:
        """Return the user whom a service-specific credential stands for, or None where it is unknown or over."""
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        remembered = self._current()
        found = remembered.api_keys.get(digest)
        if found is None:
            reader = self.identities.database.reader
            row = keys.service_credential_of_secret(reader, digest)
            if row is None or row.status != "Active" or row.service != service:
                return None
            user = entities.by_id(reader, row.user_id)
            assert user is not None, "keys are deleted with their user"
            found = self._user(reader, user, row.id), row.expires_us
            _keep(remembered.api_keys, digest, found)
        principal, expires_us = found
        return None if expires_us is not None and now.timestamp() * 1e6 >= expires_us else principal

    def role(self, arn: str) -> Role | None:
        """Return the role of an ARN."""
        remembered = self._current()
        if arn not in remembered.roles:
            reader = self.identities.database.reader
            entity = entities.by_arn(reader, arn)
            is_role = entity is not None and entity.kind == "role"
            _keep(remembered.roles, arn, self._role(reader, entity) if entity and is_role else None)
        return remembered.roles.get(arn)

    def role_session(self, role: Role, session: Session, access_key_id: str) -> Principal:
        """Return the principal of a role session."""
        return Principal(
            type="AssumedRole",
            arn=f"arn:aws:sts::{self.account_id}:assumed-role/{role.name}/{session.name}",
            account_id=self.account_id,
            access_key_id=access_key_id,
            principal_id=f"{role.id}:{session.name}",
            role_arn=role.arn,
            session_policies=self._session_policies(session),
            tags=_overlaid(role.tags, session.tags),
            source_identity=session.source_identity,
            session_issued_at=session.issued_at,
            transitive_tag_keys=session.transitive_tag_keys,
        )

    def assume_for_service(
        self,
        role_arn: str,
        service: str,
        *,
        source_arn: str,
        source_account: str,
        session_name: str,
    ) -> Principal:
        """Return the session in which an AWS service acts as a role, if the role's trust policy lets it.

        Args:
            role_arn: the role.
            service: such as "bedrock.amazonaws.com".
            source_arn: the resource on whose behalf the service acts: aws:SourceArn.
            source_account: whose resource that is: aws:SourceAccount.
            session_name: of the session, as it shows in ARNs and records.

        Raises:
            RoleNotAssumable: there is no such role, or its trust policy does not let the service assume it.
        """
        role = self.role(role_arn)
        if role is None:
            raise RoleNotAssumable(f"The role {role_arn} does not exist")
        trust = Policies(
            resource=cached_policy(role.trust, PolicyKind.TRUST), mode=ResourcePolicyMode.TRUST
        )
        for name in _names_of(service, source_arn):
            request = Request(
                action="sts:AssumeRole",
                resource=role_arn,
                caller=Caller("AWSService", name),
                context={
                    "aws:SourceArn": source_arn,
                    "aws:SourceAccount": source_account,
                    "aws:PrincipalIsAWSService": "true",
                    "aws:PrincipalServiceName": name,
                    "sts:RoleSessionName": session_name,
                },
                resource_account=self.account_id,
            )
            decision = decide(request, trust)
            if decision.kind is not DecisionKind.IMPLICIT_DENY:
                break
        if not decision.allowed:
            raise RoleNotAssumable(
                f"{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn} "
                f"{decision.reason_phrase}"
            )
        now = datetime.now(UTC)
        now_us = int(now.timestamp() * 1e6)
        session = Session("role", role.id, now_us, now_us, name=session_name)
        return self.role_session(role, session, "")

    def _current(self) -> _Remembered:
        generation = self.identities.generation
        if self._remembered.generation != generation:
            self._remembered = _Remembered(generation)
        return self._remembered

    def _load_policies(self, arn: str, unique_id: str) -> PrincipalPolicies:
        reader = self.identities.database.reader
        if arn == self.root_arn:
            # Only a federated user of the root comes here: it may all that its session policies leave.
            text = managed_policies()[_ADMINISTRATOR].document
            return PrincipalPolicies((("root", cached_policy(text)),))
        entity = entities.by_arn(reader, arn)
        if entity is None or (unique_id and entity.id != unique_id):
            return NO_POLICIES  # deleted, and perhaps made anew as somebody else
        sources = sources_of(reader, entity)
        return PrincipalPolicies(
            tuple((source.name, source.policy) for source in sources),
            boundary_of(reader, entity),
        )

    def _long_term(self, access_key_id: str) -> Credential | None:
        reader = self.identities.database.reader
        key = keys.access_key(reader, access_key_id)
        if key is None or key.status != "Active":
            return None
        user = entities.by_id(reader, key.user_id)
        assert user is not None, "keys are deleted with their user"
        secret = self.open_secret(key)
        return Credential(access_key_id, secret, self._user(reader, user, access_key_id))

    def open_secret(self, key: keys.AccessKey) -> str:
        """Return the secret of an access key."""
        return self._service_keys.open("iam", key.secret_sealed, key.id.encode()).decode()

    def seal_secret(self, access_key_id: str, secret: str) -> bytes:
        """Seal the secret of an access key for the database."""
        return self._service_keys.seal("iam", secret.encode(), access_key_id.encode())

    def _temporary(self, access_key_id: str, session_token: str) -> Credential | None:
        try:
            session, secret = self.tokens.open(access_key_id, session_token)
        except TokenInvalid:
            return None
        principal = self._holder(session, access_key_id)
        if principal is None:
            return None
        return Credential(access_key_id, secret, principal, session_token, session.expires_at)

    def _holder(self, session: Session, access_key_id: str) -> Principal | None:
        """Return who a session is; None when its role or user is gone."""
        reader = self.identities.database.reader
        entity = entities.by_id(reader, session.holder_id) if session.holder_id else None
        if session.kind == "role":
            if entity is None:
                return None
            return self.role_session(self._role(reader, entity), session, access_key_id)
        if entity is None and session.holder_id:
            return None
        if session.kind == "federated":
            return Principal(
                type="FederatedUser",
                arn=f"arn:aws:sts::{self.account_id}:federated-user/{session.name}",
                account_id=self.account_id,
                access_key_id=access_key_id,
                principal_id=f"{self.account_id}:{session.name}",
                session_policies=self._session_policies(session),
                tags=session.tags,
                session_issued_at=session.issued_at,
                federated_by=self.root_arn if entity is None else entity.arn,
            )
        if entity is not None:
            return self._user(reader, entity, access_key_id, session.issued_at)
        return Principal(
            type="Account",
            arn=self.root_arn,
            account_id=self.account_id,
            access_key_id=access_key_id,
            principal_id=self.account_id,
            session_issued_at=session.issued_at,
        )

    def _user(
        self,
        connection: Connection,
        user: Entity,
        access_key_id: str,
        session_issued_at: datetime | None = None,
    ) -> Principal:
        return Principal(
            type="User",
            arn=user.arn,
            account_id=self.account_id,
            access_key_id=access_key_id,
            principal_id=user.id,
            tags=entities.tags_of(connection, user.id),
            session_issued_at=session_issued_at,
        )

    def _role(self, connection: Connection, entity: Entity) -> Role:
        return Role(
            id=entity.id,
            name=entity.name,
            arn=entity.arn,
            trust=present_trust(connection, entity),
            max_session_seconds=entity.detail["max_session_seconds"],
            tags=entities.tags_of(connection, entity.id),
        )

    def _session_policies(self, session: Session) -> tuple[str, ...]:
        if not (session.policy or session.policy_arns):
            return ()
        reader = self.identities.database.reader
        texts = [session.policy] if session.policy else []
        texts += [
            text
            for arn in session.policy_arns
            if (text := managed_document(reader, arn)) is not None
        ]
        return (merged_session_policies(texts),)


def _names_of(service: str, source_arn: str) -> tuple[str, ...]:
    """Return the names by which trust policies know a service: the global one and, as SAM writes it, a region's."""
    parts = source_arn.split(":")
    region = parts[3] if len(parts) > 3 else ""
    if not region:
        return (service,)
    return service, service.replace(".amazonaws.com", f".{region}.amazonaws.com")


def _keep(kept: dict[KeyT, ValueT], key: KeyT, value: ValueT) -> None:
    if len(kept) >= _REMEMBERED:
        kept.clear()
    kept[key] = value


def _overlaid(tags: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    """Return tags with others laid over them; keys ignore case."""
    if not over:
        return dict(tags)
    names = {key.lower() for key in over}
    return {key: value for key, value in tags.items() if key.lower() not in names} | dict(over)
