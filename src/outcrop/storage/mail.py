"""What SES keeps besides the outbox: identities, templates, configuration sets; all by region and name."""

import json
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from outcrop.storage.database.tables.mail import mail_configuration_sets as sets_table
from outcrop.storage.database.tables.mail import mail_identities as identities_table
from outcrop.storage.database.tables.mail import mail_templates as templates_table
from outcrop.storage.prepared import Prepared

PENDING, SUCCESS = "Pending", "Success"
ADDRESS, DOMAIN = "EmailAddress", "Domain"


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """One identity, columns as in tables/mail.py."""

    region: str
    name: str
    kind: str
    created_us: int
    status: str
    verified_us: int | None
    code_digest: str | None
    code_expires_us: int | None
    token: str
    attributes_json: str
    policies_json: str

    @property
    def attributes(self) -> dict[str, Any]:
        """Settings by their member's name; what nobody set is not there."""
        attributes: dict[str, Any] = json.loads(self.attributes_json)
        return attributes

    @property
    def policies(self) -> dict[str, str]:
        """Policies by name."""
        policies: dict[str, str] = json.loads(self.policies_json)
        return policies

    @property
    def is_verified(self) -> bool:
        """Whether mail may be sent from it."""
        return self.status == SUCCESS


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One template, columns as in tables/mail.py."""

    region: str
    name: str
    created_us: int
    subject: str | None
    text: str | None
    html: str | None


@dataclass(frozen=True, slots=True)
class ConfigurationSetRow:
    """One configuration set, columns as in tables/mail.py."""

    region: str
    name: str
    created_us: int
    options_json: str

    @property
    def options(self) -> dict[str, Any]:
        """Options by SES v2's names of their members."""
        options: dict[str, Any] = json.loads(self.options_json)
        return options


def _named(table: Any, row_type: type) -> Prepared:
    columns = [table.c[item.name] for item in fields(row_type)]
    return Prepared(
        select(*columns).where(
            table.c.region == bindparam("region"), table.c.name == bindparam("name")
        )
    )


def _all(table: Any, row_type: type) -> Prepared:
    columns = [table.c[item.name] for item in fields(row_type)]
    return Prepared(
        select(*columns).where(table.c.region == bindparam("region")).order_by(table.c.name)
    )


_IDENTITY = _named(identities_table, IdentityRow)
_IDENTITIES = _all(identities_table, IdentityRow)
_TEMPLATE = _named(templates_table, TemplateRow)
_TEMPLATES = _all(templates_table, TemplateRow)
_SET = _named(sets_table, ConfigurationSetRow)
_SETS = _all(sets_table, ConfigurationSetRow)


def identity(connection: Connection, region: str, name: str) -> IdentityRow | None:
    """Return the identity of this name."""
    row = _IDENTITY.first(connection, region=region, name=name)
    return None if row is None else IdentityRow(*row)


def identities(connection: Connection, region: str) -> list[IdentityRow]:
    """Return every identity of a region, by name."""
    return [IdentityRow(*row) for row in _IDENTITIES.all(connection, region=region)]


def template(connection: Connection, region: str, name: str) -> TemplateRow | None:
    """Return the template of this name."""
    row = _TEMPLATE.first(connection, region=region, name=name)
    return None if row is None else TemplateRow(*row)


def templates(connection: Connection, region: str) -> list[TemplateRow]:
    """Return every template of a region, the newest first as SES lists them."""
    found = [TemplateRow(*row) for row in _TEMPLATES.all(connection, region=region)]
    return sorted(found, key=lambda row: (-row.created_us, row.name))


def configuration_set(connection: Connection, region: str, name: str) -> ConfigurationSetRow | None:
    """Return the configuration set of this name."""
    row = _SET.first(connection, region=region, name=name)
    return None if row is None else ConfigurationSetRow(*row)


def configuration_sets(connection: Connection, region: str) -> list[ConfigurationSetRow]:
    """Return every configuration set of a region, by name."""
    return [ConfigurationSetRow(*row) for row in _SETS.all(connection, region=region)]


def _table_of(row: IdentityRow | TemplateRow | ConfigurationSetRow) -> Any:
    if isinstance(row, IdentityRow):
        return identities_table
    return templates_table if isinstance(row, TemplateRow) else sets_table


def insert(connection: Connection, row: IdentityRow | TemplateRow | ConfigurationSetRow) -> None:
    """Add a row."""
    values = {item.name: getattr(row, item.name) for item in fields(row)}
    connection.execute(_table_of(row).insert().values(**values))


def change(
    connection: Connection, row: IdentityRow | TemplateRow | ConfigurationSetRow, **values: object
) -> None:
    """Set columns of a row."""
    table = _table_of(row)
    connection.execute(
        update(table).where(table.c.region == row.region, table.c.name == row.name).values(**values)
    )


def remove(connection: Connection, row: IdentityRow | TemplateRow | ConfigurationSetRow) -> None:
    """Delete a row."""
    table = _table_of(row)
    connection.execute(delete(table).where(table.c.region == row.region, table.c.name == row.name))
