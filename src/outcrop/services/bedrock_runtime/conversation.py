"""From a Converse request to what an engine is asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.core.models import BaseModel
from outcrop.inference.dialects.invocation import BodyFields, InvalidBody
from outcrop.inference.engine import ChatMessage, GenerationRequest, Prompt, Role

_TRY_AGAIN = "and try again."
# Members that change what is asked for in ways that are not built; silence would answer something else.
_NOT_OFFERED = {
    "toolConfig": "tools",
    "outputConfig": "output formats",
    "promptVariables": "prompt variables",
}


def read_request(request: Mapping[str, Any], base: BaseModel) -> GenerationRequest:
    """Return what a Converse or ConverseStream request asks the engine.

    Raises:
        ValidationException: a rule of conversations is broken, or something not offered is asked for.
    """
    for member, what in _NOT_OFFERED.items():
        if request.get(member):
            raise ValidationException(
                f"{member}: {what} are not offered by this server. Remove it {_TRY_AGAIN}"
            )
    inference = request.get("inferenceConfig") or {}
    try:
        extra = BodyFields(request.get("additionalModelRequestFields") or {})
        top_k = extra.integer("top_k", 0, 1 << 20, 0) or 0
        seed = extra.integer("seed", 0, 2**63 - 1, None)
        extra.refuse_unread()
    except InvalidBody as error:
        raise ValidationException(f"additionalModelRequestFields: {error}") from error
    return GenerationRequest(
        prompt=read_prompt(request, base),
        max_tokens=inference.get("maxTokens"),
        temperature=float(inference.get("temperature") or 0.0),
        top_p=float(inference.get("topP", 1.0)),
        top_k=top_k,
        stop_sequences=tuple(inference.get("stopSequences") or ()),
        seed=seed,
    )


def read_prompt(request: Mapping[str, Any], base: BaseModel) -> Prompt:
    """Return the conversation of a request.

    Raises:
        ValidationException: no chat template, wrong order of roles, or blocks other than text.
    """
    if not base.has_chat_template:
        raise ValidationException(
            f"{base.model_id} has no chat template, so it cannot converse. Use InvokeModel."
        )
    if not request.get("messages"):
        raise ValidationException(
            f"A conversation must start with a user message. Add one {_TRY_AGAIN}"
        )
    system = (
        [
            ChatMessage("system", _join(request["system"], "system")),
        ]
        if request.get("system")
        else []
    )
    turns = [_read_turn(message, index) for index, message in enumerate(request["messages"])]
    if turns[-1].role != "user":
        raise ValidationException(
            "The conversation must end with a user message: continuing an assistant message is not supported."
            f" Add a user message {_TRY_AGAIN}"
        )
    return Prompt((*system, *turns))


def _read_turn(message: Mapping[str, Any], index: int) -> ChatMessage:
    expected: Role = "assistant" if index % 2 else "user"
    if message["role"] != expected:
        if index == 0:
            raise ValidationException(
                "A conversation must start with a user message. Try again with a conversation that starts with"
                " a user message."
            )
        raise ValidationException(
            f"A conversation must alternate between user and assistant roles: messages.{index} has the role"
            f" {message['role']}, expected {expected}. Make sure the conversation alternates between user and"
            f" assistant roles {_TRY_AGAIN}"
        )
    return ChatMessage(expected, _join(message["content"], f"messages.{index}.content"))


def _join(blocks: Sequence[Mapping[str, Any]], place: str) -> str:
    """Return the text of content blocks, joined by line feeds as in training data."""
    if not blocks:
        raise ValidationException(f"The list at {place} is empty. Add a text block {_TRY_AGAIN}")
    texts = []
    for number, block in enumerate(blocks):
        kind = next(iter(block), "unknown")
        if kind != "text":
            raise ValidationException(
                f"The content block {kind} at {place}.{number} is not supported: this model takes text only."
                f" Remove the block {_TRY_AGAIN}"
            )
        if not block["text"].strip():
            raise ValidationException(
                f"The text field in the ContentBlock object at {place}.{number} is blank. Add text to the text"
                f" field, {_TRY_AGAIN}"
            )
        texts.append(block["text"])
    return "\n".join(texts)
