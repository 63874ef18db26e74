"""The rows of functions and of their versions."""

import json
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from outcrop.storage import tags
from outcrop.storage.database.tables.functions import function_versions, functions
from outcrop.storage.prepared import Prepared

LATEST = "$LATEST"
PENDING, ACTIVE, FAILED = "Pending", "Active", "Failed"
SUCCESSFUL, IN_PROGRESS = "Successful", "InProgress"


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A function apart from its versions, columns as in tables/functions.py."""

    arn: str
    region: str
    name: str
    created_us: int
    last_version: int
    reserved_concurrency: int | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a function, or its $LATEST; columns as in tables/functions.py."""

    function_arn: str
    version: str
    number: int
    revision_id: str
    settings_json: str
    environment: bytes | None = field(repr=False)
    environment_key: bytes | None = field(repr=False)
    kms_key_arn: str | None
    grant_id: str | None
    package_id: str | None
    code_sha256: str
    code_bytes: int
    modified_us: int
    state: str
    state_reason_code: str | None
    state_reason: str | None
    update_status: str | None
    published_as: str | None

    @property
    def settings(self) -> dict[str, Any]:
        """What was configured, by the wire's names of members."""
        settings: dict[str, Any] = json.loads(self.settings_json)
        return settings

    @property
    def is_ready(self) -> bool:
        """Whether nothing is being prepared for it."""
        return self.state != PENDING and self.update_status != IN_PROGRESS


_FUNCTION = [functions.c[item.name] for item in fields(FunctionRow)]
_VERSION = [function_versions.c[item.name] for item in fields(VersionRow)]
_BY_ARN = Prepared(select(*_FUNCTION).where(functions.c.arn == bindparam("arn")))
_VERSION_BY_NAME = Prepared(
    select(*_VERSION).where(
        function_versions.c.function_arn == bindparam("arn"),
        function_versions.c.version == bindparam("version"),
    )
)
_VERSIONS = Prepared(
    select(*_VERSION)
    .where(
        function_versions.c.function_arn == bindparam("arn"),
        function_versions.c.number > bindparam("after"),
    )
    .order_by(function_versions.c.number)
    .limit(bindparam("limit"))
)
_IN_REGION = Prepared(
    select(*_VERSION)
    .join_from(functions, function_versions, functions.c.arn == function_versions.c.function_arn)
    .where(
        functions.c.region == bindparam("region"),
        functions.c.name > bindparam("after"),
        function_versions.c.version == LATEST,
    )
    .order_by(functions.c.name)
    .limit(bindparam("limit"))
)
_ALL_IN_REGION = Prepared(
    select(*_VERSION)
    .join_from(functions, function_versions, functions.c.arn == function_versions.c.function_arn)
    .where(
        functions.c.region == bindparam("region"),
        (functions.c.name > bindparam("after"))
        | (
            (functions.c.name == bindparam("after"))
            & (function_versions.c.number > bindparam("after_number"))
        ),
    )
    .order_by(functions.c.name, function_versions.c.number)
    .limit(bindparam("limit"))
)
_UNREADY = Prepared(
    select(function_versions.c.function_arn, function_versions.c.version).where(
        (function_versions.c.state == PENDING) | (function_versions.c.update_status == IN_PROGRESS)
    )
)


def get(connection: Connection, arn: str) -> FunctionRow | None:
    """Return the function of an ARN without a qualifier."""
    row = _BY_ARN.first(connection, arn=arn)
    return None if row is None else FunctionRow(*row)


def version(connection: Connection, arn: str, name: str) -> VersionRow | None:
    """Return a version of a function by its number, or its $LATEST."""
    row = _VERSION_BY_NAME.first(connection, arn=arn, version=name)
    return None if row is None else VersionRow(*row)


def versions(connection: Connection, arn: str, *, after: int = -1, limit: int) -> list[VersionRow]:
    """Return the versions of a function that come after a number, $LATEST (0) first."""
    return [
        VersionRow(*row) for row in _VERSIONS.all(connection, arn=arn, after=after, limit=limit)
    ]


def latest_of_region(
    connection: Connection, region: str, *, after: str = "", limit: int
) -> list[VersionRow]:
    """Return the $LATEST of the functions of a region that come after a name."""
    found = _IN_REGION.all(connection, region=region, after=after, limit=limit)
    return [VersionRow(*row) for row in found]


def all_of_region(
    connection: Connection, region: str, *, after: str = "", after_number: int = -1, limit: int
) -> list[VersionRow]:
    """Return every version of the functions of a region, from behind one of them on."""
    found = _ALL_IN_REGION.all(
        connection, region=region, after=after, after_number=after_number, limit=limit
    )
    return [VersionRow(*row) for row in found]


def unready(connection: Connection) -> list[tuple[str, str]]:
    """Return (function, version) of everything that waits to be prepared."""
    return [(arn, name) for arn, name in _UNREADY.all(connection)]


def usage(connection: Connection, region: str) -> tuple[int, int, int]:
    """Return of a region: how many functions, bytes of code, reserved concurrent calls."""
    count, reserved = connection.execute(
        select(func.count(), func.coalesce(func.sum(functions.c.reserved_concurrency), 0)).where(
            functions.c.region == region
        )
    ).one()
    code_bytes = connection.execute(
        select(func.coalesce(func.sum(function_versions.c.code_bytes), 0))
        .join_from(function_versions, functions)
        .where(functions.c.region == region)
    ).scalar_one()
    return int(count), int(code_bytes), int(reserved)


def insert(connection: Connection, row: FunctionRow) -> None:
    """Add a function; the caller has checked its name in the same transaction."""
    connection.execute(functions.insert().values(_values(row)))


def insert_version(connection: Connection, row: VersionRow) -> None:
    """Add a version."""
    connection.execute(function_versions.insert().values(_values(row)))


def change(connection: Connection, arn: str, **values: Any) -> None:
    """Set columns of a function."""
    connection.execute(update(functions).where(functions.c.arn == arn).values(**values))


def change_version(connection: Connection, arn: str, name: str, **values: Any) -> None:
    """Set columns of a version."""
    connection.execute(
        update(function_versions)
        .where(function_versions.c.function_arn == arn, function_versions.c.version == name)
        .values(**values)
    )


def replace_version(connection: Connection, row: VersionRow) -> None:
    """Set every column of a version."""
    change_version(connection, row.function_arn, row.version, **_values(row))


def remove_version(connection: Connection, arn: str, name: str) -> None:
    """Delete a version."""
    connection.execute(
        delete(function_versions).where(
            function_versions.c.function_arn == arn, function_versions.c.version == name
        )
    )


def remove(connection: Connection, arn: str) -> None:
    """Delete a function with all that belongs to it."""
    tags.drop_all(connection, arn)
    connection.execute(delete(functions).where(functions.c.arn == arn))


def _values(row: FunctionRow | VersionRow) -> dict[str, Any]:
    return {item.name: getattr(row, item.name) for item in fields(row)}
