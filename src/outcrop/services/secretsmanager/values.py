"""What a request carries as a secret's value, and how an answer carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.services.secretsmanager.errors import (
    InvalidParameterException,
    InvalidRequestException,
)

_MEMBERS = {"string": "SecretString", "binary": "SecretBinary"}
_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Value:
    """A value in clear; never printed, logged or kept.

    Attributes:
        kind: "string" or "binary".
        content: its bytes; UTF-8 for a string.
    """

    kind: str
    content: bytes = field(repr=False)

    def as_member(self) -> dict[str, str | bytes]:
        """Return the value as the member of a response."""
        is_string = self.kind == "string"
        return {_MEMBERS[self.kind]: self.content.decode() if is_string else self.content}


def read_value(request: Mapping[str, Any], *, is_required: bool = False) -> Value | None:
    """Return the value of a request, or None where it has none.

    Raises:
        InvalidParameterException: it has two, or one that is too long.
        InvalidRequestException: it has none and must.
    """
    text, binary = request.get("SecretString"), request.get("SecretBinary")
    if text is not None and binary is not None:
        raise InvalidParameterException(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    if text is None and binary is None:
        if is_required:
            raise InvalidRequestException("You must provide either SecretString or SecretBinary.")
        return None
    if binary is not None:
        value = Value("binary", bytes(binary))
    else:
        check_text("SecretString", str(text))
        value = Value("string", str(text).encode())
    if len(value.content) > _MOST_BYTES:
        raise InvalidParameterException(
            f"The secret value has {len(value.content)} bytes: it can have {_MOST_BYTES}."
        )
    return value


def check_text(member: str, text: str) -> None:
    """Make sure that a text can be kept.

    Raises:
        InvalidParameterException: it holds half of a surrogate pair, which is no character.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # Without the text: it may be the secret.
        raise InvalidParameterException(
            f"{member} holds half of a surrogate pair, which is no character: remove it."
        ) from None


def read_token(request: Mapping[str, Any]) -> str:
    """Return the ClientRequestToken, which becomes the id of the version that the request makes.

    Raises:
        InvalidRequestException: there is none; SDKs make one up by themselves.
    """
    token: str | None = request.get("ClientRequestToken")
    if token is None:
        raise InvalidRequestException(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value."
        )
    return token
