"""bedrock:createModelCustomizationJob, alone or with the wait for the job, and bedrock:invokeModel."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from outcrop.aws import service_models
from outcrop.aws.errors import ValidationException
from outcrop.core.jobs import JobStatus
from outcrop.storage import customization_jobs
from outcrop.storage.database.engine import Database
from outcrop.workflows.integrations.calls import Calls
from outcrop.workflows.integrations.contents import read_whole
from outcrop.workflows.integrations.failures import TASK_FAILED, At, Target, failure
from outcrop.workflows.integrations.members import compact, to_output, to_request
from outcrop.workflows.tasks import TaskCall, TaskFailed

JOBS = Target("bedrock", "Bedrock")
MODELS = Target("bedrock-runtime", "Bedrock", "BedrockRuntime", rest="BedrockRuntimeException")
OBJECTS = Target("s3", "S3")
# Members of invokeModel that the API does not have.
OWN_MEMBERS = frozenset({"Input", "Output"})
_LOOK_SECONDS = 0.1
_S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", re.DOTALL)


async def create_job(calls: Calls, task: TaskCall, at: At) -> dict[str, Any]:
    """Create a customization job; return its ARN.

    Raises:
        TaskFailed: it was refused.
    """
    operation = "CreateModelCustomizationJob"
    shape = service_models.load("bedrock").operation(operation).model.input_shape
    request = to_request(shape, task.arguments, [])
    result = await calls.call(task, JOBS, operation, request, at)
    return {"JobArn": result["jobArn"]}


async def wait_for_job(
    calls: Calls, task: TaskCall, submitted: Mapping[str, Any], database: Database
) -> dict[str, Any]:
    """Wait for a job's end; return its description, in PascalCase.

    Raises:
        TaskFailed: it did not complete; the cause is its description.
    """
    job_arn = submitted["JobArn"]
    # The row is looked at rather than the operation called, which would be recorded ten times a second.
    job_id = job_arn.rpartition("/")[2]
    while not customization_jobs.status_of(database.reader, job_id).is_terminal:  # noqa: ASYNC110  # the row may be written by another process
        await asyncio.sleep(_LOOK_SECONDS)
    operation = "GetModelCustomizationJob"
    result = await calls.call(task, JOBS, operation, {"jobIdentifier": job_arn})
    model = service_models.load("bedrock").operation(operation).model
    output = to_output(model.output_shape, result)
    if result["status"] != JobStatus.COMPLETED:
        raise TaskFailed(TASK_FAILED, compact(output))
    return output


async def stop_job(calls: Calls, task: TaskCall, submitted: Mapping[str, Any]) -> None:
    """Stop the job that nobody waits for any more, if the role may."""
    request = {"jobIdentifier": submitted["JobArn"]}
    await calls.call(task, JOBS, "StopModelCustomizationJob", request)


async def invoke_model(calls: Calls, task: TaskCall, at: At) -> dict[str, Any]:
    """Invoke a model with a body, or with an object as body; return the answer, or where it was put.

    Raises:
        TaskFailed: the model, or an object, could not be had.
    """
    arguments = dict(task.arguments)
    source, target = arguments.pop("Input", None), arguments.pop("Output", None)
    if source is not None:
        body, media_type = await _read(calls, task, source, at)
        if media_type:
            arguments.setdefault("ContentType", media_type)
    else:
        given = arguments.get("Body")
        body = (given if isinstance(given, str) else compact(given)).encode()
    arguments.pop("Body", None)
    operation = "InvokeModel"
    shape = service_models.load("bedrock-runtime").operation(operation).model.input_shape
    request = {**to_request(shape, arguments, []), "body": body}
    result = await calls.call(task, MODELS, operation, request, at)
    content, media_type = await read_whole(result["body"]), result.get("contentType", "")
    answer: dict[str, Any] = {"ContentType": media_type}
    if target is None:
        answer["Body"] = _parsed(content)
    else:
        answer["Body"] = await _write(calls, task, target, content, media_type, at)
    return answer


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")


async def _read(
    calls: Calls, task: TaskCall, source: Mapping[str, Any], at: At
) -> tuple[bytes, str]:
    bucket, key = _location(source, at)
    found = await calls.call(task, OBJECTS, "GetObject", {"Bucket": bucket, "Key": key}, at)
    media_type = str(found.get("ContentType", ""))
    # What S3 says of objects that were given no type says nothing.
    unknown = {"binary/octet-stream", "application/octet-stream"}
    return await read_whole(found["Body"]), "" if media_type in unknown else media_type


async def _write(  # noqa: PLR0913, PLR0917  # the object's place, content and type
    calls: Calls,
    task: TaskCall,
    target: Mapping[str, Any],
    content: bytes,
    media_type: str,
    at: At,
) -> str:
    bucket, key = _location(target, at)
    request = {"Bucket": bucket, "Key": key, "Body": content, "ContentType": media_type}
    await calls.call(task, OBJECTS, "PutObject", request, at)
    return f"s3://{bucket}/{key}"


def _location(place: Mapping[str, Any], at: At) -> tuple[str, str]:
    uri = place.get("S3Uri") if isinstance(place, Mapping) else None
    match = _S3_URI.fullmatch(uri) if isinstance(uri, str) else None
    if match is None:
        wrong = ValidationException(f"{uri!r:.300} is not the URI of an object: s3://BUCKET/KEY")
        raise failure(wrong, MODELS, "InvokeModel", at)
    return match[1], match[2]
