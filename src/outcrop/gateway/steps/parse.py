"""Step 4: the request as boto3 would pass it, checked against the service model's constraints."""

from outcrop.aws import wire
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts


def parse(call: Call, _gateway: Parts) -> None:
    """Parse and validate the request.

    Raises:
        ValidationException: a member is missing or breaks a constraint.
    """
    route = call.routed()
    if call.connection is not None:
        call.parameters = wire.parse_request(route, call.request)
    wire.validate(route, call.parameters)
