"""State machines, their published versions and their aliases as rows."""

import json
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from outcrop.storage import tags
from outcrop.storage.database.tables.state_machines import (
    state_machine_aliases as aliases,
)
from outcrop.storage.database.tables.state_machines import (
    state_machine_versions as versions,
)
from outcrop.storage.database.tables.state_machines import (
    state_machines as machines,
)
from outcrop.storage.prepared import Prepared

ACTIVE, DELETING = "ACTIVE", "DELETING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a machine is made of at one moment: its present revision, or a version.

    Attributes:
        revision_id: "" for a machine that was never updated.
        definition: text in UTF-8; sealed where there is a `wrapped_key`.
        wrapped_key: the data key of the definition, under the KMS key that the machine names.
        updated_us: when the revision was made.
    """

    revision_id: str
    role_arn: str
    definition: bytes = field(repr=False)
    wrapped_key: bytes | None = field(default=None, repr=False)
    logging_json: str
    tracing_json: str
    encryption_json: str
    updated_us: int

    @property
    def logging(self) -> dict[str, Any]:
        """The loggingConfiguration as on the wire."""
        found: dict[str, Any] = json.loads(self.logging_json)
        return found

    @property
    def tracing(self) -> dict[str, Any]:
        """The tracingConfiguration as on the wire."""
        found: dict[str, Any] = json.loads(self.tracing_json)
        return found

    @property
    def encryption(self) -> dict[str, Any]:
        """The encryptionConfiguration as on the wire."""
        found: dict[str, Any] = json.loads(self.encryption_json)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow(Content):
    """A state machine, columns as in tables/state_machines.py."""

    arn: str
    region: str
    name: str
    type: str
    status: str
    created_by_json: str
    last_version: int
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow(Content):
    """A published version, columns as in tables/state_machines.py."""

    machine_arn: str
    number: int
    description: str | None
    created_us: int

    @property
    def arn(self) -> str:
        """The version's own ARN."""
        return f"{self.machine_arn}:{self.number}"


@dataclass(frozen=True, slots=True)
class AliasRow:
    """An alias, columns as in tables/state_machines.py."""

    machine_arn: str
    name: str
    description: str | None
    routing_json: str
    created_us: int
    updated_us: int

    @property
    def arn(self) -> str:
        """The alias's own ARN."""
        return f"{self.machine_arn}:{self.name}"

    @property
    def routing(self) -> list[tuple[int, int]]:
        """(number of a version, weight out of 100) of one or two versions."""
        return [(number, weight) for number, weight in json.loads(self.routing_json)]


_MACHINE_NAMES = [item.name for item in fields(MachineRow)]
_VERSION_NAMES = [item.name for item in fields(VersionRow)]
_ALIAS_NAMES = [item.name for item in fields(AliasRow)]
_MACHINE = [machines.c[name] for name in _MACHINE_NAMES]
_VERSION = [versions.c[name] for name in _VERSION_NAMES]
_ALIAS = [aliases.c[name] for name in _ALIAS_NAMES]
_LISTED = (machines.c.arn, machines.c.name, machines.c.type, machines.c.created_us)

_BY_ARN = Prepared(select(*_MACHINE).where(machines.c.arn == bindparam("arn")))
_EXISTS = Prepared(select(machines.c.status).where(machines.c.arn == bindparam("arn")))
_PAGE = Prepared(
    select(*_LISTED)
    .where(machines.c.region == bindparam("region"), machines.c.name > bindparam("after"))
    .order_by(machines.c.name)
    .limit(bindparam("limit"))
)
_DELETING = Prepared(select(machines.c.arn).where(machines.c.status == DELETING))
_COUNT = Prepared(
    select(func.count()).select_from(machines).where(machines.c.region == bindparam("region"))
)
_VERSION_BY_NUMBER = Prepared(
    select(*_VERSION).where(
        versions.c.machine_arn == bindparam("arn"), versions.c.number == bindparam("number")
    )
)
_VERSION_OF_REVISION = Prepared(
    select(*_VERSION)
    .where(versions.c.machine_arn == bindparam("arn"), versions.c.revision_id == bindparam("id"))
    .order_by(versions.c.number.desc())
)
_VERSION_PAGE = Prepared(
    select(versions.c.number, versions.c.created_us)
    .where(versions.c.machine_arn == bindparam("arn"), versions.c.number < bindparam("before"))
    .order_by(versions.c.number.desc())
    .limit(bindparam("limit"))
)
_VERSION_COUNT = Prepared(
    select(func.count()).select_from(versions).where(versions.c.machine_arn == bindparam("arn"))
)
_ALIAS_BY_NAME = Prepared(
    select(*_ALIAS).where(
        aliases.c.machine_arn == bindparam("arn"), aliases.c.name == bindparam("name")
    )
)
_ALIASES = Prepared(
    select(*_ALIAS).where(aliases.c.machine_arn == bindparam("arn")).order_by(aliases.c.name)
)


def get(connection: Connection, arn: str) -> MachineRow | None:
    """Return the machine of this ARN, also one that is being deleted."""
    row = _BY_ARN.first(connection, arn=arn)
    return None if row is None else MachineRow(**dict(zip(_MACHINE_NAMES, row, strict=True)))


def status_of(connection: Connection, arn: str) -> str | None:
    """Return a machine's status, or None where there is no such machine."""
    row = _EXISTS.first(connection, arn=arn)
    return None if row is None else str(row[0])


def page(
    connection: Connection, region: str, *, after: str, limit: int
) -> list[tuple[str, str, str, int]]:
    """Return (ARN, name, type, created_us) of machines by name, those whose names come after one."""
    rows = _PAGE.all(connection, region=region, after=after, limit=limit)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def count(connection: Connection, region: str) -> int:
    """Return how many machines a region holds."""
    (found,) = _COUNT.all(connection, region=region)
    return int(found[0])


def all_deleting(connection: Connection) -> list[str]:
    """Return the ARNs of machines whose deletion has begun and not ended."""
    return [row[0] for row in _DELETING.all(connection)]


def insert(connection: Connection, row: MachineRow) -> None:
    """Add a machine. The caller has looked for its name in the same transaction."""
    connection.execute(machines.insert().values(_values(row, _MACHINE_NAMES)))


def change(connection: Connection, arn: str, **values: Any) -> None:
    """Set columns of a machine; one that is gone stays gone."""
    connection.execute(update(machines).where(machines.c.arn == arn).values(**values))


def change_content(connection: Connection, arn: str, content: Content) -> None:
    """Give a machine a new revision."""
    change(connection, arn, **_values(content, [item.name for item in fields(Content)]))


def remove(connection: Connection, arn: str) -> None:
    """Delete a machine with its versions, aliases and tags."""
    tags.drop_all(connection, arn)
    connection.execute(delete(aliases).where(aliases.c.machine_arn == arn))
    connection.execute(delete(versions).where(versions.c.machine_arn == arn))
    connection.execute(delete(machines).where(machines.c.arn == arn))


def publish(
    connection: Connection, machine: MachineRow, description: str | None, now_us: int
) -> VersionRow:
    """Make a version of a machine's present revision; the caller has looked for one that exists."""
    row = VersionRow(
        machine_arn=machine.arn,
        number=machine.last_version + 1,
        description=description,
        created_us=now_us,
        **_values(machine, [item.name for item in fields(Content)]),
    )
    connection.execute(versions.insert().values(_values(row, _VERSION_NAMES)))
    change(connection, machine.arn, last_version=row.number)
    return row


def version(connection: Connection, machine_arn: str, number: int) -> VersionRow | None:
    """Return a version of a machine."""
    row = _VERSION_BY_NUMBER.first(connection, arn=machine_arn, number=number)
    return None if row is None else _version(row)


def version_of_revision(
    connection: Connection, machine_arn: str, revision_id: str
) -> VersionRow | None:
    """Return the newest version that was published from a revision."""
    row = _VERSION_OF_REVISION.first(connection, arn=machine_arn, id=revision_id)
    return None if row is None else _version(row)


def version_page(
    connection: Connection, machine_arn: str, *, before: int, limit: int
) -> list[tuple[int, int]]:
    """Return (number, created_us) of versions, the newest first, those below a number."""
    rows = _VERSION_PAGE.all(connection, arn=machine_arn, before=before, limit=limit)
    return [(row[0], row[1]) for row in rows]


def version_count(connection: Connection, machine_arn: str) -> int:
    """Return how many versions a machine has."""
    (found,) = _VERSION_COUNT.all(connection, arn=machine_arn)
    return int(found[0])


def remove_version(connection: Connection, machine_arn: str, number: int) -> None:
    """Delete a version that no alias leads to."""
    connection.execute(
        delete(versions).where(versions.c.machine_arn == machine_arn, versions.c.number == number)
    )


def alias(connection: Connection, machine_arn: str, name: str) -> AliasRow | None:
    """Return an alias of a machine."""
    row = _ALIAS_BY_NAME.first(connection, arn=machine_arn, name=name)
    return None if row is None else AliasRow(*row)


def aliases_of(connection: Connection, machine_arn: str) -> list[AliasRow]:
    """Return every alias of a machine, by name."""
    return [AliasRow(*row) for row in _ALIASES.all(connection, arn=machine_arn)]


def insert_alias(connection: Connection, row: AliasRow) -> None:
    """Add an alias. The caller has looked for its name in the same transaction."""
    connection.execute(aliases.insert().values(_values(row, _ALIAS_NAMES)))


def change_alias(connection: Connection, machine_arn: str, name: str, **values: Any) -> None:
    """Set columns of an alias."""
    connection.execute(
        update(aliases)
        .where(aliases.c.machine_arn == machine_arn, aliases.c.name == name)
        .values(**values)
    )


def remove_alias(connection: Connection, machine_arn: str, name: str) -> None:
    """Delete an alias; one that is not there is no error."""
    connection.execute(
        delete(aliases).where(aliases.c.machine_arn == machine_arn, aliases.c.name == name)
    )


def _version(row: tuple[Any, ...]) -> VersionRow:
    return VersionRow(**dict(zip(_VERSION_NAMES, row, strict=True)))


def _values(row: object, names: list[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
