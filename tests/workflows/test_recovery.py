"""A journal cut anywhere is gone on with to the same history: nothing missing, nothing twice."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select, update

from outcrop.storage.database.tables.executions import execution_events, executions
from outcrop.workflows import journal
from support import workflow_machines as machines
from support.workflow_engine import EngineRoom, MovableTimers, fails

SEQUENTIAL = {
    "a loop": (machines.LOOP, {}),
    "variables": (machines.VARIABLES, {"given": [1]}),
    "calls": (machines.CALL_AFTER_CALL, {"given": True}),
    "retries": (machines.RETRIED, {}),
    "iterations": (machines.MAPPED, {"items": [1, 2, 3]}),
    "a branch that fails": (machines.BRANCH_FAILS, {}),
}


class EagerTimers(MovableTimers):
    """Time that jumps to whatever is waited for."""

    async def sleep_until(self, moment_us: int) -> None:
        await asyncio.sleep(0.001)
        self.moment_us = max(self.moment_us, moment_us)


def room_on(folder: Path) -> EngineRoom:
    room = EngineRoom(folder, timers=EagerTimers())
    room.integrations.plays["broken"] = fails("Broken", "it is")
    room.integrations.plays["act"] = lambda call: asyncio.sleep(0.001, call.arguments)
    room.integrations.plays["job"] = lambda _call: {"Id": "job-1"}
    room.integrations.waits["job"] = lambda call: asyncio.sleep(0.001, {"ended": call.arguments})
    return room


def without_times(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: event[name] for name in event if name != "timestamp"} for event in events]


def cut(path: Path, arn: str, chunks: int) -> None:
    """Let a database look as if the server had died after so many commits of an execution."""
    room = EngineRoom(path)
    with room.database.write() as connection:
        found = connection.execute(select(executions.c.id).where(executions.c.arn == arn)).scalar()
        connection.execute(
            delete(execution_events).where(
                execution_events.c.execution_id == found, execution_events.c.number >= chunks
            )
        )
        connection.execute(
            update(executions)
            .where(executions.c.id == found)
            .values(status="RUNNING", stopped_us=None, result=None)
        )
    room.database.close()


def chunk_count(room: EngineRoom) -> int:
    with room.database.read() as connection:
        return len(connection.execute(select(execution_events.c.number)).all())


@pytest.mark.parametrize("name", SEQUENTIAL)
async def test_a_journal_cut_after_any_commit_comes_to_the_same_history(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_LAZY_SECONDS", 0.0)
    definition, value = SEQUENTIAL[name]
    whole = room_on(tmp_path)
    record = await whole.run(definition, value)
    events = without_times(await whole.events(record.arn))
    chunks = chunk_count(whole)
    await whole.close()
    assert record.status == "SUCCEEDED"
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))

    for kept in range(1, chunks):
        folder = tmp_path / str(kept)
        folder.mkdir()
        shutil.copy(tmp_path / "outcrop.db", folder / "outcrop.db")
        cut(folder, record.arn, kept)
        again = room_on(folder)
        assert await again.executions.open() == 1
        recovered = await again.end(record.arn)
        recovered_events = without_times(await again.events(record.arn))
        await again.close()
        assert recovered_events == events, f"after {kept} of {chunks} commits"
        assert (recovered.status, recovered.output) == (record.status, record.output)


async def test_branches_side_by_side_come_to_the_same_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_LAZY_SECONDS", 0.0)
    value = {"items": [1, 2, 3, 4]}
    whole = room_on(tmp_path)
    record = await whole.run(machines.BRANCHED, value)
    types = Counter(await whole.types(record.arn))
    chunks = chunk_count(whole)
    await whole.close()

    for kept in range(1, chunks):
        folder = tmp_path / str(kept)
        folder.mkdir()
        shutil.copy(tmp_path / "outcrop.db", folder / "outcrop.db")
        cut(folder, record.arn, kept)
        again = room_on(folder)
        await again.executions.open()
        recovered = await again.end(record.arn)
        events = await again.events(record.arn)
        await again.close()
        assert [event["id"] for event in events] == list(range(1, len(events) + 1))
        assert Counter(event["type"] for event in events) == types, f"{kept} of {chunks}"
        assert recovered.output == record.output


async def test_a_call_is_made_again_under_the_same_key(tmp_path: Path) -> None:
    first = room_on(tmp_path)
    never = asyncio.Event()
    first.integrations.plays["act"] = lambda _call: never.wait()
    arn = await first.start(machines.task(), {"x": 1})
    await first.until(lambda: first.integrations.calls)
    await first.crash()

    second = room_on(tmp_path)
    await second.executions.open()
    record = await second.end(arn)

    assert record.status == "SUCCEEDED"
    keys = {call.idempotency_key for room in (first, second) for call in room.integrations.calls}
    assert keys == {f"{arn}:3"}
    assert (await second.types(arn)).count("TaskScheduled") == 1
    await second.close()


async def test_a_submitted_job_is_waited_for_and_not_submitted_again(tmp_path: Path) -> None:
    first = room_on(tmp_path)
    never = asyncio.Event()
    waited: list[Any] = []

    def wait_for_ever(call: Any) -> Any:
        waited.append(call)
        return never.wait()

    first.integrations.waits["job"] = wait_for_ever
    arn = await first.start(machines.task("arn:aws:states:::played:job.sync"))
    await first.until(lambda: waited)
    await first.crash()

    second = room_on(tmp_path)
    await second.executions.open()
    record = await second.end(arn)

    assert record.status == "SUCCEEDED"
    assert not second.integrations.calls
    assert not first.integrations.stopped, "a crash stops nothing"
    await second.close()


async def test_an_answer_that_was_acknowledged_survives(tmp_path: Path) -> None:
    first = room_on(tmp_path)
    hold = asyncio.Event()
    first.integrations.plays["ask"] = lambda _call: hold.wait()
    definition = machines.task(
        "arn:aws:states:::played:ask.waitForTaskToken",
        Parameters={"token.$": "$$.Task.Token"},
    )
    arn = await first.start(definition)
    await first.until(lambda: first.integrations.calls)
    token = first.integrations.calls[0].arguments["token"]
    # Answered before the call that carried the token has returned.
    await first.executions.send_success(token, '{"answer": 42}')
    await first.crash()

    second = room_on(tmp_path)
    await second.executions.open()
    record = await second.end(arn)

    assert orjson.loads(record.output or "") == {"answer": 42}
    assert (await second.types(arn))[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    await second.close()


async def test_a_map_run_goes_on_with_the_children_it_had(tmp_path: Path) -> None:
    first = room_on(tmp_path)
    never = asyncio.Event()
    made: list[Any] = []

    async def act(call: Any) -> Any:
        made.append(call.arguments)
        if len(made) > 4:
            await never.wait()
        return call.arguments["item"] * 10

    first.integrations.plays["act"] = act
    arn = await first.start(
        machines.distributed(MaxConcurrency=2, ItemsPath="$.items"), {"items": list(range(8))}
    )
    await first.until(lambda: len(made) == 6)
    await first.executions.engine.journal.committed()
    await first.crash()

    second = room_on(tmp_path)
    second.integrations.plays["act"] = lambda call: call.arguments["item"] * 10
    await second.executions.open()
    record = await second.end(arn)

    assert record.status == "SUCCEEDED", record.cause
    assert orjson.loads(record.output or "") == [0, 10, 20, 30, 40, 50, 60, 70]
    run = second.executions.list_map_runs(arn)[0]["mapRunArn"]
    described = second.executions.describe_map_run(run)
    assert described["status"] == "SUCCEEDED"
    assert described["executionCounts"]["succeeded"] == 8
    assert described["executionCounts"]["total"] == 8
    await second.close()
