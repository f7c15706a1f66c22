"""`headrace verify`."""

from __future__ import annotations

import click
import msgspec

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stderr,
    stdout,
)
from agents.travel import verify
from agents.travel.options import partition_option, workers_option
from agents.travel.progress import progress
from agents.travel.verify import Asked, Verdict
from headrace.errors import DifferenceError


@click.command("verify")
@click.argument("target")
@click.option("--from-snapshot", metavar="ID", help="Begin with this snapshot, not with the log's beginning.")
@partition_option
@workers_option
@bootstrap_option
@json_option
def command(
    target: str,
    from_snapshot: str | None,
    partitions: tuple[int, ...],
    workers: int | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Fold the log of TARGET again and compare with its live state, bit by bit.

    The live state is the newest snapshot. Older ones that are kept are compared on the way: if they differ,
    they say between which offsets it went wrong, and the published results say which was the first. Decisions
    are followed. Exit code 4 if anything differs.

    \b
    Example:
      headrace verify pipelines.fraud
      headrace verify pipelines.fraud -p 3 --from-snapshot 0.12.480000 --json
    """
    planned = verify.plan(Asked(target, partitions, from_snapshot), load_settings(bootstrap))
    for number in planned.skipped:
        stderr.print(f"note: partition {number} has no snapshot yet")
    with progress(stderr, "folded", planned.n_offsets) as advance:
        verdicts = verify.execute(planned, advance, workers)
    if as_json:
        print_json([msgspec.to_builtins(v) | {"identical": v.is_identical} for v in verdicts])
    else:
        _print(planned.label, verdicts)
    _require_identical(target, verdicts)


def _print(label: str, verdicts: list[Verdict]) -> None:
    n_offsets = sum(v.offset - v.began_at for v in verdicts)
    stdout.print(f"[bold]{label}[/]  {n_offsets:,} offsets folded again")
    print_table(
        ["partition", "from", "to", "learned", "states", "", "digest"],
        [
            (
                v.partition,
                v.began_at,
                v.offset,
                v.step,
                v.compared,
                "bit-identical" if v.is_identical else "different",
                v.digest[:12],
            )
            for v in verdicts
        ],
    )


def _require_identical(target: str, verdicts: list[Verdict]) -> None:
    different = [v for v in verdicts if not v.is_identical]
    if not different:
        return
    raise DifferenceError(
        f"the live state of {target} is not what its log says, "
        f"in {len(different)} of {len(verdicts)} partitions",
        why="; ".join(map(_told, different)),
        fix="headrace snapshot ls, then headrace model rollback to a snapshot before that offset",
    )


def _told(verdict: Verdict) -> str:
    where = f"partition {verdict.partition}"
    if verdict.live_digest.startswith("("):
        return f"{where}: snapshot {verdict.snapshot} cannot be opened {verdict.live_digest}"
    text = f"{where}: equal at offset {verdict.last_equal_at}, different at {verdict.first_different_at}"
    if verdict.first_result is None:
        return text
    return f"{text}; the first published result that differs is that of offset {verdict.first_result}"
