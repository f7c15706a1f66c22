"""`headrace diff`."""

from __future__ import annotations

import asyncio

import click

from agents.cli import comparing
from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    stderr,
)
from agents.travel import compare
from agents.travel.compare import Runs
from agents.travel.options import workers_option
from agents.travel.progress import progress
from agents.travel.tally import Tally
from headrace.errors import DifferenceError
from headrace.loading import load_pipeline


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--target", metavar="TARGET", help="Compare both with the labels of this pipeline's events, too."
)
@click.option("--check", is_flag=True, help="Exit code 4 if the runs differ.")
@workers_option
@bootstrap_option
@json_option
def command(
    a: str, b: str, target: str | None, check: bool, workers: int | None, bootstrap: str | None, as_json: bool
) -> None:
    """Compare the results of the runs A and B, event by event.

    A and B are pipelines, runs of `headrace replay`, or topics of results. Equal are results whose bytes are
    the same, but for their ids and the name of the pipeline. Where one run has results before the other
    begins or after it ends, they are counted apart and are no difference.

    \b
    Example:
      headrace diff fraud again --check
      headrace diff fraud trial --target pipelines.fraud
    """
    if target is not None:
        compare.require_task(load_pipeline(target))
    address = load_settings(bootstrap).bootstrap or ""
    runs = asyncio.run(compare.find(address, a, b, target))
    with progress(stderr, "compared", runs.n_records) as advance:
        tallies = compare.compare(runs, advance, workers)
    whole = compare.total(tallies)
    if as_json:
        print_json(comparing.plain(runs, tallies, whole))
    else:
        comparing.show(runs, tallies, whole)
    if check:
        _require_equal(runs, tallies)


def _require_equal(runs: Runs, tallies: list[Tally]) -> None:
    different = [tally for tally in tallies if tally.differs]
    if not different:
        return
    first = different[0]
    if first.both == 0:
        why = f"partition {first.partition}: no event has a result in both"
    elif first.first_difference is not None:
        why = f"partition {first.partition}: they differ from offset {first.first_difference} of the log on"
    else:
        why = f"partition {first.partition}: offset {first.first_missing} has a result in one of them only"
    raise DifferenceError(
        f"{runs.a.topic} and {runs.b.topic} differ in {len(different)} of {len(tallies)} partitions",
        why=why,
        fix="headrace diff A B --json   says all that was compared",
    )
