"""Runs compared, and states fingerprinted, on a real Kafka."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.broker import workers as w
from tests.broker.travel.past_runs import (
    OTHER,
    SGD,
    Ask,
    PastRun,
    Run,
    events,
    fold_of,
    make_topic,
    write_other,
)

pytestmark = pytest.mark.broker


def test_a_diff_counts_what_an_independent_reader_counts(
    run: Run, ask: Ask, name: str, answered: PastRun, tmp_path: Path
) -> None:
    write_other(tmp_path, name, SGD, OTHER)
    ask("replay", "pipe.py", "--from", "60", "--into", f"{name}.trial", "--spec", "other.py")

    found = ask("diff", name, f"{name}.trial", "--target", "pipe.py")

    a = {r["source"]["offset"]: r for r in answered.results() if r["source"]["offset"] >= 60}
    b = {r["source"]["offset"]: r for r in answered.results(f"{name}.trial")}
    labels = {n: json.loads(answered.values[n] or b"")["y"] for n in a}
    assert (found["both"], found["labelled"]) == (len(a), len(a))
    assert found["equal_predictions"] == sum(a[n]["prediction"] == b[n]["prediction"] for n in a) / len(a)
    gaps = [abs(a[n]["probability"]["true"] - b[n]["probability"]["true"]) for n in a]
    assert found["mean_absolute_difference"]["probability"] == pytest.approx(sum(gaps) / len(a))
    for side, results in (("a", a), ("b", b)):
        right = sum(results[n]["prediction"] == labels[n] for n in a) / len(a)
        assert found["score"][side]["accuracy"] == pytest.approx(right)
    (partition, _) = found["partitions"]
    assert partition["outside_b"] == 58
    assert partition["first_difference"] == 60
    assert run("diff", name, f"{name}.trial", "--check").exit_code == 4


def test_a_diff_finds_the_first_event_that_differs(run: Run, ask: Ask, name: str, answered: PastRun) -> None:
    again = PastRun(answered.bootstrap, name)
    again.name = f"{name}.wrong"
    ask("replay", "pipe.py", "--from", "0", "--to", "150", "--into", again.name)
    wrong = [json.dumps({**r, "id": "x"}, separators=(",", ":")).encode() for r in answered.results()]
    w.produce(answered.bootstrap, f"{again.name}.predictions", [*wrong[148:200], *wrong[210:]], 1)
    changed = json.loads(wrong[-1])
    assert changed["source"]["offset"] == 301

    found = ask("diff", name, again.name)
    checked = run("diff", name, again.name, "--check")

    (partition, _) = found["partitions"]
    assert (partition["both"], partition["missing_b"], partition["missing_a"]) == (290, 10, 0)
    assert partition["first_difference"] is None
    assert partition["first_missing"] == 202
    assert checked.exit_code == 4
    assert "offset 202 has a result in one of them only" in checked.stderr


def test_results_that_came_again_count_once(ask: Ask, name: str, answered: PastRun) -> None:
    ask("replay", "pipe.py", "--from", "0", "--into", f"{name}.again")
    repeated = [m.value() for m in w.consume(answered.bootstrap, f"{name}.predictions", 1)][-20:]
    w.produce(answered.bootstrap, f"{name}.predictions", repeated, 1)

    found = ask("diff", f"{name}.predictions", f"{name}.again", "--check")

    assert (found["both"], found["equal"], found["differs"]) == (300, 1.0, False)
    assert found["partitions"][0]["repeated_a"] == 20


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["{name}", "nowhere"], 4, "there are no results of nowhere"),
        (["nowhere.py", "{name}"], 2, "there is no file nowhere.py"),
        (["{name}", "{name}", "--target", "strange.py"], 1, "strange.py is a pipeline on another log"),
        (["{name}", "{name}.odd"], 1, "holds something else than results"),
    ],
)
def test_a_diff_of_what_cannot_be_compared_is_refused(
    run: Run, answered: PastRun, argv: list[str], code: int, message: str
) -> None:
    name = answered.name
    Path("strange.py").write_text(w.PIPELINE.format(name=f"{name}.strange", partitions=2))
    make_topic(answered.bootstrap, f"{name}.odd.predictions")
    w.produce(answered.bootstrap, f"{name}.odd.predictions", [b'{"a": 1}'], 1)

    result = run("diff", *(word.format(name=name) for word in argv))

    assert result.exit_code == code, result.output
    assert message in result.stderr


def test_runs_are_named_by_target_pipeline_or_topic(run: Run, name: str, answered: PastRun) -> None:
    for a in ("pipe.py", name, f"{name}.predictions"):
        result = run("diff", a, name, "--check")
        assert result.exit_code == 0, result.output
        assert "equal bytes 100.00 % (300 of 300)" in result.stdout


# Digest


def test_a_digest_is_that_of_an_undisturbed_fold(run: Run, ask: Ask, name: str, answered: PastRun) -> None:
    (committed, empty) = ask("digest", "pipe.py")
    (early,) = ask("digest", "pipe.py", "--at", "77", "-p", "0")
    (late,) = ask("digest", "pipe.py", "--at", "end", "-p", "0")

    assert committed["digest"] == late["digest"] == fold_of(answered, answered.values).digest()
    assert (committed["offset"], committed["step"], committed["snapshot"]) == (302, 300, "0.0.200")
    assert early["digest"] == fold_of(answered, answered.values[:77]).digest()
    assert (early["offset"], early["step"], early["snapshot"]) == (77, 75, None)
    assert (empty["offset"], empty["step"]) == (0, 0)
    assert committed["digest"] in run("digest", "pipe.py").stdout


def test_a_digest_needs_something_committed(run: Run, name: str, bootstrap: str) -> None:
    w.produce(bootstrap, f"{name}.events", events(5), 1)

    result = run("digest", "pipe.py")

    assert result.exit_code == 1
    assert "is committed yet" in result.stderr
    assert run("digest", "pipe.py", "--at", "end").exit_code == 0
