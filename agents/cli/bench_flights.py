"""`headrace bench flights`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from agents.bench.flights import report
from agents.bench.flights.measure import Measurement
from agents.bench.flights.measured import Findings
from agents.bench.flights.plan import QUICK_FLIGHTS, SEED, Plan
from agents.bench.tables import GOAL_COLUMNS, RUN_COLUMNS, goal_rows
from agents.cli import benching
from agents.cli.common import json_option
from agents.flights import data


@click.command("flights")
@click.option("--flights", type=click.IntRange(1_000, data.TOTAL), help="How many. Default: the whole year.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Interleaved rounds. Default: 3.")
@click.option(
    "--kills", type=click.IntRange(0, 1_000), default=0, show_default=True, help="Kill a worker so often."
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of the moments of the kills.")
@click.option("--quick", is_flag=True, help=f"One round, {QUICK_FLIGHTS:,} flights.")
@benching.out_option
@benching.bootstrap_option
@json_option
def command(
    *,
    flights: int | None,
    rounds: int | None,
    kills: int,
    seed: int,
    quick: bool,
    out: Path | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Compare a worker on real flights with a loop by hand that does the same in memory.

    At departure both answer whether a flight will be late; its label comes when it lands; its weather, its
    plane and what flights to its region lost lately are looked up. The loop has all records in memory, the
    worker takes them from five topics.
    With --kills a worker is killed at chance moments of one more run, and its state in the end compared with
    that of a fold of its log that nothing disturbed.

    \b
    Example:
      headrace bench flights --quick
      headrace bench flights --flights 100000 --kills 20 --out flights.json
    """
    plan = Plan(
        flights=flights or (QUICK_FLIGHTS if quick else data.TOTAL),
        rounds=rounds or (1 if quick else 3),
        kills=kills,
        seed=seed,
        is_quick=quick,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(benching.TERMINATED))
    with benching.kafka(bootstrap) as address, benching.progress(plan.n_steps()) as tell:
        findings = Measurement(benching.stage(address, Path(sys.executable)), plan, tell).everything()
    content = report.as_json(findings, benching.about(plan))
    benching.hand_out(content, out, as_json=as_json)
    if not as_json:
        _print(findings, plan)


def _print(findings: Findings, plan: Plan) -> None:
    benching.table(f"{plan.flights:,} flights", RUN_COLUMNS, report.run_rows(findings))
    benching.table("how good the answers are", report.QUALITY_COLUMNS, report.quality_rows(findings))
    benching.table("memory of the worker, MB", report.MEMORY_COLUMNS, report.memory_rows(findings))
    benching.table("killed and begun anew", report.KILLS_COLUMNS, report.kills_rows(findings))
    benching.table("goals", GOAL_COLUMNS, goal_rows(report.goals(findings)))
    benching.remarks(findings.failures, is_quick=plan.is_quick)
