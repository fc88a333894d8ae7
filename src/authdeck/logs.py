"""What the server says while it runs: lines for a person on a terminal, JSON lines elsewhere. Never a query string."""

import logging
import sys
from typing import Final

import structlog

LEVELS: Final = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}


def set_up(level: str) -> None:
    """Send everything to stderr from ``level`` on. An unknown level counts as ``info``."""
    threshold = LEVELS.get(level.lower(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    is_terminal = sys.stderr.isatty()
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)  # the rich one shows locals
        if is_terminal
        else structlog.processors.JSONRenderer()
    )
    tracebacks: list[structlog.typing.Processor] = [] if is_terminal else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *tracebacks, last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(line: logging.LogRecord) -> bool:
    """An answer that ends without its end is how the gateway passes on that the provider's broke off."""
    return "without completing response" not in line.getMessage()
