"""Champion and challengers in a pipeline's fold: compared on the same events, told, exact after a restore."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import pytest
from river import anomaly, base, cluster, dummy, linear_model, preprocessing, stats, tree

import headrace as hr
from headrace.errors import OrderError
from headrace.testing import Harness
from tests.folding import Kept, log

N = 500
TURN = 600
SOON = hr.Promotion(at_least=100, cooldown=100)


class Reading(hr.Event):
    a: float
    b: float
    y: bool | None = None
    size: float | None = None


class Says(base.Classifier):
    """Says the same of all events, however much it learns."""

    def __init__(self, label: bool) -> None:
        self.label = label
        self.n = 0

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.n += 1

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        return {self.label: 0.9, not self.label: 0.1}


class Knows(Says):
    """Knows from the beginning what is right until the world turns; asked *fails_after* times, it is done."""

    def __init__(self, fails_after: int = 1_000_000) -> None:
        super().__init__(label=True)
        self.fails_after = fails_after

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        if self.n >= self.fails_after:
            raise RuntimeError("worn out")
        return {x["a"] > 0: 0.9, x["a"] <= 0: 0.1}


class Bold(Says):
    """Says yes where that is a fifth likely."""

    def __init__(self) -> None:
        super().__init__(label=True)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        p = 0.4 if x["a"] > 0 else 0.1
        return {True: p, False: 1.0 - p}

    def predict_one(self, x: dict[Any, Any], **kwargs: Any) -> Any:
        return self.predict_proba_one(x)[True] > 0.2


def no() -> Any:
    return Says(label=False)


def yes() -> Any:
    return Says(label=True)


def linear() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def declare(**arguments: Any) -> hr.Pipeline:
    given: dict[str, Any] = {
        "models": no,
        "challengers": {"new": Knows},
        "promotion": SOON,
        "target": "y",
        **arguments,
    }
    return hr.Pipeline("readings", source=hr.Topic("r", Reading, key="id"), **given)


def fault_of(**arguments: Any) -> hr.DeclarationError:
    with pytest.raises(hr.DeclarationError) as caught:
        declare(**arguments)
    return caught.value


def reading(i: int) -> dict[str, Any]:
    a, b = (i * 37 % 101 - 50) / 50, (i * 53 % 97 - 48) / 48
    return {"id": f"e{i}", "a": a, "b": b, "y": (a > 0) == (i < TURN), "size": 3 * a + b}


def sent(pipeline: hr.Pipeline, n: int = N, *, late: int | None = None) -> Harness:
    """Return a harness that has folded *n* readings, with their labels or with those *late* events after."""
    return more(Harness(pipeline), 0, n, late=late)


def more(harness: Harness, first: int, last: int, *, late: int | None = None) -> Harness:
    for i in range(first, last):
        event = reading(i)
        harness.send(event if late is None else {**event, "y": None})
        if late is not None and i >= late:
            harness.label({"id": f"e{i - late}", "y": reading(i - late)["y"]})
    return harness


def named(harness: Harness) -> list[str]:
    return [told["action"] for told in harness.contest]


def test_a_challenger_changes_no_answer_before_it_has_won() -> None:
    alone, harness = sent(declare(challengers=None, promotion=None)), sent(declare())

    (told,) = harness.contest
    won = told["source"]["offset"]
    assert told["action"] == "promoted"
    for plain, result in zip(alone.predictions[: won + 1], harness.predictions, strict=False):
        assert (result["prediction"], result["probability"]) == (plain["prediction"], plain["probability"])
        assert result["by"] == "model"
        assert [*result["steps"]] == ["model", "new"]


def test_a_model_that_decides_itself_goes_on_to_do_so() -> None:
    harness = sent(declare(models=Bold), 50)

    for result in harness.predictions:
        own = result["steps"]["model"]
        assert (result["prediction"], result["probability"]) == (own["prediction"], own["probability"])
        assert result["prediction"] == (result["probability"]["true"] > 0.2)


def test_from_the_next_event_on_the_champion_answers_and_the_old_one_learns_on() -> None:
    harness = sent(declare())
    won = harness.contest[0]["source"]["offset"]

    for result in harness.predictions[won + 1 :]:
        assert result["by"] == "new"
        assert result["probability"] == result["steps"]["new"]["probability"]
    assert harness.fold.models["model"].n == N  # type: ignore[attr-defined] # ours


def test_the_old_champion_returns_when_the_world_turns() -> None:
    harness = sent(declare(), 2_000)
    assert named(harness) == ["promoted", "demoted"]
    assert harness.contest[1]["source"]["offset"] > TURN
    assert harness.predictions[-1]["by"] == "model"


def test_what_is_told_has_the_numbers_of_both() -> None:
    (told,) = sent(declare()).contest

    assert told["pipeline"] == "readings@1"
    assert told["losses"]["new"] == pytest.approx(0.01)
    assert told["losses"]["combined"] == pytest.approx(0.4, abs=0.05)
    assert told["e_value"] >= told["limit"] == 20.0
    assert told["n"] == told["source"]["offset"] + 1 == 100
    assert told["text"].startswith("new is champion, by rule: over 100 events, the mean loss (brier) was 0.4")


def test_without_a_promotion_a_challenger_stays_in_the_shadow_until_somebody_promotes_it() -> None:
    harness = sent(declare(promotion=None))
    referee = harness.fold.referee
    assert referee is not None
    assert harness.contest == []
    assert referee.contest.standings["new"].e_value > 20.0

    referee.promote("new")
    more(harness, N, N + 10)
    with pytest.raises(OrderError, match="no challenger 'nobody'"):
        referee.promote("nobody")
    referee.demote("new")
    more(harness, N + 10, N + 20)

    assert [result["by"] for result in harness.predictions[N:]] == ["new"] * 10 + ["model"] * 10
    assert [(told["action"], told["by"], told["source"]["offset"]) for told in harness.contest] == [
        ("promoted", "hand", N),
        ("demoted", "hand", N + 10),
    ]


def test_a_champion_that_fails_is_stood_in_for_by_the_declared_models() -> None:
    harness = sent(declare(challengers={"new": lambda: Knows(fails_after=300)}), 320)
    assert named(harness) == ["promoted"]

    last = harness.predictions[-1]

    assert (last["by"], last["prediction"]) == ("model", False)
    assert last["steps"]["new"]["status"] == "failed"


@pytest.mark.parametrize("models", [no, {"no": no, "yes": yes}])
def test_labels_that_come_later_compare_the_answers_of_then(models: Any) -> None:
    at_once = sent(declare(models=models))
    late = sent(declare(models=models, labels=hr.Labels("verdicts")), late=30)

    (one,), (other,) = at_once.contest, late.contest

    assert (one["n"], one["e_value"], one["losses"]) == (other["n"], other["e_value"], other["losses"])


def test_of_several_models_the_results_hold_what_they_would_have_said_together() -> None:
    last = sent(declare(models={"no": no, "yes": yes})).predictions[-1]

    assert last["by"] == "new"
    assert [*last["steps"]] == ["no", "yes", "new", "combined"]
    assert last["steps"]["combined"]["probability"] == {"false": 0.5, "true": 0.5}


def test_a_challenger_may_build_upon_the_answers_of_the_models_and_leaves_them_members() -> None:
    upon = hr.Step(linear, inputs=["features", "no.probability"], when="no.confidence > 0.5")
    harness = sent(declare(models={"no": no, "yes": yes}, challengers={"upon": upon}))

    assert harness.predictions[10]["steps"]["combined"]["probability"] == {"false": 0.5, "true": 0.5}
    assert harness.predictions[-1]["steps"]["upon"]["status"] == "ok"


def test_a_canary_answers_for_its_share_of_keys_and_always_for_the_same() -> None:
    harness = Harness(declare(canary=hr.Canary(steps=(0.3,), every=10)))
    for i in range(1_200):
        harness.send({**reading(i % TURN), "id": f"e{i}"}, key=f"k{i % 200}")

    (told,) = harness.contest
    assert (told["action"], told["share"]) == ("canary_started", 0.3)
    after = harness.predictions[told["source"]["offset"] + 1 :]
    sides = {(int(result["event_id"][1:]) % 200, result["by"]) for result in after}
    assert len(sides) == 200, "each key has one side"
    assert 40 <= sum(by == "new" for _, by in sides) <= 80


def test_events_without_key_are_shared_by_their_id() -> None:
    harness = Harness(declare(canary=hr.Canary(steps=(0.5,), every=10)))
    records = [record._replace(key=None) for record in log(reading(i) for i in range(TURN))]

    harness.fold.step_chunk(records, harness._emit, harness._dead, harness._tell)

    by = [result["by"] for result in harness.predictions[harness.contest[0]["source"]["offset"] + 1 :]]
    assert 0.4 < by.count("new") / len(by) < 0.6


def test_a_regression_has_its_loss_too() -> None:
    harness = sent(
        declare(
            target="size",
            models=lambda: dummy.StatisticRegressor(stats.Mean()),
            challengers={"new": lambda: preprocessing.StandardScaler() | linear_model.LinearRegression()},
        )
    )

    (told,) = harness.contest
    assert (told["action"], told["loss"], told["champion"]) == ("promoted", "absolute", "new")


def test_scores_show_challengers_beside_the_models() -> None:
    harness = sent(declare(metrics=hr.Metrics(every=100)))

    assert {"model", "new", "(combined)"} <= {score["model"] for score in harness.metrics[-1]["scores"]}


PARTS: dict[str, dict[str, Any]] = {
    "at once": {},
    "late": {"labels": hr.Labels("verdicts")},
    "canary": {"canary": hr.Canary(steps=(0.2, 0.6, 1.0), every=40)},
    "from the start": {"canary": hr.Canary(steps=(0.2, 0.6), every=40, begin="start")},
    "weighted": {"combine": hr.Weighted()},
    "routed": {"route": hr.Route("ucb"), "canary": hr.Canary(steps=(0.4, 1.0), every=80)},
    "regression": {
        "target": "size",
        "models": {
            "mean": lambda: dummy.StatisticRegressor(stats.Mean()),
            "line": linear_model.LinearRegression,
        },
        "challengers": {"new": lambda: preprocessing.StandardScaler() | linear_model.LinearRegression()},
    },
}


def written(harness: Harness) -> bytes:
    """Return the bytes that a snapshot holds of the contest."""
    assert harness.fold.referee is not None
    return pickle.dumps(harness.fold.referee.state())


@pytest.mark.parametrize("at", [0, 60, 130, 190, 400])
@pytest.mark.parametrize("case", PARTS)
def test_a_restored_fold_goes_on_to_the_bit(case: str, at: int) -> None:
    models = {"prior": dummy.PriorClassifier, "last": dummy.NoChangeClassifier}
    pipeline = declare(**{"models": models, "challengers": {"new": linear}, **PARTS[case]})
    late = 14 if case == "late" else None
    undisturbed, stopped = (sent(pipeline, at, late=late) for _ in range(2))
    n_before = len(undisturbed.contest)

    other = Harness(pipeline)
    other.seek(stopped.inlet_offsets())
    other.restore(stopped.snapshot())
    assert written(other) == written(stopped)
    more(undisturbed, at, N, late=late)
    more(other, at, N, late=late)

    assert other.digest() == undisturbed.digest()
    assert written(other) == written(undisturbed)
    assert other.contest == undisturbed.contest[n_before:]
    assert other.predictions == undisturbed.predictions[at:]
    assert undisturbed.contest != []


def test_replay_in_silence_takes_the_same_turns() -> None:
    told, silent = sent(declare()), Harness(declare())

    silent.fold.step_chunk([Kept(i, msgspec.json.encode(reading(i))) for i in range(N)])

    assert silent.fold.referee is not None
    assert silent.fold.referee.contest.champion == "new"
    assert silent.digest() == told.digest()


@pytest.mark.parametrize(
    ("arguments", "argument", "says"),
    [
        ({"challengers": linear}, "challengers", "factories or steps by name"),
        ({"challengers": {"model": linear}}, "challengers", "name of a model"),
        ({"challengers": {"combined": linear}}, "challengers", "not free"),
        ({"challengers": {"9": linear}}, "challengers", "not a valid model name"),
        ({"challengers": {"new": linear()}}, "challengers['new']", "factory"),
        ({"challengers": {"new": linear_model.LinearRegression}}, "challengers['new']", "regression"),
        ({"challengers": None}, "promotion", "no challenger"),
        ({"challengers": {}, "promotion": None, "canary": hr.Canary()}, "canary", "no challenger"),
        ({"scope": "key"}, "challengers", "by key"),
        ({"promotion": "rule"}, "promotion", "headrace.Promotion"),
        ({"canary": 0.05}, "canary", "headrace.Canary"),
        ({"promotion": hr.Promotion(loss="squared")}, "promotion.loss", "no loss of classification"),
        (
            {"challengers": {"a": linear, "b": linear}, "canary": hr.Canary(begin="start")},
            "canary.begin",
            "one challenger",
        ),
        (
            {"models": {"one": hr.Step(linear, inputs=["new.probability"])}},
            "models['one']",
            "a challenger",
        ),
        (
            {
                "models": lambda: anomaly.HalfSpaceTrees(seed=1),
                "challengers": {"new": lambda: anomaly.HalfSpaceTrees(seed=2)},
                "target": None,
            },
            "challengers",
            "anomaly",
        ),
        (
            {
                "models": lambda: cluster.KMeans(n_clusters=2, seed=1),
                "challengers": {"new": lambda: cluster.KMeans(n_clusters=3, seed=1)},
                "target": None,
            },
            "challengers",
            "clustering",
        ),
        (
            {"challengers": {"new": tree.HoeffdingAdaptiveTreeClassifier}},
            "challengers['new']",
            "seed",
        ),
    ],
)
def test_what_cannot_compete_is_refused(arguments: dict[str, Any], argument: str, says: str) -> None:
    fault = fault_of(**arguments)

    assert fault.argument == argument
    assert says in str(fault)
