"""Structured logs: key-values, one INFO line for each executed action, and never a Secret's data.

In: events with `object`, `operator`, `generation`, `action`, `reason`. Out: JSON lines (a terminal gets plain ones).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog

HIDDEN = "(hidden)"
_SECRET_KEYS = re.compile(
    r"passw|token|secret$|credential|private_?key|authorization|^data$|^stringdata$|^body$", re.IGNORECASE
)
_QUOTED_VALUE = re.compile(r"(got |Invalid value: |Unsupported value: |Value: ?|Bad value: ?).*", re.DOTALL)
# user:password@ in URLs, as git prints them.
_URL_PASSWORD = re.compile(r"(\w+://)[^/\s:@]*:?[^/\s@]*@")


def get_logger(operator: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of an operator; made at import, it still heeds what `configure` says later."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(operator=operator))


def configure(level: str = "INFO") -> None:
    """Set up structlog and the standard library's loggers (kopf, aiohttp) to write to stderr in one form."""
    is_terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    render = _console() if is_terminal else structlog.processors.JSONRenderer(sort_keys=True)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _console() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values under telling keys, the data of Secrets at any depth, and passwords in URLs."""
    return {key: _redacted(key, value) for key, value in event.items()}


def hide_values(message: str) -> str:
    """Cut the value out of an API server's complaint about a field of a Secret; the field's path stays."""
    return _QUOTED_VALUE.sub(rf"\1{HIDDEN}", message)


def _redacted(key: str, value: Any) -> Any:
    if _SECRET_KEYS.search(key) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, dict):
        if value.get("kind") == "Secret":
            return {"kind": "Secret", "metadata": {"name": (value.get("metadata") or {}).get("name")}, "data": HIDDEN}
        return {str(k): _redacted(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", item) for item in value]
    return _URL_PASSWORD.sub(rf"\1{HIDDEN}@", value) if isinstance(value, str) else value


if not structlog.is_configured():
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            _console(),
        ]
    )
