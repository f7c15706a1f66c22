"""`headrace bench`."""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.bench import peers_env, report, tables
from agents.bench.goals import goals
from agents.bench.measure import Measurement, Tell
from agents.bench.measured import Findings
from agents.bench.plan import BARE, CONTESTANTS, MODELS, Plan
from agents.bench.stage import Stage
from agents.cli.common import json_option, print_json, print_table, stderr, stdout
from streams.broker import LocalKafka
from streams.jars import KAFKA_VERSION

_PEERS = tuple(name for name in CONTESTANTS if name != BARE)
_TERMINATED = 128 + signal.SIGTERM


def _names(known: tuple[str, ...]) -> Any:
    def parse(_: Any, __: Any, text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(text.split(",")))
        for name in found:
            if name not in known:
                raise click.BadParameter(f"{name!r} is none of {', '.join(known)}")
        return found

    return parse


@click.command("bench")
@click.option("--rounds", type=click.IntRange(1, 100), help="Interleaved rounds a model. Default: 5.")
@click.option("--models", default=",".join(MODELS), show_default=True, callback=_names(tuple(MODELS)))
@click.option("--peers", default=",".join(_PEERS), show_default=True, callback=_names(_PEERS))
@click.option("--events", type=click.IntRange(min=100), help="Events a run, whatever the model.")
@click.option("--quick", is_flag=True, help="One round with a tenth of the events.")
@click.option("--throughput-only", is_flag=True, help="No latency, no second worker.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the JSON here.")
@click.option(
    "--peers-python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has the peers. Default: .venv-bench, made on first use.",
)
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to use. Default: one of its own, for this run.")
@json_option
def command(
    *, out: Path | None, peers_python: Path | None, bootstrap: str | None, as_json: bool, **chosen: Any
) -> None:
    """Compare headrace with what else one would write, side by side.

    Every contestant is a process of its own and works on the same events on the same broker, one after
    the other, round by round. Ratios are to the bare loop (orjson and river, no Kafka) of the same round.
    Nothing else should use the machine meanwhile.

    \b
    Example:
      headrace bench --quick
      headrace bench --models lr --peers headrace,aiokafka --out bench.json
    """
    plan = _plan(**chosen)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    python = peers_python or peers_env.ensure(peers_env.default_folder(), _say)
    with _kafka(bootstrap) as address, _progress(plan) as tell:
        stage = Stage(address, python.absolute(), f"{int(time.time()) & 0xFFFFFF:x}")
        findings = Measurement(stage, plan, tell).everything()
    content = report.as_json(findings, _about(plan))
    if out is not None:
        out.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    if as_json:
        print_json(content)
    else:
        _print(findings, is_quick=plan.is_quick)


def _plan(*, rounds: int | None, quick: bool, throughput_only: bool, **chosen: Any) -> Plan:
    plan = Plan(rounds=rounds or (1 if quick else 5), is_quick=quick, **chosen)
    if quick:
        plan = msgspec.structs.replace(plan, rate_s=4.0, latency_rounds=1, scaling_rounds=1, variant_rounds=1)
    if throughput_only:
        plan = msgspec.structs.replace(plan, rates=(), scaling_rounds=0, variant_rounds=0)
    return plan


def _say(text: str) -> None:
    stderr.print(text)


@contextmanager
def _kafka(bootstrap: str | None) -> Iterator[str]:
    """Yield the address of the Kafka asked for, or of one that lives as long as the block."""
    if bootstrap is not None:
        yield bootstrap
        return
    with (
        tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder,
        LocalKafka(Path(folder), progress=_say) as kafka,
    ):
        yield kafka.bootstrap


@contextmanager
def _progress(plan: Plan) -> Iterator[Tell]:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("preparing", total=plan.n_steps(), completed=-1)
        yield lambda text: bar.update(task, description=text, advance=1)


def _about(plan: Plan) -> dict[str, Any]:
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


def _print(findings: Findings, *, is_quick: bool) -> None:
    for model in dict.fromkeys(run.model for run in findings.runs):
        _table(tables.run_title(findings, model), tables.RUN_COLUMNS, tables.run_rows(findings, model))
    _table("headrace: CPU microseconds an event", tables.PART_COLUMNS, tables.part_rows(findings))
    _table("latency, sent to result seen", tables.LATENCY_COLUMNS, tables.latency_rows(findings))
    _table("two workers to one", tables.SCALING_COLUMNS, tables.scaling_rows(findings))
    _table("what state and delivery cost", tables.VARIANT_COLUMNS, tables.variant_rows(findings))
    _table("goals", tables.GOAL_COLUMNS, tables.goal_rows(goals(findings)))
    if is_quick:
        stdout.print("\na quick run shows that it works; its numbers mean little")
    for name, why in findings.failures.items():
        stdout.print(f"{name} failed: {why}", markup=False)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        stdout.print(f"\n{title}", style="bold")
        print_table(columns, rows)
