"""What the demo says of the flights: what happened, how good it was, whether the books balance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from rich.console import Console

from agents.demo.panel import plain_table
from agents.demo.summary import FIRST, Labels, Measured, Summary
from agents.demo.telling import Balance, answers, many, print_table, say, sharing, tell_books, tell_kills


def tell(console: Console, found: Summary) -> None:
    """Print what happened."""
    console.print("\n[bold]What happened[/]")
    for sentence in (_stream(found), _task(), _lessons(found.labels), sharing(found)):
        say(console, sentence)
    console.print("\n[bold]How good it was[/]")
    _tell_figures(console, found)
    console.print("\n[bold]The books[/]")
    tell_books(console, found, _sides(found), "departure")
    tell_kills(console, found)


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
        "left late, which tells most, and from tables the weather at the airport, the plane, and how much "
        "time flights to the same region had lost lately."
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


def _tell_figures(console: Console, found: Summary) -> None:
    if not found.figures:
        say(console, _why_no_figures(found.labels))
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
    print_table(console, table)
    say(console, "The baseline says, each time, what was most frequent so far; its ROC AUC is 0.500.")
    if len(found.carriers) > 1:
        say(console, _carriers(found))
    if found.learned_before:
        say(
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


def _sides(found: Summary) -> Iterator[Balance]:
    """Yield what the two books say went in and came out."""
    labels = found.labels
    states = " + ".join(f"{n:,} {state}" for state, n in sorted(labels.states.items())) or "0 ends"
    yield Balance(f"{many(found.events, 'departure')} in = {answers(found)}", found.answered_exactly)
    yield Balance(f"{many(labels.sent, 'arrival')} in = {states}", labels.exact)


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"
