"""Histories have the events that AWS records: their types, order, references and details."""

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from outcrop.workflows.errors import InvalidToken, TaskTimedOut
from outcrop.workflows.revisions import StartRequest
from support import workflow_machines as machines
from support.workflow_engine import MACHINE_ARN, EngineRoom, MovableTimers, fails, revision_of

ACTIVITY = "arn:aws:states:eu-west-1:123456789012:activity:work"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:score"


def chain(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Types and what they refer to."""
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    return [(event["type"], event["previousEventId"]) for event in events]


async def test_a_pass_refers_to_what_was_before(room: EngineRoom) -> None:
    record = await room.run(machines.one_state(Type="Pass"), {"a": 1})
    events = await room.events(record.arn)
    assert chain(events) == [
        ("ExecutionStarted", 0),
        ("PassStateEntered", 0),
        ("PassStateExited", 2),
        ("ExecutionSucceeded", 3),
    ]
    assert events[2]["stateExitedEventDetails"] == {
        "name": "Only",
        "output": '{"a": 1}',
        "outputDetails": {"truncated": False},
    }
    assert record.output == '{"a": 1}'


async def test_a_task_is_scheduled_started_and_ended(room: EngineRoom) -> None:
    definition = machines.task(TimeoutSeconds=60, Credentials={"RoleArn": "arn:aws:iam::1:role/x"})
    record = await room.run(definition, {"q": 1})
    events = await room.events(record.arn)
    assert chain(events)[2:] == [
        ("TaskScheduled", 2),
        ("TaskStarted", 3),
        ("TaskSucceeded", 4),
        ("TaskStateExited", 5),
        ("ExecutionSucceeded", 6),
    ]
    assert events[2]["taskScheduledEventDetails"] == {
        "resourceType": "played",
        "resource": "act",
        "region": "eu-west-1",
        "parameters": '{"given":{"q":1}}',
        "timeoutInSeconds": 60,
        "taskCredentials": {"roleArn": "arn:aws:iam::1:role/x"},
    }
    assert room.integrations.calls[0].role_arn == "arn:aws:iam::1:role/x"


async def test_a_function_has_events_of_its_own(room: EngineRoom) -> None:
    room.integrations.plays["score"] = fails("Broken", "it is")
    record = await room.run(machines.one_state(Type="Task", Resource=FUNCTION), 5)
    events = await room.events(record.arn)
    assert chain(events)[2:] == [
        ("LambdaFunctionScheduled", 2),
        ("LambdaFunctionStarted", 3),
        ("LambdaFunctionFailed", 4),
        ("ExecutionFailed", 5),
    ]
    assert events[2]["lambdaFunctionScheduledEventDetails"]["input"] == "5"
    assert set(events[3]) == {"timestamp", "type", "id", "previousEventId"}
    assert (record.status, record.error, record.cause) == ("FAILED", "Broken", "it is")


async def test_a_failing_fail_state_says_what_it_says(room: EngineRoom) -> None:
    definition = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}
    record = await room.run(definition)
    assert chain(await room.events(record.arn))[1:] == [
        ("FailStateEntered", 0),
        ("ExecutionFailed", 2),
    ]
    assert (record.error, record.cause) == ("E", "C")


async def test_iterations_one_at_a_time_follow_each_other(room: EngineRoom) -> None:
    definition = machines.one_state(
        Type="Map",
        MaxConcurrency=1,
        ItemsPath="$.items",
        ItemProcessor={"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
    )
    record = await room.run(definition, {"items": ["a", "b"]})
    events = await room.events(record.arn)
    assert chain(events)[2:] == [
        ("MapStateStarted", 2),
        ("MapIterationStarted", 3),
        ("PassStateEntered", 4),
        ("PassStateExited", 5),
        ("MapIterationSucceeded", 6),
        ("MapIterationStarted", 6),
        ("PassStateEntered", 8),
        ("PassStateExited", 9),
        ("MapIterationSucceeded", 10),
        ("MapStateSucceeded", 11),
        ("MapStateExited", 11),
        ("ExecutionSucceeded", 13),
    ]
    assert events[2]["mapStateStartedEventDetails"] == {"length": 2}
    assert events[3]["mapIterationStartedEventDetails"] == {"name": "Only", "index": 0}
    assert json.loads(record.output or "") == ["a", "b"]


async def test_a_map_that_is_retried_starts_again_and_fails_last(room: EngineRoom) -> None:
    definition = machines.one_state(
        Type="Map",
        ItemsPath="$.items",
        ItemProcessor={
            "StartAt": "F",
            "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}},
        },
        Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1}],
    )
    record = await room.run(definition, {"items": [1]})
    assert chain(await room.events(record.arn))[2:] == [
        ("MapStateStarted", 2),
        ("MapIterationStarted", 3),
        ("FailStateEntered", 4),
        ("MapIterationFailed", 5),
        ("MapStateStarted", 5),
        ("MapIterationStarted", 7),
        ("FailStateEntered", 8),
        ("MapIterationFailed", 9),
        ("MapStateFailed", 9),
        ("ExecutionFailed", 11),
    ]


async def test_an_iteration_that_fails_aborts_the_others(room: EngineRoom) -> None:
    never = asyncio.Event()

    def act(call: Any) -> Any:
        return fails("Broken", "it is")(call) if call.arguments["item"] == 0 else never.wait()

    room.integrations.plays["act"] = act
    definition = machines.one_state(
        Type="Map",
        ItemsPath="$.items",
        ItemProcessor={
            "StartAt": "W",
            "States": {
                "W": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::played:act",
                    "Parameters": {"item.$": "$"},
                    "End": True,
                }
            },
        },
    )
    record = await room.run(definition, {"items": [0, 1]})
    events = await room.events(record.arn)
    failed = next(event for event in events if event["type"] == "TaskFailed")["id"]
    assert chain(events)[failed:] == [
        ("MapIterationFailed", failed),
        ("TaskStateAborted", failed),
        ("MapIterationAborted", failed),
        ("TaskStateAborted", failed),
        ("MapStateFailed", failed),
        ("ExecutionFailed", failed + 5),
    ]


async def test_branches_start_before_any_of_them_works(room: EngineRoom) -> None:
    branch = {
        "StartAt": "W",
        "States": {
            "W": {
                "Type": "Task",
                "Resource": "arn:aws:states:::played:act",
                "Parameters": {"x": 1},
                "End": True,
            }
        },
    }
    other = {"StartAt": "V", "States": {"V": branch["States"]["W"]}}  # type: ignore[index]
    record = await room.run(machines.one_state(Type="Parallel", Branches=[branch, other]))
    events = await room.events(record.arn)
    assert chain(events)[2:9] == [
        ("ParallelStateStarted", 2),
        ("TaskStateEntered", 3),
        ("TaskScheduled", 4),
        ("TaskStateEntered", 3),
        ("TaskScheduled", 6),
        ("TaskStarted", 5),
        ("TaskStarted", 7),
    ]
    last = len(events) - 3
    assert chain(events)[-3:] == [
        ("ParallelStateSucceeded", last),
        ("ParallelStateExited", last),
        ("ExecutionSucceeded", last + 2),
    ]


async def test_an_execution_that_is_stopped_refers_to_nothing(room: EngineRoom) -> None:
    arn = await room.start(machines.one_state(Type="Wait", Seconds=3600))
    await room.executions.stop(arn, None, None)
    record = await room.end(arn)
    events = await room.events(arn)
    assert record.status == "ABORTED"
    assert chain(events)[-1] == ("ExecutionAborted", 0)
    assert events[-1]["executionAbortedEventDetails"] == {}
    assert record.redrive_status == "REDRIVABLE"


async def test_a_stopped_execution_stops_the_job_it_waits_for(room: EngineRoom) -> None:
    waited = asyncio.Event()

    def wait_for_ever(_call: Any) -> Any:
        waited.set()
        return asyncio.Event().wait()

    room.integrations.waits["job"] = wait_for_ever
    arn = await room.start(machines.task("arn:aws:states:::played:job.sync"))
    await waited.wait()
    await room.executions.stop(arn, "E", "C")
    await room.until(lambda: room.integrations.stopped)
    record = await room.end(arn)
    assert (record.error, record.cause) == ("E", "C")


async def test_a_token_ends_its_task_and_only_once(room: EngineRoom) -> None:
    arn = await room.start(
        machines.task(
            "arn:aws:states:::played:ask.waitForTaskToken",
            Parameters={"token.$": "$$.Task.Token"},
        )
    )
    await room.until(lambda: room.integrations.calls)
    token = room.integrations.calls[0].task_token
    assert token == room.integrations.calls[0].arguments["token"]
    await room.executions.send_heartbeat(token)
    await room.executions.send_failure(token, "No", "because")
    record = await room.end(arn)
    assert (record.error, record.cause) == ("No", "because")
    with pytest.raises(TaskTimedOut, match="does not exist anymore"):
        await room.executions.send_success(token, "1")
    with pytest.raises(InvalidToken):
        await room.executions.send_success(token[:-8] + "AAAAAAA=", "1")


async def test_an_activity_waits_for_a_worker(room: EngineRoom) -> None:
    assert await room.executions.next_activity_task(ACTIVITY, None, 0.01) is None
    arn = await room.start(machines.one_state(Type="Task", Resource=ACTIVITY), {"n": 1})
    task = await room.executions.next_activity_task(ACTIVITY, "me", 30)
    assert task is not None
    token, given = task
    assert json.loads(given) == {"n": 1}
    await room.executions.send_success(token, '"done"')
    record = await room.end(arn)
    events = await room.events(arn)
    assert chain(events)[2:5] == [
        ("ActivityScheduled", 2),
        ("ActivityStarted", 3),
        ("ActivitySucceeded", 4),
    ]
    assert events[3]["activityStartedEventDetails"] == {"workerName": "me"}
    assert record.output == '"done"'


async def test_a_history_is_paged_in_both_directions(room: EngineRoom) -> None:
    record = await room.run(machines.LOOP)
    events = await room.events(record.arn)
    first = await room.executions.history(record.arn, limit=3)
    assert [event["id"] for event in first.events] == [1, 2, 3]
    assert first.following == 4
    last = await room.executions.history(record.arn, reverse=True, limit=2)
    assert [event["id"] for event in last.events] == [len(events), len(events) - 1]
    further = await room.executions.history(
        record.arn, reverse=True, start=last.following, limit=1000
    )
    assert [event["id"] for event in further.events] == list(range(len(events) - 2, 0, -1))
    assert further.following is None


async def test_an_endless_loop_ends_with_its_history(room: EngineRoom) -> None:
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.ends", "BooleanEquals": True, "Next": "End"}],
                "Default": "A",
            },
            "End": {"Type": "Succeed"},
        },
    }
    record = await room.run(definition, {"ends": False})
    page = await room.executions.history(record.arn, reverse=True, limit=1)
    assert record.status == "FAILED"
    assert page.events[0]["id"] == 25_000
    assert "25000" in (record.cause or "")


async def test_a_redrive_goes_on_where_it_failed(room: EngineRoom) -> None:
    room.integrations.plays["job"] = fails("Broken", "it is")
    record = await room.run(machines.CALL_AFTER_CALL, {"given": True})
    assert record.status == "FAILED"
    del room.integrations.plays["job"]
    await room.executions.redrive(record.arn)
    again = await room.end(record.arn)
    events = await room.events(record.arn)
    assert again.status == "SUCCEEDED"
    assert again.redrive_count == 1
    types = [kind for kind, _previous in chain(events)]
    redriven = types.index("ExecutionRedriven")
    assert types[redriven + 1 :] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert [call.arguments["step"] for call in room.integrations.calls] == [1, 2, 2]


async def test_an_express_execution_leaves_no_row(room: EngineRoom) -> None:
    revision = revision_of(machines.VARIABLES, machine_type="EXPRESS")
    request = StartRequest(revision, "named", '{"given": 7}')
    record = await room.executions.start_sync(request)
    assert record.arn.startswith(f"{MACHINE_ARN.replace('stateMachine', 'express')}:named:")
    assert (record.status, record.output) == ("SUCCEEDED", '{"x":1,"y":7}')
    assert room.executions.list(machine_arn=MACHINE_ARN).executions == ()


async def test_assigned_variables_stand_in_the_exit(room: EngineRoom) -> None:
    record = await room.run(machines.VARIABLES, {"given": [1]})
    events = await room.events(record.arn)
    details = events[2]["stateExitedEventDetails"]
    assert details["assignedVariables"] == {"x": "1", "y": "[1]"}
    assert details["assignedVariablesDetails"] == {"truncated": False}
    assert record.output == '{"x":1,"y":[1]}'


async def test_a_distributed_map_runs_executions_of_its_own(room: EngineRoom) -> None:
    record = await room.run(machines.distributed(ItemsPath="$.items"), {"items": [1, 2]})
    events = await room.events(record.arn)
    assert chain(events)[1:] == [
        ("MapStateEntered", 0),
        ("MapStateStarted", 2),
        ("MapRunStarted", 3),
        ("MapRunSucceeded", 4),
        ("MapStateSucceeded", 5),
        ("MapStateExited", 5),
        ("ExecutionSucceeded", 7),
    ]
    arn = events[3]["mapRunStartedEventDetails"]["mapRunArn"]
    children = room.executions.list(map_run_arn=arn).executions
    assert {child.status for child in children} == {"SUCCEEDED"}
    assert {child.machine_arn for child in children} == {f"{MACHINE_ARN}/runs"}
    assert (await room.types(children[0].arn))[-1] == "ExecutionSucceeded"
    assert room.executions.revision_of(children[0].arn).label == "runs"


async def test_too_many_failures_end_a_map_run(room: EngineRoom) -> None:
    room.integrations.plays["act"] = fails("Broken", "it is")
    definition = machines.distributed(ItemsPath="$.items", ToleratedFailureCount=1)
    tolerated = await room.run(definition, {"items": [1]})
    exceeded = await room.run(definition, {"items": [1, 2]})
    assert (tolerated.status, tolerated.output) == ("SUCCEEDED", "[]")
    assert exceeded.error == "States.ExceedToleratedFailureThreshold"
    assert (await room.types(exceeded.arn))[-3:] == [
        "MapRunFailed",
        "MapStateFailed",
        "ExecutionFailed",
    ]


async def test_items_are_read_batched_and_results_written(room: EngineRoom) -> None:
    written: dict[str, str] = {}
    room.integrations.plays["getObject"] = lambda _call: {"Body": "a,b\n1,2\n3,4\n5,6\n"}
    room.integrations.plays["putObject"] = lambda call: written.update(
        {call.arguments["Key"]: call.arguments["Body"]}
    )
    definition = machines.distributed(
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "in", "Key": "rows.csv"},
        },
        ItemBatcher={"MaxItemsPerBatch": 2},
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "out", "Prefix": "results"},
        },
    )
    record = await room.run(definition)
    assert record.status == "SUCCEEDED", record.cause
    output = json.loads(record.output or "")
    manifest = json.loads(written[output["ResultWriterDetails"]["Key"]])
    succeeded = json.loads(written[manifest["ResultFiles"]["SUCCEEDED"][0]["Key"]])
    assert [json.loads(entry["Input"])["Items"] for entry in succeeded] == [
        [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}],
        [{"a": "5", "b": "6"}],
    ]
    described = room.executions.describe_map_run(output["MapRunArn"])
    assert described["itemCounts"]["total"] == 3
    assert described["executionCounts"]["total"] == 2


async def test_unreadable_items_fail_the_map_run(room: EngineRoom) -> None:
    room.integrations.plays["getObject"] = lambda _call: {"Body": "{}"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "in", "Key": "rows.json"},
    }
    record = await room.run(machines.distributed(ItemReader=reader))
    events = await room.events(record.arn)
    assert record.error == "States.ItemReaderFailed"
    assert record.cause == "Attempting to map over non-iterable node."
    assert events[2]["mapStateStartedEventDetails"] == {"length": 0}


async def test_time_that_a_test_moves_ends_waits_and_limits(tmp_path: Any) -> None:
    timers = MovableTimers()
    room = EngineRoom(tmp_path, timers=timers, wait_scale=0.5)
    silent = asyncio.Event()
    room.integrations.plays["act"] = lambda _call: silent.wait()
    waiting = await room.start(machines.one_state(Type="Wait", Seconds=100))
    limited = await room.start(machines.task(TimeoutSeconds=60))
    quiet = await room.start(
        machines.task(
            "arn:aws:states:::played:ask.waitForTaskToken", HeartbeatSeconds=20, TimeoutSeconds=500
        )
    )
    whole = await room.start(
        {**machines.one_state(Type="Wait", Seconds=1000), "TimeoutSeconds": 30}
    )
    await room.until(lambda: len(room.integrations.calls) == 2)
    # The token's task looks at the time once more when its call has returned.
    while "TaskSubmitted" not in await room.types(quiet):  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.02)
    timers.move(31)
    assert (await room.end(quiet)).error == "States.Timeout"
    assert (await room.end(whole)).status == "TIMED_OUT"
    assert room.executions.describe(waiting).status == "RUNNING"
    timers.move(30)
    assert (await room.end(waiting)).status == "SUCCEEDED"
    assert (await room.end(limited)).error == "States.Timeout"
    assert (await room.types(limited))[-2:] == ["TaskTimedOut", "ExecutionFailed"]
    assert (await room.types(whole))[-1] == "ExecutionTimedOut"
    await room.close()


async def test_a_name_is_taken_once(room: EngineRoom) -> None:
    definition = machines.one_state(Type="Wait", Seconds=3600)
    first = await room.start(definition, {"a": 1}, name="same")
    assert await room.start(definition, {"a": 1}, name="same") == first
    code = ""
    try:
        await room.start(definition, {"a": 2}, name="same")
    except Exception as error:  # noqa: BLE001 - its code is looked at
        code = getattr(error, "code", "")
    assert code == "ExecutionAlreadyExists"


async def test_a_thousand_executions_at_once_all_end(room: EngineRoom) -> None:
    definition = machines.one_state(Type="Pass")
    arns = await asyncio.gather(*(room.start(definition, {"n": n}) for n in range(1000)))
    for arn in arns:
        await room.executions.ended(arn)
    page = room.executions.list(machine_arn=MACHINE_ARN, status="SUCCEEDED", limit=1001)
    assert len(page.executions) == 1000


async def test_data_beyond_the_usual_are_written_too(room: EngineRoom) -> None:
    value = {"many": 10**30, "odd": "\ud800"}
    record = await room.run(machines.one_state(Type="Pass"), value)
    assert record.status == "SUCCEEDED"
    assert json.loads(record.output or "") == value
    events = await room.events(record.arn)
    assert json.loads(events[1]["stateEnteredEventDetails"]["input"]) == value


async def test_a_listener_that_breaks_harms_no_execution(room: EngineRoom) -> None:
    told: list[str] = []

    def listen(_connection: Any, row: Any, _revision: Any) -> None:
        told.append(row.status)
        raise ZeroDivisionError

    room.executions.attach(room.integrations, on_status=listen)
    record = await room.run(machines.one_state(Type="Pass"))
    assert record.status == "SUCCEEDED"
    assert told == ["RUNNING", "SUCCEEDED"]


async def test_events_are_told_for_the_log_once_they_are_on_disk(room: EngineRoom) -> None:
    told: list[str] = []
    room.executions.attach(
        room.integrations,
        on_events=lambda _revision, _row, records: told.extend(record[3] for record in records),
    )
    logged = dataclasses.replace(
        revision_of(machines.one_state(Type="Pass")), logging={"level": "ALL"}
    )
    started = await room.executions.start(StartRequest(logged, "", "{}"))
    await room.end(started.arn)
    await room.until(lambda: len(told) == 4)
    assert told == await room.types(started.arn)


async def test_an_activity_that_is_gone_fails_the_execution(room: EngineRoom) -> None:
    room.executions.attach(room.integrations, activity_exists=lambda _arn: False)
    record = await room.run(machines.one_state(Type="Task", Resource=ACTIVITY))
    assert chain(await room.events(record.arn))[1:] == [
        ("TaskStateEntered", 0),
        ("ExecutionFailed", 2),
    ]
    assert record.error == "States.Runtime"
    assert record.cause == (
        "An error occurred while executing the state 'Only' (entered at the event id #2). "
        f"The activity {ACTIVITY} does not exist."
    )


async def test_a_tolerance_is_looked_at_after_the_map_has_started(room: EngineRoom) -> None:
    definition = machines.distributed(
        ItemsPath="$.items", ToleratedFailureCountPath="$.tolerated", MaxConcurrencyPath="$.limit"
    )
    wrong = await room.run(definition, {"items": [0], "tolerated": -1, "limit": 1})
    assert chain(await room.events(wrong.arn))[1:] == [
        ("MapStateEntered", 0),
        ("MapStateStarted", 2),
        ("ExecutionFailed", 3),
    ]
    assert "ToleratedFailureCount cannot be negative." in (wrong.cause or "")
    limited = await room.run(definition, {"items": [0], "tolerated": 1, "limit": "no"})
    assert chain(await room.events(limited.arn))[1:] == [
        ("MapStateEntered", 0),
        ("ExecutionFailed", 2),
    ]


async def test_a_text_that_no_state_changes_stays_as_it_was_given(room: EngineRoom) -> None:
    branch = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    revision = revision_of(machines.one_state(Type="Parallel", Branches=[branch]))
    started = await room.executions.start(StartRequest(revision, "", "[[1, 2],  [3]]"))
    record = await room.end(started.arn)
    events = await room.events(record.arn)
    assert events[4]["stateExitedEventDetails"]["output"] == "[[1, 2],  [3]]"
    assert record.output == "[[[1, 2],  [3]]]"


async def test_a_text_that_a_state_changes_is_written_anew(room: EngineRoom) -> None:
    definition = machines.one_state(Type="Pass", Result=[2], ResultPath="$.b")
    revision = revision_of(definition)
    started = await room.executions.start(StartRequest(revision, "", '{"a":  1}'))
    record = await room.end(started.arn)
    assert record.output == '{"a":1,"b":[2]}'


async def test_a_map_whose_items_are_none_failed_without_having_been_entered(
    room: EngineRoom,
) -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Each"},
            "Each": {
                "Type": "Map",
                "Items": "{% 1 %}",
                "ItemProcessor": machines.one_state(Type="Pass"),
                "End": True,
            },
        },
    }
    record = await room.run(definition)
    events = await room.events(record.arn)
    assert chain(events)[3:] == [
        ("MapStateEntered", 3),
        ("EvaluationFailed", 3),
        ("MapStateFailed", 5),
        ("ExecutionFailed", 6),
    ]
    assert events[4]["evaluationFailedEventDetails"]["location"] == "Items"


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"Type": "Pass", "Output": "{% $none %}"}, "Output"),
        ({"Type": "Pass", "Assign": {"a": "{% $none %}"}}, "Assign/a"),
        ({"Type": "Task", "Resource": FUNCTION, "Arguments": "{% $none %}"}, "Arguments"),
        ({"Type": "Wait", "Seconds": "{% $none %}"}, "Seconds"),
    ],
)
async def test_an_expression_that_fails_at_once_refers_to_what_came_before_its_state(
    room: EngineRoom, fields: dict[str, Any], location: str
) -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {"First": {"Type": "Pass", "Next": "Second"}, "Second": {**fields, "End": True}},
    }
    record = await room.run(definition)
    events = await room.events(record.arn)
    assert chain(events)[4:] == [("EvaluationFailed", 3), ("ExecutionFailed", 5)]
    assert events[4]["evaluationFailedEventDetails"]["location"] == location


async def test_an_expression_that_fails_after_a_task_refers_to_the_task(room: EngineRoom) -> None:
    definition = machines.one_state(
        Type="Task", QueryLanguage="JSONata", Resource=FUNCTION, Arguments={}, Output="{% $none %}"
    )
    record = await room.run(definition)
    events = await room.events(record.arn)
    assert chain(events)[4:] == [
        ("LambdaFunctionSucceeded", 4),
        ("EvaluationFailed", 5),
        ("ExecutionFailed", 6),
    ]


async def test_a_moment_that_is_none_fails_the_evaluation_of_a_wait(room: EngineRoom) -> None:
    definition = machines.one_state(
        Type="Wait", QueryLanguage="JSONata", Timestamp="{% $states.input %}"
    )
    record = await room.run(definition, "noon")
    events = await room.events(record.arn)
    cause = "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: noon"
    details = events[2]["evaluationFailedEventDetails"]
    assert details["location"] == "Timestamp"
    assert details["cause"].endswith(cause)
    assert record.error == "States.QueryEvaluationError"
