"""Executions through the API: started, followed, listed, stopped, redriven; histories; activities and task tokens."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from services.stepfunctions.conftest import PASS, MakeMachine
from support.composed_server import ComposedServer, Refused

LONG_SECONDS = 60
WAIT = {"StartAt": "State_1", "States": {"State_1": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAIL = {
    "StartAt": "State_1",
    "States": {"State_1": {"Type": "Fail", "Error": "Broken", "Cause": "On purpose."}},
}
Ended = Callable[[str], dict[str, Any]]


@pytest.fixture
def ended(client: Any) -> Ended:
    """Wait for the end of an execution and return its description."""

    def wait(arn: str) -> dict[str, Any]:
        deadline = time.monotonic() + LONG_SECONDS
        while time.monotonic() < deadline:
            described: dict[str, Any] = client.describe_execution(executionArn=arn)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.02)
        raise AssertionError(f"{arn} did not end")

    return wait


def test_an_execution_is_described_to_its_end(client: Any, make: MakeMachine, ended: Ended) -> None:
    machine = make()["stateMachineArn"]
    started = client.start_execution(stateMachineArn=machine, name="one", input='{"a": 1}')
    described = ended(started["executionArn"])

    assert started["executionArn"] == machine.replace(":stateMachine:", ":execution:") + ":one"
    described.pop("ResponseMetadata")
    assert described.pop("stopDate") >= described["startDate"]
    assert described.pop("startDate") == started["startDate"]
    assert json.loads(described.pop("output")) == {"Arg1": "argument1"}
    assert described == {
        "executionArn": started["executionArn"],
        "stateMachineArn": machine,
        "name": "one",
        "status": "SUCCEEDED",
        "input": '{"a": 1}',
        "inputDetails": {"included": True},
        "outputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    metadata = client.describe_execution(
        executionArn=started["executionArn"], includedData="METADATA_ONLY"
    )
    assert "input" not in metadata
    assert "output" not in metadata


def test_inputs_that_are_no_json_are_refused(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    machine = make()["stateMachineArn"]

    def message(text: str) -> tuple[str, str]:
        return refused(client.start_execution, stateMachineArn=machine, input=text)

    assert message("not some JSON") == (
        "InvalidExecutionInput",
        (
            "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, "
            "Array, Object or token 'null', 'true' or 'false')'"
        ),
    )
    assert message("{'not': 'json'}") == (
        "InvalidExecutionInput",
        (
            "Invalid State Machine Execution Input: 'Unexpected character (''' (code 39)): was expecting "
            "double-quote to start field name'"
        ),
    )
    assert message("") == (
        "InvalidExecutionInput",
        "Invalid State Machine Execution Input: 'Invalid execution input.'",
    )
    for text in ("2", '"text"', "null"):
        assert client.start_execution(stateMachineArn=machine, input=text)["executionArn"]


def test_what_is_not_there_cannot_be_started_or_followed(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    machine = f"{make()['stateMachineArn']}-missing"
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:x"

    gone = ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine}'")
    assert refused(client.start_execution, stateMachineArn=machine) == gone
    assert refused(client.list_executions, stateMachineArn=machine) == gone
    missing = ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{execution}'")
    assert refused(client.describe_execution, executionArn=execution) == missing
    assert refused(client.get_execution_history, executionArn=execution) == missing
    assert refused(client.stop_execution, executionArn=execution) == missing
    code, message = refused(client.describe_execution, executionArn="nonsense")
    assert (code, message) == ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nonsense'")


def test_the_same_name_and_input_find_the_running_execution(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    machine = make(definition=WAIT)["stateMachineArn"]
    request = {"stateMachineArn": machine, "name": "same", "input": '{"a": 1}'}
    first = client.start_execution(**request)

    assert client.start_execution(**request)["executionArn"] == first["executionArn"]
    code, message = refused(client.start_execution, **{**request, "input": "{}"})
    assert code == "ExecutionAlreadyExists"
    assert first["executionArn"] in message


def test_histories_are_read_in_pages_and_backwards(
    client: Any, make: MakeMachine, ended: Ended
) -> None:
    started = client.start_execution(stateMachineArn=make()["stateMachineArn"])
    arn = started["executionArn"]
    ended(arn)
    whole = client.get_execution_history(executionArn=arn)["events"]
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=arn, PaginationConfig={"PageSize": 3}
    )
    backwards = client.get_execution_history(executionArn=arn, reverseOrder=True)["events"]

    assert [event["type"] for event in whole] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert [event["id"] for event in whole] == [1, 2, 3, 4]
    assert [event for page in pages for event in page["events"]] == whole
    assert backwards == whole[::-1]
    bare = client.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
    assert "input" in whole[0]["executionStartedEventDetails"]
    assert "input" not in bare[0]["executionStartedEventDetails"]


def test_a_stopped_execution_is_aborted(client: Any, make: MakeMachine, ended: Ended) -> None:
    arn = client.start_execution(stateMachineArn=make(definition=WAIT)["stateMachineArn"])[
        "executionArn"
    ]
    stopped = client.stop_execution(executionArn=arn, error="Enough", cause="Tired.")
    described = ended(arn)

    assert described["status"] == "ABORTED"
    assert (described["error"], described["cause"]) == ("Enough", "Tired.")
    assert described["stopDate"] == stopped["stopDate"]


def test_executions_are_listed_newest_first_by_status_and_in_pages(
    client: Any, make: MakeMachine, ended: Ended, refused: Refused
) -> None:
    machine = make()["stateMachineArn"]
    arns = []
    for number in range(5):
        started = client.start_execution(stateMachineArn=machine, name=str(number))
        arns.append(started["executionArn"])
        ended(started["executionArn"])
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=machine, statusFilter="SUCCEEDED", PaginationConfig={"PageSize": 2}
    )
    found = [item for page in pages for item in page["executions"]]

    assert [item["executionArn"] for item in found] == arns[::-1]
    assert {item["redriveCount"] for item in found} == {0}
    running = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    assert running["executions"] == []
    code, _ = refused(client.list_executions)
    assert code == "ValidationException"


def test_versions_and_aliases_are_started_and_listed(
    client: Any, make: MakeMachine, ended: Ended
) -> None:
    made = make(publish=True)
    machine, version = made["stateMachineArn"], made["stateMachineVersionArn"]
    alias = client.create_state_machine_alias(
        name="PROD", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
    )["stateMachineAliasArn"]
    arns = [
        client.start_execution(stateMachineArn=arn)["executionArn"]
        for arn in (machine, version, alias)
    ]
    by_alias = ended(arns[2])
    for arn in arns:
        ended(arn)

    assert by_alias["stateMachineArn"] == machine
    assert by_alias["stateMachineVersionArn"] == version
    assert by_alias["stateMachineAliasArn"] == alias

    def listed(arn: str) -> set[str]:
        found = client.list_executions(stateMachineArn=arn)["executions"]
        return {item["executionArn"] for item in found}

    assert listed(machine) == set(arns)
    assert listed(version) == set(arns[1:])
    assert listed(alias) == {arns[2]}


def test_an_execution_keeps_the_machine_it_started_with(client: Any, make: MakeMachine) -> None:
    machine = make(definition=WAIT)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    client.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
    described = client.describe_state_machine_for_execution(executionArn=arn)

    assert json.loads(described["definition"]) == WAIT
    assert described["stateMachineArn"] == machine
    assert "revisionId" not in described
    assert described["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}


def test_deleting_a_machine_ends_its_executions(
    client: Any, make: MakeMachine, ended: Ended, refused: Refused, name: str
) -> None:
    machine = make(name=name, definition=WAIT)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    client.delete_state_machine(stateMachineArn=machine)

    assert ended(arn)["status"] == "ABORTED"
    code, _ = refused(client.describe_state_machine, stateMachineArn=machine)
    assert code == "StateMachineDoesNotExist"
    make(name=name)
    assert client.list_executions(stateMachineArn=machine)["executions"] == []


def test_a_failed_execution_is_redriven(
    client: Any, make: MakeMachine, ended: Ended, refused: Refused
) -> None:
    machine = make(definition=FAIL)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    assert ended(arn)["redriveStatus"] == "REDRIVABLE"
    first = client.redrive_execution(executionArn=arn, clientToken="token")
    again = client.redrive_execution(executionArn=arn, clientToken="token")
    described = ended(arn)

    assert first["redriveDate"] == again["redriveDate"] == described["redriveDate"]
    assert described["redriveCount"] == 1
    assert described["status"] == "FAILED"
    succeeded = client.start_execution(stateMachineArn=make()["stateMachineArn"])["executionArn"]
    ended(succeeded)
    code, _ = refused(client.redrive_execution, executionArn=succeeded)
    assert code == "ExecutionNotRedrivable"


def test_an_express_machine_answers_with_its_result(
    server: ComposedServer, make: MakeMachine, refused: Refused, client: Any
) -> None:
    unprefixed = boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="eu-west-1",
        aws_access_key_id=server.root_key.access_key_id,
        aws_secret_access_key=server.root_key.secret_access_key,
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )
    express = make(type="EXPRESS")["stateMachineArn"]
    told = make(
        type="EXPRESS",
        definition={
            "StartAt": "Tell",
            "States": {
                "Tell": {"Type": "Pass", "Parameters": {"it.$": "$$.Execution"}, "End": True}
            },
        },
    )["stateMachineArn"]
    context = unprefixed.start_sync_execution(stateMachineArn=told)
    assert set(json.loads(context["output"])["it"]) == {
        "Id",
        "Input",
        "StartTime",
        "Name",
        "RoleArn",
    }
    answer = unprefixed.start_sync_execution(stateMachineArn=express, input='{"a": 1}')

    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"]) == {"Arg1": "argument1"}
    assert answer["stateMachineArn"] == express
    assert ":express:" in answer["executionArn"]
    assert answer["billingDetails"]["billedMemoryUsedInMB"] == 64
    failed = unprefixed.start_sync_execution(
        stateMachineArn=make(type="EXPRESS", definition=FAIL)["stateMachineArn"]
    )
    assert (failed["status"], failed["error"]) == ("FAILED", "Broken")
    assert failed["outputDetails"] == {"included": True}
    assert "output" not in failed
    standard = make()["stateMachineArn"]
    not_supported = (
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )
    assert refused(unprefixed.start_sync_execution, stateMachineArn=standard) == not_supported
    assert refused(client.list_executions, stateMachineArn=express) == not_supported
    assert refused(client.describe_execution, executionArn=answer["executionArn"]) == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: express'",
    )


def test_a_worker_does_an_activitys_task(client: Any, make: MakeMachine, ended: Ended) -> None:
    activity = client.create_activity(name="worked")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "End": True}
    machine = make(definition={"StartAt": "Work", "States": {"Work": task}})["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine, input='{"n": 2}')["executionArn"]
    work = client.get_activity_task(activityArn=activity, workerName="me")

    assert json.loads(work["input"]) == {"n": 2}
    client.send_task_heartbeat(taskToken=work["taskToken"])
    client.send_task_success(taskToken=work["taskToken"], output='{"n": 4}')
    assert json.loads(ended(arn)["output"]) == {"n": 4}


def test_answers_with_wrong_tokens_or_outputs_are_refused(
    client: Any, make: MakeMachine, ended: Ended, refused: Refused
) -> None:
    activity = client.create_activity(name="refusing")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "End": True}
    machine = make(definition={"StartAt": "Work", "States": {"Work": task}})["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    token = client.get_activity_task(activityArn=activity)["taskToken"]

    code, message = refused(client.send_task_success, taskToken="made up", output="{}")
    assert (code, message) == ("InvalidToken", "Invalid Token: 'Invalid token'")
    code, _ = refused(client.send_task_success, taskToken=token, output="no json")
    assert code == "InvalidOutput"
    client.send_task_failure(taskToken=token, error="Nope", cause="Not today.")
    described = ended(arn)
    assert (described["error"], described["cause"]) == ("Nope", "Not today.")
    code, message = refused(client.send_task_success, taskToken=token, output="{}")
    assert (code, message) == (
        "TaskTimedOut",
        "Task Timed Out: 'Provided task does not exist anymore'",
    )


def test_map_runs_are_described_and_listed(client: Any, make: MakeMachine, ended: Ended) -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$",
        "Label": "each",
        "MaxConcurrency": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Inner",
            "States": {"Inner": {"Type": "Pass", "End": True}},
        },
        "End": True,
    }
    machine = make(definition={"StartAt": "Each", "States": {"Each": state}})["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine, input="[1, 2]")["executionArn"]
    assert ended(arn)["status"] == "SUCCEEDED"
    (listed,) = client.list_map_runs(executionArn=arn)["mapRuns"]
    described = client.describe_map_run(mapRunArn=listed["mapRunArn"])

    assert listed["executionArn"] == described["executionArn"] == arn
    assert listed["stateMachineArn"] == f"{machine}/each"
    assert described["status"] == "SUCCEEDED"
    assert described["maxConcurrency"] == 1
    assert described["itemCounts"]["succeeded"] == 2
    children = client.list_executions(mapRunArn=listed["mapRunArn"])["executions"]
    assert len(children) == 2
    assert {child["mapRunArn"] for child in children} == {listed["mapRunArn"]}


def test_a_task_of_an_activity_that_is_gone_fails(
    client: Any, make: MakeMachine, ended: Ended
) -> None:
    activity = client.create_activity(name="gone")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "End": True}
    machine = make(definition={"StartAt": "Work", "States": {"Work": task}})["stateMachineArn"]
    client.delete_activity(activityArn=activity)
    described = ended(client.start_execution(stateMachineArn=machine)["executionArn"])

    assert described["error"] == "States.Runtime"
    assert described["cause"] == (
        "An error occurred while executing the state 'Work' (entered at the event id #2). "
        f"The activity {activity} does not exist."
    )
