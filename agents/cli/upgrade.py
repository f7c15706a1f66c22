"""`headrace upgrade`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import click
import msgspec

from agents.cli import comparing
from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    parsed,
    print_json,
    print_table,
    seconds,
    stderr,
    stdout,
)
from agents.travel import compare, turnover
from agents.travel.compare import Runs
from agents.travel.options import workers_option
from agents.travel.progress import progress
from agents.travel.shadow import Asked, Shadow
from agents.travel.tally import Tally
from agents.travel.turnover import Standing
from headrace.loading import load_pipeline
from headrace.settings import Settings

_TELLS_S = 0.5
"""What took less says nothing about how fast it goes."""


@click.command("upgrade")
@click.argument("target")
@click.option(
    "--follow",
    "follow_s",
    default="30s",
    show_default=True,
    callback=parsed(seconds),
    metavar="TIME",
    help="Go on behind the running version for so long; 0s: do not.",
)
@click.option(
    "--compare",
    "compared",
    type=click.IntRange(0),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Compare the answers of both versions to the last N records of each partition, and to those since.",
)
@click.option("--status", "only_status", is_flag=True, help="Only say which version answers where.")
@workers_option
@bootstrap_option
@json_option
def command(
    target: str,
    follow_s: float,
    compared: int,
    only_status: bool,
    workers: int | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Bring a new version of TARGET, or an old one, to where the running one stands.

    TARGET is the declaration of the version that does not run. Its models fold the log up to what the other
    has answered, follow it, and are written down. Answers are compared. Then workers of TARGET may take the
    place of the others, one by one: each partition switches at one offset, each event is answered by one
    version. The way back is the same, with the declaration of before. Nothing that runs is touched.

    \b
    Example:
      headrace upgrade pipelines.fraud
      headrace upgrade pipelines.fraud --follow 10m
      headrace upgrade pipelines.fraud --status
    """
    settings = load_settings(bootstrap)
    if only_status:
        _print_status(target, asyncio.run(turnover.standings(target, settings)), as_json=as_json)
        return
    shadow = _prepared(Asked(target, compared, workers), settings, follow_s)
    runs = shadow.runs()
    with progress(stderr, "compared", runs.n_records) as advance:
        tallies = compare.compare(runs, advance, workers)
    standings = shadow.standings()
    if as_json:
        print_json(_plain(shadow, standings, runs, tallies))
    else:
        _print(target, shadow, standings, runs, tallies)


def _prepared(asked: Asked, settings: Settings, follow_s: float) -> Shadow:
    shadow = Shadow(asked, settings)
    n_offsets = shadow.begin()
    for note in shadow.notes:
        stderr.print(f"note: {note}", markup=False)
    with progress(stderr, f"{shadow.pipeline.label} learns", n_offsets) as advance:
        while not shadow.catch_up(advance):
            pass  # a round is bounded, so that little is lost if this is stopped
    if follow_s:
        stderr.print(f"following for {follow_s:g} s; Ctrl-C ends that, and what is prepared stays")
        with suppress(KeyboardInterrupt):
            shadow.follow(follow_s)
    return shadow


def _plain(shadow: Shadow, standings: list[Standing], runs: Runs, tallies: list[Tally]) -> dict[str, Any]:
    return {
        "pipeline": shadow.pipeline.label,
        "into": shadow.into,
        "notes": shadow.notes,
        "records_per_second": _rate(shadow),
        "partitions": [
            {
                **_plain_standing(standing),
                "learned_from": shadow.began[standing.partition][0],
                "began": shadow.began[standing.partition][1],
            }
            for standing in standings
        ],
        "compared": comparing.plain(runs, tallies, compare.total(tallies)),
    }


def _plain_standing(standing: Standing) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(standing)
    return plain | {"behind": standing.behind}


def _print(target: str, shadow: Shadow, standings: list[Standing], runs: Runs, tallies: list[Tally]) -> None:
    label = shadow.pipeline.label
    rate = _rate(shadow)
    pace = f", {rate:,}/s" if rate else ""
    stdout.print(f"[bold]{label}[/]  {shadow.n_folded:,} records folded{pace}\n")
    _table(standings, label)
    stdout.print()
    comparing.show(runs, tallies, compare.total(tallies))
    behind = max((standing.behind or 0 for standing in standings), default=0)
    costs = f", about {behind / rate:.1f} s" if rate else ""
    click.echo(
        f"\nA is what was published, B what {label} says. At the switch a partition replays what came since: "
        f"now up to {behind:,} records{costs}.\n"
        "\nTo switch:     put this declaration where the workers find it, and restart them one by one\n"
        "               (kill -HUP of headrace run; or stop and start)\n"
        f"To watch:      headrace upgrade {target} --status\n"
        "To go back:    headrace upgrade, with the declaration of before; then the same"
    )


def _rate(shadow: Shadow) -> int | None:
    """Return records per second, ``None`` if it went too fast to tell."""
    return round(shadow.n_folded / shadow.seconds) if shadow.seconds > _TELLS_S else None


def _print_status(target: str, standings: list[Standing], *, as_json: bool) -> None:
    label = load_pipeline(target).label
    if as_json:
        print_json({"pipeline": label, "partitions": [_plain_standing(one) for one in standings]})
        return
    _table(standings, label)
    n = sum(one.version == load_pipeline(target).version for one in standings)
    stdout.print(f"\n{label} answers {n} of {len(standings)} partitions", markup=False)


def _table(standings: list[Standing], label: str) -> None:
    print_table(
        ["partition", "version", "since", "before", "committed", f"state of {label}", "behind"],
        [
            (s.partition, s.version or None, s.since, s.before, s.committed, s.prepared, s.behind)
            for s in standings
        ],
    )
