"""Turns calls into CloudTrail's records and hands them to the trail; on the path of every request."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from outcrop.aws.http import HttpRequest
from outcrop.aws.operation import Principal
from outcrop.aws.routing import Route
from outcrop.governance.audit.callers import inner_caller, unknown_identity, user_identity
from outcrop.governance.audit.masking import hidden_texts, scrub
from outcrop.governance.audit.plans import Plan, plan_for
from outcrop.governance.audit.trail import AuditTrail

_SIGNING_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}\Z")
_VERSION = "1.11"
_REMEMBERED = 4096
_LONGEST_TEXT = 1024  # of agents and messages, as in AWS's records
_LARGEST_PAYLOAD_BYTES = 100 * 1024
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


@dataclass(slots=True)
class RecordedCall:
    """A call that has ended, as its record needs it.

    Attributes:
        route: None where no operation answers to the request.
        signing_name: the service that the credentials were made for, where there is no route.
        principal: None where the caller was not authenticated.
        claimed_key_id: the access key id that the request named.
        is_internal: made in this process, by a service for its caller.
        parameters: of the request, wire names; empty where it was not understood.
        result: of the operation, wire names.
        failure: the error's code; "" for success.
        failure_message: the error's.
    """

    request: HttpRequest
    request_id: str
    region: str
    route: Route | None = None
    signing_name: str = ""
    principal: Principal | None = None
    claimed_key_id: str = field(default="", repr=False)
    is_internal: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    result: Mapping[str, Any] = field(default_factory=dict, repr=False)
    failure: str = ""
    failure_message: str = field(default="", repr=False)


class Recorder:
    """Records calls.

    Args:
        trail: where events go.
        account_id: the one account.
    """

    def __init__(self, trail: AuditTrail, account_id: str) -> None:
        self.trail = trail
        self._account_id = account_id
        self._plans: dict[tuple[str, str], Plan] = {}
        self._ids = _random_ids()
        self._constant: dict[tuple[object, ...], bytes] = {}

    def record(self, call: RecordedCall, moment: datetime) -> None:
        """Write the event of a call.

        Args:
            call: ended.
            moment: the present, which is when it ended.

        Raises:
            OSError: the trail cannot be written, so the call must not be answered as if it could.
        """
        plan = None if call.route is None else self._plan(call.route)
        event_id = next(self._ids)
        further: dict[str, Any] = {}
        payload = b""
        if call.failure:
            further["errorCode"] = call.failure
            further["errorMessage"] = self._safe_message(call)[:_LONGEST_TEXT]
        if plan is not None:
            changed = call.result if not call.failure and not plan.only_reads else {}
            asked = plan.show_request(call.parameters) if call.parameters else None
            answered = plan.show_result(changed) if changed else None
            if asked or answered:
                payload = _payload(event_id, asked, answered)
            if call.parameters or changed:
                found = plan.resources(call.parameters, changed, call.region)
                if found:
                    further["resources"] = found
        parts = [b"{", self._constant_part(call, plan), b',"requestID":"', call.request_id.encode()]
        parts += [b'","eventID":"', event_id.encode(), b'"']
        if further:
            parts += [b",", _encoded(further)[1:-1]]
        parts.append(b"}")
        self.trail.append(b"".join(parts), payload, moment)

    def _constant_part(self, call: RecordedCall, plan: Plan | None) -> bytes:
        """Return the members that are the same whenever a caller calls an operation: encoded once for all of them."""
        principal, request = call.principal, call.request
        if call.is_internal and principal is not None:
            address = agent = inner = inner_caller(principal)
        else:
            address, agent, inner = request.client_ip, request.headers.get("user-agent", ""), ""
        if plan is None or principal is None:
            return _encoded(self._constant_members(call, plan, address, agent, inner))[1:-1]
        key = (
            plan.source,
            plan.name,
            principal.type,
            principal.arn,
            principal.access_key_id,
            principal.principal_id,
            principal.bearer_token_type,
            principal.source_identity,
            call.region,
            address,
            agent,
            inner,
            request.tls,
            request.headers.get("host") if request.scheme == "https" else None,
        )
        found = self._constant.get(key)
        if found is None:
            if len(self._constant) >= _REMEMBERED:
                self._constant.clear()
            members = self._constant_members(call, plan, address, agent, inner)
            found = self._constant[key] = _encoded(members)[1:-1]
        return found

    def _constant_members(
        self, call: RecordedCall, plan: Plan | None, address: str, agent: str, inner: str
    ) -> dict[str, Any]:
        principal = call.principal
        members: dict[str, Any] = {
            "eventVersion": _VERSION,
            "userIdentity": (
                unknown_identity(call.claimed_key_id, self._account_id)
                if principal is None
                else user_identity(principal, inner)
            ),
            "eventSource": _unrouted_source(call.signing_name) if plan is None else plan.source,
            "eventName": "Unknown" if plan is None else plan.name,
            "awsRegion": call.region,
            "sourceIPAddress": address,
            "userAgent": agent[:_LONGEST_TEXT],
            "readOnly": plan is not None and plan.only_reads,
            "eventType": "AwsApiCall",
            "managementEvent": plan is None or not plan.is_data,
            "recipientAccountId": self._account_id,
            "eventCategory": "Management" if plan is None else plan.category,
        }
        if principal is not None and principal.bearer_token_type:
            members["additionalEventData"] = {"callWithBearerToken": True}
        if call.request.scheme == "https":
            members["tlsDetails"] = _tls_details(call.request)
        return members

    def _plan(self, route: Route) -> Plan:
        key = (route.service, route.operation)
        plan = self._plans.get(key)
        if plan is None:
            plan = plan_for(route.service, route.plan.model, self._account_id)
            self._plans[key] = plan
        return plan

    def _safe_message(self, call: RecordedCall) -> str:
        return scrub(call.failure_message, hidden_in(call.route, call.parameters, call.request))


def _random_ids() -> Iterator[str]:
    """Yield 128 random bits each in the form of a UUID; drawn by the kilobyte, for every call takes one."""
    while True:
        text = os.urandom(1024).hex()
        for at in range(0, len(text), 32):
            yield (
                f"{text[at : at + 8]}-{text[at + 8 : at + 12]}-{text[at + 12 : at + 16]}-"
                f"{text[at + 16 : at + 20]}-{text[at + 20 : at + 32]}"
            )


def _unrouted_source(signing_name: str) -> str:
    # What a client claims; only what looks like a service's name goes into the trail as one.
    return f"{signing_name if _SIGNING_NAME.match(signing_name) else 'unknown'}.amazonaws.com"


def _tls_details(request: HttpRequest) -> dict[str, str]:
    details = {"clientProvidedHostHeader": request.headers.get("host", "")}
    if request.tls is not None:
        details["tlsVersion"], details["cipherSuite"] = request.tls
    return details


def hidden_in(route: Route | None, parameters: Mapping[str, Any], request: HttpRequest) -> set[str]:
    """Return the texts of a call that no message may hold: those of its hidden members and its credentials."""
    hidden: set[str] = set()
    if route is not None:
        hidden = hidden_texts(route.plan.model.input_shape, route.service, parameters)
    token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    session = request.headers.get("x-amz-security-token", "")
    return hidden | {text for text in (token, session) if text}


def _encoded(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        return orjson.dumps(_cleaned(value), option=_OPTIONS)


def _payload(event_id: str, asked: Any, answered: Any) -> bytes:
    """Return what an event shows of its request and answer; where that is too much, that it was left out."""
    shown = {
        "eventID": event_id,
        "requestParameters": asked or None,
        "responseElements": answered or None,
    }
    payload = _encoded(shown)
    if len(payload) <= _LARGEST_PAYLOAD_BYTES:
        return payload
    omitted = {
        "omitted": True,
        "originalSize": len(payload),
        "reason": f"requestParameters and responseElements exceed {_LARGEST_PAYLOAD_BYTES} bytes",
    }
    return _encoded(
        {
            name: value if name == "eventID" or value is None else omitted
            for name, value in shown.items()
        }
    )


def _cleaned(value: Any) -> Any:
    """Return a value with what JSON cannot hold replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_cleaned(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    if value is None or isinstance(value, (bool, float, datetime, orjson.Fragment)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return f"<{type(value).__name__}>"
