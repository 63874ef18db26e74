"""Operations small enough to show what the gateway does around them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from outcrop.aws.errors import ResourceNotFoundException
from outcrop.aws.http import FileRange
from outcrop.aws.operation import RequestContext, operation
from outcrop.core.errors import DatasetError, EngineError


class Platform:
    """What the operations keep."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.file: Path | None = None
        self.threads: list[str] = []
        self.contexts: list[RequestContext[Any]] = []
        self.cancelled = threading.Event()
        self.closed = threading.Event()
        self.half_read = threading.Event()


Context = RequestContext[Platform]
Request = Mapping[str, Any]


@operation("bedrock:GetCustomModel")
def get_custom_model(request: Request, context: Context) -> dict[str, Any]:
    context.platform.threads.append(threading.current_thread().name)
    context.platform.contexts.append(context)
    match request["modelIdentifier"]:
        case "missing":
            raise ResourceNotFoundException("no such model: missing")
        case "broken":
            raise ZeroDivisionError("a secret detail")
        case "bad-data":
            raise DatasetError("not JSON", "train.jsonl", 3)
        case "no-engine":
            raise EngineError("the engine died")
    return {"modelName": request["modelIdentifier"], "modelArn": context.principal.arn}


@operation("bedrock:DeleteCustomModel")
def delete_custom_model(request: Request, context: Context) -> None:
    assert request["modelIdentifier"]
    context.platform.threads.append(threading.current_thread().name)


@operation("bedrock:CreateModelCustomizationJob")
async def create_model_customization_job(request: Request, context: Context) -> dict[str, Any]:
    found = await context.invoke(
        "bedrock",
        "GetCustomModel",
        {"modelIdentifier": request["jobName"]},
        principal=context.principal,
        region=context.region,
    )
    return {
        "jobArn": f"arn:aws:bedrock:us-east-1:123456789012:model-customization-job/{found['modelName']}"
    }


@operation("bedrock-runtime:InvokeModel")
async def invoke_model(request: Request, context: Context) -> dict[str, Any]:
    if request["modelId"] == "slow":
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            context.platform.cancelled.set()
            raise
    return {"body": sha256(request["body"]).hexdigest().encode(), "contentType": "text/plain"}


@operation("bedrock-runtime:InvokeModelWithResponseStream")
async def invoke_model_with_response_stream(request: Request, context: Context) -> dict[str, Any]:
    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            for index in range(3 if request["modelId"] == "short" else 100_000):
                yield {"chunk": {"bytes": b"%d" % index}}
                await asyncio.sleep(0.01)
        finally:
            context.platform.closed.set()

    return {"body": events(), "contentType": "application/json"}


@operation("s3:PutObject")
async def put_object(request: Request, context: Context) -> dict[str, Any]:
    gathered = b""
    try:
        async for piece in request["Body"]:
            gathered += piece
    except BaseException:
        context.platform.half_read.set()
        raise
    context.platform.objects[request["Key"]] = gathered
    trailers = request["Body"].trailers
    return {"ETag": f'"{len(gathered)}"', "ChecksumCRC32": trailers.get("x-amz-checksum-crc32")}


@operation("s3:GetObject")
def get_object(request: Request, context: Context) -> dict[str, Any]:
    if request["Key"] == "file":
        assert context.platform.file is not None
        size = context.platform.file.stat().st_size
        part = FileRange(context.platform.file, 10, size - 10)
        return {"Body": part, "ContentLength": size - 10}
    body = context.platform.objects[request["Key"]]
    return {"Body": body, "ContentLength": len(body)}


@operation("s3:HeadObject")
def head_object(request: Request, context: Context) -> dict[str, Any]:
    return {"ContentLength": len(context.platform.objects[request["Key"]])}


@operation("sts:GetCallerIdentity")
def get_caller_identity(_request: Request, context: Context) -> dict[str, Any]:
    return {"Account": context.account_id, "Arn": context.principal.arn, "UserId": "root"}
