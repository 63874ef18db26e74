"""The web server: uvicorn's HTTP protocol on uvloop, HTTP and HTTPS listeners on one event loop.

Plain HTTP stays on the loopback interface unless the operator asks for more: when the configured address is beyond
loopback, the HTTP port is bound to 127.0.0.1 and only HTTPS is reachable from outside.
"""

import asyncio
import ipaddress
import json
import logging
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from outcrop.config import Settings
from outcrop.core.errors import ConfigurationError
from outcrop.crypto.certificates import ServerCertificate
from outcrop.gateway.asgi import AsgiApp
from outcrop.gateway.http_protocol import KEEP_ALIVE_SECONDS, HttpProtocol, look_at_all

log = structlog.get_logger("outcrop.gateway")

_BACKLOG = 2048
_GRACE_SECONDS = 5.0
_FLUSH_SECONDS = 1.0
_FLUSH_POLL_SECONDS = 0.02
_DATE_REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server can be reached; written to the home's server.json while it can.

    Attributes:
        host: the configured address.
        port: HTTP.
        tls_port: HTTPS.
    """

    pid: int
    host: str
    port: int
    tls_port: int
    region: str


StartHook = Callable[[Listening], Awaitable[None] | None]
StopHook = Callable[[], Awaitable[None] | None]


def run_server(
    app: AsgiApp,
    settings: Settings,
    certificate: ServerCertificate,
    on_started: StartHook,
    on_stopped: StopHook,
) -> None:
    """Serve on a new event loop until SIGINT or SIGTERM; see `serve`."""
    uvloop.run(serve(app, settings, certificate, on_started, on_stopped))


async def serve(  # noqa: PLR0913  # the composition root names each of them
    app: AsgiApp,
    settings: Settings,
    certificate: ServerCertificate,
    on_started: StartHook,
    on_stopped: StopHook,
    *,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or `stop`, then let open requests end for a few seconds.

    Args:
        app: the gateway's.
        settings: addresses, ports (0 takes free ones) and region.
        certificate: for HTTPS.
        on_started: called when both ports listen; once it is done the app says it is ready and server.json
            is written.
        on_stopped: called when the last request has ended, also when starting failed half-way.
        stop: set it to stop the server from this process.

    Raises:
        ConfigurationError: a port is taken, or the address is not this machine's.
    """
    stop = stop or asyncio.Event()
    _stop_on_signals(stop)
    # A line for every malformed request would let anybody fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    record = settings.home / "server.json"
    servers: list[uvicorn.Server] = []
    try:
        plain = _bind(_plain_http_host(settings), settings.port, "port")
        secure = _bind(settings.host, settings.tls_port, "tls_port")
        servers = [
            await _start(app, plain, None),
            await _start(app, secure, _tls_context(certificate)),
        ]
        listening = Listening(
            pid=os.getpid(),
            host=settings.host,
            port=plain.getsockname()[1],
            tls_port=secure.getsockname()[1],
            region=settings.region,
        )
        await _settled(on_started(listening))
        app.is_ready = True
        _write_record(record, listening)
        await _until_stopped(servers, stop)
    finally:
        app.is_ready = False
        record.unlink(missing_ok=True)
        await _shut_down(servers)
        await _settled(on_stopped())


def is_loopback(host: str) -> bool:
    """Return whether an address is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain_http_host(settings: Settings) -> str:
    if is_loopback(settings.host) or settings.allow_plain_http:
        return settings.host
    log.warning(
        "plain_http_on_loopback_only",
        host=settings.host,
        hint="HTTPS serves other machines; set allow_plain_http to serve them unencrypted too",
    )
    return "127.0.0.1"


def _bind(host: str, port: int, setting: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name with both kinds of address is served on IPv4, which every client tries.
        family, kind, protocol, _, address = min(found, key=lambda item: item[0])
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {host}: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}. "
            f"Is another server running? Choose another {setting}, or 0 for a free one."
        ) from error
    listener.setblocking(False)
    return listener


def _tls_context(certificate: ServerCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


async def _start(
    app: AsgiApp, listener: socket.socket, tls: ssl.SSLContext | None
) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_context_factory=None if tls is None else (lambda _config, _default: tls),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    await server.on_tick(0)
    return server


async def _until_stopped(servers: list[uvicorn.Server], stop: asyncio.Event) -> None:
    # uvicorn's own main loop wakes ten times a second per server; the Date header needs one.
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _DATE_REFRESH_SECONDS)
        except TimeoutError:
            now = asyncio.get_running_loop().time()
            for server in servers:
                await server.on_tick(0)
                look_at_all(server.server_state.connections, now)


async def _shut_down(servers: list[uvicorn.Server]) -> None:
    """Stop listening, let open requests end, then drop every connection."""
    for server in servers:
        for listener in server.servers:
            listener.close()
    for connection in _connections(servers):
        if connection.cycle is None or connection.cycle.response_complete:
            # Not closed politely: over TLS that waits half a minute for the client's goodbye.
            connection.transport.abort()
        else:
            connection.shutdown()
    tasks = {task for server in servers for task in server.server_state.tasks}
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_FLUSH_SECONDS)
    deadline = time.monotonic() + _FLUSH_SECONDS
    while _connections(servers) and time.monotonic() < deadline:  # noqa: ASYNC110  # uvicorn signals nothing
        await asyncio.sleep(_FLUSH_POLL_SECONDS)
    for connection in _connections(servers):
        connection.transport.abort()


def _connections(servers: list[uvicorn.Server]) -> list[HttpToolsProtocol]:
    found = [connection for server in servers for connection in server.server_state.connections]
    return [connection for connection in found if isinstance(connection, HttpToolsProtocol)]


def _stop_on_signals(stop: asyncio.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)


def _write_record(path: Path, listening: Listening) -> None:
    draft = path.with_suffix(".json.new")
    draft.write_text(json.dumps(asdict(listening)) + "\n")
    draft.replace(path)


async def _settled(pending: Awaitable[None] | None) -> None:
    if pending is not None:
        await pending
