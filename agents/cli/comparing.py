"""What commands say of two runs that were compared."""

from __future__ import annotations

from typing import Any

import msgspec

from agents.cli.common import print_table, stdout
from agents.travel.compare import Runs
from agents.travel.tally import Score, Tally


def plain(runs: Runs, tallies: list[Tally], whole: Tally) -> dict[str, Any]:
    """Return the comparison as it goes into JSON."""
    return {
        "a": runs.a.topic,
        "b": runs.b.topic,
        "both": whole.both,
        "equal": _share(whole.equal, whole.both),
        "equal_predictions": _share(whole.equal_predictions, whole.both),
        "mean_absolute_difference": {
            "probability": whole.differences.probability.value,
            "prediction": whole.differences.prediction.value,
            "score": whole.differences.score.value,
        },
        "labelled": whole.labelled,
        "score": {"a": _scores(whole.score_a), "b": _scores(whole.score_b)} if runs.target else None,
        "differs": any(tally.differs for tally in tallies),
        "partitions": [_partition(tally) for tally in tallies],
    }


def _partition(tally: Tally) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(tally)
    return {name: value for name, value in plain.items() if name not in ("differences", "score_a", "score_b")}


def _scores(score: Score) -> dict[str, float | None]:
    return {
        "accuracy": score.accuracy.value,
        "log_loss": score.log_loss.value,
        "mean_absolute_error": score.absolute_error.value,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def show(runs: Runs, tallies: list[Tally], whole: Tally) -> None:
    """Print the comparison."""
    stdout.print(f"A {runs.a.topic}\nB {runs.b.topic}\n", markup=False)
    print_table(
        ["partition", "both", "equal", "same answer", "differ at", "not in A", "not in B"],
        [
            (t.partition, t.both, t.equal, t.equal_predictions, t.first_difference, t.missing_a, t.missing_b)
            for t in tallies
        ],
    )
    stdout.print()
    for text in _facts(whole):
        stdout.print(text, markup=False)
    if runs.target is not None:
        stdout.print(f"\n{whole.labelled:,} of them have a label")
        scores = zip(_scores(whole.score_a).items(), _scores(whole.score_b).values(), strict=True)
        rows = [(name.replace("_", " "), _number(a), _number(b)) for (name, a), b in scores if a is not None]
        print_table(["", "A", "B"], rows)


def _facts(whole: Tally) -> list[str]:
    facts = [f"equal bytes {_percent(whole.equal, whole.both)}"]
    facts.append(f"same answer {_percent(whole.equal_predictions, whole.both)}")
    for name in ("probability", "prediction", "score"):
        value = getattr(whole.differences, name).value
        if value is not None:
            facts.append(f"mean absolute difference of {name}: {_number(value)}")
    if whole.outside_a or whole.outside_b:
        facts.append(
            f"before the other begins or after it ends: {whole.outside_b:,} in A, {whole.outside_a:,} in B"
        )
    if whole.repeated_a or whole.repeated_b:
        facts.append(f"came again: {whole.repeated_a:,} in A, {whole.repeated_b:,} in B")
    return facts


def _percent(part: int, whole: int) -> str:
    if not whole:
        return "-"
    # Rounded down: 100 % is all of them.
    return f"{int(10_000 * part / whole) / 100:.2f} % ({part:,} of {whole:,})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
