"""What the benchmarks' commands share: options, a Kafka, progress, tables, and what the numbers depend on."""

from __future__ import annotations

import os
import platform
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.bench import peers_env
from agents.bench.measure import Tell
from agents.bench.stage import Stage
from agents.cli.common import print_json, print_table, stderr, stdout
from streams.broker import LocalKafka
from streams.jars import KAFKA_VERSION

TERMINATED = 128 + signal.SIGTERM

out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the JSON here."
)
bootstrap_option = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka to use. Default: one of its own, for this run."
)


def say(text: str) -> None:
    """Tell the user what goes on."""
    stderr.print(text)


def stage(bootstrap: str, peers_python: Path) -> Stage:
    """Return where runs take place, under a name of their own."""
    return Stage(bootstrap, peers_python.absolute(), f"{int(time.time()) & 0xFFFFFF:x}")


@contextmanager
def kafka(bootstrap: str | None) -> Iterator[str]:
    """Yield the address of the Kafka asked for, or of one that lives as long as the block."""
    if bootstrap is not None:
        yield bootstrap
        return
    with (
        tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder,
        LocalKafka(Path(folder), progress=say) as own,
    ):
        yield own.bootstrap


@contextmanager
def progress(n_steps: int) -> Iterator[Tell]:
    """Show a bar of *n_steps*; yield what it is told each step with."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("preparing", total=n_steps, completed=-1)
        yield lambda text: bar.update(task, description=text, advance=1)


def about(plan: msgspec.Struct) -> dict[str, Any]:
    """Return what the numbers depend on."""
    libraries = ("headrace", *peers_env.SHARED, "msgspec")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": msgspec.to_builtins(plan),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "versions": {name: version(name) for name in libraries} | {"kafka": KAFKA_VERSION},
    }


def hand_out(content: Mapping[str, Any], out: Path | None, *, as_json: bool) -> None:
    """Write *content* to the file *out*, if there is one, and to the terminal, if it is to be JSON."""
    if out is not None:
        out.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    if as_json:
        print_json(content)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* under a title, if there are any."""
    if rows:
        stdout.print(f"\n{title}", style="bold")
        print_table(columns, rows)


def remarks(failures: Mapping[str, str], *, is_quick: bool) -> None:
    """Print what has to be known of the tables above."""
    if is_quick:
        stdout.print("\na quick run shows that it works; its numbers mean little")
    for name, why in failures.items():
        stdout.print(f"{name} failed: {why}", markup=False)
