"""Application inference profiles as rows."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from outcrop.storage.database.tables.inference_profiles import inference_profiles as table
from outcrop.storage.listing import Filters, Listing
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile, columns as in tables/inference_profiles.py."""

    created_us: int
    id: str
    region: str
    name: str
    arn: str
    description: str | None
    source_arn: str
    modified_us: int


_NAMES = [item.name for item in fields(ProfileRow)]
_BY_ID = Prepared(
    select(*(table.c[name] for name in _NAMES)).where(
        table.c.region == bindparam("region"), table.c.id == bindparam("id")
    )
)
_LISTING = Listing(table, _NAMES)


def insert(connection: Connection, row: ProfileRow) -> None:
    """Add a profile."""
    connection.execute(table.insert().values({name: getattr(row, name) for name in _NAMES}))


def get(connection: Connection, profile_id: str, region: str) -> ProfileRow | None:
    """Return the profile of this id."""
    row = _BY_ID.first(connection, id=profile_id, region=region)
    return None if row is None else ProfileRow(*row)


def page(
    connection: Connection, filters: Filters
) -> tuple[list[ProfileRow], tuple[int, str] | None]:
    """Return a page of profiles and where the next one begins."""
    rows: list[tuple[Any, ...]]
    rows, following = _LISTING.page(connection, filters)
    return [ProfileRow(*row) for row in rows], following


def remove(connection: Connection, profile_id: str) -> None:
    """Delete a profile."""
    connection.execute(delete(table).where(table.c.id == profile_id))
