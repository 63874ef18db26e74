"""Events put on buses: matched with rules at once, kept, and delivered to the rules' targets until that succeeds."""

import asyncio
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from outcrop.aws.arns import Arn
from outcrop.aws.operation import Invoke
from outcrop.core.clock import Clock
from outcrop.core.times import from_us, now_us
from outcrop.governance.event_delivery import Undeliverable, deliver, is_bus, session_of
from outcrop.governance.event_inputs import make_input
from outcrop.governance.event_patterns import EventPattern, InvalidEventPattern, compile_pattern
from outcrop.governance.event_schedules import parse_schedule
from outcrop.governance.threads import Threads
from outcrop.identity.directory import Directory
from outcrop.storage import events as rows
from outcrop.storage.database.engine import Database
from outcrop.storage.events import DEFAULT_BUS, DeliveryRow, RuleRow
from outcrop.storage.service_keys import ServiceKeys

SERVICE = "events.amazonaws.com"
_KEY = "events"
_DAY_SECONDS = 86_400
_MOST_ATTEMPTS = 185  # AWS: for up to 24 hours and 185 times, by default
_AT_ONCE = 16
_PAGE = 64
_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 600.0
# How often, and for how long, an event is looked for whose transaction had not ended when it was put.
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0
# An event that came from another bus goes on to no third one.
_MOST_HOPS = 1
_LONGEST_SLEEP_SECONDS = 30.0

_log = structlog.get_logger("outcrop.events")


@dataclass(frozen=True, slots=True)
class _Active:
    """A rule that is enabled, with its targets."""

    row: RuleRow
    arn: str
    pattern: EventPattern | None
    targets: Sequence[Mapping[str, Any]]


class EventBus:
    """Takes events and delivers them.

    Args:
        database: where rules and deliveries are kept.
        clock: tells the time.
        account_id: the one account.
        directory: opens sessions of the roles that targets name.
        keys: seal what waits to be delivered.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        account_id: str,
        directory: Directory,
        keys: ServiceKeys,
    ) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock
        self._account_id = account_id
        self._directory = directory
        self._invoke: Invoke | None = None
        self._find_loop: Callable[[], asyncio.AbstractEventLoop | None] = lambda: None
        self._active: dict[tuple[str, str], tuple[_Active, ...]] = {}
        self._generation = 0
        self._lock = threading.Lock()
        self._unseen: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._is_stopped = False
        self._threads = Threads()

    def attach(
        self, invoke: Invoke, find_loop: Callable[[], asyncio.AbstractEventLoop | None]
    ) -> None:
        """Say how targets are called, and on which loop; until that runs, events are only kept.

        Args:
            invoke: calls operations.
            find_loop: gives the server's loop once it runs.
        """
        self._invoke, self._find_loop = invoke, find_loop

    def start(self) -> None:
        """Deliver what an earlier life of the server left, and let schedules fire; on the server's loop."""
        self._is_stopped = False
        self._wake()

    async def stop(self) -> None:
        """Stop delivering; what was not delivered is at the next start."""
        self._is_stopped = True
        tasks = [*self._in_flight.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._threads.ended()
        self._task = None

    def put(  # noqa: PLR0913  # the members of an event
        self,
        region: str,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str] = (),
        *,
        connection: Connection | None = None,
    ) -> str:
        """Put an event of an AWS service on the region's default bus; return the event's id.

        Durable when this returns, or, with a connection, when that connection's transaction commits. Costs a look
        at the rules in memory and nothing else where no rule matches.

        Args:
            region: where it happened.
            source: such as "aws.bedrock".
            detail_type: such as "Model Customization Job State Change".
            detail: plain JSON.
            resources: ARNs of what the event is about.
            connection: of a write block that the event is to be a part of; a write block of its own by default, so
                that a caller inside one must give it.
        """
        event = self.make(region, source, detail_type, detail, resources)
        self.publish([(DEFAULT_BUS, event)], connection=connection)
        event_id: str = event["id"]
        return event_id

    def make(  # noqa: PLR0913, PLR0917  # the members of an event
        self,
        region: str,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str] = (),
        moment: datetime | None = None,
    ) -> dict[str, Any]:
        """Return an event in the form that patterns and targets see."""
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._account_id,
            "time": f"{moment or self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }

    def publish(
        self,
        events: Iterable[tuple[str, dict[str, Any]]],
        *,
        connection: Connection | None = None,
    ) -> None:
        """Put events on buses, each with the name of its bus; all of them or none are kept."""
        promised = [
            delivery
            for bus, event in events
            for rule in self._rules(event["region"], bus)
            if rule.pattern is not None and rule.pattern.matches(event)
            for delivery in self._deliveries(rule, event, 0)
        ]
        self._promise(promised, connection)

    def send(  # noqa: PLR0913  # who sends what to whom
        self,
        region: str,
        service: str,
        source_arn: str,
        target_arn: str,
        content: str,
        *,
        connection: Connection | None = None,
    ) -> None:
        """Have a service deliver something to one target, as durably as an event.

        Args:
            region: of the source.
            service: who sends it, such as "s3.amazonaws.com"; the target's policy has to allow it.
            source_arn: on whose behalf.
            target_arn: a function or a topic.
            content: JSON.
            connection: as of `put`.
        """
        target = {"Id": "0", "Arn": target_arn}
        row = self._delivery(region, str(uuid.uuid4()), service, source_arn, target, content, 0)
        self._promise([row], connection)

    def prepare(self) -> None:
        """Make the key that seals events; to be called before a rule is made, outside any write block.

        A key is made at its first use, and the transactions that events are a part of have no room for that.

        Raises:
            KeySourceUnavailable: the root of trust cannot be reached.
        """
        self._keys.seal(_KEY, b"", b"")

    def forget_rules(self, region: str, bus: str) -> None:
        """Read a bus's rules anew at its next event: for whoever changed them, after the commit."""
        with self._lock:
            self._generation += 1
            self._active.pop((region, bus), None)
        self._ring()

    def first_time_us(self, schedule: str, state: str) -> int | None:
        """Return when a rule with a schedule is to fire first; None where it is not to."""
        if not schedule or state not in rows.ENABLED_STATES:
            return None
        return _following_us(schedule, now_us(self._clock))

    def _rules(self, region: str, bus: str) -> tuple[_Active, ...]:
        kept = self._active.get((region, bus))
        if kept is not None and self._database.is_sqlite:
            return kept
        generation = self._generation
        with self._database.read() as connection:
            found = [row for row in rows.rules(connection, region, bus) if row.is_enabled]
            targets = rows.targets_of_bus(connection, region, bus) if found else {}
        active = tuple(
            _Active(row, self.rule_arn(row), _pattern(row), targets.get(row.name, ()))
            for row in found
        )
        with self._lock:
            if generation == self._generation:  # else a change came between
                self._active[region, bus] = active
        return active

    def rule_arn(self, row: RuleRow) -> str:
        """Return the ARN of a rule."""
        return rule_arn(row.region, self._account_id, row.bus, row.name)

    def _deliveries(
        self, rule: _Active, event: Mapping[str, Any], hops: int
    ) -> Iterable[DeliveryRow]:
        for target in rule.targets:
            if is_bus(Arn.parse(target["Arn"])):
                if hops >= _MOST_HOPS:
                    continue
                content = json.dumps(event)
            else:
                content = make_input(target, event, rule.arn)
            yield self._delivery(
                rule.row.region, event["id"], SERVICE, rule.arn, target, content, hops
            )

    def _delivery(  # noqa: PLR0913, PLR0917  # what a delivery consists of
        self,
        region: str,
        event_id: str,
        service: str,
        source_arn: str,
        target: Mapping[str, Any],
        content: str,
        hops: int,
    ) -> DeliveryRow:
        now, delivery_id = now_us(self._clock), str(uuid.uuid4())
        policy = target.get("RetryPolicy") or {}
        seconds = int(policy.get("MaximumEventAgeInSeconds", _DAY_SECONDS))
        return DeliveryRow(
            id=delivery_id,
            region=region,
            event_id=event_id,
            service=service,
            source_arn=source_arn,
            target_json=json.dumps(target),
            sealed_content=self._keys.seal(_KEY, content.encode(), delivery_id.encode()),
            hops=hops,
            attempts=0,
            next_us=now,
            expires_us=now + seconds * 1_000_000,
        )

    def _promise(self, promised: Sequence[DeliveryRow], connection: Connection | None) -> None:
        if not promised:
            return
        if connection is not None:
            rows.add_deliveries(connection, promised)
            until = time.monotonic() + _PATIENCE_SECONDS
            with self._lock:
                # They show once the caller's transaction ends; nobody tells when that is.
                self._unseen.update({row.id: until for row in promised})
        else:
            with self._database.write(durable=True) as own:
                rows.add_deliveries(own, promised)
        self._ring()

    def _ring(self) -> None:
        loop = self._find_loop()
        if loop is not None and not self._is_stopped:
            with suppress(RuntimeError):  # the loop has closed: at the next start
                loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._is_stopped:
            return
        self._woken.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        """Deliver, and fire schedules, as long as there is anything to wait for."""
        while not self._is_stopped:
            self._woken.clear()
            try:
                await self._fire()
                self._launch()
                seconds = self._pause()
            except Exception:  # noqa: BLE001  # the disk may be full; deliveries must go on when it is not
                _log.exception("events_stalled")
                seconds = _LONGEST_DELAY_SECONDS / 60
            if seconds is None:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), seconds)

    def _pause(self) -> float | None:
        """Return how long nothing is to be done; None where nothing is expected any more."""
        if self._woken.is_set():
            return 0.0
        now, moment = now_us(self._clock), time.monotonic()
        with self._lock:
            waiting = list(self._unseen)
        if waiting:
            with self._database.read() as connection:
                shown = rows.are_promised(connection, waiting)
            with self._lock:
                for delivery_id in waiting:
                    if delivery_id in shown or self._unseen[delivery_id] < moment:
                        del self._unseen[delivery_id]
                still = bool(self._unseen)
            if shown - self._in_flight.keys():
                return 0.0
            if still:
                return _LOOK_SECONDS
        with self._database.read() as connection:
            times = [rows.next_rule_us(connection), rows.next_delivery_us(connection, now)]
        due = [time_us for time_us in times if time_us is not None]
        if due:
            return min(max((min(due) - now) / 1e6, _LOOK_SECONDS), _LONGEST_SLEEP_SECONDS)
        return _LONGEST_SLEEP_SECONDS if self._in_flight else None

    def _launch(self) -> None:
        free = _AT_ONCE - len(self._in_flight)
        if free <= 0:
            return
        with self._database.read() as connection:
            found = rows.due_deliveries(connection, now_us(self._clock), _PAGE)
        for row in [row for row in found if row.id not in self._in_flight][:free]:
            task = asyncio.get_running_loop().create_task(self._attempt(row))
            self._in_flight[row.id] = task
            task.add_done_callback(partial(self._landed, row.id))

    def _landed(self, delivery_id: str, _task: asyncio.Task[None]) -> None:
        del self._in_flight[delivery_id]
        self._wake()

    async def _attempt(self, row: DeliveryRow) -> None:
        assert self._invoke is not None, "attached before it is woken"
        target = row.target
        try:
            arn = Arn.parse(target["Arn"])
            if is_bus(arn):
                await self._threads.call(self._forward, row, arn)
            else:
                principal = session_of(
                    self._directory,
                    row.service,
                    row.source_arn,
                    target.get("RoleArn", ""),
                    self._account_id,
                )
                await deliver(row, self._content(row), principal, self._invoke)
        except Undeliverable as error:
            self._give_up(row, str(error))
        except Exception as error:  # noqa: BLE001  # whatever it was, the next attempt may do better
            if await self._put_off(row, error):
                return
        await self._threads.call(self._remove, row.id)

    def _content(self, row: DeliveryRow) -> str:
        return self._keys.open(_KEY, row.sealed_content, row.id.encode()).decode()

    def _forward(self, row: DeliveryRow, arn: Arn) -> None:
        event, bus = json.loads(self._content(row)), arn.resource_id
        promised = [
            delivery
            for rule in self._rules(arn.region, bus)
            if rule.pattern is not None and rule.pattern.matches(event)
            for delivery in self._deliveries(rule, event, row.hops + 1)
        ]
        self._promise(promised, None)

    async def _put_off(self, row: DeliveryRow, error: Exception) -> bool:
        """Note that an attempt failed; return False where it was the last."""
        attempts, now = row.attempts + 1, now_us(self._clock)
        policy = row.target.get("RetryPolicy") or {}
        if attempts > int(policy.get("MaximumRetryAttempts", _MOST_ATTEMPTS)):
            self._give_up(row, f"{attempts} attempts failed, the last with: {error}")
            return False
        delay = min(_FIRST_DELAY_SECONDS * 2 ** (attempts - 1), _LONGEST_DELAY_SECONDS)
        jittered = delay * random.uniform(0.5, 1.0)  # noqa: S311  # spreads attempts, hides nothing
        next_us = now + int(jittered * 1e6)
        if next_us > row.expires_us:
            self._give_up(row, f"it is too old, and the last attempt failed with: {error}")
            return False
        _log.info("event_delivery_failed", target=row.target["Arn"], reason=str(error))
        await self._threads.call(self._postpone, row.id, attempts, next_us)
        return True

    def _give_up(self, row: DeliveryRow, reason: str) -> None:
        _log.warning(
            "event_not_delivered",
            event_id=row.event_id,
            source=row.source_arn,
            target=row.target["Arn"],
            reason=reason,
        )

    def _remove(self, delivery_id: str) -> None:
        with self._database.write() as connection:
            rows.remove_deliveries(connection, [delivery_id])

    def _postpone(self, delivery_id: str, attempts: int, next_us: int) -> None:
        with self._database.write(durable=True) as connection:
            rows.postpone(connection, delivery_id, attempts, next_us)

    async def _fire(self) -> None:
        """Let every schedule fire whose time has come; times that passed while no server ran are left out."""
        with self._database.read() as connection:
            due = rows.due_rules(connection, now_us(self._clock))
        if due:
            await self._threads.call(self._fire_now, due)

    def _fire_now(self, due: Sequence[RuleRow]) -> None:
        now = now_us(self._clock)
        with self._database.write(durable=True) as connection:
            for seen in due:
                row = rows.rule(connection, seen.region, seen.bus, seen.name)
                if row is None or row.next_us is None or row.next_us > now:
                    continue
                arn = self.rule_arn(row)
                moment = from_us(row.next_us)
                event = self.make(row.region, "aws.events", "Scheduled Event", {}, [arn], moment)
                targets = rows.targets(connection, row.region, row.bus, row.name)
                promised = list(self._deliveries(_Active(row, arn, None, targets), event, 0))
                if promised:
                    rows.add_deliveries(connection, promised)
                rows.change_rule(
                    connection,
                    row,
                    state=row.state,
                    next_us=_following(row.schedule, row.next_us, now),
                )


def rule_arn(region: str, account_id: str, bus: str, name: str) -> str:
    """Return the ARN of a rule; those of the default bus leave its name out."""
    below = name if bus == DEFAULT_BUS else f"{bus}/{name}"
    return f"arn:aws:events:{region}:{account_id}:rule/{below}"


def _pattern(row: RuleRow) -> EventPattern | None:
    if not row.pattern:
        return None
    try:
        return compile_pattern(row.pattern)
    except InvalidEventPattern:  # pragma: no cover  # checked when it was put
        _log.exception("rule_unreadable", rule=row.name)
        return None


def _following_us(schedule: str, after_us: int) -> int | None:
    found = parse_schedule(schedule).following(from_us(after_us))
    return None if found is None else int(found.timestamp() * 1_000_000)


def _following(schedule: str, fired_us: int, now: int) -> int | None:
    """Return the first time after now, in step with the time that has just come."""
    period = parse_schedule(schedule).period
    if period is None:
        return _following_us(schedule, now)
    step = int(period.total_seconds() * 1_000_000)
    return fired_us + step * ((now - fired_us) // step + 1)
