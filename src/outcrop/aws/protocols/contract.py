"""What every protocol offers, and the values that the wire hands to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from outcrop.aws.errors import SerializationException
from outcrop.aws.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

# Any: parameters and results are what the service model says, known only at run time.
Parameters = dict[str, Any]
Result = Mapping[str, Any]
Convert = Callable[[Any], Any]
RequestParser = Callable[[HttpRequest, Mapping[str, str]], Parameters]
ResponseSerializer = Callable[[Result, str], HttpResponse]


class UnmodelledMemberError(TypeError):
    """An operation returned a member that its output shape does not have: a bug of the operation."""

    def __init__(self, shape_name: str, member: object) -> None:
        super().__init__(f"{shape_name} has no member {member!r}")


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error on its way to the client, with what the service model knows of it.

    Attributes:
        code: the code as it goes over the wire.
        shape: the modelled error, or None for the common errors.
        fields: further modelled members by name.
        sender_fault: whether the caller is to blame.
    """

    code: str
    status: int
    message: str
    fields: Mapping[str, object]
    shape: Shape | None
    request_id: str
    sender_fault: bool
    is_head: bool = False

    def members(self) -> dict[str, object]:
        """Return the members of the error: its message under the modelled spelling, then its fields."""
        if self.shape is None:
            return {"message": self.message}
        modelled = self.shape.members
        spelling = "Message" if "Message" in modelled else "message"
        members: dict[str, object] = {spelling: self.message} if spelling in modelled else {}
        members.update({name: value for name, value in self.fields.items() if name in modelled})
        return members


class WireProtocol(Protocol):
    """One protocol over one service model."""

    def compile_parser(self, operation: OperationModel) -> RequestParser:
        """Return a function from a request and its path labels to the parameters."""

    def compile_serializer(self, operation: OperationModel) -> ResponseSerializer:
        """Return a function from a result and a request id to the response."""

    def serialize_error(self, error: ErrorReply) -> HttpResponse:
        """Return the error as this protocol writes it."""


def malformed(expected: str, value: object) -> SerializationException:
    """Return the error for a value that has not the expected kind; the value is cut to 100 characters."""
    return SerializationException(f"Expected {expected}, found {value!r:.100}")


def is_streaming(shape: Shape) -> bool:
    """Whether a payload member is a blob that is sent piece by piece."""
    return bool(shape.serialization.get("streaming"))


def is_event_stream(shape: Shape) -> bool:
    """Whether a member is a stream of events."""
    return bool(shape.serialization.get("eventstream"))
