"""One call on its way through the chain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.operation import Principal
from outcrop.aws.posted_forms import PostedForm
from outcrop.aws.routing import Route
from outcrop.aws.signatures.posted_policy import PolicyClaim
from outcrop.aws.signatures.refusals import SignatureRefused
from outcrop.aws.signatures.sigv2 import LegacyClaim
from outcrop.aws.signatures.sigv4 import Claim
from outcrop.gateway.connection import Connection
from outcrop.gateway.operations import Operation


@dataclass(slots=True)
class Call:
    """What is known of a call; each step reads what the ones before it filled in.

    Attributes:
        connection: the client's; None for a call made in this process.
        claim: the signature found, not verified before `authenticate`.
        form: what a browser posted, where that is what the request stands for.
        refusal: why the credentials could not even be read; raised by `authenticate`.
        bearer_token: a Bedrock API key, where that came instead of a signature.
        region: from the credential scope; the server's own where the credentials name none.
        parameters: the parsed request, wire names.
        result: what the operation returned, wire names.
        failure: the error code that was answered, for the record.
        failure_message: the error's message, for the record.
    """

    request: HttpRequest
    connection: Connection | None
    request_id: str
    received_at: datetime
    region: str
    claim: Claim | LegacyClaim | PolicyClaim | None = None
    form: PostedForm | None = field(default=None, repr=False)
    refusal: SignatureRefused | None = None
    bearer_token: str = field(default="", repr=False)
    route: Route | None = None
    operation: Operation | None = None
    principal: Principal | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # values of any wire type
    result: Mapping[str, Any] = field(default_factory=dict)  # values of any wire type
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response: HttpResponse | None = None
    failure: str = ""
    failure_message: str = field(default="", repr=False)

    def routed(self) -> Route:
        """Return the route; only for steps after `route`."""
        assert self.route is not None
        return self.route

    def caller(self) -> Principal:
        """Return who calls; only for steps after `authenticate`."""
        assert self.principal is not None
        return self.principal
