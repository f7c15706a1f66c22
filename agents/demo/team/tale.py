"""What the demo says of the team: what happened, who was how good when, what changed hands, the books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from rich.console import Console

from agents.demo.panel import plain_table
from agents.demo.team.outcome import BEFORE, CHANGED, PROMOTED, Phase, Teamwork
from agents.demo.team.outcome import SABOTAGED as DURING
from agents.demo.team.tally import ANSWER
from agents.demo.telling import Balance, answers, many, print_table, say, sharing, tell_books, tell_kills
from agents.team.glitching import SLOW_MS
from agents.team.payments import N_GLITCHES
from agents.team.pipeline import CHALLENGER, DEADLINE_MS, MEMBERS, SABOTAGED
from schemas.alerts import AlertEvent
from schemas.results import Source

_PHASES = {
    BEFORE: "at first",
    DURING: f"{SABOTAGED} sabotaged",
    CHANGED: "frauds changed",
    PROMOTED: f"{CHALLENGER} promoted",
}


def tell(console: Console, found: Teamwork) -> None:
    """Print what happened."""
    console.print("\n[bold]What happened[/]")
    for sentence in (_stream(found), _team(), _sabotage(found), _drift(found), sharing(found)):
        say(console, sentence)
    console.print("\n[bold]How good they were[/]")
    _tell_accuracies(console, found)
    console.print()
    _tell_weights(console, found)
    _tell_turns(console, found)
    console.print("\n[bold]The books[/]")
    tell_books(console, found, _sides(found), "payment")
    if found.empty:
        say(console, f"{many(found.empty, 'answer')} without a prediction: nothing was learned yet.")
    tell_kills(console, found)


def _stream(found: Teamwork) -> str:
    return (
        f"{many(found.events, 'payment')} by card, made up from seed {found.seed}, went through Kafka: "
        f"{found.events_per_s:,.0f} events/s for {found.elapsed_s:.1f} s. {found.fraud_share:.0%} are "
        "frauds, far more than in life."
    )


def _team() -> str:
    return (
        f"Three models said together which are frauds: a logistic regression ({MEMBERS[0]}), naive Bayes "
        f"({MEMBERS[1]}) and a decision tree ({MEMBERS[2]}), each with the weight that its latest answers "
        f"earned. A tree that begins afresh when it errs more ({CHALLENGER}) learned in their shadow."
    )


def _sabotage(found: Teamwork) -> str:
    return (
        f"From payment {found.raises_at:,} on {SABOTAGED} raised, from payment {found.nan_at:,} on all it "
        f"got was NaN, from payment {found.slow_at:,} on it took {SLOW_MS:g} ms and more, where "
        f"{DEADLINE_MS:g} ms are allowed, for {N_GLITCHES} payments each. Its circuit opened, and another "
        "stood in. What had spoiled its state was taken back: it was restored from a checkpoint of before. "
        "That it was slow stands in no record: a worker measured it and wrote a decision, so that a replay "
        "takes the same turn."
    )


def _drift(found: Teamwork) -> str:
    return (
        f"Until payment {found.drift_at:,} thieves spent large amounts far from home. From then on they try "
        "stolen numbers: small amounts, one soon after the other."
    )


def _tell_accuracies(console: Console, found: Teamwork) -> None:
    table = plain_table()
    table.add_column("accuracy", no_wrap=True, min_width=18)
    table.add_column("payments", justify="right", no_wrap=True)
    names = (ANSWER, *MEMBERS, CHALLENGER)
    for name in names:
        table.add_column("headrace" if name == ANSWER else name, justify="right", no_wrap=True)
    for phase in found.phases:
        cells = (f"{phase.accuracy.get(name, 0.0):.1%}" for name in names)
        table.add_row(_PHASES[phase.name], f"{phase.n:,}", *cells)
    print_table(console, table)


def _tell_weights(console: Console, found: Teamwork) -> None:
    table = plain_table()
    table.add_column("weight at its end", no_wrap=True, min_width=18)
    for name in MEMBERS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"instead of {SABOTAGED}", no_wrap=True)
    table.add_column("answered by", no_wrap=True)
    for phase in found.phases:
        weights = (_weight(phase.weights.get(name)) for name in MEMBERS)
        table.add_row(_PHASES[phase.name], *weights, _counted(phase.stood_in), _answered(phase))
    print_table(console, table)


def _weight(weight: float | None) -> str:
    return "-" if weight is None else f"{weight:.2f}"


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in found.items()) or "-"


def _answered(phase: Phase) -> str:
    together = phase.n - sum(phase.alone.values())
    return _counted(({"all three": together} if together else {}) | phase.alone)


def _tell_turns(console: Console, found: Teamwork) -> None:
    """Print what the pipeline said of circuit and contest, in its own words."""
    console.print(f"\n[bold]The circuit of {SABOTAGED}[/]")
    for opened, after in _openings(found.circuits):
        then = ", ".join(f"{_state(alert)} at {alert.source.offset:,}" for alert in after)
        say(console, f"{_place(opened.source)}: {opened.happened}{f' Then {then}.' if then else ''}")
    if not found.circuits:
        say(console, "It stayed closed.")
    console.print("\n[bold]The contest[/]")
    for change in sorted(found.contest, key=lambda change: _rank(change.source)):
        say(console, f"{_place(change.source)}: {change.text}")
    if not found.contest:
        say(console, "Who answers has not changed in this run.")


def _openings(circuits: Sequence[AlertEvent]) -> Iterator[tuple[AlertEvent, list[AlertEvent]]]:
    """Yield each opening of a circuit with what followed until the next one, partition by partition."""
    ranked = sorted(circuits, key=lambda alert: _rank(alert.source))
    starts = [i for i, alert in enumerate(ranked) if alert.circuit == "open"]
    for i, end in pairwise([*starts, len(ranked)]):
        own = ranked[i].source.partition
        yield ranked[i], [alert for alert in ranked[i + 1 : end] if alert.source.partition == own]


def _state(alert: AlertEvent) -> str:
    return (alert.circuit or "").replace("_", " ")


def _rank(source: Source) -> tuple[int, int]:
    return source.partition, source.offset


def _place(source: Source) -> str:
    return f"{source.topic}[{source.partition}]@{source.offset}"


def _sides(found: Teamwork) -> Iterator[Balance]:
    yield Balance(f"{many(found.events, 'payment')} in = {answers(found)}", found.answered_exactly)
