"""Step 3: the function that implements the operation; known callers learn when there is none."""

from outcrop.aws.errors import OperationNotBuilt
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts


def find_operation(call: Call, gateway: Parts) -> None:
    """Find what implements the routed operation.

    Raises:
        OperationNotBuilt: AWS has it, this server does not.
    """
    route = call.routed()
    call.operation = gateway.operations.get((route.service, route.operation))
    if call.operation is None:
        raise OperationNotBuilt(
            f"{route.service}:{route.operation} is an AWS operation that this server does not offer yet; "
            "docs/reference/operations.md lists those it does."
        )
