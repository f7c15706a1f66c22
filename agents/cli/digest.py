"""`headrace digest`."""

from __future__ import annotations

import click

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    stderr,
    stdout,
)
from agents.travel import digests
from agents.travel.digests import Asked
from agents.travel.marks import Mark
from agents.travel.options import mark, partition_option, workers_option
from agents.travel.progress import progress


@click.command("digest")
@click.argument("target")
@click.option(
    "--at",
    callback=mark,
    metavar="WHERE",
    help="An offset, a time (2h ago, 2025-11-30T12:00 UTC), or end. Default: what is committed.",
)
@partition_option
@workers_option
@bootstrap_option
@json_option
def command(
    target: str,
    at: Mark | None,
    partitions: tuple[int, ...],
    workers: int | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Print a fingerprint of the models of TARGET, partition by partition.

    It says which state the models have before the record at an offset, whichever worker on whichever machine
    came to it: two states with the same digest are the same to the last bit. The log is folded up to there,
    from the newest snapshot before it.

    \b
    Example:
      headrace digest pipelines.fraud
      headrace digest pipelines.fraud -p 3 --at 120000 --json
    """
    planned = digests.plan(Asked(target, at, partitions), load_settings(bootstrap))
    with progress(stderr, "folded", planned.n_offsets) as advance:
        passed = digests.execute(planned, advance, workers)
    if as_json:
        print_json(
            [
                {
                    "partition": one.partition,
                    "offset": one.next_offset,
                    "step": one.step,
                    "digest": one.digest,
                    "snapshot": origin or None,
                }
                for one, origin in zip(passed, planned.origins, strict=True)
            ]
        )
        return
    stdout.print(f"[bold]{planned.label}[/]")
    for one in passed:  # no table: a digest that is broken into lines cannot be copied
        click.echo(
            f"{one.digest}  partition {one.partition}, offset {one.next_offset:,}, learned {one.step:,}"
        )
