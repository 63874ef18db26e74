"""Credentials of users: access keys, and long-term keys for one service."""

from dataclasses import asdict, dataclass, field, fields
from typing import Literal

from sqlalchemy import Connection, bindparam, delete, select, update

from outcrop.storage.database.tables.identities import (
    iam_access_keys,
    iam_last_used,
    iam_service_credentials,
)
from outcrop.storage.prepared import Prepared

KeyStatus = Literal["Active", "Inactive"]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key.

    Attributes:
        secret_sealed: the secret access key, sealed with the key's id as its context.
    """

    id: str
    user_id: str
    secret_sealed: bytes = field(repr=False)
    status: KeyStatus
    created_us: int


@dataclass(frozen=True, slots=True)
class ServiceCredential:
    """A key of a user for one service, such as a Bedrock API key.

    Attributes:
        service: such as "bedrock.amazonaws.com".
        alias: what the service shows in the place of the secret.
        secret_sha256: hex digest of the secret.
        expires_us: None for one that never expires.
    """

    id: str
    user_id: str
    service: str
    alias: str
    secret_sha256: str = field(repr=False)
    status: KeyStatus
    created_us: int
    expires_us: int | None


_KEY_COLUMNS = [iam_access_keys.c[item.name] for item in fields(AccessKey)]
_CREDENTIAL_COLUMNS = [iam_service_credentials.c[item.name] for item in fields(ServiceCredential)]
_CREDENTIAL_BY_SECRET = Prepared(
    select(*_CREDENTIAL_COLUMNS).where(
        iam_service_credentials.c.secret_sha256 == bindparam("secret_sha256")
    )
)


def insert_access_key(connection: Connection, key: AccessKey) -> None:
    """Add an access key."""
    connection.execute(iam_access_keys.insert().values(asdict(key)))


def access_key(connection: Connection, key_id: str) -> AccessKey | None:
    """Return an access key by its id."""
    query = select(*_KEY_COLUMNS).where(iam_access_keys.c.id == key_id)
    row = connection.execute(query).first()
    return None if row is None else AccessKey(*row)


def access_keys_of(connection: Connection, user_id: str) -> list[AccessKey]:
    """Return a user's access keys, the oldest first."""
    table = iam_access_keys
    query = (
        select(*_KEY_COLUMNS)
        .where(table.c.user_id == user_id)
        .order_by(table.c.created_us, table.c.id)
    )
    return [AccessKey(*row) for row in connection.execute(query)]


def set_access_key_status(connection: Connection, key_id: str, status: KeyStatus) -> None:
    """Switch an access key on or off."""
    table = iam_access_keys
    connection.execute(update(table).where(table.c.id == key_id).values(status=status))


def remove_access_key(connection: Connection, key_id: str) -> None:
    """Delete an access key."""
    connection.execute(delete(iam_access_keys).where(iam_access_keys.c.id == key_id))
    connection.execute(delete(iam_last_used).where(iam_last_used.c.id == key_id))


def insert_service_credential(connection: Connection, credential: ServiceCredential) -> None:
    """Add a service-specific credential."""
    connection.execute(iam_service_credentials.insert().values(asdict(credential)))


def replace_service_credential(connection: Connection, credential: ServiceCredential) -> None:
    """Write a service-specific credential anew under its id."""
    table = iam_service_credentials
    connection.execute(update(table).where(table.c.id == credential.id).values(asdict(credential)))


def service_credential(connection: Connection, credential_id: str) -> ServiceCredential | None:
    """Return a service-specific credential by its id."""
    query = select(*_CREDENTIAL_COLUMNS).where(iam_service_credentials.c.id == credential_id)
    row = connection.execute(query).first()
    return None if row is None else ServiceCredential(*row)


def service_credential_of_secret(
    connection: Connection, secret_sha256: str
) -> ServiceCredential | None:
    """Return the service-specific credential whose secret has this digest."""
    row = _CREDENTIAL_BY_SECRET.first(connection, secret_sha256=secret_sha256)
    return None if row is None else ServiceCredential(*row)


def service_credentials_of(connection: Connection, user_id: str) -> list[ServiceCredential]:
    """Return a user's service-specific credentials, or all users' for "", the oldest first."""
    table = iam_service_credentials
    query = select(*_CREDENTIAL_COLUMNS).order_by(table.c.created_us, table.c.id)
    if user_id:
        query = query.where(table.c.user_id == user_id)
    return [ServiceCredential(*row) for row in connection.execute(query)]


def remove_service_credential(connection: Connection, credential_id: str) -> None:
    """Delete a service-specific credential."""
    table = iam_service_credentials
    connection.execute(delete(table).where(table.c.id == credential_id))
