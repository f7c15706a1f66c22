"""The state of a fold: captured while it goes on, restored to the bit, taken over by a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from river import anomaly, cluster, compose, ensemble, linear_model, naive_bayes, preprocessing, stats, tree

from headrace import Pipeline
from headrace.errors import SnapshotError
from headrace.fold import Counts, Fold
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from tests.folding import Amount, Out, declare, events, linear, log, run
from tests.snapshotting import Shelf, restore


def unlabelled(factory: Callable[[], Any]) -> Pipeline:
    return declare(lambda: compose.Select("a", "b") | factory())


PIPELINES: dict[str, Pipeline] = {
    "linear": declare(),
    "tree": declare(lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=20, seed=7)),
    "several": declare({"bayes": naive_bayes.GaussianNB, "linear": linear}),
    "imputed": declare(lambda: preprocessing.StatImputer(("a", stats.Mean())) | linear()),
    "regression": declare(lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(), Amount),
    "detector": unlabelled(
        lambda: anomaly.QuantileFilter(anomaly.HalfSpaceTrees(seed=7, window_size=30), q=0.9)
    ),
    "clusterer": unlabelled(lambda: cluster.KMeans(n_clusters=3, seed=7)),
    "bagging": declare(
        lambda: ensemble.BaggingClassifier(linear_model.LogisticRegression(), n_models=3, seed=7)
    ),
}
RECORDS = log(events(240))


@pytest.mark.parametrize("name", PIPELINES)
def test_a_restored_fold_goes_on_as_if_nothing_had_been(name: str) -> None:
    pipeline = PIPELINES[name]
    calm, expected, _ = run(pipeline, RECORDS)
    before, _, _ = run(pipeline, RECORDS[:130])

    snapshot = Shelf().take(before)
    fold, out = Fold(pipeline, "t.events", 3), Out()
    restore(fold, snapshot)
    assert (fold.next_offset, fold.step, fold.digest()) == (130, before.step, before.digest())
    fold.step_chunk(RECORDS, out.emit, out.refuse)

    assert out.raw == expected.raw[130:]
    assert fold.digest() == calm.digest()


@pytest.mark.parametrize("name", PIPELINES)
def test_a_fold_without_results_comes_to_the_same_state_and_counts(name: str) -> None:
    loud, _, (counted,) = run(PIPELINES[name], RECORDS, chunk=len(RECORDS))
    silent = Fold(PIPELINES[name], "t.events", 3)

    counts = silent.step_chunk(RECORDS)

    assert (silent.next_offset, silent.step, silent.digest()) == (loud.next_offset, loud.step, loud.digest())
    assert [getattr(counts, name) for name in Counts.__slots__] == [
        getattr(counted, name) for name in Counts.__slots__
    ]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in a child"])
def test_a_capture_holds_the_state_of_its_offset(at_once: bool) -> None:
    fold, out, _ = run(PIPELINES["tree"], RECORDS[:100])
    then = fold.digest()
    capture = fold.capture(at_once=at_once)

    fold.step_chunk(RECORDS[100:], out.emit, out.refuse)
    shelf = Shelf()
    shelf.finish(capture)

    assert (capture.next_offset, capture.step, capture.reaches_back) == (100, 100, 0)
    assert capture.cost_s >= 0
    assert shelf.last is not None
    restored = Fold(PIPELINES["tree"], "t.events", 3)
    restore(restored, shelf.last)
    assert restored.digest() == then != fold.digest()


def test_no_child_is_made_for_small_models_once_they_are_known_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    fold, _, _ = run(declare(), RECORDS[:50])
    Shelf().take(fold)
    monkeypatch.setattr("os.fork", lambda: pytest.fail("a fork for a kilobyte"))

    capture = fold.capture()

    assert capture.advance(0.0)
    capture.close(written=True)


def test_what_a_restored_fold_learns_stays_its_own() -> None:
    """Also where the snapshot is still there: the verbs are those of the objects that were restored."""
    fold, out, _ = run(declare(), RECORDS[:50])
    state = pickling.loads(Shelf().take(fold).body, Allowed())
    other = Fold(declare(), "t.events", 3)
    other.restore(50, [state])
    before = fold.digest()

    other.step_chunk(RECORDS, out.emit, out.refuse)

    assert fold.digest() == before
    assert other.digest() == run(declare(), RECORDS)[0].digest()


def test_adopted_models_answer_and_the_step_goes_on() -> None:
    old, _, _ = run(declare(), RECORDS[:40])
    shelf = Shelf()
    state = pickling.loads(shelf.take(old).body, Allowed())
    fold, out, _ = run(declare(), RECORDS[:100])
    _, expected, _ = run(declare(), [*RECORDS[:40], *RECORDS[100:120]])

    fold.adopt_models([state])
    fold.step_chunk(RECORDS[100:120], out.emit, out.refuse)

    assert [r["probability"] for r in out.results[100:]] == [r["probability"] for r in expected.results[40:]]
    assert [r["model_step"] for r in out.results[100:]] == list(range(100, 120))
    assert (fold.next_offset, fold.step) == (120, 120)


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([], "state"),
        ([None], "state"),
        ([{"step": 3}], "state"),
        ([{"step": "3", "models": {}}], "state"),
        ([{"step": 3, "models": {}, "more": 1}], "state"),
        ([{"step": 3, "models": {}}], "models"),
        ([{"step": 3, "models": {"model": cluster.KMeans(seed=7)}}], "models"),
        ([{"step": 3, "models": {"other": linear()}}], "models"),
        ([{"step": 3, "models": {"model": linear(), "other": linear()}}], "models"),
    ],
    ids=["none", "nothing", "part", "text", "more", "empty", "another kind", "another name", "one more"],
)
@pytest.mark.parametrize("verb", ["restore", "adopt"])
def test_what_is_no_state_of_the_pipeline_is_refused_and_changes_nothing(
    verb: str, states: list[Any], reason: str
) -> None:
    fold, out, _ = run(declare(), RECORDS[:20])
    before = fold.digest()

    with pytest.raises(SnapshotError) as caught:
        fold.restore(7, states) if verb == "restore" else fold.adopt_models(states)

    assert caught.value.reason == reason
    assert (fold.next_offset, fold.step, fold.digest()) == (20, 20, before)
    fold.step_chunk(RECORDS, out.emit, out.refuse)
    assert fold.digest() == run(declare(), RECORDS)[0].digest()
