"""What the demo says at the end of every scene: who shared the work, the books, the kills, the proof."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import NamedTuple

from rich.console import Console
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.demo.outcome import Outcome, Share
from agents.demo.panel import WIDTH_MAX, plain_table
from agents.demo.proof import Proof


class Balance(NamedTuple):
    """What went in and what came out, and whether that is the same."""

    sides: str
    is_exact: bool


def sharing(found: Outcome) -> str:
    """Return who had which partitions in the end."""
    shares = " and ".join(map(_share, found.workers))
    died = ""
    if found.restarts > len(found.kills):
        n = found.restarts - len(found.kills)
        times = "once" if n == 1 else f"{n} times"
        died = f" A worker died and was started again {times}; its models came back from snapshots and log."
    return f"Each partition has its own models; in the end {shares}.{died}"


def _share(share: Share) -> str:
    if not share.partitions:
        return f"worker {share.worker} held none"
    held = ", ".join(map(str, share.partitions))
    noun = "partition" if len(share.partitions) == 1 else "partitions"
    return f"worker {share.worker} held {noun} {held} with {many(share.events, 'event')}"


def answers(found: Outcome) -> str:
    """Return what came out, for the right side of a balance."""
    return f"{many(found.predictions, 'prediction')} + {many(found.dead_letters, 'dead letter')}"


def tell_books(console: Console, found: Outcome, balances: Iterable[Balance], noun: str) -> None:
    """Print whether the books balance; *noun* is what an event is."""
    for sides, is_exact in balances:
        mark = "[green]exact[/]" if is_exact else "[bold red]DOES NOT BALANCE[/]"
        console.print(f"  {sides}   {mark}", soft_wrap=True)
    if found.n_twice:
        say(console, f"{many(found.n_twice, 'answer')} came twice, byte for byte the same.")
    if found.foreign:
        say(console, f"Not counted: answers to {many(found.foreign, noun)} of another program.")
    for sentence in found.wrong[:5]:
        say(console, f"wrong: {sentence}")
    if found.letters:
        table = plain_table()
        table.add_column("dead letters", justify="right")
        table.add_column("reason")
        table.add_column("for example", overflow="fold")
        for letters in found.letters:
            table.add_row(str(letters.n), letters.reason, Text(letters.example))
        print_table(console, table)


def tell_kills(console: Console, found: Outcome) -> None:
    """Print how each worker that was killed came back, if any was."""
    if not found.kills:
        return
    console.print("\n[bold]The kills[/]")
    table = plain_table()
    for name in ("", "worker", "partitions", "from snapshots at", "events replayed", "results again after"):
        table.add_column(name, justify="left" if name == "partitions" else "right")
    for number, kill in enumerate(found.kills, start=1):
        table.add_row(
            str(number),
            str(kill.worker),
            ", ".join(map(str, kill.partitions)),
            ", ".join(map(str, kill.snapshots)),
            f"{kill.replayed:,}",
            f"{kill.silent_s:.1f} s",
        )
    print_table(console, table)


def tell_proof(console: Console, found: Outcome, proof: Proof) -> None:
    """Print whether anything was lost or came out otherwise."""
    mark = "[green]bit-identical[/]" if proof.is_identical else "[bold red]NOT THE SAME[/]"
    console.print(
        f"  lost {found.lost:,}, duplicates with the same bytes {found.n_twice:,}, "
        f"with other bytes {len(found.wrong):,}",
        soft_wrap=True,
    )
    console.print(
        f"  {many(proof.records, 'record')} folded again, state of "
        f"{many(proof.partitions, 'partition')}: {mark}",
        soft_wrap=True,
    )
    for sentence in proof.different:
        say(console, sentence)
    if proof.beyond:
        say(console, f"Not compared: {many(proof.beyond, 'record')} after the newest snapshots.")
    if proof.skipped:
        held = ", ".join(map(str, proof.skipped))
        say(console, f"Not compared: partitions without a snapshot ({held}).")


def print_table(console: Console, table: Table) -> None:
    """Print *table*: folded where the terminal ends, or each row on one line for programs."""
    if console.is_terminal:
        console.print(_indented(table))
        return
    wide = Console(file=StringIO(), width=200)
    with wide.capture() as captured:
        wide.print(table)
    for row in captured.get().splitlines():
        say(console, row.rstrip())


def say(console: Console, text: str) -> None:
    """Print *text*: wrapped for people, on one line for programs."""
    if console.is_terminal:
        console.print(_indented(Text(text)))
    else:
        console.print(f"  {text}", markup=False, soft_wrap=True)


def _indented(content: Table | Text) -> Constrain:
    return Constrain(Padding(content, (0, 0, 0, 2)), WIDTH_MAX)


def many(n: int, noun: str) -> str:
    """Return *n* and its noun, in the plural where it has one."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
