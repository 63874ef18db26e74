"""Logging: one event name plus fields, pretty in a terminal, JSON lines elsewhere."""

import logging
import sys

import structlog

from outcrop.core.errors import ConfigurationError

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


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
    renderers: list[structlog.typing.Processor] = (
        # Tracebacks without local variables: those may be secrets.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: only their warnings are of interest.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
