"""What of a request and its answer an event shows, compiled from the service's model.

Shown are names, numbers, settings, policies: what an auditor needs to see who did what. Hidden is what the model
marks as sensitive, what by its name is a credential, and whatever carries content: bodies, blobs, documents,
messages, and everything of the Bedrock runtime beyond which model was called. Hiding is the rule for what is in
doubt, and only known members are shown at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from botocore.model import Shape

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"  # AWS's own words in such a place
Mask = Callable[[Any], Any]

_CREDENTIAL = re.compile(
    r"(password|passphrase|secret(string|binary|key|value)?|(secret)?accesskey|privatekey|plaintext"
    r"|token|tokencode|authenticationcode\d?|assertion|authorization|apikey(value)?|seed)\Z",
    re.IGNORECASE,
)
# Names of requests, made by clients so that retries are recognised; they open nothing.
_NO_CREDENTIAL = frozenset({"clientrequesttoken", "clienttoken", "idempotencytoken"})
# Content that the models do not mark, by service.
_CONTENT: Mapping[str, frozenset[str]] = {
    "s3": frozenset({"Metadata", "MFA"}),
    "sns": frozenset({"Message", "Subject", "MessageAttributes", "PublishBatchRequestEntries"}),
    "ses": frozenset({"Message", "RawMessage", "TemplateData", "DefaultTemplateData"}),
    "sesv2": frozenset({"Content", "TemplateData", "DefaultContent"}),
    "events": frozenset({"Detail", "Input", "InputTransformer"}),
    "logs": frozenset({"logEvents", "logEventMessages", "message"}),
    "stepfunctions": frozenset({"input", "output", "definition", "cause"}),
    "lambda": frozenset({"Variables", "ClientContext"}),
}
# All that may be shown of a service whose requests are content.
_SHOWN_ALONE: Mapping[str, frozenset[str]] = {
    "bedrock-runtime": frozenset(
        {
            "modelId",
            "guardrailIdentifier",
            "guardrailVersion",
            "invocationArn",
            "clientRequestToken",
        }
    ),
}
_S3_NAMES = {"Bucket": "bucketName"}  # S3's events have their own word for it
_SHORTEST_SCRUBBED = 6
_PREFIX = 16
_LARGEST_SEARCHED_BYTES = 1 << 20


def compile_mask(shape: Shape | None, service: str) -> Mask:
    """Return the function from parameters or a result, wire names, to what an event shows of them."""
    if shape is None:
        return lambda _value: {}
    return _Compiler(service).structure(shape)


def is_hidden(name: str, shape: Shape, service: str, *, is_top: bool) -> bool:
    """Whether a member's value must not be shown.

    Args:
        name: of the member.
        shape: of the member.
        service: botocore's name.
        is_top: the member is one of the request or result itself.
    """
    if shape.metadata.get("sensitive") or shape.type_name == "blob":
        return True
    if getattr(shape, "is_document_type", False) or shape.serialization.get("eventstream"):
        return True
    if name in _CONTENT.get(service, ()):
        return True
    alone = _SHOWN_ALONE.get(service)
    if is_top and alone is not None:
        return name not in alone
    return (
        shape.type_name == "string"
        and _CREDENTIAL.search(name) is not None
        and name.lower() not in _NO_CREDENTIAL
    )


class _Compiler:
    """Compiles the masks of one input or output."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._structures: dict[str, dict[str, tuple[str, Mask | None]]] = {}

    def structure(self, shape: Shape, *, is_top: bool = True) -> Mask:
        """Return the mask of a structure, which may contain itself."""
        plan = self._structures.get(shape.name)
        if plan is None:
            # Entered before it is complete, for shapes within themselves.
            plan = self._structures[shape.name] = {}
            for name, member in shape.members.items():
                shown = _S3_NAMES.get(name, "") if self._service == "s3" else ""
                shown = shown or name[:1].lower() + name[1:]
                plan[name] = (shown, self._member(name, member, is_top=is_top))
        members = plan

        def mask(value: Any) -> Any:
            shown: dict[str, Any] = {}
            for name, item in value.items():
                entry = members.get(name)
                if entry is not None and item is not None:
                    key, inner = entry
                    shown[key] = item if inner is None else inner(item)
            return shown

        return mask

    def _member(self, name: str, shape: Shape, *, is_top: bool) -> Mask | None:
        """Return a member's mask; None shows it as it is."""
        if is_hidden(name, shape, self._service, is_top=is_top):
            return _hide
        return self._value(name, shape)

    def _value(self, name: str, shape: Shape) -> Mask | None:
        if shape.type_name == "structure":
            return self.structure(shape, is_top=False)
        if shape.type_name == "list":
            each = self._member(name, shape.member, is_top=False)
            return None if each is None else lambda values: [each(value) for value in values]
        if shape.type_name == "map":
            each_value = self._member(name, shape.value, is_top=False)
            if each_value is None:
                return None
            return lambda pairs: {key: each_value(value) for key, value in pairs.items()}
        return None


def _hide(_value: Any) -> str:
    return HIDDEN


def hidden_texts(shape: Shape | None, service: str, value: Any, *, is_top: bool = True) -> set[str]:
    """Return the texts in hidden members, for taking them out of messages; called when a call has failed.

    Args:
        shape: of the request.
        service: botocore's name.
        value: the request, wire names.
        is_top: the value is the request itself.
    """
    found: set[str] = set()
    if shape is None or not isinstance(value, Mapping):
        return found
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            continue
        if is_hidden(name, member, service, is_top=is_top):
            found.update(_texts(item))
        elif member.type_name == "structure":
            found |= hidden_texts(member, service, item, is_top=False)
        elif member.type_name in ("list", "map"):
            inner = member.member if member.type_name == "list" else member.value
            items = item.values() if isinstance(item, Mapping) else item
            for part in items if isinstance(items, (list, tuple)) else list(items):
                if is_hidden(name, inner, service, is_top=False):
                    found.update(_texts(part))
                elif inner.type_name == "structure":
                    found |= hidden_texts(inner, service, part, is_top=False)
    return {text for text in found if len(text) >= _SHORTEST_SCRUBBED}


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value; a body's JSON is looked into."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (bytes, bytearray)):
        if len(value) > _LARGEST_SEARCHED_BYTES:
            return
        try:
            yield from _texts(orjson.loads(value))
        except orjson.JSONDecodeError:
            yield bytes(value).decode("utf-8", "replace")
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def scrub(message: str, hidden: set[str]) -> str:
    """Return a message without the hidden texts, also where it quotes only the beginning of one."""
    for text in sorted(hidden, key=len, reverse=True):
        message = message.replace(text, HIDDEN)
        start = text[:_PREFIX]
        while len(text) > _PREFIX and (at := message.find(start)) >= 0:
            end = at + _PREFIX
            while end < len(message) and end - at < len(text) and message[end] == text[end - at]:
                end += 1
            message = message[:at] + HIDDEN + message[end:]
    return message
