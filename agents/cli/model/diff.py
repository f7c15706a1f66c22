"""`headrace model diff`."""

from __future__ import annotations

import click
import msgspec

from agents.cli.common import bootstrap_option, json_option, load_settings, print_json, print_table, stderr
from agents.travel import differences
from agents.travel.options import partition_option, workers_option
from agents.travel.progress import progress


@click.command("diff")
@click.argument("target")
@click.argument("a")
@click.argument("b", default="")
@partition_option
@workers_option
@bootstrap_option
@json_option
def command(
    target: str,
    a: str,
    b: str,
    partitions: tuple[int, ...],
    workers: int | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Compare the models of TARGET at two places: the snapshots, offsets or times A and B.

    Without B, with what is committed. Where there is no snapshot at a place, the log is folded up to it. Of
    each model that is not the same to the bit, the innermost part that differs is named.

    \b
    Example:
      headrace model diff pipelines.fraud 0.12.480000 0.13.960000
      headrace model diff pipelines.fraud 2h -p 3
    """
    settings = load_settings(bootstrap)
    plan = differences.plan(target, settings, (a, b), partitions)
    with progress(stderr, "folded", plan.n_offsets) as tell:
        found = differences.execute(target, settings, plan, tell, workers)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
        return
    columns = ["partition", "model", "A at", "B at", "same", "differs in"]
    print_table(
        columns,
        [(d.partition, d.model, d.a, d.b, "yes" if d.part is None else "no", d.part) for d in found],
    )
