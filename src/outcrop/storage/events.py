"""Event buses, rules, targets and deliveries as rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from outcrop.storage.database.tables.events import (
    event_buses,
    event_deliveries,
    event_rules,
    event_targets,
)

DEFAULT_BUS = "default"
ENABLED_STATES = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")


@dataclass(frozen=True, slots=True)
class BusRow:
    """One bus, columns as in tables/events.py."""

    region: str
    name: str
    description: str
    policy: str
    created_us: int
    modified_us: int


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule, columns as in tables/events.py; what is "" was not given."""

    region: str
    bus: str
    name: str
    pattern: str
    schedule: str
    state: str
    description: str
    role_arn: str
    created_us: int
    next_us: int | None

    @property
    def is_enabled(self) -> bool:
        """Whether events are matched with it, and its schedule fires."""
        return self.state in ENABLED_STATES


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What a target has yet to get, columns as in tables/events.py.

    Attributes:
        sealed_content: what it gets; executions' inputs and outputs may be in it.
    """

    id: str
    region: str
    event_id: str
    service: str
    source_arn: str
    target_json: str
    sealed_content: bytes = field(repr=False)
    hops: int
    attempts: int
    next_us: int
    expires_us: int

    @property
    def target(self) -> dict[str, Any]:
        """The target as PutTargets had it: at least its Arn."""
        found: dict[str, Any] = json.loads(self.target_json)
        return found


_RULE = [event_rules.c[item.name] for item in fields(RuleRow)]
_DELIVERY = [event_deliveries.c[item.name] for item in fields(DeliveryRow)]


def bus(connection: Connection, region: str, name: str) -> BusRow | None:
    """Return the bus of this name; the default one without a row is None too."""
    found = connection.execute(
        select(event_buses).where(event_buses.c.region == region, event_buses.c.name == name)
    ).first()
    return None if found is None else BusRow(*found)


def buses(connection: Connection, region: str, prefix: str = "") -> list[BusRow]:
    """Return the buses of a region that have rows, by name."""
    found = connection.execute(
        select(event_buses)
        .where(
            event_buses.c.region == region, event_buses.c.name.startswith(prefix, autoescape=True)
        )
        .order_by(event_buses.c.name)
    )
    return [BusRow(*row) for row in found]


def put_bus(connection: Connection, row: BusRow) -> None:
    """Add a bus, or replace what is known of it."""
    remove_bus(connection, row.region, row.name)
    connection.execute(insert(event_buses).values(asdict(row)))


def remove_bus(connection: Connection, region: str, name: str) -> None:
    """Delete a bus; its rules are their callers' affair."""
    connection.execute(
        delete(event_buses).where(event_buses.c.region == region, event_buses.c.name == name)
    )


def rule(connection: Connection, region: str, bus_name: str, name: str) -> RuleRow | None:
    """Return the rule of this name on a bus."""
    found = connection.execute(select(*_RULE).where(_is_rule(region, bus_name, name))).first()
    return None if found is None else RuleRow(*found)


def rules(connection: Connection, region: str, bus_name: str, prefix: str = "") -> list[RuleRow]:
    """Return the rules of a bus, by name."""
    found = connection.execute(
        select(*_RULE)
        .where(
            event_rules.c.region == region,
            event_rules.c.bus == bus_name,
            event_rules.c.name.startswith(prefix, autoescape=True),
        )
        .order_by(event_rules.c.name)
    )
    return [RuleRow(*row) for row in found]


def put_rule(connection: Connection, row: RuleRow) -> None:
    """Add a rule, or replace it; its targets stay."""
    connection.execute(delete(event_rules).where(_is_rule(row.region, row.bus, row.name)))
    connection.execute(insert(event_rules).values(asdict(row)))


def change_rule(connection: Connection, row: RuleRow, *, state: str, next_us: int | None) -> None:
    """Set a rule's state and when it fires next."""
    connection.execute(
        update(event_rules)
        .where(_is_rule(row.region, row.bus, row.name))
        .values(state=state, next_us=next_us)
    )


def remove_rule(connection: Connection, region: str, bus_name: str, name: str) -> None:
    """Delete a rule; its targets are its callers' affair."""
    connection.execute(delete(event_rules).where(_is_rule(region, bus_name, name)))


def due_rules(connection: Connection, now_us: int) -> list[RuleRow]:
    """Return the rules whose schedule has come, the longest ago first."""
    found = connection.execute(
        select(*_RULE).where(event_rules.c.next_us <= now_us).order_by(event_rules.c.next_us)
    )
    return [RuleRow(*row) for row in found]


def next_rule_us(connection: Connection) -> int | None:
    """Return when the next schedule fires."""
    found: int | None = connection.execute(select(func.min(event_rules.c.next_us))).scalar()
    return found


def rule_names_by_target(connection: Connection, region: str, bus_name: str, arn: str) -> list[str]:
    """Return the names of the rules on a bus that have a target of this ARN."""
    found = connection.execute(
        select(event_targets.c.rule)
        .distinct()
        .where(
            event_targets.c.region == region,
            event_targets.c.arn == arn,
            event_targets.c.bus == bus_name,
        )
        .order_by(event_targets.c.rule)
    )
    return [row[0] for row in found]


def targets(
    connection: Connection, region: str, bus_name: str, rule_name: str
) -> list[dict[str, Any]]:
    """Return the targets of a rule as PutTargets had them, by id."""
    found = connection.execute(
        select(event_targets.c.document_json)
        .where(_of_rule(region, bus_name, rule_name))
        .order_by(event_targets.c.id)
    )
    return [json.loads(row[0]) for row in found]


def targets_of_bus(
    connection: Connection, region: str, bus_name: str
) -> dict[str, list[dict[str, Any]]]:
    """Return the targets of every rule of a bus."""
    found = connection.execute(
        select(event_targets.c.rule, event_targets.c.document_json)
        .where(event_targets.c.region == region, event_targets.c.bus == bus_name)
        .order_by(event_targets.c.rule, event_targets.c.id)
    )
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for name, document in found:
        by_rule.setdefault(name, []).append(json.loads(document))
    return by_rule


def put_targets(
    connection: Connection, row: RuleRow, documents: Iterable[Mapping[str, Any]]
) -> None:
    """Add targets to a rule; one with the same id is replaced."""
    for document in documents:
        remove_targets(connection, row, [document["Id"]])
        connection.execute(
            insert(event_targets).values(
                region=row.region,
                bus=row.bus,
                rule=row.name,
                id=document["Id"],
                arn=document["Arn"],
                document_json=json.dumps(document),
            )
        )


def remove_targets(connection: Connection, row: RuleRow, ids: Sequence[str]) -> int:
    """Delete targets of a rule; return how many there were."""
    return connection.execute(
        delete(event_targets).where(
            _of_rule(row.region, row.bus, row.name), event_targets.c.id.in_(list(ids))
        )
    ).rowcount


def add_deliveries(connection: Connection, rows: Iterable[DeliveryRow]) -> None:
    """Promise deliveries."""
    connection.execute(insert(event_deliveries), [asdict(row) for row in rows])


def due_deliveries(connection: Connection, now_us: int, limit: int) -> list[DeliveryRow]:
    """Return deliveries whose time has come, the longest ago first."""
    found = connection.execute(
        select(*_DELIVERY)
        .where(event_deliveries.c.next_us <= now_us)
        .order_by(event_deliveries.c.next_us, event_deliveries.c.id)
        .limit(limit)
    )
    return [DeliveryRow(*row) for row in found]


def next_delivery_us(connection: Connection, after_us: int) -> int | None:
    """Return when the first delivery after a moment is due."""
    found: int | None = connection.execute(
        select(func.min(event_deliveries.c.next_us)).where(event_deliveries.c.next_us > after_us)
    ).scalar()
    return found


def are_promised(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Return which of these deliveries there are."""
    found = connection.execute(
        select(event_deliveries.c.id).where(event_deliveries.c.id.in_(list(ids)))
    )
    return {row[0] for row in found}


def remove_deliveries(connection: Connection, ids: Sequence[str]) -> None:
    """Forget deliveries that were made or given up."""
    connection.execute(delete(event_deliveries).where(event_deliveries.c.id.in_(list(ids))))


def postpone(connection: Connection, delivery_id: str, attempts: int, next_us: int) -> None:
    """Note a delivery that did not succeed, and when it is tried again."""
    connection.execute(
        update(event_deliveries)
        .where(event_deliveries.c.id == delivery_id)
        .values(attempts=attempts, next_us=next_us)
    )


def _is_rule(region: str, bus_name: str, name: str) -> Any:  # SQLAlchemy's expression
    return and_(
        event_rules.c.region == region,
        event_rules.c.bus == bus_name,
        event_rules.c.name == name,
    )


def _of_rule(region: str, bus_name: str, rule_name: str) -> Any:  # SQLAlchemy's expression
    return and_(
        event_targets.c.region == region,
        event_targets.c.bus == bus_name,
        event_targets.c.rule == rule_name,
    )
