"""What an operation is: one function under its boto3 name, and what it is called with.

An operation takes the parsed request (wire names, as boto3 would pass them) and a RequestContext, and
returns the response as a mapping of wire names. It may be `def` (short, runs where it is called) or
`async def` (streams, waits). A streaming response blob is bytes, an async iterator of bytes or a FileRange;
an event stream is an async iterator of one-entry mappings {event name: members}.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

PrincipalType = Literal[
    "Account", "User", "AssumedRole", "FederatedUser", "AWSService", "Anonymous"
]
_NO_CONDITIONS: Mapping[str, str | Sequence[str]] = {}
OPERATION_ATTRIBUTE = "__outcrop_operation__"
PlatformT = TypeVar("PlatformT")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a call.

    Attributes:
        arn: the account root, a user, a role session or a service; "" for anonymous callers.
        principal_id: what aws:userid is: the account id, "AIDA…" or "AROA…:session".
        role_arn: the role that a session was assumed from, with its path; "" for others.
        session_policies: JSON documents that limit this session further.
        tags: of the user or role, overlaid with those of the session.
        session_issued_at: when a session's credentials were made; None for others.
        has_mfa: whether the session was opened with a second factor.
        via: the AWS service that makes this call on behalf of the principal, such as "s3"; else "".
        bearer_token_type: "LONG_TERM" or "SHORT_TERM" where a Bedrock API key was shown; else "".
        transitive_tag_keys: keys of session tags that go on to the next role in a chain.
        trace: the X-Amzn-Trace-Id of a call that a service makes in this process; else "".
        federated_by: ARN of the user (or account root) that a federated user has its permissions from; else "".
        source_arn: for a service that calls by itself: the resource that makes it call, aws:SourceArn; else "".
        source_account: whose resource that is: aws:SourceAccount; else "".
    """

    type: PrincipalType
    arn: str
    account_id: str
    access_key_id: str = ""
    principal_id: str = ""
    role_arn: str = ""
    session_policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str = ""
    session_issued_at: datetime | None = None
    has_mfa: bool = False
    via: str = ""
    bearer_token_type: str = ""
    transitive_tag_keys: tuple[str, ...] = ()
    federated_by: str = ""
    trace: str = ""
    source_arn: str = ""
    source_account: str = ""

    @property
    def is_root(self) -> bool:
        """Whether this is the account's root identity."""
        return self.type == "Account"


class Invoke(Protocol):
    """Calls an operation of any service in process, authorised and recorded like a request."""

    async def __call__(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        principal: Principal,
        region: str,
    ) -> dict[str, Any]:
        """Return the operation's response; raises the ServiceError it raised.

        Args:
            service: botocore's service name, such as "s3".
            operation: AWS's operation name, such as "GetObject".
            request: wire names, as boto3 would be given them.
            principal: who makes the call.
            region: region whose resources are meant.
        """


class Require(Protocol):
    """Refuses an operation under way that its caller may not go on with."""

    def __call__(
        self, action: str, resource: str, conditions: Mapping[str, str | Sequence[str]] = ..., /
    ) -> None:
        """Return if the caller may do an action on a resource; raises the service's "access denied" else.

        Args:
            action: such as "s3:ListBucket".
            resource: an ARN.
            conditions: condition keys of this action for this request.
        """


def _require_nothing(
    _action: str, _resource: str, _conditions: Mapping[str, str | Sequence[str]] = _NO_CONDITIONS, /
) -> None:
    """Pass: for contexts that are made by hand, outside any chain."""


@dataclass(slots=True)
class RequestContext(Generic[PlatformT]):
    """What an operation knows about its call besides the request.

    Attributes:
        platform: the product's services (database, object store, …), typed by the caller.
        headers: lower-case request headers; empty for in-process calls.
        raw_body: the body as received, where it was read whole; for digests that cover it.
        client_ip: where the call came from; "" for in-process calls.
        response_headers: extra headers an operation wants on its response.
        require: for permissions that an operation needs only because of what is stored.
    """

    platform: PlatformT
    invoke: Invoke
    principal: Principal
    service: str
    operation: str
    request_id: str
    account_id: str
    region: str
    received_at: datetime
    scheme: str = "http"
    host: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_body: bytes = field(default=b"", repr=False)
    client_ip: str = ""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    require: Require = field(default=_require_nothing, repr=False)


OperationFunction = Callable[[Mapping[str, Any], RequestContext[Any]], Any | Awaitable[Any]]


class ConstantResult(dict[str, Any]):
    """A part of results that never changes after it was made: the wire encodes it only once.

    Attributes:
        encoded: encoder → what it made of this.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__(members)
        self.encoded: dict[object, object] = {}


def operation(name: str) -> Callable[[FunctionT], FunctionT]:
    """Mark a function as the implementation of "service:OperationName".

    The service is botocore's name: "bedrock:StopModelCustomizationJob". Only a mark is set; the composition
    root collects the marked functions.
    """

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, OPERATION_ATTRIBUTE, name)
        return function

    return mark
