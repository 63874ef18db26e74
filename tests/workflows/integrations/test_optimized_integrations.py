"""Optimized integrations: what they ask of the services, and what states see of the answers."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.aws.errors import (
    AccessDeniedException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.integrations.registry import ServiceIntegrations
from outcrop.workflows.tasks import TaskCall, TaskFailed
from workflows.integrations.conftest import EXECUTION, MACHINE, ROLE, Recorded, Roles

Task = Callable[..., TaskCall]
CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
RUN = "arn:aws:states:us-east-1:123456789012:execution:child:run"
BEGAN = datetime(2026, 1, 2, 3, 4, 5, 123_000, tzinfo=UTC)


def coded(code: str, message: str, status: int = 400) -> ServiceError:
    error = ServiceError(message)
    error.code, error.status = code, status
    return error


async def failing(integrations: ServiceIntegrations, call: TaskCall) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        await integrations.start(call)
    assert caught.value.error
    return caught.value


def test_a_task_is_described_as_histories_show_it(integrations: ServiceIntegrations) -> None:
    arguments = {"StateMachineArn": CHILD, "Input": None}
    scheduled = integrations.describe(
        "arn:aws:states:::states:startExecution.sync:2", arguments, "eu-west-1"
    )
    assert (scheduled.kind, scheduled.resource_type, scheduled.resource, scheduled.region) == (
        "task",
        "states",
        "startExecution.sync:2",
        "eu-west-1",
    )
    assert scheduled.parameters == arguments
    function = "arn:aws:lambda:eu-west-1:123456789012:function:score"
    assert integrations.describe(function, [1], "eu-west-1").kind == "lambda"


@pytest.mark.parametrize(
    ("resource", "arguments", "problem"),
    [
        (
            "lambda:invoke",
            {"FunctionName": "f", "TaskToken": "t"},
            '[The field "TaskToken" is not supported by Step Functions]',
        ),
        ("lambda:invoke", {}, "[The field 'FunctionName' is required but was missing]"),
        ("bedrock:invokeModel", {"ModelId": "m"}, "[The field 'Body' is required but was missing]"),
        (
            "bedrock:invokeModel",
            {"ModelId": "m", "Body": {}, "Input": {"S3Uri": "s3://b/k"}},
            "[Only one of the fields 'Body' and 'Input' can be specified]",
        ),
        (
            "aws-sdk:s3:listObjectsV2",
            {"bucket": "b"},
            '[The field "bucket" is not supported by Step Functions]',
        ),
    ],
)
def test_arguments_that_an_integration_does_not_take_never_reach_the_service(
    integrations: ServiceIntegrations, resource: str, arguments: Any, problem: str
) -> None:
    with pytest.raises(StatesError) as caught:
        integrations.describe(f"arn:aws:states:::{resource}", arguments, "us-east-1")
    assert caught.value.error == "States.Runtime"
    shown = json.dumps(arguments, separators=(",", ":"))
    expected = f"The Parameters '{shown}' could not be used to start the Task: {problem}"
    assert caught.value.cause == expected


@pytest.mark.parametrize("resource", ["aws-sdk:s3:doNothing", "aws-sdk:nothing:getObject"])
def test_what_aws_does_not_have_is_not_recognized(
    integrations: ServiceIntegrations, resource: str
) -> None:
    with pytest.raises(StatesError, match="is not recognized") as caught:
        integrations.describe(f"arn:aws:states:::{resource}", {}, "us-east-1")
    assert caught.value.error == "States.Runtime"


async def test_an_integration_that_is_not_built_says_so(
    integrations: ServiceIntegrations, task: Task
) -> None:
    failed = await failing(integrations, task("sqs:sendMessage", {"MessageBody": "m"}))
    assert failed.error == "Sqs.NotImplemented"
    assert "arn:aws:states:::sqs:sendMessage is not built here" in failed.cause


async def test_calls_are_made_in_a_session_of_the_machines_role(
    integrations: ServiceIntegrations, invoke: Recorded, roles: Roles, task: Task
) -> None:
    invoke.answer("s3", "HeadBucket", {})
    await integrations.start(task("aws-sdk:s3:headBucket", {"Bucket": "b"}, region="eu-west-1"))
    service, operation, request, principal, region = invoke.calls[0]
    assert (service, operation, region) == ("s3", "HeadBucket", "eu-west-1")
    assert request == {"Bucket": "b"}
    assert principal.role_arn == ROLE
    assert roles.asked[0]["service"] == "states.amazonaws.com"
    assert roles.asked[0]["source_arn"] == MACHINE
    assert len(roles.asked[0]["session_name"]) == 32


async def test_a_role_that_does_not_trust_step_functions_fails_the_task(
    integrations: ServiceIntegrations, roles: Roles, task: Task
) -> None:
    roles.untrusting.add(ROLE)
    failed = await failing(integrations, task("aws-sdk:s3:headBucket", {"Bucket": "b"}))
    assert failed.error == "States.TaskFailed"
    assert failed.cause.endswith("is authorized to assume the provided role.")


async def test_the_role_of_a_states_credentials_is_assumed_by_the_machines_role(
    integrations: ServiceIntegrations, invoke: Recorded, roles: Roles, task: Task
) -> None:
    other = ROLE.replace("machine", "other")
    roles.credentials["ASIAOTHER"] = roles.assume_for_service(other, "", session_name="chained")
    given = {"AccessKeyId": "ASIAOTHER", "SecretAccessKey": "s", "SessionToken": "t"}
    invoke.answer("sts", "AssumeRole", {"Credentials": given})
    invoke.answer("s3", "HeadBucket", {})
    call = task("aws-sdk:s3:headBucket", {"Bucket": "b"}, role_arn=other, machine_role_arn=ROLE)
    await integrations.start(call)
    await integrations.start(call)
    assert [made[:2] for made in invoke.calls] == [
        ("sts", "AssumeRole"),
        ("s3", "HeadBucket"),
        ("s3", "HeadBucket"),
    ]
    assert invoke.calls[0][3].role_arn == ROLE
    assert invoke.calls[1][3].role_arn == other


async def test_credentials_that_the_machines_role_may_not_assume_fail_the_task(
    integrations: ServiceIntegrations, invoke: Recorded, task: Task
) -> None:
    other = ROLE.replace("machine", "other")
    invoke.answer("sts", "AssumeRole", AccessDeniedException("no"))
    failed = await failing(
        integrations,
        task("aws-sdk:s3:headBucket", {}, role_arn=other, machine_role_arn=ROLE),
    )
    assert failed.error == "States.TaskFailed"
    assert failed.cause == (
        f"The role {ROLE} is not authorized to assume the task state's role, {other}."
    )


class TestFunctions:
    async def test_a_function_gets_the_payload_and_returns_parsed_json(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer(
            "lambda",
            "Invoke",
            {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b'{"score": 1}'},
        )
        arguments = {"FunctionName": "score:$LATEST", "Payload": {"a": [1, "é"]}}
        output = await integrations.start(task("lambda:invoke", arguments))
        assert invoke.request() == {
            "FunctionName": "score:$LATEST",
            "Payload": '{"a":[1,"é"]}'.encode(),
        }
        assert list(output) == [
            "ExecutedVersion",
            "Payload",
            "SdkHttpMetadata",
            "SdkResponseMetadata",
            "StatusCode",
        ]
        assert (output["ExecutedVersion"], output["StatusCode"]) == ("$LATEST", 200)
        assert output["Payload"] == {"score": 1}
        headers = output["SdkHttpMetadata"]["HttpHeaders"]
        assert headers["X-Amz-Executed-Version"] == "$LATEST"
        assert headers["Content-Length"] == "12"
        assert headers["x-amzn-RequestId"] == output["SdkResponseMetadata"]["RequestId"]
        assert output["SdkHttpMetadata"]["AllHttpHeaders"]["Content-Length"] == ["12"]

    async def test_no_payload_is_an_empty_object(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("lambda", "Invoke", {"StatusCode": 200, "Payload": b"{}"})
        await integrations.start(task("lambda:invoke", {"FunctionName": "f", "Payload": None}))
        assert invoke.request()["Payload"] == b"{}"

    @pytest.mark.parametrize(
        ("payload", "sent"),
        [
            ("null", b"null"),
            ('"a text"', b'"a text"'),
            ('{"a": 1}', b'{"a": 1}'),
            ("a text", b'"a text"'),
            ("", b'""'),
            ({"a": "null"}, b'{"a":"null"}'),
        ],
    )
    async def test_a_payload_that_is_json_as_text_is_sent_as_it_is(
        self,
        integrations: ServiceIntegrations,
        invoke: Recorded,
        task: Task,
        payload: Any,
        sent: bytes,
    ) -> None:
        invoke.answer("lambda", "Invoke", {"StatusCode": 200, "Payload": b"{}"})
        await integrations.start(task("lambda:invoke", {"FunctionName": "f", "Payload": payload}))
        assert invoke.request()["Payload"] == sent

    async def test_a_log_tail_comes_beside_the_payload(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer(
            "lambda", "Invoke", {"StatusCode": 200, "Payload": b"null", "LogResult": "bG9n"}
        )
        output = await integrations.start(
            task("lambda:invoke", {"FunctionName": "f", "LogType": "Tail"})
        )
        assert output["LogResult"] == "bG9n"
        assert output["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Log-Result"] == "bG9n"

    async def test_a_function_that_raises_fails_the_task_under_its_errors_name(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        payload = b'{"errorMessage": "no", "errorType": "Exception", "stackTrace": []}'
        answer = {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}
        invoke.answer("lambda", "Invoke", answer)
        failed = await failing(integrations, task("lambda:invoke", {"FunctionName": "f"}))
        assert failed.error == "Exception"
        assert failed.cause == '{"errorMessage":"no","errorType":"Exception","stackTrace":[]}'
        function = "arn:aws:lambda:us-east-1:123456789012:function:f"
        failed = await failing(integrations, task(function, {"x": 1}))
        assert (failed.error, failed.cause) == ("Exception", payload.decode())
        assert invoke.request() == {"FunctionName": function, "Payload": b'{"x":1}'}

    async def test_a_failure_without_a_type_is_unknown(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        payload = b'{"errorMessage":"Task timed out after 3.00 seconds"}'
        answer = {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}
        invoke.answer("lambda", "Invoke", answer)
        failed = await failing(integrations, task("lambda:invoke", {"FunctionName": "f"}))
        assert failed.error == "Lambda.Unknown"
        assert failed.cause == (
            "The cause could not be determined because Lambda did not return an error type. "
            f"Returned payload: {payload.decode()}"
        )

    async def test_a_function_by_its_arn_returns_its_result_alone(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("lambda", "Invoke", {"StatusCode": 200, "Payload": b'"done"'})
        function = "arn:aws:lambda:us-east-1:123456789012:function:f"
        assert await integrations.start(task(function, None)) == "done"
        assert invoke.request()["Payload"] == b"null"

    async def test_refusals_are_worded_as_by_the_first_sdk(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer(
            "lambda",
            "Invoke",
            ResourceNotFoundException("Function not found: arn"),
            coded("AccessDeniedException", "User: me is not authorized", 403),
            coded("ServiceException", "later", 500),
        )
        call = task("lambda:invoke", {"FunctionName": "f"})
        failed = await failing(integrations, call)
        assert failed.error == "Lambda.ResourceNotFoundException"
        assert failed.cause.startswith(
            "Function not found: arn (Service: AWSLambda; Status Code: 404; "
            "Error Code: ResourceNotFoundException; Request ID: "
        )
        assert failed.cause.endswith("; Proxy: null)")
        failed = await failing(integrations, call)
        assert failed.error == "Lambda.AWSLambdaException"
        assert "Status Code: 403; Error Code: AccessDeniedException;" in failed.cause
        assert (await failing(integrations, call)).error == "Lambda.ServiceException"


class TestExecutions:
    async def test_an_execution_is_started_with_its_input_as_text(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("stepfunctions", "StartExecution", {"executionArn": RUN, "startDate": BEGAN})
        arguments = {"StateMachineArn": CHILD, "Name": "run", "Input": {"a": 1}}
        output = await integrations.start(task("states:startExecution", arguments))
        assert invoke.request() == {"stateMachineArn": CHILD, "name": "run", "input": '{"a":1}'}
        assert output["ExecutionArn"] == RUN
        assert output["StartDate"] == 1767323045123
        headers = output["SdkHttpMetadata"]["HttpHeaders"]
        assert headers["Content-Type"] == "application/x-amz-json-1.0"
        assert int(headers["Content-Length"]) > len(RUN)

    async def test_text_is_input_as_it_is_and_nothing_is_left_out(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("stepfunctions", "StartExecution", {"executionArn": RUN, "startDate": BEGAN})
        start = "states:startExecution"
        await integrations.start(task(start, {"StateMachineArn": CHILD, "Input": '{"a":1}'}))
        assert invoke.request()["input"] == '{"a":1}'
        await integrations.start(task(start, {"StateMachineArn": CHILD, "Input": None}))
        assert "input" not in invoke.request()

    async def test_the_same_attempt_has_the_same_name_and_another_one_another(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("stepfunctions", "StartExecution", {"executionArn": RUN, "startDate": BEGAN})
        for event_id in (3, 3, 9):
            call = task("states:startExecution.sync", {"StateMachineArn": CHILD}, event_id=event_id)
            await integrations.start(call)
        names = [made[2]["name"] for made in invoke.calls]
        assert names[0] == names[1] != names[2]

    async def test_an_attempt_whose_execution_ended_before_a_restart_finds_it(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer(
            "stepfunctions", "StartExecution", coded("ExecutionAlreadyExists", "it exists")
        )
        invoke.answer(
            "stepfunctions",
            "DescribeExecution",
            {"executionArn": RUN, "startDate": BEGAN, "status": "SUCCEEDED"},
        )
        call = task("states:startExecution.sync", {"StateMachineArn": CHILD})
        output = await integrations.start(call)
        assert output["ExecutionArn"] == RUN
        name = invoke.calls[0][2]["name"]
        assert invoke.request() == {
            "executionArn": f"arn:aws:states:us-east-1:123456789012:execution:child:{name}"
        }
        call = task("states:startExecution.sync", {"StateMachineArn": CHILD, "Name": "mine"})
        failed = await failing(integrations, call)
        assert failed.error == "StepFunctions.ExecutionAlreadyExistsException"
        assert failed.at == "submit"

    async def test_a_machine_that_does_not_exist_is_named_as_aws_names_it(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        message = f"State Machine Does Not Exist: '{CHILD}'"
        invoke.answer("stepfunctions", "StartExecution", coded("StateMachineDoesNotExist", message))
        failed = await failing(
            integrations, task("states:startExecution", {"StateMachineArn": CHILD})
        )
        assert failed.error == "StepFunctions.StateMachineDoesNotExistException"
        assert failed.cause.startswith(
            f"{message} (Service: AWSStepFunctions; Status Code: 400; "
            "Error Code: StateMachineDoesNotExist; Request ID: "
        )
        assert failed.at == "task"

    @pytest.mark.parametrize(
        ("pattern", "result"),
        [(".sync", '{"Arg1":"argument1"}'), (".sync:2", {"Arg1": "argument1"})],
    )
    async def test_a_started_execution_is_waited_for(
        self,
        integrations: ServiceIntegrations,
        invoke: Recorded,
        task: Task,
        pattern: str,
        result: Any,
    ) -> None:
        running = {"executionArn": RUN, "status": "RUNNING", "startDate": BEGAN}
        ended = {
            **running,
            "stateMachineArn": CHILD,
            "name": "run",
            "status": "SUCCEEDED",
            "stopDate": BEGAN,
            "input": "{}",
            "inputDetails": {"included": True},
            "output": '{"Arg1":"argument1"}',
            "outputDetails": {"included": True},
            "traceHeader": None,
        }
        invoke.answer("stepfunctions", "DescribeExecution", running, ended)
        call = task(f"states:startExecution{pattern}", {"StateMachineArn": CHILD})
        output = await integrations.wait(call, {"ExecutionArn": RUN})
        assert output == {
            "ExecutionArn": RUN,
            "Input": "{}" if pattern == ".sync" else {},
            "InputDetails": {"Included": True},
            "Name": "run",
            "Output": result,
            "OutputDetails": {"Included": True},
            "StartDate": 1767323045123,
            "StateMachineArn": CHILD,
            "Status": "SUCCEEDED",
            "StopDate": 1767323045123,
        }
        assert len(invoke.calls) == 2

    async def test_an_execution_that_failed_is_the_cause_of_the_tasks_failure(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        described = {
            "executionArn": RUN,
            "status": "FAILED",
            "error": "SomeFailure",
            "cause": "it failed",
            "input": "{}",
            "inputDetails": {"included": True},
            "startDate": BEGAN,
        }
        invoke.answer("stepfunctions", "DescribeExecution", described)
        call = task("states:startExecution.sync:2", {"StateMachineArn": CHILD})
        with pytest.raises(TaskFailed) as caught:
            await integrations.wait(call, {"ExecutionArn": RUN})
        assert caught.value.error == "States.TaskFailed"
        assert caught.value.cause == (
            '{"Cause":"it failed","Error":"SomeFailure","ExecutionArn":"' + RUN + '","Input":"{}",'
            '"InputDetails":{"Included":true},"StartDate":1767323045123,"Status":"FAILED"}'
        )

    async def test_stopping_stops_the_execution_and_takes_a_refusal(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("stepfunctions", "StopExecution", {}, AccessDeniedException("no"))
        call = task("states:startExecution.sync:2", {"StateMachineArn": CHILD})
        await integrations.stop(call, {"ExecutionArn": RUN})
        await integrations.stop(call, {"ExecutionArn": RUN})
        assert [made[1] for made in invoke.calls] == ["StopExecution"] * 2
        assert invoke.request() == {"executionArn": RUN}


class TestMessages:
    async def test_a_message_that_is_no_text_is_published_as_json(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("sns", "Publish", {"MessageId": "id"})
        arguments = {
            "TopicArn": "arn",
            "Message": {"a": 1},
            "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}},
        }
        output = await integrations.start(task("sns:publish", arguments))
        assert invoke.request() == {**arguments, "Message": '{"a":1}'}
        assert output["MessageId"] == "id"
        assert output["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"] == "text/xml"

    async def test_a_topic_that_does_not_exist_is_named_as_aws_names_it(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("sns", "Publish", coded("NotFound", "Topic does not exist", 404))
        failed = await failing(integrations, task("sns:publish", {"Message": "m"}))
        assert failed.error == "SNS.NotFoundException"
        assert failed.cause.startswith(
            "Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; "
        )

    async def test_events_say_which_execution_they_come_from(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("events", "PutEvents", {"Entries": [{"EventId": "1"}], "FailedEntryCount": 0})
        entry = {"Detail": {"a": 1}, "DetailType": "t", "Source": "s", "Resources": ["own"]}
        output = await integrations.start(task("events:putEvents", {"Entries": [entry]}))
        assert output == {"Entries": [{"EventId": "1"}], "FailedEntryCount": 0}
        assert invoke.request()["Entries"] == [
            {
                "Detail": '{"a":1}',
                "DetailType": "t",
                "Source": "s",
                "Resources": ["own", MACHINE, EXECUTION],
            }
        ]

    async def test_an_event_that_was_refused_fails_the_task(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        refused = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        answer = {"Entries": [{"EventId": "1"}, refused], "FailedEntryCount": 1}
        invoke.answer("events", "PutEvents", answer)
        entry = {"Detail": '"text"', "DetailType": "t", "Source": "s"}
        failed = await failing(integrations, task("events:putEvents", {"Entries": [entry]}))
        assert failed.error == "EventBridge.FailedEntry"
        assert json.loads(failed.cause) == answer


class TestModels:
    async def test_a_model_gets_the_body_as_json_and_answers_parsed(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        answer = {"body": b'{"generations": [{"text": "hi"}]}', "contentType": "application/json"}
        invoke.answer("bedrock-runtime", "InvokeModel", answer)
        arguments = {
            "ModelId": "cohere.command-light-text-v14",
            "Body": {"prompt": "hello"},
            "ContentType": "application/json",
            "Accept": "*/*",
        }
        output = await integrations.start(task("bedrock:invokeModel", arguments))
        assert invoke.request() == {
            "modelId": "cohere.command-light-text-v14",
            "body": b'{"prompt":"hello"}',
            "contentType": "application/json",
            "accept": "*/*",
        }
        assert output == {
            "Body": {"generations": [{"text": "hi"}]},
            "ContentType": "application/json",
        }

    async def test_bodies_may_lie_in_a_bucket(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        async def stream() -> AsyncIterator[bytes]:
            for piece in (b'{"prompt"', b":1}"):
                yield piece

        found = {"Body": stream(), "ContentType": "application/json"}
        invoke.answer("s3", "GetObject", found)
        invoke.answer("s3", "PutObject", {"ETag": "e"})
        answer = {"body": b'{"text":1}', "contentType": "application/json"}
        invoke.answer("bedrock-runtime", "InvokeModel", answer)
        arguments = {
            "ModelId": "m",
            "Input": {"S3Uri": "s3://bucket/in/body.json"},
            "Output": {"S3Uri": "s3://bucket/out/body.json"},
        }
        output = await integrations.start(task("bedrock:invokeModel", arguments))
        assert [made[:3] for made in invoke.calls] == [
            ("s3", "GetObject", {"Bucket": "bucket", "Key": "in/body.json"}),
            (
                "bedrock-runtime",
                "InvokeModel",
                {"modelId": "m", "body": b'{"prompt":1}', "contentType": "application/json"},
            ),
            (
                "s3",
                "PutObject",
                {
                    "Bucket": "bucket",
                    "Key": "out/body.json",
                    "Body": b'{"text":1}',
                    "ContentType": "application/json",
                },
            ),
        ]
        assert output == {
            "Body": "s3://bucket/out/body.json",
            "ContentType": "application/json",
        }

    async def test_refusals_are_worded_as_by_the_second_sdk(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        who = "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: x"
        invoke.answer("bedrock-runtime", "InvokeModel", AccessDeniedException(who))
        call = task("bedrock:invokeModel", {"ModelId": "m", "Body": {}})
        failed = await failing(integrations, call)
        assert failed.error == "Bedrock.AccessDeniedException"
        assert failed.cause.startswith(
            f"{who} (Service: BedrockRuntime, Status Code: 403, Request ID: "
        )
        invoke.answer("bedrock", "CreateModelCustomizationJob", ValidationException("bad"))
        call = task("bedrock:createModelCustomizationJob.sync", {"JobName": "j"})
        failed = await failing(integrations, call)
        assert (failed.error, failed.at) == ("Bedrock.ValidationException", "submit")
        assert failed.cause.startswith("bad (Service: Bedrock, Status Code: 400, Request ID: ")

    async def test_a_jobs_token_is_the_same_for_the_same_attempt(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        arn = "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/m/abcdefghijkl"
        invoke.answer("bedrock", "CreateModelCustomizationJob", {"jobArn": arn})
        call = task("bedrock:createModelCustomizationJob.sync", {"JobName": "j"})
        assert await integrations.start(call) == {"JobArn": arn}
        await integrations.start(call)
        await integrations.start(
            task("bedrock:createModelCustomizationJob", {"ClientRequestToken": "own"})
        )
        tokens = [made[2]["clientRequestToken"] for made in invoke.calls]
        assert tokens[0] == tokens[1] != tokens[2] == "own"


class TestAwsSdk:
    async def test_any_operation_is_called_by_its_camel_case_name(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("secretsmanager", "ListSecrets", {"SecretList": []})
        output = await integrations.start(task("aws-sdk:secretsmanager:listSecrets", {}))
        assert output == {"SecretList": []}
        invoke.answer(
            "bedrock",
            "GetModelCustomizationJob",
            {"jobArn": "arn", "status": "Completed", "creationTime": BEGAN, "endTime": None},
        )
        output = await integrations.start(
            task("aws-sdk:bedrock:getModelCustomizationJob", {"JobIdentifier": "arn"})
        )
        assert output == {
            "JobArn": "arn",
            "Status": "Completed",
            "CreationTime": "2026-01-02T03:04:05.123Z",
        }

    @pytest.mark.parametrize(
        ("resource", "raised", "error", "cause"),
        [
            (
                "s3:listObjects",
                coded("NoSuchBucket", "The specified bucket does not exist", 404),
                "S3.NoSuchBucketException",
                "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: ",
            ),
            (
                "s3:listObjects",
                coded("AccessDenied", "Access Denied", 403),
                "S3.S3Exception",
                "Access Denied (Service: S3, Status Code: 403, Request ID: ",
            ),
            (
                "secretsmanager:createSecret",
                coded("ValidationException", "Invalid name."),
                "SecretsManager.SecretsManagerException",
                "Invalid name. (Service: SecretsManager, Status Code: 400, Request ID: ",
            ),
            (
                "sfn:sendTaskSuccess",
                coded("InvalidToken", "Invalid Token: 'Invalid token'"),
                "Sfn.InvalidTokenException",
                "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ",
            ),
            (
                "bedrock:getCustomModel",
                ResourceNotFoundException("no model"),
                "Bedrock.ResourceNotFoundException",
                "no model (Service: Bedrock, Status Code: 404, Request ID: ",
            ),
        ],
    )
    async def test_errors_have_the_sdks_names(  # noqa: PLR0917  # a case and three fixtures
        self,
        integrations: ServiceIntegrations,
        invoke: Recorded,
        task: Task,
        resource: str,
        raised: Exception,
        error: str,
        cause: str,
    ) -> None:
        service, action = resource.split(":")
        name = {"sfn": "stepfunctions"}.get(service, service)
        invoke.answer(name, action[0].upper() + action[1:], raised)
        failed = await failing(integrations, task(f"aws-sdk:{resource}", {}))
        assert failed.error == error
        assert failed.cause.startswith(cause)
        assert ("Extended Request ID: " in failed.cause) == (service == "s3")

    async def test_what_fails_unforeseen_tells_nothing_of_itself(
        self, integrations: ServiceIntegrations, invoke: Recorded, task: Task
    ) -> None:
        invoke.answer("s3", "HeadBucket", KeyError("secret"))
        with pytest.raises(TaskFailed) as caught:
            await integrations.start(task("aws-sdk:s3:headBucket", {"Bucket": "b"}))
        assert caught.value.error == "S3.S3Exception"
        assert "secret" not in caught.value.cause
