"""The ASGI application: a network request in, a call through the chain, a response out.

No framework sits in between; on the hot path this is a few dictionary look-ups beside the chain itself.
"""

import asyncio
import json
import os
from collections.abc import MutableMapping
from typing import Any

import structlog

from outcrop import __version__
from outcrop.aws.http import HttpRequest
from outcrop.core.ids import request_id
from outcrop.gateway.call import Call
from outcrop.gateway.chain import answer
from outcrop.gateway.connection import (
    CancelledWhenClientLeaves,
    ClientDisconnected,
    Connection,
    Receive,
    Send,
)
from outcrop.gateway.parts import Parts
from outcrop.gateway.sending import send_streamed, send_whole

log = structlog.get_logger("outcrop.gateway")
Scope = MutableMapping[str, Any]  # ASGI's own type for scopes

_OWN_PATHS = b"/_outcrop/"


class AsgiApp:
    """Serves the AWS APIs; `GET /_outcrop/health` and `/_outcrop/ready` answer without a signature.

    Attributes:
        is_ready: set by whoever runs the app once everything behind it works.
    """

    def __init__(self, gateway: Parts) -> None:
        self._gateway = gateway
        self.is_ready = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["raw_path"].startswith(_OWN_PATHS):
            await self._answer_own(scope, send)
            return
        request = _to_request(scope)
        connection = Connection(receive, request.headers, scope)
        call = Call(
            request=request,
            connection=connection,
            request_id=request_id(),
            received_at=self._gateway.clock.now(),
            region=self._gateway.region,
        )
        try:
            response = await answer(call, self._gateway)
            is_head = request.method == "HEAD"
            if isinstance(response.body, bytes):
                await send_whole(response, response.body, send, connection, is_head=is_head)
            else:
                with CancelledWhenClientLeaves(connection):
                    await send_streamed(response, send, connection, is_head=is_head)
        except ClientDisconnected:
            log.debug("client_disconnected", request_id=call.request_id)
        except asyncio.CancelledError:
            if not connection.disconnected:
                raise
            log.debug("client_disconnected", request_id=call.request_id)
        except Exception:  # the status is out: all that is left is to break off
            log.exception("response_failed", request_id=call.request_id)

    async def _answer_own(self, scope: Scope, send: Send) -> None:
        path, status = scope["raw_path"], 404
        content: dict[str, object] = {"message": "no such page"}
        if scope["method"] in {"GET", "HEAD"}:
            if path == b"/_outcrop/health":
                status, content = 200, {"version": __version__, "pid": os.getpid()}
            elif path == b"/_outcrop/ready":
                status, content = (200 if self.is_ready else 503), {"ready": self.is_ready}
        body, content_type = json.dumps(content).encode(), "application/json"
        page = self._gateway.own_pages.get(path.decode("latin-1"))
        if page is not None and scope["method"] == "GET":
            query = scope["query_string"].decode("latin-1")
            loop = asyncio.get_running_loop()
            status, content_type, body = await loop.run_in_executor(
                self._gateway.writer, page, query
            )
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _to_request(scope: Scope) -> HttpRequest:
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in scope["headers"]:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        # Joined without a blank: this is the form in which repeated headers are signed.
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    client = scope["client"]
    return HttpRequest(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        scheme=scope["scheme"],
        client_ip=client[0] if client else "",
        tls=scope.get("tls"),
    )
