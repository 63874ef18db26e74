"""Step 7: the result in the service's protocol."""

from outcrop.aws import wire
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts
from outcrop.gateway.steps import posted_form


def serialize(call: Call, _gateway: Parts) -> None:
    """Turn the result into an HTTP response, unless the caller is in this process and takes it as it is."""
    if call.connection is None:
        return
    response = wire.serialize_response(call.routed(), call.result, call.request_id)
    response.headers.extend(call.response_headers)
    if call.form is not None:
        response = posted_form.answer(call, call.form, response)
    call.response = response
