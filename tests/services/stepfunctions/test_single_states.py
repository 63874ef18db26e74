"""TestState: what AWS answered to the same tests, stage by stage."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from support.composed_server import ComposedServer, Refused

HELLO = {"Value": "HelloWorld"}
NESTED = {
    "initialData": {"fieldFromInput": "value from input", "otherField": "other"},
    "unrelatedData": {"someOtherField": 1234},
}
VALUES = {"Values": ["first", "second", "third"]}
MAP = {
    "Type": "Map",
    "QueryLanguage": "JSONata",
    "Items": "{% $states.input.Values %}",
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Inner",
        "States": {"Inner": {"Type": "Pass", "End": True}},
    },
    "End": True,
}
TASK = {
    "Type": "Task",
    "QueryLanguage": "JSONata",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "foo", "Payload": "bar"},
    "End": True,
}
FAILING = {"errorOutput": {"error": "MockException", "cause": "Mock the cause of the error."}}
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def unprefixed(server: ComposedServer) -> Any:
    """A client that leaves the endpoint's host as it is: AWS's model puts "sync-" in front."""
    return boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="eu-west-1",
        aws_access_key_id=server.root_key.access_key_id,
        aws_secret_access_key=server.root_key.secret_access_key,
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def run(unprefixed: Any) -> Run:
    """Test a state, by default at the level DEBUG; JSON objects of the answer are parsed."""

    def test(definition: Any, value: Any = HELLO, **request: Any) -> dict[str, Any]:
        request.setdefault("inspectionLevel", "DEBUG")
        for name in ("context", "variables"):
            if name in request:
                request[name] = json.dumps(request[name])
        answer = unprefixed.test_state(
            definition=json.dumps(definition), input=json.dumps(value), **request
        )
        del answer["ResponseMetadata"]
        return _parsed(answer)

    return test


def _parsed(members: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in members.items():
        if isinstance(value, dict):
            found[name] = _parsed(value)
        elif isinstance(value, str) and value.startswith("{"):
            found[name] = json.loads(value)
        else:
            found[name] = value
    return found


def result_of(value: Any) -> dict[str, Any]:
    return {"result": json.dumps(value)}


def test_a_pass_shows_every_stage(run: Run) -> None:
    state = {
        "Type": "Pass",
        "InputPath": "$.initialData",
        "Parameters": {"staticValue": "some value", "inputValue.$": "$.fieldFromInput"},
        "ResultPath": "$.modifiedData",
        "End": True,
    }
    modified = {"staticValue": "some value", "inputValue": "value from input"}

    assert run(state, NESTED) == {
        "status": "SUCCEEDED",
        "output": {**NESTED, "modifiedData": modified},
        "inspectionData": {
            "input": NESTED,
            "afterInputPath": NESTED["initialData"],
            "afterParameters": modified,
            "afterResultSelector": modified,
            "afterResultPath": {**NESTED, "modifiedData": modified},
        },
    }


def test_a_pass_with_a_result_shows_the_result(run: Run) -> None:
    state = {"Type": "Pass", "Result": {"resultKey": "result value"}, "End": True}
    result = {"resultKey": "result value"}

    assert run(state)["inspectionData"] == {
        "input": HELLO,
        "result": result,
        "afterResultSelector": result,
        "afterResultPath": result,
    }


def test_info_tells_the_end_only(run: Run) -> None:
    state = {"Type": "Pass", "Next": "Other"}

    assert run(state, inspectionLevel="INFO") == {
        "status": "SUCCEEDED",
        "output": HELLO,
        "nextState": "Other",
    }


def test_a_fail_fails_with_its_error(run: Run) -> None:
    state = {"Type": "Fail", "Error": "SomeFailure", "Cause": "It fails."}

    assert run(state) == {
        "status": "FAILED",
        "error": "SomeFailure",
        "cause": "It fails.",
        "inspectionData": {"input": HELLO, "afterInputPath": HELLO},
    }


def test_a_choice_tells_which_way_it_goes(run: Run) -> None:
    state = {
        "Type": "Choice",
        "Choices": [
            {
                "And": [
                    {"Variable": "$.value", "NumericGreaterThanEquals": 20},
                    {"Variable": "$.value", "NumericLessThan": 30},
                ],
                "Next": "ValueInTwenties",
            }
        ],
        "Default": "RecordEvent",
    }

    assert run(state, {"value": 22})["nextState"] == "ValueInTwenties"
    assert run(state, {"value": 32})["nextState"] == "RecordEvent"


def test_a_state_is_found_in_its_machine_and_speaks_its_language(
    run: Run, unprefixed: Any, refused: Refused
) -> None:
    machine: dict[str, Any] = {
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {
            "First": {**MAP, "End": False, "Next": "Last"},
            "Last": {"Type": "Pass", "Output": "{% $states.context.State.Name %}", "End": True},
        },
    }
    del machine["States"]["First"]["End"]

    assert run(machine, stateName="Inner")["inspectionData"] == {"input": HELLO}
    assert run(machine, stateName="Last")["output"] == '"StateName"'
    definition = json.dumps(machine)
    code_and_message = refused(unprefixed.test_state, definition=definition, stateName="dne")
    assert code_and_message == ("ValidationException", "State not found in definition")


def test_a_mocked_task_shows_arguments_and_result(run: Run) -> None:
    state = {**TASK, "Output": {"got": "{% $states.result.Payload %}"}, "Next": "Other"}
    del state["End"]

    assert run(state, mock=result_of({"Payload": "done"})) == {
        "status": "SUCCEEDED",
        "nextState": "Other",
        "output": {"got": "done"},
        "inspectionData": {
            "input": HELLO,
            "afterArguments": TASK["Arguments"],
            "result": {"Payload": "done"},
        },
    }


def test_a_mocked_error_is_caught(run: Run) -> None:
    catchers = [
        {"ErrorEquals": ["Other"], "Next": "A"},
        {"ErrorEquals": ["MockException"], "Output": "{% $states.errorOutput %}", "Next": "B"},
    ]

    answer = run({**TASK, "Catch": catchers}, mock=FAILING)
    assert answer == {
        "status": "CAUGHT_ERROR",
        "error": "MockException",
        "cause": "Mock the cause of the error.",
        "nextState": "B",
        "output": {"Error": "MockException", "Cause": "Mock the cause of the error."},
        "inspectionData": {
            "input": HELLO,
            "afterArguments": TASK["Arguments"],
            "errorDetails": {"catchIndex": 1},
        },
    }


def test_a_mocked_error_is_retried_until_the_tries_are_used_up(run: Run) -> None:
    retriers = [{"ErrorEquals": ["MockException"], "IntervalSeconds": 1, "MaxAttempts": 5}]
    state = {**TASK, "Retry": retriers}

    below = run(state, mock=FAILING, stateConfiguration={"retrierRetryCount": 4})
    assert below["status"] == "RETRIABLE"
    details = {"retryIndex": 0, "retryBackoffIntervalSeconds": 16}
    assert below["inspectionData"]["errorDetails"] == details
    above = run(state, mock=FAILING, stateConfiguration={"retrierRetryCount": 5})
    assert above["status"] == "FAILED"
    assert above["inspectionData"]["errorDetails"] == {"retryIndex": 0}


def test_a_map_fails_when_more_items_fail_than_tolerated(run: Run) -> None:
    state = {**MAP, "ToleratedFailureCount": 1}
    mock = result_of([0, 0, 1])

    below = run(state, VALUES, mock=mock, stateConfiguration={"mapIterationFailureCount": 1})
    assert below == {
        "status": "SUCCEEDED",
        "output": "[0, 0, 1]",
        "inspectionData": {"input": VALUES, "maxConcurrency": 0, "toleratedFailureCount": 1},
    }
    above = run(state, VALUES, mock=mock, stateConfiguration={"mapIterationFailureCount": 2})
    assert above["status"] == "FAILED"
    assert above["error"] == "States.ExceedToleratedFailureThreshold"
    assert above["cause"] == "The specified tolerated failure threshold was exceeded"


def test_a_map_without_a_tolerance_takes_any_count_of_failures(run: Run) -> None:
    answer = run(
        MAP,
        VALUES,
        mock=result_of([0, 0, 1]),
        stateConfiguration={"mapIterationFailureCount": 2},
    )

    assert answer["status"] == "SUCCEEDED"


def test_a_map_by_paths_shows_its_items(run: Run) -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$.Values",
        "ItemSelector": {"value.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"},
        "ItemProcessor": MAP["ItemProcessor"],
        "MaxConcurrency": 2,
        "End": True,
    }
    shown = run(state, {"Values": ["x"]}, mock=result_of([1]))["inspectionData"]

    assert shown == {
        "input": {"Values": ["x"]},
        "afterInputPath": {"Values": ["x"]},
        "afterItemsPath": '["x"]',
        "afterItemSelector": '[{"value": "x", "at": 0}]',
        "afterResultSelector": "[1]",
        "afterResultPath": "[1]",
        "maxConcurrency": 2,
    }


def test_a_map_names_the_path_that_leads_to_no_array(run: Run) -> None:
    item = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "ItemsPath": "$$.Execution.Input", "ItemProcessor": item, "End": True}
    context: dict[str, Any] = {"Execution": {"Input": {"values": []}}}

    answer = run(state, ["x"], context=context, mock=result_of([]))
    assert answer["status"] == "FAILED"
    assert answer["error"] == "States.Runtime"
    assert answer["cause"] == 'Reference path "$.Execution.Input" must point to array.'
    assert answer["inspectionData"] == {"input": '["x"]', "afterInputPath": '["x"]'}


def test_a_failure_tells_of_no_event(run: Run) -> None:
    answer = run({"Type": "Pass", "OutputPath": "$.no", "End": True})
    assert answer["cause"] == "Invalid path '$.no' : No results for path: $['no']"


def test_variables_are_read_and_assigned(run: Run) -> None:
    state = {
        "Type": "Pass",
        "QueryLanguage": "JSONata",
        "Assign": {"sum": "{% $base + 1 %}"},
        "Output": "{% $base %}",
        "End": True,
    }
    answer = run(state, variables={"base": 41})

    assert answer["output"] == "41"
    assert answer["inspectionData"]["variables"] == {"base": 41, "sum": 42}


def test_a_context_object_of_the_callers_is_taken_as_it_is(run: Run) -> None:
    state = {**TASK, "Output": "{% $states.context %}"}
    context = {"Execution": {"Id": "x", "Input": [1]}, "State": {"RetryCount": 3}}

    answer = run(state, context=context, mock=result_of({}))
    assert answer["output"] == context


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"Execution": {"Id": 1}}, "Execution.Id must be a string"),
        ({"Map": {}}, "'Map' field is not supported when mocking a Context object"),
        ({"Execution": {"pokemon": "squirtle"}}, "Field 'pokemon' is not allowed"),
        ({"Pokedex": {}}, "Field 'Pokedex' is not allowed"),
        (
            {"Task": {"Token": "a"}},
            (
                "Context object contains 'Task' when state is not a Task state with a '.sync' or "
                "'.waitForTaskToken' service integration pattern"
            ),
        ),
    ],
)
def test_context_objects_with_other_fields_are_refused(
    unprefixed: Any, refused: Refused, context: Any, reason: str
) -> None:
    request = {
        "definition": json.dumps(TASK),
        "context": json.dumps(context),
        "mock": result_of({}),
    }

    assert refused(unprefixed.test_state, **request) == (
        "ValidationException",
        f"Invalid Context object provided: {reason}",
    )


PARALLEL = {
    "Type": "Parallel",
    "Branches": [
        {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in "AB"
    ],
    "End": True,
}


@pytest.mark.parametrize(
    ("state", "request_members", "code", "message"),
    [
        (
            {"Type": "Pass", "End": True},
            {"mock": result_of({})},
            "ValidationException",
            "State type 'Pass' is not supported when a mock is specified",
        ),
        (
            MAP,
            {},
            "InvalidDefinition",
            (
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, "
                "Pass, Succeed, Fail, Choice]"
            ),
        ),
        (
            TASK,
            {"mock": {**FAILING, **result_of({})}},
            "ValidationException",
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (
            TASK,
            {"mock": result_of({}), "revealSecrets": True},
            "ValidationException",
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (
            TASK,
            {"mock": {"result": "not json"}},
            "ValidationException",
            "Mocked result must be valid JSON",
        ),
        (
            TASK,
            {},
            "ValidationException",
            "RoleArn must be specified when testing a Task state",
        ),
        (
            MAP,
            {"mock": result_of({})},
            "ValidationException",
            "Mocked result must be an array.",
        ),
        (
            PARALLEL,
            {"mock": result_of([1])},
            "ValidationException",
            "Mocked result must contain the same number of items as number of Parallel branches.",
        ),
        (
            TASK,
            {"mock": result_of({"StatusCode": "200"})},
            "ValidationException",
            "Mock result schema validation error: Field 'StatusCode' must be a number",
        ),
    ],
)
def test_tests_that_make_no_sense_are_refused(  # noqa: PLR0917  # what is asked, and the answer
    unprefixed: Any,
    refused: Refused,
    state: Any,
    request_members: dict[str, Any],
    code: str,
    message: str,
) -> None:
    answer = refused(unprefixed.test_state, definition=json.dumps(state), **request_members)

    assert answer == (code, message)


def test_members_that_must_be_there_are_asked_for_in_strict_mode_only(
    unprefixed: Any, refused: Refused
) -> None:
    state = {
        **TASK,
        "Resource": "arn:aws:states:::states:startExecution",
        "Arguments": {"StateMachineArn": "x"},
    }
    definition = json.dumps(state)

    assert refused(unprefixed.test_state, definition=definition, mock=result_of({})) == (
        "ValidationException",
        "Mock result schema validation error: Required field 'ExecutionArn' is missing",
    )
    for mode in ("PRESENT", "NONE"):
        mock = {**result_of({}), "fieldValidationMode": mode}
        answer = unprefixed.test_state(definition=definition, mock=mock)
        assert answer["status"] == "SUCCEEDED"


def test_a_task_is_really_carried_out_as_the_role(
    server: ComposedServer, run: Run, role: str
) -> None:
    server.client("s3").create_bucket(
        Bucket="tested-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "ResultSelector": {"names.$": "$.Buckets[*].Name"},
        "End": True,
    }

    answer = run(state, {}, roleArn=role)
    assert answer["status"] == "SUCCEEDED"
    assert "tested-bucket" in answer["output"]["names"]
    missing = {**state, "Resource": "arn:aws:states:::aws-sdk:s3:headBucket"}
    missing["Parameters"] = {"Bucket": "there-is-no-such-bucket"}
    del missing["ResultSelector"]
    assert run(missing, {}, roleArn=role)["status"] == "FAILED"


def test_a_wait_ends_and_hands_its_input_on(run: Run) -> None:
    state = {"Type": "Wait", "TimestampPath": "$.until", "Next": "Other"}
    value = {"until": "2020-01-01T00:00:00Z"}

    assert run(state, value) == {
        "status": "SUCCEEDED",
        "output": value,
        "nextState": "Other",
        "inspectionData": {"input": value, "afterInputPath": value},
    }
