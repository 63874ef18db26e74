"""CountTokens: what a request would cost, without running it."""

from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import ServiceUnavailableException, ValidationException
from outcrop.aws.operation import operation
from outcrop.inference.dialects import InvalidBody, parse_body
from outcrop.services.bedrock_runtime.conversation import read_prompt
from outcrop.services.bedrock_runtime.errors import ModelErrorException, ModelNotReadyException
from outcrop.services.bedrock_runtime.generation import engine_of
from outcrop.services.bedrock_runtime.targets import find_target
from outcrop.services.platform import Context

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime.type_defs import CountTokensRequestTypeDef


@operation("bedrock-runtime:CountTokens")
async def count_tokens(request: "CountTokensRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return the input tokens of an InvokeModel body or a Converse request.

    Raises:
        ValidationException: bad identifier, body or conversation.
        ServiceUnavailableException: the model is not loaded; CountTokens has no closer error.
    """
    target = find_target(request["modelId"], context)
    wanted = request["input"]
    if "converse" in wanted:
        prompt = read_prompt(wanted["converse"], target.base)
    else:
        try:
            body = parse_body(target.base.dialect, wanted["invokeModel"]["body"])  # type: ignore[arg-type]
        except InvalidBody as error:
            raise ValidationException(str(error)) from error
        prompt = body.request.prompt
    try:
        async with engine_of(target, context) as (engine, _):
            return {"inputTokens": await engine.count_tokens(prompt)}
    except (ModelNotReadyException, ModelErrorException) as error:
        raise ServiceUnavailableException(error.message) from error
