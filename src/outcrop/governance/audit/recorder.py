"""Turns calls into CloudTrail's records and hands them to the trail; on the path of every request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from outcrop.aws.http import HttpRequest
from outcrop.aws.operation import Principal
from outcrop.aws.routing import Route
from outcrop.core.ids import request_id as random_id
from outcrop.governance.audit.callers import Identities, inner_caller, unknown_identity
from outcrop.governance.audit.masking import hidden_texts, scrub
from outcrop.governance.audit.plans import Plan, plan_for
from outcrop.governance.audit.trail import AuditTrail

_SIGNING_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}\Z")
_VERSION = "1.11"
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
        self._identities = Identities()

    def record(self, call: RecordedCall, moment: datetime) -> None:
        """Write the event of a call.

        Args:
            call: ended.
            moment: the present, which is when it ended.

        Raises:
            OSError: the trail cannot be written, so the call must not be answered as if it could.
        """
        event, shown = self._event(call)
        payload = b""
        if shown is not None:
            payload = _encoded(shown)
            if len(payload) > _LARGEST_PAYLOAD_BYTES:
                payload = _encoded(_without_members(shown, len(payload)))
        try:
            self.trail.append(event, payload, moment)
        except TypeError:  # text that is no Unicode, integers beyond 64 bits
            self.trail.append(_cleaned(event), payload, moment)

    def _event(self, call: RecordedCall) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the record's metadata and, apart, what it shows of request and answer."""
        route, principal, request = call.route, call.principal, call.request
        plan = None if route is None else self._plan(route)
        event_id = random_id()
        if call.is_internal and principal is not None:
            address = agent = inner = inner_caller(principal)
        else:
            address, agent, inner = request.client_ip, request.headers.get("user-agent", ""), ""
        event: dict[str, Any] = {
            "eventVersion": _VERSION,
            "userIdentity": (
                unknown_identity(call.claimed_key_id, self._account_id)
                if principal is None
                else self._identities.of(principal, inner)
            ),
            "eventTime": "",
            "eventSource": _unrouted_source(call.signing_name) if plan is None else plan.source,
            "eventName": "Unknown" if plan is None else plan.name,
            "awsRegion": call.region,
            "sourceIPAddress": address,
            "userAgent": agent[:_LONGEST_TEXT],
            "requestID": call.request_id,
            "eventID": event_id,
            "readOnly": plan is not None and plan.only_reads,
        }
        shown: dict[str, Any] | None = None
        if call.failure:
            event["errorCode"] = call.failure
            event["errorMessage"] = self._safe_message(call)[:_LONGEST_TEXT]
        if plan is not None:
            asked = plan.show_request(call.parameters) if call.parameters else None
            changed = call.result and not call.failure and not plan.only_reads
            answered = plan.show_result(call.result) if changed else None
            if asked or answered:
                shown = {
                    "eventID": event_id,
                    "requestParameters": asked or None,
                    "responseElements": answered or None,
                }
            if call.parameters or changed:
                found = plan.resources(call.parameters, call.result if changed else {}, call.region)
                if found:
                    event["resources"] = found
        if principal is not None and principal.bearer_token_type:
            event["additionalEventData"] = {"callWithBearerToken": True}
        event["eventType"] = "AwsApiCall"
        event["managementEvent"] = plan is None or not plan.is_data
        event["recipientAccountId"] = self._account_id
        event["eventCategory"] = "Management" if plan is None else plan.category
        if request.scheme == "https":
            event["tlsDetails"] = _tls_details(request)
        return event, shown

    def _plan(self, route: Route) -> Plan:
        key = (route.service, route.operation)
        plan = self._plans.get(key)
        if plan is None:
            plan = plan_for(route.service, route.plan.model, self._account_id)
            self._plans[key] = plan
        return plan

    def _safe_message(self, call: RecordedCall) -> str:
        return scrub(call.failure_message, hidden_in(call.route, call.parameters, call.request))


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


def _without_members(shown: Mapping[str, Any], size_bytes: int) -> dict[str, Any]:
    """Return what stands for a request and an answer that are too large, as AWS says it."""
    omitted = {
        "omitted": True,
        "originalSize": size_bytes,
        "reason": f"requestParameters and responseElements exceed {_LARGEST_PAYLOAD_BYTES} bytes",
    }
    return {
        name: value if name == "eventID" or value is None else omitted
        for name, value in shown.items()
    }


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
