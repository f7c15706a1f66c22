"""Logs: lines for people on a terminal, JSON lines anywhere else; floods of the client libraries thinned."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import structlog

REPEAT_INTERVAL_S = 10.0
"""The same message of a client library appears at most once in this time."""

_NOISY = ("aiokafka", "faust", "mode")
_REMEMBERED = 1_000  # messages; a library that writes numbers into its templates must not fill memory


class RepeatFilter(logging.Filter):
    """Lets a client library's message through once per `REPEAT_INTERVAL_S` and counts what it held back.

    aiokafka logs hundreds of errors in seconds while a broker is away. All else passes, as do our own logs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* may pass."""
        if record.name.partition(".")[0] not in _NOISY:
            return True
        if record.levelno < logging.WARNING:
            return False
        now = time.monotonic()
        key = (record.name, str(record.msg)[:80])
        if key not in self._last and len(self._last) >= _REMEMBERED:
            self._last.clear()
        shown_at, held_back = self._last.get(key, (-REPEAT_INTERVAL_S, 0))
        if now - shown_at < REPEAT_INTERVAL_S:
            self._last[key] = (shown_at, held_back + 1)
            return False
        self._last[key] = (now, 0)
        if held_back:
            record.msg = f"{record.msg} ({held_back} more like this)"
        return True


def configure(level: str = "info", *, json_lines: bool | None = None) -> None:
    """Send all logs of the process to stderr; *json_lines* defaults to "not a terminal"."""
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(pad_event_to=0)
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        final.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer])
    )
    handler.addFilter(RepeatFilter())
    logging.root.handlers = [handler]
    logging.root.setLevel(level.upper())
