"""Which integration a Task's Resource means."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from outcrop.aws import service_models
from outcrop.storage import activities
from outcrop.storage.database.engine import Database
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.integrations import bedrock, executions, lambda_, messages
from outcrop.workflows.integrations.calls import Calls
from outcrop.workflows.integrations.contents import read_whole
from outcrop.workflows.integrations.failures import At, Target, not_built
from outcrop.workflows.integrations.members import compact, to_output, to_request
from outcrop.workflows.integrations.names import (
    RUNTIME,
    Resource,
    not_recognized,
    parse_resource,
    sdk_service,
)
from outcrop.workflows.tasks import Scheduled, TaskCall, TaskFailed

_Start = Callable[[Calls, TaskCall, At], Awaitable[dict[str, Any]]]
_log = structlog.get_logger("outcrop.integrations")

_OPTIMIZED: Mapping[tuple[str, str], _Start] = {
    ("bedrock", "createModelCustomizationJob"): bedrock.create_job,
    ("bedrock", "invokeModel"): bedrock.invoke_model,
    ("events", "putEvents"): messages.put_events,
    ("lambda", "invoke"): lambda_.invoke,
    ("sns", "publish"): messages.publish,
    ("states", "startExecution"): executions.start,
}
_WITH_SYNC = {
    ("bedrock", "createModelCustomizationJob", ".sync"),
    ("states", "startExecution", ".sync"),
    ("states", "startExecution", ".sync:2"),
}
# Operations whose members the optimized integrations take.
_OPERATIONS = {
    ("bedrock", "createModelCustomizationJob"): ("bedrock", "CreateModelCustomizationJob"),
    ("bedrock", "invokeModel"): ("bedrock-runtime", "InvokeModel"),
    ("events", "putEvents"): ("events", "PutEvents"),
    ("lambda", "invoke"): ("lambda", "Invoke"),
    ("sns", "publish"): ("sns", "Publish"),
    ("states", "startExecution"): ("stepfunctions", "StartExecution"),
}
_REQUIRED = {
    ("bedrock", "invokeModel"): ("ModelId",),
    ("events", "putEvents"): ("Entries",),
    ("lambda", "invoke"): ("FunctionName",),
    ("states", "startExecution"): ("StateMachineArn",),
}
# As readers and writers of Map states spell them, which are no aws-sdk resources but work as those.
_PLAIN_S3 = frozenset({"getObject", "putObject", "listObjectsV2"})
# What S3 tells of its own accord and AWS's SDK task leaves out.
_UNASKED = ("ChecksumCRC64NVME", "ChecksumType")


class ServiceIntegrations:
    """Implements `workflows.tasks.Integrations` over Invoke; to be used on the server's event loop.

    Args:
        calls: make the calls.
        database: where states of customization jobs are looked up.
        execution_ended: returns when the execution of an ARN has ended.
    """

    def __init__(
        self,
        calls: Calls,
        database: Database,
        *,
        execution_ended: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._calls = calls
        self._database = database
        self._execution_ended = execution_ended

    def describe(self, resource: str, arguments: Any, region: str) -> Scheduled:
        """Return how a call stands in the history.

        Raises:
            StatesError: there is no such integration, or it does not take such arguments.
        """
        parsed = parse_resource(resource)
        if parsed.kind == "lambda":
            return Scheduled("lambda", "lambda", resource, region, arguments)
        if parsed.kind == "activity":
            if activities.get(self._database.reader, resource) is None:
                raise StatesError(RUNTIME, f"The activity {resource} does not exist.")
            return Scheduled("activity", "activity", resource, region, arguments)
        problems = _problems(parsed, arguments)
        if problems:
            raise StatesError(
                RUNTIME,
                f"The Parameters '{compact(arguments)}' could not be used to start the Task: "
                f"[{', '.join(problems)}]",
            )
        return Scheduled("task", parsed.type, parsed.name, region, arguments)

    async def start(self, call: TaskCall) -> Any:
        """Make the call; return its result, or for .sync and .waitForTaskToken what was submitted.

        Raises:
            TaskFailed: it was refused or failed.
        """
        resource = parse_resource(call.resource)
        if resource.kind == "lambda":
            return await lambda_.invoke_arn(self._calls, call)
        at: At = "submit" if resource.pattern else "task"
        if _is_sdk(resource):
            return await self._start_sdk(resource, call, at)
        start = _OPTIMIZED.get((resource.service, resource.action))
        if start is None or (resource.is_sync and not _waits(resource)):
            raise not_built(resource.arn, resource.service)
        return await start(self._calls, call, at)

    async def wait(self, call: TaskCall, submitted: Any) -> Any:
        """Wait for the end of what a .sync task started; return the task's result.

        Raises:
            TaskFailed: it did not end well.
        """
        resource = parse_resource(call.resource)
        if resource.service == "bedrock":
            return await bedrock.wait_for_job(self._calls, call, submitted, self._database)
        return await executions.wait(
            self._calls,
            call,
            submitted,
            self._execution_ended,
            parses=resource.pattern == ".sync:2",
        )

    async def stop(self, call: TaskCall, submitted: Any) -> None:
        """Stop what a .sync task started, as far as the role may: nobody waits for it any more."""
        resource = parse_resource(call.resource)
        if not resource.is_sync:
            return
        stop = bedrock.stop_job if resource.service == "bedrock" else executions.stop
        try:
            await stop(self._calls, call, submitted)
        except TaskFailed as error:
            # It may have ended by itself, and AWS's own attempt is a best effort too.
            _log.info("task_not_stopped", resource=call.resource, reason=str(error))

    async def _start_sdk(self, resource: Resource, call: TaskCall, at: At) -> dict[str, Any]:
        service = sdk_service(resource.service)
        if service is None or resource.action not in service.operations:
            raise not_recognized(resource.arn)
        operation = service.operations[resource.action]
        model = service_models.load(service.name).operation(operation).model
        request = to_request(model.input_shape, call.arguments, [])
        if resource.kind == "sdk" and model.has_streaming_input:
            _write_body_as_json(model.input_shape.serialization["payload"], request, call)
        target = Target(service.name, service.label)
        result = dict(await self._calls.call(call, target, operation, request, at))
        output = to_output(model.output_shape, await _held(model, result))
        if not any(name.startswith("Checksum") for name in call.arguments or ()):
            for name in _UNASKED:
                output.pop(name, None)
        return output


def _write_body_as_json(name: str, request: dict[str, Any], call: TaskCall) -> None:
    """Put a body that is a text into a request as the JSON text, with its quotes, that AWS sends."""
    given = call.arguments.get(name)
    if isinstance(given, str):
        request[name] = compact(given).encode()


def _is_sdk(resource: Resource) -> bool:
    return resource.kind == "sdk" or (resource.service == "s3" and resource.action in _PLAIN_S3)


def _waits(resource: Resource) -> bool:
    return (resource.service, resource.action, resource.pattern) in _WITH_SYNC


def _problems(resource: Resource, arguments: Any) -> list[str]:
    """Return what is wrong with arguments, in AWS's words."""
    problems: list[str] = []
    if _is_sdk(resource):
        service = sdk_service(resource.service)
        if service is None or resource.action not in service.operations or resource.is_sync:
            raise not_recognized(resource.arn)
        operation = service.operations[resource.action]
        to_request(
            service_models.load(service.name).operation(operation).model.input_shape,
            arguments,
            problems,
        )
        return problems
    key = (resource.service, resource.action)
    if key not in _OPERATIONS:
        return []
    service_name, operation = _OPERATIONS[key]
    known = arguments
    if isinstance(arguments, Mapping):
        known = {
            name: value
            for name, value in arguments.items()
            if resource.service != "bedrock" or name not in bedrock.OWN_MEMBERS
        }
        if resource.service == "bedrock" and resource.action == "invokeModel":
            problems += _body_problems(arguments)
        missing = [name for name in _REQUIRED.get(key, ()) if arguments.get(name) is None]
        problems += [f"The field '{name}' is required but was missing" for name in missing]
    to_request(
        service_models.load(service_name).operation(operation).model.input_shape, known, problems
    )
    return problems


def _body_problems(arguments: Mapping[str, Any]) -> list[str]:
    given = [name for name in ("Body", "Input") if arguments.get(name) is not None]
    if len(given) == 1:
        return []
    if given:
        return ["Only one of the fields 'Body' and 'Input' can be specified"]
    return ["The field 'Body' is required but was missing"]


async def _held(model: Any, result: dict[str, Any]) -> dict[str, Any]:  # botocore's OperationModel
    """Return a result with its streamed body read; a stream of events has no place in JSON."""
    if model.has_event_stream_output:
        name = model.get_event_stream_output_member()
        result.pop(name, None)
    elif model.has_streaming_output:
        name = model.output_shape.serialization["payload"]
        result[name] = await read_whole(result.get(name))
    return result
