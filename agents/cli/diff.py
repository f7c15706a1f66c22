"""`headrace diff`."""

from __future__ import annotations

import asyncio
from typing import Any

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
from agents.travel import compare
from agents.travel.compare import Runs
from agents.travel.options import workers_option
from agents.travel.progress import progress
from agents.travel.tally import Score, Tally
from headrace.errors import DifferenceError
from headrace.loading import load_pipeline


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--target", metavar="TARGET", help="Compare both with the labels of this pipeline's events, too."
)
@click.option("--check", is_flag=True, help="Exit code 4 if the runs differ.")
@workers_option
@bootstrap_option
@json_option
def command(
    a: str, b: str, target: str | None, check: bool, workers: int | None, bootstrap: str | None, as_json: bool
) -> None:
    """Compare the results of the runs A and B, event by event.

    A and B are pipelines, runs of `headrace replay`, or topics of results. Equal are results whose bytes are
    the same, but for their ids and the name of the pipeline. Where one run has results before the other
    begins or after it ends, they are counted apart and are no difference.

    \b
    Example:
      headrace diff fraud again --check
      headrace diff fraud trial --target pipelines.fraud
    """
    if target is not None:
        compare.require_task(load_pipeline(target))
    address = load_settings(bootstrap).bootstrap or ""
    runs = asyncio.run(compare.find(address, a, b, target))
    with progress(stderr, "compared", runs.n_records) as advance:
        tallies = compare.compare(runs, advance, workers)
    whole = compare.total(tallies)
    if as_json:
        print_json(_plain(runs, tallies, whole))
    else:
        _print(runs, tallies, whole)
    if check:
        _require_equal(runs, tallies)


def _plain(runs: Runs, tallies: list[Tally], whole: Tally) -> dict[str, Any]:
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


def _print(runs: Runs, tallies: list[Tally], whole: Tally) -> None:
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


def _require_equal(runs: Runs, tallies: list[Tally]) -> None:
    different = [tally for tally in tallies if tally.differs]
    if not different:
        return
    first = different[0]
    if first.both == 0:
        why = f"partition {first.partition}: no event has a result in both"
    elif first.first_difference is not None:
        why = f"partition {first.partition}: they differ from offset {first.first_difference} of the log on"
    else:
        why = f"partition {first.partition}: offset {first.first_missing} has a result in one of them only"
    raise DifferenceError(
        f"{runs.a.topic} and {runs.b.topic} differ in {len(different)} of {len(tallies)} partitions",
        why=why,
        fix="headrace diff A B --json   says all that was compared",
    )
