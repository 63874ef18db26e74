"""Events for functions that nobody waits for: accepted durably, tried three times, and reported to destinations.

An event is a row from the moment it is acknowledged until it has been handled: a server that is killed goes on with
it at the next start, so that an event may be handled twice but is never lost. Times of retries as in the Lambda
Developer Guide, "Error handling for asynchronous invocation": a minute after the first failure, two after the second;
what could not even be called is tried again after a second, then ever later, up to five minutes.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from outcrop.aws.errors import ServiceError
from outcrop.core.times import from_us, now_us
from outcrop.functions.code import Invocation
from outcrop.services.lambda_ import destinations, running
from outcrop.services.lambda_.identifiers import Found, look_up, parse
from outcrop.services.lambda_.role_session import SERVICE
from outcrop.services.lambda_.running import Call
from outcrop.services.platform import Platform
from outcrop.storage.functions import attachments, events
from outcrop.storage.functions.events import EventRow
from outcrop.storage.functions.rows import LATEST

log = structlog.get_logger(__name__)

_SECOND_US = 1_000_000
_RETRY_US = 60 * _SECOND_US
_LONGEST_BACKOFF_SECONDS = 300
_MOST_DELIVERIES = 5
_MOST_AT_ONCE = 64
_LONGEST_WAIT_SECONDS = 60.0
DEFAULT_RETRIES, DEFAULT_AGE_SECONDS = 2, 21_600


async def accept(platform: Platform, call: Call) -> None:
    """Keep an event, durably when this returns, and see to it that it is handled."""
    now = now_us(platform.clock)
    row = EventRow(
        id=call.request_id,
        function_arn=call.reference.arn,
        qualifier=call.reference.qualifier,
        payload=_seal(platform, call.request_id, call.payload),
        client_context=call.client_context,
        accepted_us=now,
        due_us=now,
        attempts=0,
        refusals=0,
        outcome=None,
    )
    await asyncio.to_thread(_insert, platform, row)
    begin(platform)


def begin(platform: Platform) -> None:
    """Handle what is due, now and as time goes on; on the event loop."""
    store = platform.function_store
    store.events_wanted.set()
    if store.event_work is None or store.event_work.done():
        store.event_work = asyncio.get_running_loop().create_task(_Worker(platform).work())


def resume(platform: Platform) -> None:
    """Go on with the events that an earlier server left; on the event loop."""
    if events.count(platform.database.reader):
        begin(platform)


async def stop(platform: Platform) -> None:
    """Stop handling events; those that wait go on at the next start."""
    task = platform.function_store.event_work
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Worker:
    """Handles events while there are any.

    Args:
        platform: where they are.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._running: dict[str, asyncio.Task[None]] = {}

    async def work(self) -> None:
        """Return when no event waits any more."""
        wanted = self._platform.function_store.events_wanted
        try:
            while True:
                wanted.clear()
                wait = await asyncio.to_thread(self._look)
                if wait is None and not self._running and not wanted.is_set():
                    return
                if wait is None or wait > 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(wanted.wait(), wait or _LONGEST_WAIT_SECONDS)
                    continue
                self._start_due()
                await asyncio.sleep(0)
                if len(self._running) >= _MOST_AT_ONCE:
                    await wanted.wait()
        finally:
            for task in self._running.values():
                task.cancel()

    def _look(self) -> float | None:
        """Return after how many seconds something is to be begun, None where nothing is."""
        platform = self._platform
        now = now_us(platform.clock)
        with platform.database.read() as connection:
            ready = events.due(connection, now, 2 * _MOST_AT_ONCE)
            if any(row.id not in self._running for row in ready):
                return 0.0
            following = events.next_due_us(connection, now)
        if following is None:
            return None
        return min(_LONGEST_WAIT_SECONDS, max(0.001, (following - now) / _SECOND_US))

    def _start_due(self) -> None:
        platform = self._platform
        ready = events.due(platform.database.reader, now_us(platform.clock), 2 * _MOST_AT_ONCE)
        for row in ready:
            if row.id in self._running or len(self._running) >= _MOST_AT_ONCE:
                continue
            task = asyncio.get_running_loop().create_task(self._handle(row))
            self._running[row.id] = task

    async def _handle(self, row: EventRow) -> None:
        try:
            await _handle(self._platform, row)
        except Exception:
            # One event must not keep the others waiting; it is tried again like one that could not be called, and
            # never in a tight loop, whatever is wrong.
            log.exception("function_event_failed", function=row.function_arn, event_id=row.id)
            await asyncio.sleep(1.0)
            await _refuse(self._platform, row)
        finally:
            self._running.pop(row.id, None)
            self._platform.function_store.events_wanted.set()


@dataclass(frozen=True, slots=True)
class _Rules:
    """What holds for the events of a function."""

    retries: int
    age_us: int
    destinations: Mapping[str, Any]
    dead_letters: str


async def _handle(platform: Platform, row: EventRow) -> None:
    reference = parse(row.function_arn, "", platform.account_id)
    assert reference is not None, "an event names a function by its ARN"
    reference = replace(reference, qualifier=row.qualifier)
    if row.outcome is not None:
        await _report(platform, row, json.loads(_open(platform, row.id, row.outcome)))
        return
    found = look_up(platform.database.reader, reference)
    if found is None:
        await asyncio.to_thread(_remove, platform, row.id)
        return
    rules = _rules(platform, found, row.qualifier)
    payload = _open(platform, row.id, row.payload)
    if found.function.reserved_concurrency == 0:
        await _conclude(platform, row, rules, "ZeroReservedConcurrency", payload, None)
        return
    if now_us(platform.clock) - row.accepted_us > rules.age_us:
        await _conclude(platform, row, rules, "EventAgeExceeded", payload, None)
        return
    call = Call(reference, payload, row.id, client_context=row.client_context)
    try:
        answer = await running.run(platform, call)
    except ServiceError as error:
        log.info(
            "function_event_refused",
            function=row.function_arn,
            event_id=row.id,
            reason=error.message,
        )
        await _refuse(platform, row)
        return
    await _after_call(platform, row, rules, payload, answer)


async def _after_call(
    platform: Platform, row: EventRow, rules: _Rules, payload: bytes, answer: Invocation
) -> None:
    attempts = row.attempts + 1
    tried = replace(row, attempts=attempts)
    if not answer.function_error:
        await _conclude(platform, tried, rules, "Success", payload, answer)
        return
    if attempts > rules.retries:
        await _conclude(platform, tried, rules, "RetriesExhausted", payload, answer)
        return
    due = now_us(platform.clock) + attempts * _RETRY_US
    if due - row.accepted_us > rules.age_us:
        await _conclude(platform, tried, rules, "EventAgeExceeded", payload, answer)
        return
    await asyncio.to_thread(_change, platform, row.id, due_us=due, attempts=attempts, refusals=0)


async def _refuse(platform: Platform, row: EventRow) -> None:
    refusals = row.refusals + 1
    seconds = min(_LONGEST_BACKOFF_SECONDS, 2 ** (refusals - 1))
    due = now_us(platform.clock) + seconds * _SECOND_US
    if row.outcome is not None and refusals >= _MOST_DELIVERIES:
        await asyncio.to_thread(_remove, platform, row.id)
        return
    await asyncio.to_thread(_change, platform, row.id, due_us=due, refusals=refusals)


async def _conclude(  # noqa: PLR0913, PLR0917  # what a report consists of
    platform: Platform,
    row: EventRow,
    rules: _Rules,
    condition: str,
    payload: bytes,
    answer: Invocation | None,
) -> None:
    """Keep what is to be told, durably, and tell it; where nobody wants to know, the event is over."""
    is_success = condition == "Success"
    target = rules.destinations.get("OnSuccess" if is_success else "OnFailure", {})
    outcome: dict[str, Any] = {"target": target.get("Destination", "")}
    if outcome["target"]:
        outcome["record"] = _record(platform, row, condition, payload, answer)
    elif rules.dead_letters and not is_success:
        outcome = {
            "target": rules.dead_letters,
            "dead_letter": payload.decode(),
            "error": _error_message(answer),
        }
    else:
        await asyncio.to_thread(_remove, platform, row.id)
        return
    sealed = _seal(platform, row.id, json.dumps(outcome).encode())
    await asyncio.to_thread(
        _change, platform, row.id, outcome=sealed, attempts=row.attempts, refusals=0
    )
    await _report(platform, row, outcome)


async def _report(platform: Platform, row: EventRow, outcome: Mapping[str, Any]) -> None:
    try:
        await destinations.deliver(platform, row, outcome)
    except (ServiceError, destinations.Undeliverable) as error:
        log.warning(
            "function_destination_failed",
            function=row.function_arn,
            target=outcome["target"],
            reason=str(error),
        )
        sealed = _seal(platform, row.id, json.dumps(dict(outcome)).encode())
        await _refuse(platform, replace(row, outcome=sealed))
        return
    await asyncio.to_thread(_remove, platform, row.id)


def _record(
    platform: Platform, row: EventRow, condition: str, payload: bytes, answer: Invocation | None
) -> dict[str, Any]:
    """Return what destinations are sent: Developer Guide, "Capturing records of asynchronous invocations"."""
    moment = from_us(now_us(platform.clock))
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": row.id,
            "functionArn": f"{row.function_arn}:{row.qualifier or LATEST}",
            "condition": condition,
            "approximateInvokeCount": row.attempts,
        },
        "requestPayload": json.loads(payload),
    }
    if answer is not None:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": answer.executed_version,
            **({"functionError": answer.function_error} if answer.function_error else {}),
        }
        record["responsePayload"] = json.loads(answer.payload) if answer.payload else None
    return record


def _error_message(answer: Invocation | None) -> str:
    if answer is None:
        return ""
    with suppress(ValueError, AttributeError):
        return str(json.loads(answer.payload).get("errorMessage", ""))
    return ""


def _rules(platform: Platform, found: Found, qualifier: str) -> _Rules:
    row = attachments.event_settings(
        platform.database.reader, found.function.arn, qualifier or LATEST
    )
    settings = {} if row is None else row.settings
    letters = found.version.settings.get("DeadLetterConfig") or {}
    return _Rules(
        retries=settings.get("MaximumRetryAttempts", DEFAULT_RETRIES),
        age_us=settings.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS) * _SECOND_US,
        destinations=settings.get("DestinationConfig") or {},
        dead_letters=letters.get("TargetArn", ""),
    )


def _seal(platform: Platform, event_id: str, content: bytes) -> bytes:
    return platform.service_keys.seal(SERVICE, content, _bound(event_id))


def _open(platform: Platform, event_id: str, sealed: bytes) -> bytes:
    return platform.service_keys.open(SERVICE, sealed, _bound(event_id))


def _bound(event_id: str) -> bytes:
    return f"{SERVICE}/event/{event_id}".encode()


def _insert(platform: Platform, row: EventRow) -> None:
    with platform.database.write(durable=True) as connection:
        events.insert(connection, row)


def _change(platform: Platform, event_id: str, **values: Any) -> None:
    with platform.database.write(durable=True) as connection:
        events.change(connection, event_id, **values)


def _remove(platform: Platform, event_id: str) -> None:
    with platform.database.write(durable=True) as connection:
        events.remove(connection, event_id)
