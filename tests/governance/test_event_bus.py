"""Events on their way: matched, kept, delivered, tried again."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from outcrop.aws.errors import AccessDeniedException, ServiceError, ThrottlingException
from outcrop.aws.operation import Principal
from outcrop.core.times import now_us
from outcrop.crypto.key_source import FileKeySource
from outcrop.governance.event_bus import EventBus
from outcrop.identity.directory import RoleNotAssumable
from outcrop.storage import events as rows
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.events import BusRow, RuleRow
from outcrop.storage.service_keys import ServiceKeys
from support.composed_server import MovableClock

ACCOUNT, REGION = "123456789012", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:score"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:flow"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/all"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deliver"
PATIENCE_SECONDS = 60


async def until(holds: Callable[[], bool]) -> None:
    """Look again and again; what is looked at is written by other threads."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Roles:
    """A directory with one role."""

    def assume_for_service(self, role_arn: str, service: str, **_more: Any) -> Principal:
        assert service == "events.amazonaws.com"
        if role_arn != ROLE:
            raise RoleNotAssumable(role_arn)
        return Principal("AssumedRole", "session", ACCOUNT, role_arn=role_arn)


@dataclass
class Called:
    """An Invoke that keeps every call and raises what a test lays out."""

    calls: list[tuple[str, str, Mapping[str, Any], Principal]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def __call__(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        principal: Principal,
        region: str,
    ) -> dict[str, Any]:
        await asyncio.sleep(0)
        assert region == REGION
        self.calls.append((service, operation, request, principal))
        if self.errors:
            raise self.errors.pop(0)
        return {}

    async def reach(self, count: int) -> None:
        await until(lambda: len(self.calls) >= count)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.at(tmp_path / "events.db")
    upgrade(made)
    yield made
    made.close()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def called() -> Called:
    return Called()


@pytest.fixture
def keys(database: Database, tmp_path: Path) -> ServiceKeys:
    return ServiceKeys(database, FileKeySource(tmp_path / "key"))


@pytest.fixture
def bus(database: Database, clock: MovableClock, keys: ServiceKeys) -> EventBus:
    directory: Any = Roles()
    return EventBus(database, clock, ACCOUNT, directory, keys)


@pytest.fixture
def add_rule(database: Database, bus: EventBus) -> Callable[..., None]:
    def add(*targets: Mapping[str, Any], **changes: Any) -> None:
        row = RuleRow(
            REGION, "default", "rule", '{"source":["mine"]}', "", "ENABLED", "", "", 1, None
        )
        row = replace(row, **changes)
        bus.prepare()
        documents = [{"Id": str(index), **target} for index, target in enumerate(targets)]
        with database.write() as connection:
            rows.put_rule(connection, row)
            rows.put_targets(connection, row, documents)
        bus.forget_rules(row.region, row.bus)

    return add


def waiting(database: Database) -> list[rows.DeliveryRow]:
    with database.read() as connection:
        return rows.due_deliveries(connection, 1 << 62, 100)


def has_failed(database: Database, times: int) -> bool:
    return waiting(database)[0].attempts >= times


async def settled(database: Database) -> None:
    await until(lambda: not waiting(database))


@pytest.fixture
async def running(bus: EventBus, called: Called) -> Any:
    loop = asyncio.get_running_loop()
    bus.attach(called, lambda: loop)
    bus.start()
    yield bus
    await bus.stop()


async def test_an_event_that_no_rule_is_for_leaves_nothing(
    running: EventBus, database: Database, called: Called
) -> None:
    running.put(REGION, "mine", "type", {})
    assert waiting(database) == []
    assert called.calls == []


async def test_every_kind_of_target_gets_a_matching_event(
    running: EventBus, add_rule: Callable[..., None], called: Called, database: Database
) -> None:
    add_rule(
        {"Arn": FUNCTION},
        {"Arn": MACHINE, "RoleArn": ROLE, "InputPath": "$.detail"},
        {"Arn": TOPIC, "Input": '"hello"'},
        {"Arn": GROUP},
    )
    event_id = await asyncio.to_thread(
        running.put, REGION, "mine", "My Type", {"a": 1}, ["arn:aws:s3:::bucket"]
    )
    await settled(database)
    made = {service: (operation, request, who) for service, operation, request, who in called.calls}
    operation, request, who = made["lambda"]
    assert (operation, request["FunctionName"], request["InvocationType"]) == (
        "Invoke",
        FUNCTION,
        "Event",
    )
    event = json.loads(request["Payload"])
    assert event == {
        "version": "0",
        "id": event_id,
        "detail-type": "My Type",
        "source": "mine",
        "account": ACCOUNT,
        "time": event["time"],
        "region": REGION,
        "resources": ["arn:aws:s3:::bucket"],
        "detail": {"a": 1},
    }
    assert (who.type, who.arn) == ("AWSService", "events.amazonaws.com")
    assert who.source_arn == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule"
    operation, request, who = made["stepfunctions"]
    assert (operation, request["stateMachineArn"], request["input"]) == (
        "StartExecution",
        MACHINE,
        '{"a":1}',
    )
    assert request["name"].startswith(f"{event_id}_")
    assert who.role_arn == ROLE
    assert made["sns"][:2] == ("Publish", {"TopicArn": TOPIC, "Message": '"hello"'})
    operation, request, _ = made["logs"]
    assert (operation, request["logGroupName"]) == ("PutLogEvents", "/aws/events/all")
    assert json.loads(request["logEvents"][0]["message"]) == event


async def test_disabled_rules_and_those_of_other_buses_stay_silent(
    running: EventBus, add_rule: Callable[..., None], database: Database
) -> None:
    add_rule({"Arn": FUNCTION}, state="DISABLED")
    add_rule({"Arn": FUNCTION}, name="other", bus="own")
    add_rule({"Arn": FUNCTION}, name="third", region="eu-west-1")
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    assert waiting(database) == []


async def test_an_event_is_part_of_its_callers_transaction(
    running: EventBus, add_rule: Callable[..., None], called: Called, database: Database
) -> None:
    add_rule({"Arn": TOPIC})

    def roll_back() -> None:
        with database.write() as connection:
            running.put(REGION, "mine", "type", {"n": 0}, connection=connection)
            connection.rollback()

    def commit() -> None:
        with database.write(durable=True) as connection:
            running.put(REGION, "mine", "type", {"n": 1}, connection=connection)

    await asyncio.to_thread(roll_back)
    await asyncio.to_thread(commit)
    await called.reach(1)
    await settled(database)
    assert [json.loads(call[2]["Message"])["detail"] for call in called.calls] == [{"n": 1}]


async def test_what_was_kept_is_delivered_by_the_next_life_of_the_server(
    bus: EventBus,
    add_rule: Callable[..., None],
    called: Called,
    database: Database,
    keys: ServiceKeys,
) -> None:
    add_rule({"Arn": TOPIC})
    await asyncio.to_thread(bus.put, REGION, "mine", "type", {"secret": "xyzzy"})
    (kept,) = waiting(database)
    assert b"xyzzy" not in kept.sealed_content
    directory: Any = Roles()
    reborn = EventBus(database, MovableClock(), ACCOUNT, directory, keys)
    loop = asyncio.get_running_loop()
    reborn.attach(called, lambda: loop)
    reborn.start()
    await called.reach(1)
    await settled(database)
    await reborn.stop()


async def test_a_delivery_that_may_succeed_later_is_tried_again(
    running: EventBus,
    add_rule: Callable[..., None],
    called: Called,
    database: Database,
    clock: MovableClock,
) -> None:
    begun_us = now_us(clock)
    called.errors = [ThrottlingException("slow"), KeyError("unforeseen")]
    add_rule({"Arn": FUNCTION})
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    for count in (1, 2):
        await called.reach(count)
        await until(partial(has_failed, database, count))
        assert waiting(database)[0].next_us > begun_us
        clock.ahead += timedelta(hours=1)
        running.start()
    await called.reach(3)
    await settled(database)
    assert called.calls[0][2] == called.calls[2][2]


@pytest.mark.parametrize(
    "error",
    [AccessDeniedException("no"), type("Gone", (ServiceError,), {"code": "ResourceNotFoundException"})("gone")],
)  # fmt: skip
async def test_a_delivery_that_never_will_succeed_is_given_up(
    running: EventBus,
    add_rule: Callable[..., None],
    called: Called,
    database: Database,
    error: Exception,
) -> None:
    called.errors = [error]
    add_rule({"Arn": FUNCTION})
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    await called.reach(1)
    await settled(database)
    assert len(called.calls) == 1


async def test_a_role_that_cannot_be_assumed_ends_the_delivery(
    running: EventBus, add_rule: Callable[..., None], called: Called, database: Database
) -> None:
    add_rule({"Arn": MACHINE, "RoleArn": ROLE + "x"})
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    await settled(database)
    assert called.calls == []


async def test_attempts_end_where_the_target_says(
    running: EventBus, add_rule: Callable[..., None], called: Called, database: Database
) -> None:
    called.errors = [ThrottlingException("slow")]
    add_rule({"Arn": FUNCTION, "RetryPolicy": {"MaximumRetryAttempts": 0}})
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    await settled(database)
    assert len(called.calls) == 1


async def test_an_execution_that_was_started_before_a_crash_is_not_started_again(
    running: EventBus, add_rule: Callable[..., None], called: Called, database: Database
) -> None:
    exists = ServiceError("it exists")
    exists.code = "ExecutionAlreadyExists"
    called.errors = [exists]
    add_rule({"Arn": MACHINE, "RoleArn": ROLE})
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    await settled(database)
    assert len(called.calls) == 1


async def test_a_bus_passes_events_on_to_another_but_no_further(
    running: EventBus, add_rule: Callable[..., None], called: Called, database: Database
) -> None:
    other = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/own"
    default = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    with database.write() as connection:
        rows.put_bus(connection, BusRow(REGION, "own", "", "", 1, 1))
    add_rule({"Arn": other})
    add_rule({"Arn": TOPIC}, {"Arn": default}, bus="own")
    await asyncio.to_thread(running.put, REGION, "mine", "type", {})
    await called.reach(1)
    await settled(database)
    assert [call[0] for call in called.calls] == ["sns"]


async def test_a_schedule_fires_again_and_again(
    running: EventBus,
    add_rule: Callable[..., None],
    called: Called,
    database: Database,
    clock: MovableClock,
) -> None:
    first = running.first_time_us("rate(5 minutes)", "ENABLED")
    assert running.first_time_us("rate(5 minutes)", "DISABLED") is None
    add_rule({"Arn": TOPIC}, pattern="", schedule="rate(5 minutes)", next_us=first)
    assert called.calls == []
    for count in (1, 2):
        # Two further times passed while nobody looked: they are left out.
        clock.ahead += timedelta(minutes=11)
        running.start()
        await called.reach(count)
        await settled(database)
    event = json.loads(called.calls[0][2]["Message"])
    assert event["source"] == "aws.events"
    assert event["detail-type"] == "Scheduled Event"
    assert event["resources"] == [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule"]
    assert event["detail"] == {}
    assert len(called.calls) == 2


async def test_another_service_has_something_delivered_in_its_own_name(
    running: EventBus, called: Called, database: Database
) -> None:
    await asyncio.to_thread(
        running.send, REGION, "s3.amazonaws.com", "arn:aws:s3:::bucket", FUNCTION, '{"Records":[]}'
    )
    await called.reach(1)
    await settled(database)
    _, _, request, who = called.calls[0]
    assert request["Payload"] == b'{"Records":[]}'
    assert (who.arn, who.source_arn) == ("s3.amazonaws.com", "arn:aws:s3:::bucket")
