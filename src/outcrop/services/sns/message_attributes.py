"""Message attributes, checked in AWS's words."""

import json
import re
from collections.abc import Mapping
from typing import Any

from outcrop.services.sns.errors import ParameterValueInvalid

_KINDS = ("Binary", "Number", "String")
_MOST_NAME = 256
_OTHER = re.compile(r"[^A-Za-z0-9_.-]")


def check(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse message attributes that are not valid.

    Raises:
        ParameterValueInvalid: a name, a type or a value is not.
    """
    for name, attribute in attributes.items():
        _check_name(name)
        _check_value(name, attribute)


def shown(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return attributes as messages carry them: Type and Value, binary values in base64."""
    import base64

    return {
        name: {
            "Type": attribute["DataType"],
            "Value": (
                base64.b64encode(attribute["BinaryValue"]).decode()
                if attribute.get("BinaryValue")
                else attribute["StringValue"]
            ),
        }
        for name, attribute in attributes.items()
    }


def size_of(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many bytes attributes add to a message."""
    return sum(
        len(name.encode())
        + len(attribute["DataType"].encode())
        + len(attribute.get("BinaryValue") or attribute.get("StringValue", "").encode())
        for name, attribute in attributes.items()
    )


def _check_name(name: str) -> None:
    if len(name.encode()) >= _MOST_NAME:
        raise ParameterValueInvalid(
            f"Length of message attribute name must be less than {_MOST_NAME} bytes."
        )
    other = _OTHER.search(name)
    if other is not None:
        raise ParameterValueInvalid(
            f"Invalid non-alphanumeric character '#x{ord(other[0]):X}' was found in the message attribute "
            "name. Can only include alphanumeric characters, hyphens, underscores, or dots."
        )
    for end, is_there in (("starting", name.startswith(".")), ("ending", name.endswith("."))):
        if is_there:
            raise ParameterValueInvalid(
                f"Invalid message attribute name {end} with character '.' was found."
            )
    if ".." in name:
        raise ParameterValueInvalid("Message attribute name can not have successive '.' character.")


def _check_value(name: str, attribute: Mapping[str, Any]) -> None:
    kind = attribute["DataType"]
    family = kind.partition(".")[0]
    if family not in _KINDS:
        raise ParameterValueInvalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported "
            "type prefixes is Binary, Number, and String."
        )
    text, binary = attribute.get("StringValue"), attribute.get("BinaryValue")
    if not text and not binary:
        raise ParameterValueInvalid(
            f"The message attribute '{name}' must contain non-empty message attribute value for message "
            f"attribute type '{kind}'."
        )
    field = "Binary" if family == "Binary" else "String"
    if not (binary if field == "Binary" else text):
        raise ParameterValueInvalid(
            f"The message attribute '{name}' with type '{kind}' must use field '{field}'."
        )
    if family == "Number" and not _is_number(text or ""):
        raise ParameterValueInvalid(f"Could not cast message attribute '{name}' value to number.")
    if kind == "String.Array" and not _is_array(text or ""):
        raise ParameterValueInvalid(
            f"The message attribute '{name}' of type String.Array must be a JSON array."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_array(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False
