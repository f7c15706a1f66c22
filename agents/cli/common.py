"""What commands share: where the broker is, options, tables, durations."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headrace import settings as settings_module
from headrace.errors import BrokerUnreachableError
from headrace.settings import Settings
from streams import dev_kafka

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

bootstrap_option = click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Kafka to talk to. Default: HEADRACE_BOOTSTRAP, headrace.toml, or the one of `headrace kafka up`.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def kafka_dir(settings: Settings) -> Path:
    """Return where the development Kafka keeps its data."""
    return Path(settings.data_dir) / "kafka"


def load_settings(bootstrap: str | None = None, **overrides: Any) -> Settings:
    """Return the settings with a bootstrap address in them.

    Raises
    ------
    BrokerUnreachableError
        If no address is configured and no development Kafka runs.

    """
    found = settings_module.load(bootstrap=bootstrap, **overrides)
    if found.bootstrap is not None:
        return found
    running = dev_kafka.status(kafka_dir(found))
    if running is None:
        raise BrokerUnreachableError(
            "no Kafka is configured and none runs here",
            why=f"HEADRACE_BOOTSTRAP is not set, {settings_module.FILE_NAME} names none, "
            f"and {kafka_dir(found)} holds no running one",
            fix="headrace kafka up   or   HEADRACE_BOOTSTRAP=host:port",
        )
    return settings_module.load(bootstrap=running.bootstrap, **overrides)


def print_json(content: Any) -> None:
    """Print *content* as JSON."""
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print *rows* as a plain table; numbers are right-aligned."""
    content = [[_cell(value) for value in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        numeric = all(re.fullmatch(r"[-\d.,]*", row[i]) for row in content)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in content:
        table.add_row(*map(Text, row))
    stdout.print(table)


def printable(text: str) -> str:
    """Return *text* on one line and without the codes that command a terminal: a stranger wrote it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def seconds(text: str) -> float:
    """Return the seconds that ``90s``, ``15m``, ``2h`` or ``1d`` means."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise click.BadParameter(f"expected a duration such as 90s, 15m, 2h or 1d, got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def rate(text: str) -> float:
    """Return the events per second that ``100/s`` or ``6000/m`` means."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/([smh]))?", text)
    if match is None or float(match[1]) <= 0:
        raise click.BadParameter(f"expected a rate such as 100/s or 6000/m, got {text!r}")
    return float(match[1]) / _UNITS[match[2] or "s"]


def parsed(parse: Callable[[str], float]) -> Callable[[Any, Any, str | None], float | None]:
    """Return *parse* as a click callback."""

    def callback(_: Any, __: Any, text: str | None) -> float | None:
        return None if text is None else parse(text)

    return callback


def is_terminal() -> bool:
    """Return whether a person looks at standard output."""
    return sys.stdout.isatty()
