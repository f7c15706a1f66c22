"""`headrace unlearn`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
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
from agents.travel import unlearn
from agents.travel.progress import progress
from agents.travel.unlearn import Asked, Draft
from headrace.settings import Settings
from schemas.audit import AuditEvent


@click.command("unlearn")
@click.argument("target")
@click.option("--partition", "-p", type=click.IntRange(0), metavar="P", help="Partition of the records.")
@click.option("--from", "first", type=click.IntRange(0), metavar="OFFSET", help="First record to forget.")
@click.option("--to", "last", type=click.IntRange(0), metavar="OFFSET", help="Last record to forget.")
@click.option("--event-id", metavar="ID", help="Forget all events with this id, wherever they are.")
@click.option("--dry-run", is_flag=True, help="Work it out and prove it, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@bootstrap_option
@json_option
def command(
    target: str,
    partition: int | None,
    first: int | None,
    last: int | None,
    event_id: str | None,
    dry_run: bool,
    yes: bool,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Make the models of TARGET forget records, as if they had never been in the log.

    The log is folded without them, from the newest snapshot that has not seen them, and once more from the
    beginning: that both come to the same models is the proof. Then the partition's worker takes them over,
    by a decision that replay and recovery follow, too. The records stay in the topic, and the answers that
    were given stay given.

    \b
    Example:
      headrace unlearn pipelines.fraud --event-id x1
      headrace unlearn pipelines.fraud -p 3 --from 120000 --to 120999 --dry-run
    """
    _check_usage(partition, first, last, event_id)
    settings, asked = load_settings(bootstrap), Asked(target, partition, first, last, event_id)
    tasks = unlearn.plan(asked, settings, partial(progress, stderr))
    with progress(stderr, "folded", sum(task.n_offsets for task in tasks)) as advance:
        drafts = unlearn.execute(asked, settings, tasks, advance)
    if not as_json:
        _print(drafts)
    decisions = [] if dry_run else _carried_out(target, settings, drafts, yes=yes)
    if as_json:
        print_json([_plain(draft, decision) for draft, decision in _paired(drafts, decisions)])
    elif dry_run:
        click.echo("nothing was changed")
    for decision in [] if as_json else decisions:
        click.echo(f"decided: from offset {decision.acts_at} on, decision {decision.command}")


def _check_usage(partition: int | None, first: int | None, last: int | None, event_id: str | None) -> None:
    is_range = first is not None and last is not None
    if event_id is None and not (partition is not None and is_range):
        raise click.UsageError("say which records: --partition with --from and --to, or --event-id")
    if event_id is not None and (first is not None or last is not None):
        raise click.UsageError("--event-id finds the offsets itself: leave --from and --to out")


def _carried_out(target: str, settings: Settings, drafts: Sequence[Draft], *, yes: bool) -> list[AuditEvent]:
    if not yes:
        click.confirm("let the workers take these models over?", abort=True, err=True)
    return [asyncio.run(unlearn.carry_out(target, settings, draft)) for draft in drafts]


def _print(drafts: Sequence[Draft]) -> None:
    print_table(
        ["partition", "forgotten", "models up to", "digest", "proof"],
        [
            (
                d.partition,
                _listed(d.excluded),
                d.offset,
                d.digest[:16],
                d.proof[:16] or "the log's start is gone",
            )
            for d in drafts
        ],
    )
    if all(draft.proof for draft in drafts):
        stdout.print("the same models, to the last bit, as if these records had never been there")


def _listed(ranges: Sequence[tuple[int, int]]) -> str:
    found = [str(a) if a == b else f"{a}-{b}" for a, b in ranges]
    return ", ".join(found[:5]) + (f", ... {len(found)} in all" if len(found) > 5 else "")


def _paired(
    drafts: Sequence[Draft], decisions: Sequence[AuditEvent]
) -> list[tuple[Draft, AuditEvent | None]]:
    return list(zip(drafts, decisions, strict=True)) if decisions else [(draft, None) for draft in drafts]


def _plain(draft: Draft, decision: AuditEvent | None) -> dict[str, Any]:
    return {
        "partition": draft.partition,
        "forgotten": draft.excluded,
        "unseen": draft.unseen,
        "offset": draft.offset,
        "snapshot": draft.began or None,
        "digest": draft.digest,
        "proof": draft.proof or None,
        "decision": None if decision is None else decision.command,
        "acts_at": None if decision is None else decision.acts_at,
    }
