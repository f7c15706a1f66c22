"""`headrace replay`."""

from __future__ import annotations

from typing import Any

import click

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stderr,
    stdout,
)
from agents.travel import replay
from agents.travel.marks import Mark
from agents.travel.options import mark, partition_option, workers_option
from agents.travel.progress import progress
from agents.travel.replay import Asked, Outcome, Plan
from streams.topics import dead_topic, predictions_topic


@click.command("replay")
@click.argument("target")
@click.option(
    "--from",
    "first",
    default="beginning",
    show_default=True,
    callback=mark,
    metavar="WHERE",
    help="First record: an offset, a time (2h ago, 2025-11-30T12:00 UTC), or beginning.",
)
@click.option(
    "--to",
    "last",
    default="end",
    show_default=True,
    callback=mark,
    metavar="WHERE",
    help="Record to stop before: an offset, a time, or end.",
)
@click.option("--into", required=True, metavar="NAME", help="Results go to NAME.predictions and NAME.dead.")
@click.option("--spec", metavar="TARGET", help="Another pipeline on the same log, to answer instead.")
@partition_option
@click.option("--fresh", "is_fresh", is_flag=True, help="Models begin with nothing at --from.")
@click.option("--append", "appends", is_flag=True, help="Go on after the results that are in NAME already.")
@workers_option
@bootstrap_option
@json_option
def command(
    target: str,
    first: Mark,
    last: Mark,
    into: str,
    spec: str | None,
    partitions: tuple[int, ...],
    is_fresh: bool,
    appends: bool,
    workers: int | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Fold old records of TARGET again and publish what the models say, under another name.

    The live pipeline is not touched: no group, no commit, its topics are only read. The models know what they
    knew at --from: they come from the newest snapshot before it, or fold the log silently up to it; with
    --spec, from the beginning of the log. Results are those of the live run, byte for byte, but for their
    ids, which begin with NAME.

    \b
    Example:
      headrace replay pipelines.fraud --into again
      headrace replay pipelines.fraud --from 2h --into trial --spec pipelines.fraud2
      headrace replay pipelines.fraud --from 120000 --to 180000 -p 3 --into excerpt --json
    """
    asked = Asked(target, into, first, last, spec, partitions, workers, is_fresh, appends)
    planned = replay.plan(asked, load_settings(bootstrap))
    for note in planned.notes:
        stderr.print(f"note: {note}", markup=False)
    with progress(stderr, f"replay into {into}", planned.n_offsets) as advance:
        outcome = replay.execute(planned, advance, workers)
    if as_json:
        print_json(_plain(asked, planned, outcome))
    else:
        _print(asked, planned, outcome)


def _plain(asked: Asked, planned: Plan, outcome: Outcome) -> dict[str, Any]:
    return {
        "pipeline": planned.label,
        "into": asked.into,
        "topics": [predictions_topic(asked.into), dead_topic(asked.into)],
        "replayed": outcome.n_replayed,
        "silent": outcome.n_silent,
        "seconds": round(outcome.seconds, 3),
        "records_per_second": round(_rate(outcome)),
        "partitions": [
            {
                "partition": passage.partition,
                "models_from": passage.start,
                "from": passage.publish_from,
                "to": passage.stop,
                "predictions": passed.predicted,
                "dead": passed.dead,
                "tombstones": passed.tombstones,
                "silent": passed.silent,
                "step": passed.step,
                "digest": passed.digest,
            }
            for passage, passed in zip(planned.passages, outcome.passed, strict=True)
        ],
    }


def _print(asked: Asked, planned: Plan, outcome: Outcome) -> None:
    stdout.print(
        f"[bold]{planned.label}[/]  replayed {outcome.n_replayed:,} records into "
        f"{predictions_topic(asked.into)} in {outcome.seconds:.1f} s, {_rate(outcome):,.0f}/s"
    )
    if outcome.n_silent:
        stdout.print(f"  {outcome.n_silent:,} records before them were folded silently")
    print_table(
        ["partition", "models from", "from", "to", "predictions", "dead"],
        [
            (
                passage.partition,
                passage.start,
                passage.publish_from,
                passage.stop,
                passed.predicted,
                passed.dead,
            )
            for passage, passed in zip(planned.passages, outcome.passed, strict=True)
        ],
    )
    stdout.print(f"compare: headrace diff {planned.name} {asked.into} --target {asked.target}", markup=False)


def _rate(outcome: Outcome) -> float:
    """Return records per second, the silent ones included."""
    return (outcome.n_replayed + outcome.n_silent) / max(outcome.seconds, 1e-9)
