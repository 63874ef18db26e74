"""Messages of topics on their way to functions and web endpoints: recorded with the publish, delivered by the loop.

A delivery is recorded in the transaction that accepts the message and forgotten when the endpoint has taken it, so that
each is made at least once, whatever dies in between; SNS promises no more. Mail does not come by here: it goes straight
to the outbox.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Connection

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Principal
from outcrop.core.clock import Clock
from outcrop.core.ids import request_id
from outcrop.core.times import now_us
from outcrop.governance.threads import Threads
from outcrop.storage import topics
from outcrop.storage.database.engine import Database
from outcrop.storage.service_keys import ServiceKeys
from outcrop.storage.topics import DeliveryRow

log = structlog.get_logger("outcrop.notifications")

_SERVICE = "sns"
_PRINCIPAL = "sns.amazonaws.com"
_SECOND_US = 1_000_000
_AT_ONCE = 32
_HTTP_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 60.0
# SNS Developer Guide, "Message delivery retries", AWS managed endpoints: at once, before backoff, backoff, after it.
_AT_ONCE_RETRIES, _EARLY_RETRIES, _BACKOFF_RETRIES, _RETRIES = 3, 5, 15, 100_015
_LONGEST_DELAY = 20.0
_TRIED_AGAIN = frozenset({408, 429})

Invoke = Callable[..., Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one endpoint.

    Attributes:
        protocol: "lambda", "http" or "https".
        endpoint: ARN of a function, or a URL, which may hold a password.
        payload: what is sent.
        headers: of a web request.
        delays: seconds before each further attempt at a web endpoint, from the delivery policy.
    """

    protocol: str
    endpoint: str = field(repr=False)
    topic_arn: str
    region: str
    payload: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    delays: tuple[float, ...] = ()


class GivenUp(Exception):
    """An endpoint will not take a message, however often it is tried."""


class TryAgain(Exception):
    """An endpoint did not take a message this time."""


class Notifications:
    """Delivers.

    Args:
        database: keeps what is to be delivered.
        service_keys: seal it.
        clock: tells the time.
        account_id: of this installation.
        invoke: calls functions; the gateway's, which is known later.
        loop: the server's, once it runs.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each of them
        self,
        database: Database,
        service_keys: ServiceKeys,
        clock: Clock,
        account_id: str,
        *,
        invoke: Callable[[], Invoke],
        loop: Callable[[], asyncio.AbstractEventLoop | None],
    ) -> None:
        self._database = database
        self._service_keys = service_keys
        self._clock = clock
        self._account_id = account_id
        self._invoke = invoke
        self._loop = loop
        self._woken: asyncio.Event | None = None
        self._runner: asyncio.Task[None] | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False
        self._threads = Threads()
        # Made now, since messages are sealed inside of transactions, where no key can be made any more.
        service_keys.seal(_SERVICE, b"", b"")

    def add(
        self, connection: Connection, subscription_arn: str, message_id: str, delivery: Delivery
    ) -> None:
        """Record a delivery as part of a caller's durable transaction; `wake` after the commit."""
        delivery_id, now = request_id(), now_us(self._clock)
        content = json.dumps(
            {
                "protocol": delivery.protocol,
                "endpoint": delivery.endpoint,
                "topic_arn": delivery.topic_arn,
                "region": delivery.region,
                "payload": delivery.payload,
                "headers": dict(delivery.headers),
                "delays": list(delivery.delays),
            }
        ).encode()
        sealed = self._service_keys.seal(_SERVICE, content, _context(delivery_id))
        topics.insert_delivery(
            connection,
            DeliveryRow(delivery_id, subscription_arn, message_id, now, sealed, 0, now),
        )

    def wake(self) -> None:
        """Deliver what waits; returns at once, from any thread."""
        loop = self._loop()
        if loop is not None and not self._is_closing and not loop.is_closed():
            loop.call_soon_threadsafe(self._begin)

    async def close(self) -> None:
        """Stop delivering; what is left is delivered after the next start."""
        self._is_closing = True
        tasks = [*self._under_way.values()]
        if self._runner is not None:
            tasks.append(self._runner)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._threads.ended()

    def _begin(self) -> None:
        if self._is_closing:
            return
        if self._woken is None:
            self._woken = asyncio.Event()
        self._woken.set()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())

    async def _run(self) -> None:
        assert self._woken is not None
        while not self._is_closing:
            self._woken.clear()
            # As it is now: what ends while the rows are read may be among them, and must not begin again.
            following = await self._threads.call(self._take_due, frozenset(self._under_way))
            for row in following[0]:
                self._under_way[row.id] = asyncio.create_task(self._deliver(row))
            if not self._under_way and following[1] is None and not self._woken.is_set():
                return
            timeout = _LONGEST_WAIT_SECONDS
            if following[1] is not None and len(self._under_way) < _AT_ONCE:
                left = (following[1] - now_us(self._clock)) / _SECOND_US
                timeout = min(max(left, 0.01), timeout)
            try:
                async with asyncio.timeout(timeout):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _take_due(self, under_way: frozenset[str]) -> tuple[list[DeliveryRow], int | None]:
        """Return what is due and not under way, and when the next one will be."""
        busy = len(under_way)
        with self._database.read() as connection:
            rows = topics.due_deliveries(connection, now_us(self._clock), busy + _AT_ONCE)
            following = topics.next_delivery_us(connection, tuple(under_way))
        free = [row for row in rows if row.id not in under_way]
        return free[: max(_AT_ONCE - busy, 0)], following

    async def _deliver(self, row: DeliveryRow) -> None:
        attempts = row.attempts + 1
        delay: float | None = None
        try:
            delivery = self._opened(row)
            try:
                await self._attempt(delivery)
            except TryAgain as failure:
                delay = _delay(delivery, attempts)
                log.info("notification_put_off" if delay is not None else "notification_given_up",
                         subscription=row.subscription_arn, attempts=attempts, reason=str(failure))  # fmt: skip
            except GivenUp as failure:
                log.warning(
                    "notification_given_up", subscription=row.subscription_arn, reason=str(failure)
                )
            await self._threads.call(self._record, row, attempts, delay)
        except (
            Exception
        ):  # a full disk must not end the runner; the delivery stays and is tried again
            log.exception("notification_failed", subscription=row.subscription_arn)
            await asyncio.sleep(1.0)
        finally:
            self._under_way.pop(row.id, None)
            if self._woken is not None:
                self._woken.set()

    def _record(self, row: DeliveryRow, attempts: int, delay: float | None) -> None:
        with self._database.write() as connection:
            if delay is None:
                topics.remove_delivery(connection, row.id)
            else:
                next_us = now_us(self._clock) + int(delay * _SECOND_US)
                topics.postpone_delivery(connection, row.id, attempts, next_us)

    def _opened(self, row: DeliveryRow) -> Delivery:
        content = json.loads(
            self._service_keys.open(_SERVICE, bytes(row.content), _context(row.id))
        )
        return Delivery(**{**content, "delays": tuple(content["delays"])})

    async def _attempt(self, delivery: Delivery) -> None:
        if delivery.protocol == "lambda":
            await self._call_function(delivery)
        else:
            await self._threads.call(_post, delivery)

    async def _call_function(self, delivery: Delivery) -> None:
        principal = Principal(
            type="AWSService",
            arn=_PRINCIPAL,
            account_id=self._account_id,
            principal_id=_PRINCIPAL,
            source_arn=delivery.topic_arn,
            source_account=self._account_id,
        )
        try:
            await self._invoke()(
                "lambda",
                "Invoke",
                {
                    "FunctionName": delivery.endpoint,
                    "InvocationType": "Event",
                    "Payload": delivery.payload.encode(),
                },
                principal=principal,
                region=delivery.region,
            )
        except ServiceError as error:
            # A function that is gone or does not let us call it: a client's error, which SNS does not try again.
            is_ours = error.status < 500 and error.status not in _TRIED_AGAIN
            failure = GivenUp if is_ours or error.code == "NotImplemented" else TryAgain
            raise failure(f"{error.code}: {error.message}") from None


def _post(delivery: Delivery) -> None:
    import urllib3

    headers = dict(delivery.headers)
    parts = urlsplit(delivery.endpoint)
    if parts.username:
        pair = f"{parts.username}:{parts.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        with urllib3.PoolManager(timeout=_HTTP_SECONDS, retries=False) as pool:
            answer = pool.request(
                "POST", url, body=delivery.payload.encode(), headers=headers, redirect=False
            )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TryAgain(type(error).__name__) from None
    if 200 <= answer.status < 300:
        return
    said = f"HTTP status {answer.status}"
    raise (
        TryAgain(said) if answer.status >= 500 or answer.status in _TRIED_AGAIN else GivenUp(said)
    )


def _delay(delivery: Delivery, attempts: int) -> float | None:
    """Return how long to wait after so many failed attempts, or None where that was the last."""
    if delivery.protocol != "lambda":
        delays = delivery.delays
        return delays[attempts - 1] if attempts <= len(delays) else None
    if attempts <= _AT_ONCE_RETRIES:
        return 0.0
    if attempts <= _EARLY_RETRIES:
        return 1.0
    if attempts <= _BACKOFF_RETRIES:
        return float(_LONGEST_DELAY ** ((attempts - _EARLY_RETRIES - 1) / 9))
    return _LONGEST_DELAY if attempts <= _RETRIES else None


def _context(delivery_id: str) -> bytes:
    return f"notification/{delivery_id}".encode()
