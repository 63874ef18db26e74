"""Users, groups, roles, customer-managed policies and instance profiles: what has a name, a path and a unique id."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from outcrop.core.errors import OutcropError
from outcrop.storage.database.tables.identities import iam_entities as table
from outcrop.storage.database.tables.identities import iam_last_used, iam_tags
from outcrop.storage.prepared import Prepared

EntityKind = Literal["user", "group", "role", "policy", "instance-profile"]
ID_PREFIXES: Mapping[EntityKind, str] = {
    "user": "AIDA",
    "group": "AGPA",
    "role": "AROA",
    "policy": "ANPA",
    "instance-profile": "AIPA",
}


class NameTaken(OutcropError):
    """Another entity of this kind bears the name; names ignore case."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One row.

    Attributes:
        path: "/" or "/…/"; part of the ARN.
        boundary_arn: the managed policy that bounds a user or role, or None.
        detail: what only one kind has. Roles: description, trust, trust_ids, max_session_seconds. Policies:
            description, default_version, next_version, updated_us.
    """

    id: str
    kind: EntityKind
    name: str
    path: str
    arn: str
    created_us: int
    boundary_arn: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)  # JSON


_NAMES = [item.name for item in fields(Entity)]
_COLUMNS = [table.c["detail_json" if name == "detail" else name] for name in _NAMES]
_BY_NAME = Prepared(
    select(*_COLUMNS).where(
        table.c.kind == bindparam("kind"), table.c.name_key == bindparam("name_key")
    )
)
_BY_ID = Prepared(select(*_COLUMNS).where(table.c.id == bindparam("id")))
_BY_ARN = Prepared(select(*_COLUMNS).where(table.c.arn == bindparam("arn")))
_TAGS = Prepared(
    select(iam_tags.c.key, iam_tags.c.value)
    .where(iam_tags.c.owner_id == bindparam("id"))
    .order_by(iam_tags.c.key)
)
_LAST_USED = Prepared(
    select(iam_last_used.c.used_us, iam_last_used.c.region, iam_last_used.c.service).where(
        iam_last_used.c.id == bindparam("id")
    )
)


def of_row(row: Any) -> Entity:  # a row of the driver or of SQLAlchemy, with the columns of COLUMNS
    """Return the entity in a row of COLUMNS."""
    unique_id, kind, name, path, arn, created_us, boundary_arn, detail_json = row
    detail = json.loads(detail_json)
    return Entity(unique_id, kind, name, path, arn, created_us, boundary_arn, detail)


COLUMNS = tuple(_COLUMNS)


def by_name(connection: Connection, kind: EntityKind, name: str) -> Entity | None:
    """Return the entity of this kind and name, whatever the case of its letters."""
    row = _BY_NAME.first(connection, kind=kind, name_key=name.lower())
    return None if row is None else of_row(row)


def by_id(connection: Connection, unique_id: str) -> Entity | None:
    """Return the entity of this unique id."""
    row = _BY_ID.first(connection, id=unique_id)
    return None if row is None else of_row(row)


def by_arn(connection: Connection, arn: str) -> Entity | None:
    """Return the entity of this ARN."""
    row = _BY_ARN.first(connection, arn=arn)
    return None if row is None else of_row(row)


def insert(connection: Connection, entity: Entity) -> None:
    """Add an entity.

    Raises:
        NameTaken: another of its kind bears its name.
    """
    _raise_where_taken(connection, entity)
    connection.execute(table.insert().values(_values(entity)))


def replace(connection: Connection, entity: Entity) -> None:
    """Write an entity anew under its id.

    Raises:
        NameTaken: another of its kind bears its new name.
    """
    _raise_where_taken(connection, entity)
    try:
        connection.execute(update(table).where(table.c.id == entity.id).values(_values(entity)))
    except IntegrityError:
        raise NameTaken(entity.name) from None


def remove(connection: Connection, unique_id: str) -> None:
    """Delete an entity with all that belongs to it: policies, tags, memberships, keys."""
    connection.execute(delete(table).where(table.c.id == unique_id))
    connection.execute(delete(iam_last_used).where(iam_last_used.c.id == unique_id))


def page(
    connection: Connection, kind: EntityKind, path_prefix: str, after: str, limit: int
) -> list[Entity]:
    """Return entities in the order of their names.

    Args:
        kind: which.
        path_prefix: "/" for all.
        after: lower-case name of the last one already listed, or "".
        limit: how many at most.
    """
    query = (
        select(*_COLUMNS)
        .where(table.c.kind == kind, table.c.name_key > after)
        .order_by(table.c.name_key)
        .limit(limit)
    )
    if path_prefix != "/":
        query = query.where(func.substr(table.c.path, 1, len(path_prefix)) == path_prefix)
    return [of_row(row) for row in connection.execute(query)]


def count(connection: Connection, kind: EntityKind) -> int:
    """Return how many entities of a kind there are."""
    query = select(func.count()).select_from(table).where(table.c.kind == kind)
    return int(connection.execute(query).scalar_one())


def bounded_by(connection: Connection, policy_arn: str) -> list[Entity]:
    """Return the users and roles whose permissions boundary is this policy."""
    query = select(*_COLUMNS).where(table.c.boundary_arn == policy_arn).order_by(table.c.name_key)
    return [of_row(row) for row in connection.execute(query)]


def tags_of(connection: Connection, unique_id: str) -> dict[str, str]:
    """Return an entity's tags, by key in order."""
    return dict(_TAGS.all(connection, id=unique_id))


def put_tags(connection: Connection, unique_id: str, tags: Mapping[str, str]) -> None:
    """Set tags; a key that is there in any case of letters gets the new spelling and value."""
    if not tags:
        return
    drop_tags(connection, unique_id, list(tags))
    rows = [
        {"owner_id": unique_id, "key_key": key.lower(), "key": key, "value": value}
        for key, value in tags.items()
    ]
    connection.execute(iam_tags.insert(), rows)


def drop_tags(connection: Connection, unique_id: str, keys: list[str]) -> None:
    """Delete tags; a key that is not there is no error."""
    lowered = [key.lower() for key in keys]
    connection.execute(
        delete(iam_tags).where(iam_tags.c.owner_id == unique_id, iam_tags.c.key_key.in_(lowered))
    )


@dataclass(frozen=True, slots=True)
class LastUse:
    """When, where and for what a key or role was last used."""

    used_us: int
    region: str
    service: str


def last_use(connection: Connection, used_id: str) -> LastUse | None:
    """Return the last recorded use of an access key or role."""
    row = _LAST_USED.first(connection, id=used_id)
    return None if row is None else LastUse(*row)


def record_use(connection: Connection, used_id: str, use: LastUse) -> None:
    """Remember a use; the caller sees to it that this happens now and then, not on every call."""
    connection.execute(delete(iam_last_used).where(iam_last_used.c.id == used_id))
    connection.execute(
        iam_last_used.insert().values(
            id=used_id, used_us=use.used_us, region=use.region, service=use.service
        )
    )


def _values(entity: Entity) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(entity, name) for name in _NAMES if name != "detail"}
    values["name_key"] = entity.name.lower()
    values["detail_json"] = json.dumps(entity.detail)
    return values


def _raise_where_taken(connection: Connection, entity: Entity) -> None:
    query = select(table.c.id).where(
        table.c.id != entity.id,
        or_(
            (table.c.kind == entity.kind) & (table.c.name_key == entity.name.lower()),
            table.c.arn == entity.arn,
        ),
    )
    if connection.execute(query).first() is not None:
        raise NameTaken(entity.name)
