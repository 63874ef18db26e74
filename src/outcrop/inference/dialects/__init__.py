"""The bodies of InvokeModel, each vendor's own: one file a dialect, one line in the registry.

A dialect reads a body into an Invocation: what to ask the engine, and how to write what it answers. Adding one:

1. write dialects/<vendor>.py with an Invocation class and a `parse` function, as cohere_command.py does;
2. name it in DIALECTS under the key that core.models.dialect_of gives;
3. add its bodies to tests/inference/test_dialects.py.
"""

import json
from collections.abc import Callable, Mapping

from outcrop.inference.dialects import cohere_command, outcrop_own
from outcrop.inference.dialects.invocation import BodyFields, InvalidBody, Invocation

__all__ = ["DIALECTS", "InvalidBody", "Invocation", "parse_body"]

DIALECTS: Mapping[str, Callable[[BodyFields], Invocation]] = {
    "outcrop": outcrop_own.parse,
    "cohere.command": cohere_command.parse,
}


def parse_body(dialect: str, body: bytes) -> Invocation:
    """Read the body of an InvokeModel request.

    Args:
        dialect: whose form the body has: `dialect` of the base model.
        body: as received.

    Raises:
        InvalidBody: it is not JSON, or breaks the dialect's form; says where.
    """
    parse = DIALECTS.get(dialect)
    if parse is None:
        raise InvalidBody(
            f"InvokeModel bodies of {dialect} models are not offered yet (offered: {', '.join(DIALECTS)});"
            " use Converse for this model"
        )
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidBody(
            f"Malformed input request: the body is not valid JSON: {error}"
        ) from error
    if not isinstance(value, dict):
        raise InvalidBody("Malformed input request: #: expected type: JSONObject")
    fields = BodyFields(value)
    invocation = parse(fields)
    fields.refuse_unread()
    return invocation
