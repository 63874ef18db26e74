"""What hangs on a function: aliases, policies, and settings for its events."""

import json
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from outcrop.storage.database.tables.functions import (
    function_aliases,
    function_event_settings,
    function_policies,
)
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class AliasRow:
    """An alias, columns as in tables/functions.py."""

    function_arn: str
    name: str
    version: str
    description: str
    weights_json: str
    revision_id: str

    @property
    def weights(self) -> dict[str, float]:
        """Version → its share of the calls, beside the alias's own version."""
        weights: dict[str, float] = json.loads(self.weights_json)
        return weights


@dataclass(frozen=True, slots=True)
class EventSettingsRow:
    """What holds for the events of a function, of a version or of an alias."""

    function_arn: str
    qualifier: str
    settings_json: str
    modified_us: int

    @property
    def settings(self) -> dict[str, Any]:
        """By the wire's names of members."""
        settings: dict[str, Any] = json.loads(self.settings_json)
        return settings


_ALIAS = [function_aliases.c[item.name] for item in fields(AliasRow)]
_SETTINGS = [function_event_settings.c[item.name] for item in fields(EventSettingsRow)]
_ALIAS_BY_NAME = Prepared(
    select(*_ALIAS).where(
        function_aliases.c.function_arn == bindparam("arn"),
        function_aliases.c.name == bindparam("name"),
    )
)
_ALIASES = Prepared(
    select(*_ALIAS)
    .where(function_aliases.c.function_arn == bindparam("arn"))
    .order_by(function_aliases.c.name)
)
_POLICY = Prepared(
    select(function_policies.c.statements_json).where(
        function_policies.c.function_arn == bindparam("arn"),
        function_policies.c.qualifier == bindparam("qualifier"),
    )
)
_ONE_SETTINGS = Prepared(
    select(*_SETTINGS).where(
        function_event_settings.c.function_arn == bindparam("arn"),
        function_event_settings.c.qualifier == bindparam("qualifier"),
    )
)
_ALL_SETTINGS = Prepared(
    select(*_SETTINGS)
    .where(function_event_settings.c.function_arn == bindparam("arn"))
    .order_by(function_event_settings.c.qualifier)
)


def alias(connection: Connection, arn: str, name: str) -> AliasRow | None:
    """Return an alias of a function."""
    row = _ALIAS_BY_NAME.first(connection, arn=arn, name=name)
    return None if row is None else AliasRow(*row)


def aliases(connection: Connection, arn: str) -> list[AliasRow]:
    """Return the aliases of a function, by name."""
    return [AliasRow(*row) for row in _ALIASES.all(connection, arn=arn)]


def insert_alias(connection: Connection, row: AliasRow) -> None:
    """Add an alias; the caller has checked its name in the same transaction."""
    connection.execute(
        function_aliases.insert().values(
            {item.name: getattr(row, item.name) for item in fields(row)}
        )
    )


def change_alias(connection: Connection, arn: str, name: str, **values: Any) -> None:
    """Set columns of an alias."""
    connection.execute(
        update(function_aliases)
        .where(function_aliases.c.function_arn == arn, function_aliases.c.name == name)
        .values(**values)
    )


def remove_alias(connection: Connection, arn: str, name: str) -> None:
    """Delete an alias with the policy and the settings that hang on it."""
    connection.execute(
        delete(function_aliases).where(
            function_aliases.c.function_arn == arn, function_aliases.c.name == name
        )
    )
    remove_from(connection, arn, name)


def remove_from(connection: Connection, arn: str, qualifier: str) -> None:
    """Delete the policy and the settings of a version or alias that is gone."""
    put_statements(connection, arn, qualifier, [])
    remove_event_settings(connection, arn, qualifier)


def statements(connection: Connection, arn: str, qualifier: str) -> list[dict[str, Any]]:
    """Return the statements of the policy of a function (qualifier ""), a version or an alias."""
    row = _POLICY.first(connection, arn=arn, qualifier=qualifier)
    found: list[dict[str, Any]] = [] if row is None else json.loads(row[0])
    return found


def put_statements(
    connection: Connection, arn: str, qualifier: str, items: list[dict[str, Any]]
) -> None:
    """Replace a policy; one without statements is none."""
    table = function_policies
    connection.execute(
        delete(table).where(table.c.function_arn == arn, table.c.qualifier == qualifier)
    )
    if items:
        connection.execute(
            table.insert().values(
                function_arn=arn, qualifier=qualifier, statements_json=json.dumps(items)
            )
        )


def event_settings(connection: Connection, arn: str, qualifier: str) -> EventSettingsRow | None:
    """Return what holds for the events of a qualifier, "$LATEST" for the function without one."""
    row = _ONE_SETTINGS.first(connection, arn=arn, qualifier=qualifier)
    return None if row is None else EventSettingsRow(*row)


def all_event_settings(connection: Connection, arn: str) -> list[EventSettingsRow]:
    """Return every settings for events of a function, by qualifier."""
    return [EventSettingsRow(*row) for row in _ALL_SETTINGS.all(connection, arn=arn)]


def put_event_settings(connection: Connection, row: EventSettingsRow) -> None:
    """Set or replace the settings for events of a qualifier."""
    remove_event_settings(connection, row.function_arn, row.qualifier)
    connection.execute(
        function_event_settings.insert().values(
            {item.name: getattr(row, item.name) for item in fields(row)}
        )
    )


def remove_event_settings(connection: Connection, arn: str, qualifier: str) -> None:
    """Delete the settings for events of a qualifier."""
    table = function_event_settings
    connection.execute(
        delete(table).where(table.c.function_arn == arn, table.c.qualifier == qualifier)
    )
