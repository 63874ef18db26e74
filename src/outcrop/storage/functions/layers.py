"""The rows of layers: every version stands for itself, and its number is never used again."""

import json
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from outcrop.storage.database.tables.functions import function_layers, function_versions
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A version of a layer, columns as in tables/functions.py."""

    arn: str
    region: str
    name: str
    version: int
    settings_json: str
    package_id: str | None
    created_us: int
    deleted_us: int | None

    @property
    def settings(self) -> dict[str, Any]:
        """By the wire's names of members."""
        settings: dict[str, Any] = json.loads(self.settings_json)
        return settings


_COLUMNS = [function_layers.c[item.name] for item in fields(LayerRow)]
_BY_ARN = Prepared(select(*_COLUMNS).where(function_layers.c.arn == bindparam("arn")))
_VERSIONS = Prepared(
    select(*_COLUMNS)
    .where(
        function_layers.c.region == bindparam("region"),
        function_layers.c.name == bindparam("name"),
        function_layers.c.deleted_us.is_(None),
    )
    .order_by(function_layers.c.version.desc())
)
_IN_REGION = Prepared(
    select(*_COLUMNS)
    .where(function_layers.c.region == bindparam("region"), function_layers.c.deleted_us.is_(None))
    .order_by(function_layers.c.name, function_layers.c.version.desc())
)


def get(connection: Connection, arn: str) -> LayerRow | None:
    """Return the version of a layer of an ARN with a version."""
    row = get_even_deleted(connection, arn)
    return None if row is None or row.deleted_us is not None else row


def get_even_deleted(connection: Connection, arn: str) -> LayerRow | None:
    """Return a version of a layer also where it was deleted: functions that have it keep it."""
    row = _BY_ARN.first(connection, arn=arn)
    return None if row is None else LayerRow(*row)


def versions(connection: Connection, region: str, name: str) -> list[LayerRow]:
    """Return the versions of a layer, the newest first."""
    return [LayerRow(*row) for row in _VERSIONS.all(connection, region=region, name=name)]


def all_of(connection: Connection, region: str) -> list[LayerRow]:
    """Return every version of every layer of a region, by name, the newest first."""
    return [LayerRow(*row) for row in _IN_REGION.all(connection, region=region)]


def next_version(connection: Connection, region: str, name: str) -> int:
    """Return the number that the next version of a layer gets."""
    newest = connection.execute(
        select(func.max(function_layers.c.version)).where(
            function_layers.c.region == region, function_layers.c.name == name
        )
    ).scalar()
    return 1 if newest is None else int(newest) + 1


def insert(connection: Connection, row: LayerRow) -> None:
    """Add a version of a layer."""
    connection.execute(
        function_layers.insert().values(
            {item.name: getattr(row, item.name) for item in fields(row)}
        )
    )


def mark_deleted(connection: Connection, arn: str, now_us: int) -> str | None:
    """Delete a version of a layer; return its package where no function has it any more."""
    row = get(connection, arn)
    if row is None:
        return None
    is_used = (
        connection.execute(
            select(function_versions.c.version)
            .where(function_versions.c.settings_json.contains(f'"{arn}"', autoescape=True))
            .limit(1)
        ).first()
        is not None
    )
    connection.execute(
        update(function_layers)
        .where(function_layers.c.arn == arn)
        .values(deleted_us=now_us, **({} if is_used else {"package_id": None}))
    )
    return None if is_used else row.package_id
