"""Browsers: answers to their question whether a page may send a request, and the headers they look for on answers.

Which pages may use which bucket is for the service to say; a question comes unsigned and calls no operation.
"""

from dataclasses import replace

from outcrop.aws import wire
from outcrop.aws.errors import ServiceError
from outcrop.aws.http import HttpResponse
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts

_S3 = "s3"


def is_preflight(call: Call, gateway: Parts) -> bool:
    """Whether a call is a browser's question."""
    return call.request.method == "OPTIONS" and gateway.cross_origin is not None


def answer_preflight(call: Call, gateway: Parts) -> HttpResponse:
    """Answer a browser's question."""
    assert gateway.cross_origin is not None
    try:
        # The address is read as that of an object or bucket; what would be done there does not matter.
        address = replace(call.request, method="GET", query_string="", headers=_host_of(call))
        named = gateway.router.match(address, _S3).path_parameters
        return gateway.cross_origin.preflight(
            call.request, named.get("Bucket", ""), names_object="Key" in named
        )
    except ServiceError as error:
        return wire.serialize_error("rest-xml", error, call.request_id)


def add_cross_origin_headers(call: Call, gateway: Parts) -> None:
    """Add the headers that a browser looks for, whatever the answer is."""
    if (
        gateway.cross_origin is None
        or "origin" not in call.request.headers
        or call.response is None
        or call.route is None
        or call.route.service != _S3
    ):
        return
    bucket = call.route.path_parameters.get("Bucket", "")
    call.response.headers.extend(gateway.cross_origin.headers(call.request, bucket))


def _host_of(call: Call) -> dict[str, str]:
    return {"host": call.request.headers.get("host", "")}
