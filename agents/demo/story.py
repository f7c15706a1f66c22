"""What the demo says at its end: what happened, how good it was, whether the books balance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import StringIO

from rich.console import Console
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.demo.panel import WIDTH_MAX, plain_table
from agents.demo.proof import Proof
from agents.demo.summary import FIRST, Labels, Measured, Share, Summary


def tell(console: Console, found: Summary) -> None:
    """Print what happened."""
    console.print("\n[bold]What happened[/]")
    for sentence in (_stream(found), _task(), _lessons(found.labels), _sharing(found)):
        _say(console, sentence)
    console.print("\n[bold]How good it was[/]")
    _tell_figures(console, found)
    console.print("\n[bold]The books[/]")
    _tell_books(console, found)
    if found.kills:
        console.print("\n[bold]The kills[/]")
        _tell_kills(console, found)


def tell_proof(console: Console, found: Summary, proof: Proof) -> None:
    """Print whether anything was lost or came out otherwise."""
    n_twice = found.duplicates + found.labels.duplicates
    mark = "[green]bit-identical[/]" if proof.is_identical else "[bold red]NOT THE SAME[/]"
    console.print(
        f"  lost {found.lost:,}, duplicates with the same bytes {n_twice:,}, "
        f"with other bytes {len(found.wrong):,}",
        soft_wrap=True,
    )
    console.print(
        f"  {many(proof.records, 'record')} folded again, state of "
        f"{many(proof.partitions, 'partition')}: {mark}",
        soft_wrap=True,
    )
    for sentence in proof.different:
        _say(console, sentence)
    if proof.beyond:
        _say(console, f"Not compared: {many(proof.beyond, 'record')} after the newest snapshots.")
    if proof.skipped:
        held = ", ".join(map(str, proof.skipped))
        _say(console, f"Not compared: partitions without a snapshot ({held}).")


def _stream(found: Summary) -> str:
    period = f"{_day(found.first_day)} to {_day(found.last_day)}"
    if found.first_day == found.last_day:
        period = _day(found.first_day)
    broken = many(found.events - found.flights, "broken record")
    return (
        f"{many(found.flights, 'flight')} of {period}, {found.last_day.year}, went through "
        f"Kafka in the order in which they left the gate, and {broken} among them: "
        f"{found.events_per_s:,.0f} events/s for {found.elapsed_s:.1f} s."
    )


def _task() -> str:
    return (
        "As each left the gate, a logistic regression and a decision tree said whether it would arrive more "
        "than 15 minutes late. They saw what is known at that moment: carrier, route, time, by how much it "
        "left late, which tells most, and from tables the weather at the airport and the plane."
    )


def _lessons(labels: Labels) -> str:
    """Return how the models learned: only from what had arrived."""
    delay = ""
    if labels.median_delay_s is not None:
        delay = f", half of them within {labels.median_delay_s / 3600:.1f} hours of event time"
    never = labels.expired + labels.pending
    missing = f" {many(never, 'flight')} never arrived: predicted, not learned." if never else ""
    return (
        f"Whether it was late came as a record of its own when it arrived{delay}. Only then was the answer "
        f"that it got at departure scored, and its features of then learned.{missing}"
    )


def _sharing(found: Summary) -> str:
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


def _tell_figures(console: Console, found: Summary) -> None:
    if not found.figures:
        _say(console, _why_no_figures(found.labels))
        return
    table = plain_table()
    table.add_column("landed flights", no_wrap=True, min_width=16)
    for name in ("", "came late", "accuracy", "majority baseline", "ROC AUC"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, measured in _stretches(found):
        table.add_row(
            name,
            f"{measured.n:,}",
            f"{measured.late_share:.1%}",
            f"{measured.accuracy:.1%}",
            f"{measured.majority_accuracy:.1%}",
            "-" if measured.roc_auc is None else f"{measured.roc_auc:.3f}",
        )
    _print_table(console, table)
    _say(console, "The baseline says, each time, what was most frequent so far; its ROC AUC is 0.500.")
    if len(found.carriers) > 1:
        _say(console, _carriers(found))
    if found.learned_before:
        _say(
            console,
            f"The topic held {many(found.learned_before, 'departure')} before, and the models had learned "
            f"those, perhaps the same flights: the first {FIRST:,} tell nothing about fresh models.",
        )


def _why_no_figures(labels: Labels) -> str:
    if not labels.sent:
        return "No flight of these has landed: there is nothing to compare with."
    return "The topics held the same flights, with their labels: none was learned a second time, nor scored."


def _stretches(found: Summary) -> Iterator[tuple[str, Measured]]:
    """Yield what stands in the table: the models' first flights, each period, the newest flights, all."""
    whole = found.figures["all"]
    if found.figures["first"].n < whole.n:
        yield "the first", found.figures["first"]
    if len(found.periods) > 1:
        for period in found.periods:
            first, is_week = period.first_day, period.unit == "week"
            yield f"week of {_day(first)}" if is_week else f"{first:%B}", period.measured
    if found.figures["last"].n < whole.n:
        yield "the last", found.figures["last"]
    yield "all", whole


def _carriers(found: Summary) -> str:
    best, worst = found.carriers[0], found.carriers[-1]
    return (
        f"By carrier, as the pipeline's own metrics say: {best.name} is predicted best, {best.accuracy:.1%} "
        f"of {best.n:,} (baseline {best.majority_accuracy:.1%}), {worst.name} worst, {worst.accuracy:.1%} "
        f"of {worst.n:,} (baseline {worst.majority_accuracy:.1%})."
    )


def _tell_books(console: Console, found: Summary) -> None:
    labels = found.labels
    states = " + ".join(f"{n:,} {state}" for state, n in sorted(labels.states.items())) or "0 ends"
    answers = f"{many(found.predictions, 'prediction')} + {many(found.dead_letters, 'dead letter')}"
    for sides, is_exact in (
        (f"{many(found.events, 'departure')} in = {answers}", found.answered_exactly),
        (f"{many(labels.sent, 'arrival')} in = {states}", labels.exact),
    ):
        mark = "[green]exact[/]" if is_exact else "[bold red]DOES NOT BALANCE[/]"
        console.print(f"  {sides}   {mark}", soft_wrap=True)
    if n := found.duplicates + labels.duplicates:
        _say(console, f"{many(n, 'answer')} came twice, byte for byte the same.")
    if found.foreign:
        _say(console, f"Not counted: answers to {many(found.foreign, 'departure')} of another program.")
    for sentence in found.wrong[:5]:
        _say(console, f"wrong: {sentence}")
    if found.letters:
        table = plain_table()
        table.add_column("dead letters", justify="right")
        table.add_column("reason")
        table.add_column("for example", overflow="fold")
        for letters in found.letters:
            table.add_row(str(letters.n), letters.reason, Text(letters.example))
        _print_table(console, table)


def _tell_kills(console: Console, found: Summary) -> None:
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
    _print_table(console, table)


def _print_table(console: Console, table: Table) -> None:
    """Print *table*: folded where the terminal ends, or each row on one line for programs."""
    if console.is_terminal:
        console.print(_indented(table))
        return
    wide = Console(file=StringIO(), width=200)
    with wide.capture() as captured:
        wide.print(table)
    for row in captured.get().splitlines():
        _say(console, row.rstrip())


def _say(console: Console, text: str) -> None:
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


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"
