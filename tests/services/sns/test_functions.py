"""Messages for functions: invoked as SNS, for the topic, with the event that AWS sends."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outcrop.aws.errors import ResourceNotFoundException, ServiceUnavailableException
from outcrop.aws.operation import Principal
from outcrop.core.clock import SystemClock
from outcrop.crypto.key_source import FileKeySource
from outcrop.governance.notifications import Delivery, Notifications
from outcrop.storage import topics
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.service_keys import ServiceKeys
from services.sns.conftest import Post
from support.mail_server import PATIENCE_SECONDS

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:report"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:models"


class Functions:
    """Stands for the Lambda service.

    Attributes:
        failures: raised by the first calls, in turn.
    """

    def __init__(self, *failures: Exception) -> None:
        self.calls: list[tuple[str, str, Mapping[str, Any], Principal]] = []
        self.failures = list(failures)

    async def __call__(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        principal: Principal,
        region: str,
    ) -> Mapping[str, Any]:
        assert region == "eu-west-1"
        self.calls.append((service, operation, request, principal))
        if self.failures:
            raise self.failures.pop(0)
        return {"StatusCode": 202}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database.at(tmp_path / "outcrop.db")
    upgrade(made)
    return made


def notifications(
    database: Database, functions: Functions, *, is_running: bool = True
) -> Notifications:
    folder = Path(database.engine.url.database or "").parent
    keys = ServiceKeys(database, FileKeySource(folder / "root.key"))
    loop = asyncio.get_running_loop() if is_running else None
    return Notifications(
        database, keys, SystemClock(), "123456789012", invoke=lambda: functions, loop=lambda: loop
    )


def add(sender: Notifications, database: Database) -> None:
    with database.write() as connection:
        delivery = Delivery("lambda", FUNCTION, TOPIC, "eu-west-1", '{"Records": []}')
        sender.add(connection, f"{TOPIC}:id", "message", delivery)


async def until_empty(database: Database) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        # What is waited for is a row, which tells nobody.
        while topics.next_delivery_us(database.reader) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_function_gets_the_event_that_aws_sends(
    post: Post, sns: Any, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = Functions()
    monkeypatch.setattr(post.server.platform.notifications, "_invoke", lambda: functions)
    arn = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION)["SubscriptionArn"]
    message_id = sns.publish(TopicArn=topic, Message="Hello world.")["MessageId"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not functions.calls:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ((service, operation, request, principal),) = functions.calls
    assert (service, operation) == ("lambda", "Invoke")
    assert (request["FunctionName"], request["InvocationType"]) == (FUNCTION, "Event")
    assert (principal.type, principal.arn) == ("AWSService", "sns.amazonaws.com")
    assert (principal.source_arn, principal.source_account) == (topic, "123456789012")
    (record,) = json.loads(request["Payload"])["Records"]
    content = record.pop("Sns")
    assert record == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": arn,
    }
    assert content["Subject"] is None
    assert (content["MessageId"], content["Message"]) == (message_id, "Hello world.")
    assert {"SigningCertUrl", "UnsubscribeUrl", "Signature", "Timestamp"} <= content.keys()
    assert content["MessageAttributes"] == {}


async def test_a_message_that_was_accepted_is_delivered_by_the_next_server(
    database: Database,
) -> None:
    add(notifications(database, Functions(), is_running=False), database)
    functions = Functions()
    later = notifications(database, functions)
    later.wake()
    await until_empty(database)
    await later.close()
    assert len(functions.calls) == 1
    database.close()


async def test_a_function_that_is_busy_is_tried_again_and_one_that_is_gone_is_not(
    database: Database,
) -> None:
    functions = Functions(
        ServiceUnavailableException("busy"),
        ServiceUnavailableException("still busy"),
        ResourceNotFoundException("Function not found"),
    )
    sender = notifications(database, functions)
    add(sender, database)
    sender.wake()
    await until_empty(database)
    await sender.close()
    assert len(functions.calls) == 3
    database.close()


async def test_many_messages_are_each_delivered_once(database: Database) -> None:
    functions = Functions()
    sender = notifications(database, functions)
    for _ in range(100):
        add(sender, database)
    sender.wake()
    await until_empty(database)
    await sender.close()
    assert len(functions.calls) == 100
    database.close()
