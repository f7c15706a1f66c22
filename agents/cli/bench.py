"""`headrace bench`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from agents.bench import peers_env, report, tables
from agents.bench.goals import goals
from agents.bench.measure import Measurement
from agents.bench.measured import Findings
from agents.bench.plan import BARE, CONTESTANTS, MODELS, Plan
from agents.cli import bench_flights, bench_graph, benching
from agents.cli.common import json_option

_PEERS = tuple(name for name in CONTESTANTS if name != BARE)


def _names(known: tuple[str, ...]) -> Any:
    def parse(_: Any, __: Any, text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(text.split(",")))
        for name in found:
            if name not in known:
                raise click.BadParameter(f"{name!r} is none of {', '.join(known)}")
        return found

    return parse


@click.group("bench", invoke_without_command=True)
@click.option("--rounds", type=click.IntRange(1, 100), help="Interleaved rounds a model. Default: 5.")
@click.option("--models", default=",".join(MODELS), show_default=True, callback=_names(tuple(MODELS)))
@click.option("--peers", default=",".join(_PEERS), show_default=True, callback=_names(_PEERS))
@click.option("--events", type=click.IntRange(min=100), help="Events a run, whatever the model.")
@click.option("--quick", is_flag=True, help="One round with a tenth of the events.")
@click.option("--throughput-only", is_flag=True, help="No latency, no second worker.")
@benching.out_option
@click.option(
    "--peers-python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has the peers. Default: .venv-bench, made on first use.",
)
@benching.bootstrap_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    out: Path | None,
    peers_python: Path | None,
    bootstrap: str | None,
    as_json: bool,
    **chosen: Any,
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
    if context.invoked_subcommand is not None:
        return
    plan = _plan(**chosen)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(benching.TERMINATED))
    python = peers_python or peers_env.ensure(peers_env.default_folder(), benching.say)
    with benching.kafka(bootstrap) as address, benching.progress(plan.n_steps()) as tell:
        findings = Measurement(benching.stage(address, python), plan, tell).everything()
    benching.hand_out(report.as_json(findings, benching.about(plan)), out, as_json=as_json)
    if not as_json:
        _print(findings, is_quick=plan.is_quick)


def _plan(*, rounds: int | None, quick: bool, throughput_only: bool, **chosen: Any) -> Plan:
    plan = Plan(rounds=rounds or (1 if quick else 5), is_quick=quick, **chosen)
    if quick:
        plan = msgspec.structs.replace(plan, rate_s=4.0, latency_rounds=1, scaling_rounds=1, variant_rounds=1)
    if throughput_only:
        plan = msgspec.structs.replace(plan, rates=(), scaling_rounds=0, variant_rounds=0)
    return plan


def _print(findings: Findings, *, is_quick: bool) -> None:
    for model in dict.fromkeys(run.model for run in findings.runs):
        benching.table(
            tables.run_title(findings, model), tables.RUN_COLUMNS, tables.run_rows(findings, model)
        )
    benching.table("headrace: CPU microseconds an event", tables.PART_COLUMNS, tables.part_rows(findings))
    benching.table("latency, sent to result seen", tables.LATENCY_COLUMNS, tables.latency_rows(findings))
    benching.table("two workers to one", tables.SCALING_COLUMNS, tables.scaling_rows(findings))
    benching.table("what state and delivery cost", tables.VARIANT_COLUMNS, tables.variant_rows(findings))
    benching.table("goals", tables.GOAL_COLUMNS, tables.goal_rows(goals(findings)))
    benching.remarks(findings.failures, is_quick=is_quick)


command.add_command(bench_flights.command)
command.add_command(bench_graph.command)
