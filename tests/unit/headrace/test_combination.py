"""Combinations that learn, in a pipeline: labels at once, later, as feedback; by key; after a restore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from river import anomaly, dummy, forest, linear_model, metrics, naive_bayes, tree

from headrace import (
    Best,
    Event,
    Feedback,
    Labels,
    Mean,
    Metrics,
    Pipeline,
    Ranks,
    Stack,
    Step,
    Topic,
    TrimmedMean,
    Vote,
    Weighted,
)
from headrace.models.combining.weighted import WeightedCombiner
from headrace.testing import Harness
from schemas import Answer
from schemas.metrics import Contribution
from tests.declaring import declare, fault_of


class Reading(Event):
    at: float
    place: str
    a: float
    b: float
    good: bool | None = None


SOURCE = Topic("readings", Reading, key="place", time="at")
MODELS: dict[str, Any] = {
    "bayes": naive_bayes.GaussianNB,
    "tree": tree.HoeffdingTreeClassifier,
    "none": dummy.NoChangeClassifier,
}
COMBINES: dict[str, Callable[[], Any]] = {
    "hedge": Weighted,
    "ewa": lambda: Weighted("ewa", quorum=2),
    "decay": lambda: Weighted("decay"),
    "best": lambda: Best(by="place", regions=2),
    "best by number": lambda: Best(by="b", edges=(-1, 1)),
    "stack": lambda: Stack(linear_model.LogisticRegression, warm_up=20),
    "stack with features": lambda: Stack(tree.HoeffdingTreeClassifier, features=True, warm_up=20),
}
every = pytest.mark.parametrize("kind", COMBINES)


def pipeline(**options: Any) -> Pipeline:
    wanted: dict[str, Any] = {
        "source": SOURCE,
        "models": MODELS,
        "target": "good",
        "features": ["place", "a", "b"],
    }
    return Pipeline("readings", **(wanted | options))


def reading(i: int) -> dict[str, Any]:
    a, b = (i * 37 % 101 - 50) / 20, (i * 61 % 97 - 48) / 20
    return {"id": f"e{i}", "at": 1e9 + i, "place": "nsw"[i % 3], "a": a, "b": b}


def truth(i: int) -> bool:
    event = reading(i)
    return bool(event["a"] + (event["b"] if event["place"] == "n" else -event["b"]) > 0)


def labelled(harness: Harness, start: int, stop: int, *, delay: int = 0) -> None:
    """Send events; their labels come with them, or *delay* events later on a topic of their own."""
    for i in range(start, stop):
        if not delay:
            harness.send({**reading(i), "good": truth(i)})
            continue
        harness.send(reading(i))
        if i >= delay:
            harness.label({"event_id": f"e{i - delay}", "label": truth(i - delay)}, timestamp_ms=i)


LATE = Labels("truths", event_id="event_id", label="label", wait_s=10_000)


def answers_of(prediction: dict[str, Any]) -> dict[str, Answer]:
    """Return what the members said, as a combination gets it."""
    return {
        name: Answer(said.get("prediction"), said.get("probability"))
        for name, said in prediction["models"].items()
    }


def said(prediction: dict[str, Any]) -> tuple[Any, Any]:
    return prediction["prediction"], prediction.get("probability")


@every
@pytest.mark.parametrize("delay", [0, 13])
def test_it_learns_from_the_answers_made_before_learning_whenever_the_label_comes(
    kind: str, delay: int
) -> None:
    """Beside the pipeline a combiner of its own is told what was published, in the order of the labels."""
    harness = Harness(pipeline(combine=COMBINES[kind](), labels=LATE if delay else None))
    labelled(harness, 0, 150, delay=delay)

    combiner = COMBINES[kind]().fresh([*MODELS], "classification")
    published = harness.predictions
    for i, prediction in enumerate(published):
        x = {name: reading(i)[name] for name in ("place", "a", "b")}
        expected = combiner.answer(answers_of(prediction), x)
        assert said(prediction) == (expected.prediction, expected.probability)
        known = i - delay
        if known >= 0:
            past = {name: reading(known)[name] for name in ("place", "a", "b")}
            combiner.learn(answers_of(published[known]), past, truth(known))


@every
@pytest.mark.parametrize("options", [{}, {"labels": LATE}, {"scope": "key"}], ids=["plain", "late", "by key"])
def test_after_a_restore_it_goes_on_to_the_bit(kind: str, options: dict[str, Any]) -> None:
    delay = 13 if "labels" in options else 0
    harness = Harness(pipeline(combine=COMBINES[kind](), **options))
    labelled(harness, 0, 90, delay=delay)
    other = Harness(pipeline(combine=COMBINES[kind](), **options))
    other.restore(harness.snapshot())
    other.seek(harness.inlet_offsets())
    before = len(harness.predictions)

    labelled(harness, 90, 150, delay=delay)
    labelled(other, 90, 150, delay=delay)

    assert other.predictions == harness.predictions[before:]
    assert other.digest() == harness.digest()


def test_weights_roll_back_with_the_models_that_they_belong_to() -> None:
    harness = Harness(pipeline(combine=Weighted()))
    labelled(harness, 0, 60)
    before, weights = harness.snapshot(), _combiner(harness).weights()
    labelled(harness, 60, 120)
    assert _combiner(harness).weights() != weights

    harness.fold.adopt_models([harness.opened(before)])

    assert _combiner(harness).weights() == weights
    harness.send(reading(120))  # who answers weighs with them
    assert said(harness.predictions[-1])[0] is not None
    restored = Harness(pipeline(combine=Weighted()))
    restored.restore(before)
    restored.send(reading(120))
    assert said(restored.predictions[-1]) == said(harness.predictions[-1])


def test_each_key_learns_how_to_combine_for_itself() -> None:
    harness = Harness(pipeline(combine=Weighted(), scope="key"))
    labelled(harness, 0, 90)

    making = harness.fold._memory.roster.keyed._making  # type: ignore[union-attr]
    models = {key: entry.peek(making) for key, entry in _entries(harness).items()}
    weights = {key: found["combine"].weights() for key, found in models.items()}
    assert len(weights) == 3
    assert len({tuple(found.values()) for found in weights.values()}) == 3
    assert harness.fold.contributions is None


def _entries(harness: Harness) -> Any:
    return harness.fold._memory.roster.keyed._entries  # type: ignore[union-attr]


def test_a_correction_teaches_the_combination() -> None:
    corrections = Feedback("said", kind="correction", wait_s=10_000)
    harness = Harness(pipeline(combine=Weighted(), feedback=corrections))
    labelled(harness, 0, 20)
    combiner: Any = harness.fold.models["combine"]
    before = combiner.n_learned

    harness.feedback({"event_id": "e19", "value": not truth(19)})

    assert combiner.n_learned == before + 1


class Raises(dummy.NoChangeClassifier):
    """Fails at every event."""

    def predict_proba_one(self, x: Any, **options: Any) -> Any:
        raise RuntimeError("broken")

    def predict_one(self, x: Any, **options: Any) -> Any:
        raise RuntimeError("broken")


@pytest.mark.parametrize("kind", ["hedge", "decay", "best", "stack"])
def test_a_member_that_always_raises_leaves_the_answer_to_the_others(kind: str) -> None:
    harness = Harness(pipeline(combine=COMBINES[kind](), models={**MODELS, "broken": Raises}))
    labelled(harness, 0, 60)

    last = harness.predictions[-1]
    assert last["prediction"] is not None
    assert "error" not in last
    assert "broken" in last["models"]["broken"]["error"]


@pytest.mark.parametrize("combine", [Vote(quorum=3), Weighted(quorum=3)])
def test_where_the_quorum_is_not_met_the_result_says_how_many_answered(combine: Any) -> None:
    models = {"bayes": naive_bayes.GaussianNB, "tree": tree.HoeffdingTreeClassifier, "broken": Raises}
    harness = Harness(pipeline(combine=combine, models=models))
    labelled(harness, 0, 10)

    last = harness.predictions[-1]
    assert last["prediction"] is None
    assert last["error"] == "quorum: 3 needed, 2 answered (bayes, tree)"


def test_all_members_down_is_said_and_changes_no_weight() -> None:
    harness = Harness(pipeline(combine=Weighted(quorum=1), models={"a": Raises, "b": Raises}))
    labelled(harness, 0, 10)

    assert {p["error"] for p in harness.predictions} == {"quorum: 1 needed, 0 answered (none)"}
    assert _combiner(harness).weights() == {"a": 0.5, "b": 0.5}


def _combiner(harness: Harness) -> WeightedCombiner:
    found = harness.fold.models["combine"]
    assert isinstance(found, WeightedCombiner)
    return found


def test_in_a_graph_only_members_are_combined_and_skipped_ones_are_missing() -> None:
    models = {
        "cheap": naive_bayes.GaussianNB,
        "north": Step(tree.HoeffdingTreeClassifier, when="place == 'n'"),
        "upper": Step(linear_model.LogisticRegression, inputs=["cheap.probability"]),
    }
    harness = Harness(pipeline(combine=Weighted(), models=models))
    labelled(harness, 0, 120)

    combiner = _combiner(harness)
    assert combiner.names == ("north", "upper")
    expected = Weighted().fresh(combiner.names, "classification")
    for i, prediction in enumerate(harness.predictions):
        answers = {
            name: Answer(step.get("prediction"), step.get("probability"))
            for name, step in prediction["steps"].items()
            if step["status"] == "ok"
        }
        assert said(prediction)[0] == expected.answer(answers, {}).prediction
        expected.learn(answers, {}, truth(i))
    assert combiner.weights() == expected.weights()


def test_ranks_learn_from_every_event_and_need_no_label() -> None:
    detectors = {
        "trees": lambda: anomaly.HalfSpaceTrees(seed=7, window_size=20),
        "svm": lambda: anomaly.OneClassSVM(nu=0.2),
    }
    harness = Harness(pipeline(combine=Ranks(window=50), models=detectors, target=None, features=["a", "b"]))
    for i in range(80):
        harness.send(reading(i))

    combiner = Ranks(window=50).fresh([*detectors], "anomaly")
    for prediction in harness.predictions:
        answers = {name: Answer(score=said["score"]) for name, said in prediction["models"].items()}
        assert prediction["score"] == combiner.answer(answers, {}).score
        combiner.learn(answers, {}, None)
    assert 0.0 <= harness.predictions[-1]["score"] <= 1.0


def test_reports_tell_weights_and_shares() -> None:
    harness = Harness(pipeline(combine=Weighted(), metrics=Metrics(metrics.Accuracy, every=50)))
    labelled(harness, 0, 100)

    (first, second) = harness.metrics
    expected = Weighted().fresh([*MODELS], "classification")
    for i, prediction in enumerate(harness.predictions):
        expected.answer(answers_of(prediction), {})
        expected.learn(answers_of(prediction), {}, truth(i))
        if i == 49:
            assert {name: c["weight"] for name, c in first["contributions"].items()} == expected.weights()
    assert {name: c["share"] for name, c in second["contributions"].items()} == expected.shares()
    assert harness.fold.contributions == {
        name: Contribution(expected.shares()[name], weight) for name, weight in expected.weights().items()
    }


def test_of_what_is_not_learned_nothing_is_told() -> None:
    harness = Harness(pipeline(metrics=Metrics(metrics.Accuracy, every=50)))
    labelled(harness, 0, 50)

    assert "contributions" not in harness.metrics[0]
    assert harness.fold.contributions is None


def test_one_model_with_one_on_top_is_a_stack() -> None:
    harness = Harness(
        pipeline(models=naive_bayes.GaussianNB, combine=Stack(tree.HoeffdingTreeClassifier, warm_up=5))
    )
    labelled(harness, 0, 30)

    assert harness.predictions[-1]["models"].keys() == {"model"}
    assert "error" not in harness.predictions[-1]


class Deaf(naive_bayes.GaussianNB):
    """Fails to learn."""

    def learn_one(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("deaf")


def test_a_model_on_top_that_fails_is_told_as_the_combinations_fault() -> None:
    harness = Harness(pipeline(combine=Stack(Deaf, warm_up=5)))
    labelled(harness, 0, 10)

    assert harness.predictions[-1]["error"] == "learn: RuntimeError: deaf"
    assert harness.predictions[-1]["prediction"] is not None


TWO: dict[str, Any] = {"a": naive_bayes.GaussianNB, "b": tree.HoeffdingTreeClassifier}
NUMBERS: dict[str, Any] = {"a": linear_model.LinearRegression, "b": tree.HoeffdingTreeRegressor}


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"combine": Weighted}, "combine"),
        ({"combine": Weighted(quorum=3)}, "combine.quorum"),
        ({"combine": Vote(quorum=3)}, "combine.quorum"),
        ({"combine": Vote(weights={"a": 1, "c": 1})}, "combine.weights"),
        ({"combine": Vote(weights={"a": 1})}, "combine.weights"),
        ({"combine": Mean()}, "combine"),
        ({"combine": TrimmedMean()}, "combine"),
        ({"combine": Ranks()}, "combine"),
        ({"combine": Best(by="colour")}, "combine.by"),
        ({"combine": Weighted(loss="squared")}, "combine.loss"),
        ({"combine": Stack(linear_model.LinearRegression)}, "combine.factory"),
        ({"combine": Stack(lambda: tree.SGTClassifier() | 3)}, "combine.factory"),
    ],
)
def test_what_does_not_fit_the_members_is_refused(options: dict[str, Any], culprit: str) -> None:
    assert fault_of(models=TWO, **options).argument == culprit


def test_a_model_on_top_has_to_be_seeded() -> None:
    fault = fault_of(models=TWO, combine=Stack(forest.ARFClassifier))

    assert fault.argument == "combine"
    assert "not seeded" in str(fault)


def test_weights_name_the_members_and_no_more() -> None:
    declared = declare(models=TWO, combine=Vote(weights={"a": 2, "b": 1}))

    assert declared.fresh_models().keys() == {"a", "b"}
    assert declare(models=TWO, combine=Weighted()).fresh_models().keys() == {"a", "b", "combine"}
