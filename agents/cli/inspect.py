"""`headrace inspect`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    printable,
    stderr,
    stdout,
)
from agents.project import only_target
from agents.travel import inquiry
from agents.travel.account import Account, accounts, strays
from agents.travel.account_lines import Line, letter_lines, lines
from agents.travel.inquiry import Asked, Found
from agents.travel.options import partition_option, workers_option
from agents.travel.progress import progress
from headrace.errors import DifferenceError


@click.command("inspect")
@click.argument("event_id")
@click.argument("target", required=False)
@click.option("--offset", type=click.IntRange(0), metavar="N", help="Only the one at this offset of the log.")
@partition_option
@workers_option
@bootstrap_option
@json_option
def command(
    event_id: str,
    target: str | None,
    offset: int | None,
    partitions: tuple[int, ...],
    workers: int | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Tell all there is to tell of the event EVENT_ID.

    Where it stands, what each model got and answered, which label it found and when, what was learned then.
    Features are in no topic: the log is folded again, from the newest snapshot before the event, and what the
    models get there is noted; the answer must have the bytes that were published. An id that came several
    times is told as often. Without TARGET, the only pipeline in the folder pipelines. Exit code 4 if the fold
    answers otherwise.

    \b
    Example:
      headrace inspect x1 pipelines.fraud
      headrace inspect x1 pipelines.fraud --offset 911 -p 3 --json
    """
    asked = Asked(target or only_target(Path.cwd()), event_id, partitions, offset)
    found = inquiry.plan(asked, load_settings(bootstrap), partial(progress, stderr))
    with progress(stderr, "folded", found.n_offsets) as advance:
        told = accounts(found, inquiry.execute(found, advance, workers))
    if as_json:
        print_json(_plain(found, told))
    else:
        _print(found, told)
    _require_identical(asked, told)


def _plain(found: Found, told: Sequence[Account]) -> dict[str, Any]:
    content = {
        "event_id": found.asked.event_id,
        "pipeline": found.pipeline.label,
        "events": told,
        "dead_letters": found.traces.letters,
        "other_labels": strays(found),
    }
    plain: dict[str, Any] = msgspec.to_builtins(content, enc_hook=_as_number)
    return plain


def _as_number(value: Any) -> Any:
    """Return what a transformer made of numpy as Python's own number, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)


def _print(found: Found, told: Sequence[Account]) -> None:
    stdout.print(f"[bold]{found.pipeline.label}[/]  event {printable(found.asked.event_id)}")
    for account in told:
        _print_lines(lines(account, found.pipeline.label))
    for letter in found.traces.letters:
        if all(account.letter != letter for account in told):
            _print_lines(letter_lines(letter))
    for status in strays(found):
        place = f"{status.source.topic}[{status.source.partition}]@{status.source.offset}"
        _print_lines([("label", f"{status.state.replace('_', ' ')}, from {place}")])


def _print_lines(said: Iterable[Line]) -> None:
    click.echo()
    for name, text in said:
        click.echo(f"{name:10}  {printable(text)}".rstrip())


def _require_identical(asked: Asked, told: Sequence[Account]) -> None:
    different = [account.source for account in told if account.identical is False]
    if different:
        first = different[0]
        raise DifferenceError(
            f"the fold answers otherwise than what was published of {asked.event_id!r}",
            why=f"partition {first.partition}, offset {first.offset}: the bytes differ",
            fix=f"headrace verify {asked.target} -p {first.partition}   says where it went another way",
        )
