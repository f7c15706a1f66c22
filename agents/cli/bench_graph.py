"""`headrace bench graph`."""

from __future__ import annotations

from pathlib import Path

import click

from agents.bench import graph
from agents.bench.graph import Plan
from agents.bench.tables import GOAL_COLUMNS, goal_rows
from agents.cli import benching
from agents.cli.common import json_option


@click.command("graph")
@click.option("--rounds", type=click.IntRange(1, 100), help="Interleaved rounds. Default: 7.")
@click.option("--quick", is_flag=True, help="One round with a tenth of the events.")
@benching.out_option
@json_option
def command(*, rounds: int | None, quick: bool, out: Path | None, as_json: bool) -> None:
    """Compare a graph of five cheap steps with its five models alone, in one process without Kafka.

    \b
    Example:
      headrace bench graph
      headrace bench graph --rounds 20 --out graph.json
    """
    plan = Plan(400, rounds or 1, is_quick=True) if quick else Plan(rounds=rounds or 7)
    with benching.progress(plan.rounds) as tell:
        found = graph.measured(plan, tell)
    benching.hand_out(graph.as_json(found, benching.about(plan)), out, as_json=as_json)
    if not as_json:
        benching.table(f"five cheap steps, {plan.events:,} events", graph.COLUMNS, graph.rows(found))
        benching.table("goals", GOAL_COLUMNS, goal_rows(graph.goals(found)))
        benching.remarks({}, is_quick=plan.is_quick)
