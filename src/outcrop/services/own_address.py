"""This server's own address, for links in mail and messages that lead back to it."""

import json

from outcrop.services.platform import Context, Platform


def own_endpoint(context: Context) -> str:
    """Return the URL under which the caller reached this server; for calls of this process, the one it listens on."""
    if context.host:
        # The Host header is part of what the caller signed.
        return f"{context.scheme}://{context.host}"
    return listening_endpoint(context.platform)


def listening_endpoint(platform: Platform) -> str:
    """Return the URL that this server's description names, for whoever runs on this machine."""
    try:
        port = json.loads(platform.home.server_info.read_text())["port"]
    except (OSError, ValueError, KeyError):
        port = platform.settings.port
    return f"http://127.0.0.1:{port}"
