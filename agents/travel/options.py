"""Options that the commands of time travel share."""

from __future__ import annotations

from typing import Any

import click

from agents.travel import marks
from agents.travel.marks import Mark


def mark(_: Any, __: Any, text: str | None) -> Mark | None:
    """Parse a place in the log, as a click callback."""
    if text is None:
        return None
    try:
        return marks.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def ago(seconds: float) -> str:
    """Return a duration as people say it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


partition_option = click.option(
    "--partition",
    "-p",
    "partitions",
    type=click.IntRange(0),
    multiple=True,
    metavar="P",
    help="Only this partition; may be given several times. Default: all.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes that share the partitions. Default: as many as there are cores.",
)
