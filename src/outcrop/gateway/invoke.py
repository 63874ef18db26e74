"""Calls between services in this process: authorised, validated and recorded like a request."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws import service_models
from outcrop.aws.http import HttpRequest
from outcrop.aws.operation import Principal
from outcrop.aws.routing import Route
from outcrop.core.ids import request_id
from outcrop.gateway.call import Call
from outcrop.gateway.chain import perform
from outcrop.gateway.parts import Parts


class InProcessInvoke:
    """Implements aws.operation.Invoke over the gateway's own chain."""

    def __init__(self) -> None:
        self._gateway: Parts | None = None

    def attach(self, gateway: Parts) -> None:
        """Say which gateway to call; the two are made together and know each other."""
        self._gateway = gateway

    async def __call__(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        principal: Principal,
        region: str,
    ) -> dict[str, Any]:
        """Return the operation's result with wire names; a streamed body comes as the operation returned it.

        Raises:
            ServiceError: what the operation or a step raised.
        """
        gateway = self._gateway
        assert gateway is not None
        call = Call(
            request=HttpRequest(
                "POST",
                "/",
                headers={"x-amzn-trace-id": principal.trace} if principal.trace else {},
            ),
            connection=None,
            request_id=request_id(),
            received_at=gateway.clock.now(),
            region=region,
            route=_route_to(service, operation),
            principal=principal,
            parameters=request,
        )
        await perform(call, gateway)
        return dict(call.result)


def _route_to(service: str, operation: str) -> Route:
    plan = service_models.load(service).operation(operation)
    return Route(service, operation, {}, plan.protocol, plan)
