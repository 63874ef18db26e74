"""The rows of secrets: find, add, change, remove.

A secret whose recovery window is over counts as gone everywhere, also while its rows still wait to be removed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from outcrop.storage import tags
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.secrets import secret_stages, secret_versions, secrets
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret, columns as in tables/secrets.py."""

    arn: str
    region: str
    name: str
    description: str | None
    kms_key_id: str | None
    policy: str | None
    rotation_json: str | None
    created_us: int
    changed_us: int
    accessed_us: int | None
    deleted_us: int | None

    @property
    def rotation(self) -> dict[str, Any]:
        """Members of DescribeSecret that tell how it rotates; empty when nobody ever configured it."""
        rotation: dict[str, Any] = json.loads(self.rotation_json) if self.rotation_json else {}
        return rotation


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version, columns as in tables/secrets.py.

    Attributes:
        sealed: the value, under the service's own key or under the data key in `wrapped_key`.
    """

    secret_arn: str
    id: str
    kind: str
    sealed: bytes = field(repr=False)
    kms_key_id: str | None
    wrapped_key: bytes | None = field(repr=False)
    created_us: int
    accessed_us: int | None


_SECRET = [secrets.c[item.name] for item in fields(SecretRow)]
_VERSION = [secret_versions.c[item.name] for item in fields(VersionRow)]
_LIVES = or_(secrets.c.deleted_us.is_(None), secrets.c.deleted_us > bindparam("now_us"))
_BY_ARN = Prepared(select(*_SECRET).where(secrets.c.arn == bindparam("arn"), _LIVES))
_BY_NAME = Prepared(
    select(*_SECRET).where(
        secrets.c.region == bindparam("region"), secrets.c.name == bindparam("name"), _LIVES
    )
)
_IN_REGION = Prepared(select(*_SECRET).where(secrets.c.region == bindparam("region"), _LIVES))
_DUE = Prepared(select(secrets.c.arn).where(secrets.c.deleted_us <= bindparam("now_us")))
_VERSION_BY_ID = Prepared(
    select(*_VERSION).where(
        secret_versions.c.secret_arn == bindparam("arn"), secret_versions.c.id == bindparam("id")
    )
)
_VERSIONS = Prepared(
    select(*_VERSION)
    .where(secret_versions.c.secret_arn == bindparam("arn"))
    .order_by(secret_versions.c.created_us, secret_versions.c.id)
)
_STAGES = Prepared(
    select(secret_stages.c.stage, secret_stages.c.version_id)
    .where(secret_stages.c.secret_arn == bindparam("arn"))
    .order_by(secret_stages.c.stage)
)


def get(connection: Connection, arn: str, now_us: int) -> SecretRow | None:
    """Return the secret of this ARN."""
    row = _BY_ARN.first(connection, arn=arn, now_us=now_us)
    return None if row is None else SecretRow(*row)


def find(connection: Connection, region: str, *, name: str, now_us: int) -> SecretRow | None:
    """Return the secret of this name."""
    row = _BY_NAME.first(connection, region=region, name=name, now_us=now_us)
    return None if row is None else SecretRow(*row)


def all_of(connection: Connection, region: str, now_us: int) -> list[SecretRow]:
    """Return every secret of a region, also those that are scheduled for deletion."""
    return [SecretRow(*row) for row in _IN_REGION.all(connection, region=region, now_us=now_us)]


def version(connection: Connection, arn: str, version_id: str) -> VersionRow | None:
    """Return a version of a secret."""
    row = _VERSION_BY_ID.first(connection, arn=arn, id=version_id)
    return None if row is None else VersionRow(*row)


def versions(connection: Connection, arn: str) -> list[VersionRow]:
    """Return every version of a secret, the oldest first."""
    return [VersionRow(*row) for row in _VERSIONS.all(connection, arn=arn)]


def stages(connection: Connection, arn: str) -> dict[str, str]:
    """Return staging label → id of the version that it is on, by label in order."""
    return dict(_STAGES.all(connection, arn=arn))


def insert(connection: Connection, row: SecretRow) -> None:
    """Add a secret. The caller has checked its name in the same transaction."""
    connection.execute(
        secrets.insert().values({item.name: getattr(row, item.name) for item in fields(row)})
    )


def insert_version(connection: Connection, row: VersionRow) -> None:
    """Add a version. The caller has checked its id in the same transaction."""
    connection.execute(
        secret_versions.insert().values(
            {item.name: getattr(row, item.name) for item in fields(row)}
        )
    )


def change(connection: Connection, arn: str, **values: Any) -> None:
    """Set columns of a secret; one that is gone stays gone."""
    connection.execute(update(secrets).where(secrets.c.arn == arn).values(**values))


def change_version(connection: Connection, arn: str, version_id: str, **values: Any) -> None:
    """Set columns of a version."""
    connection.execute(
        update(secret_versions)
        .where(secret_versions.c.secret_arn == arn, secret_versions.c.id == version_id)
        .values(**values)
    )


def put_stages(connection: Connection, arn: str, labels: Mapping[str, str]) -> None:
    """Replace all staging labels of a secret with these: label → version id."""
    connection.execute(delete(secret_stages).where(secret_stages.c.secret_arn == arn))
    if labels:
        connection.execute(
            secret_stages.insert(),
            [
                {"secret_arn": arn, "stage": stage, "version_id": version_id}
                for stage, version_id in labels.items()
            ],
        )


def remove_versions(connection: Connection, arn: str, version_ids: Iterable[str]) -> None:
    """Delete versions, which carry no label any more."""
    connection.execute(
        delete(secret_versions).where(
            secret_versions.c.secret_arn == arn, secret_versions.c.id.in_(list(version_ids))
        )
    )


def remove(connection: Connection, arn: str) -> None:
    """Delete a secret with all that belongs to it."""
    tags.drop_all(connection, arn)
    connection.execute(delete(secret_stages).where(secret_stages.c.secret_arn == arn))
    connection.execute(delete(secret_versions).where(secret_versions.c.secret_arn == arn))
    connection.execute(delete(secrets).where(secrets.c.arn == arn))


def remove_due(connection: Connection, now_us: int) -> int:
    """Delete every secret whose recovery window is over, and return how many there were."""
    due = _DUE.all(connection, now_us=now_us)
    for (arn,) in due:
        remove(connection, arn)
    return len(due)


def sweep(database: Database, now_us: int) -> int:
    """Delete every secret whose recovery window is over. For the start of a server."""
    with database.read() as connection:
        if not _DUE.all(connection, now_us=now_us):
            return 0
    with database.write(durable=True) as connection:
        return remove_due(connection, now_us)
