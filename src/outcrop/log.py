"""Logging: one event name plus fields, pretty in a terminal, JSON lines elsewhere."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from outcrop.core.errors import ConfigurationError

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MASKED = "***"
_SECRET_KEY = re.compile(
    r"(secret|password|passphrase|token|authorization|credentials?|api_?key|private_?key|signature"
    r"|secret_?access_?key|bearer)\Z",
    re.IGNORECASE,
)
# Credentials as they stand in headers and URLs that an error message may quote.
_SECRET_TEXT = re.compile(
    r"(?i)(\bBearer\s+|\bSignature=|X-Amz-Signature=|X-Amz-Security-Token=|x-amz-security-token:\s*)"
    r"[^\s,&'\"]+"
)
_DEEPEST = 6


def mask_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace what is logged under a secret's name, at any depth, and credentials within texts.

    The last processor but the renderer, so that nothing that was bound to a logger escapes it.
    """
    for key, value in event.items():
        event[key] = _masked(key, value, _DEEPEST)
    return event


def _masked(key: object, value: Any, depth: int) -> Any:
    if value and isinstance(key, str) and _SECRET_KEY.search(key):
        return _MASKED
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\1{_MASKED}", value)
    if depth == 0:
        return value
    if isinstance(value, Mapping):
        return {name: _masked(name, item, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked("", item, depth - 1) for item in value]
    return value


def configure_logging(log_format: str, level: str) -> None:
    """Send the process's log to stderr.

    Args:
        log_format: pretty, json, or auto: pretty when stderr is a terminal.
        level: debug, info, warning or error.

    Raises:
        ConfigurationError: neither of those.
    """
    if level not in _LEVELS:
        raise ConfigurationError(f"OUTCROP_LOG_LEVEL cannot be {level!r}: {', '.join(_LEVELS)}")
    if log_format not in {"auto", "pretty", "json"}:
        raise ConfigurationError(f"OUTCROP_LOG_FORMAT cannot be {log_format!r}: auto, pretty, json")
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    # Tracebacks without local variables: those may be secrets.
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: only their warnings are of interest.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
