"""Steps that depend on each other: what reaches each, when it is asked, what it learns."""

from __future__ import annotations

import random
from typing import Any

import pytest
from river import anomaly, compose, linear_model, optim, preprocessing, tree

import headrace as hr
from headrace.testing import Harness


class Visit(hr.Event):
    """Somebody looks at a page."""

    id: str
    pages: float
    seconds: float
    lang: str
    buys: bool | None = None


def numbers(model: Any) -> Any:
    return compose.Select("pages", "seconds") | preprocessing.StandardScaler() | model


def linear() -> Any:
    return numbers(linear_model.LogisticRegression(optim.SGD(0.3)))


def grown() -> Any:
    return tree.HoeffdingTreeClassifier(grace_period=20)


def plain() -> Any:
    return linear_model.LogisticRegression()


def odd() -> Any:
    return compose.Select("pages", "seconds") | anomaly.HalfSpaceTrees(n_trees=3, height=4, seed=1)


def visits(n: int, *, labelled: bool = True, seed: int = 1) -> list[dict[str, Any]]:
    chance, found = random.Random(seed), []
    for i in range(n):
        pages, seconds = chance.gauss(5, 2), chance.gauss(60, 20)
        label = {"buys": pages > 5} if labelled else {}
        found.append(
            {"id": f"v{i}", "pages": pages, "seconds": seconds, "lang": chance.choice(["de", "en"]), **label}
        )
    return found


def declare(models: Any, **options: Any) -> hr.Pipeline:
    return hr.Pipeline("shop", source=hr.Topic("visits", Visit), target="buys", models=models, **options)


def run(models: Any, events: list[dict[str, Any]], **options: Any) -> Harness:
    harness = Harness(declare(models, **options))
    for event in events:
        harness.send(event)
    return harness


CASCADE = {"dear": hr.Step(grown, when="cheap.confidence < 0.8"), "cheap": linear}


def test_a_dear_model_is_asked_and_taught_only_where_the_cheap_one_is_not_sure() -> None:
    events = visits(200)
    got = run(CASCADE, events, combine=hr.Last()).predictions

    cheap, dear, n_asked = linear(), grown(), 0
    for event, result in zip(events, got, strict=True):
        x = {name: event[name] for name in ("pages", "seconds", "lang")}
        said = cheap.predict_proba_one(x)
        assert result["steps"]["cheap"]["probability"] == {"false": said[False], "true": said[True]}
        if max(said.values()) < 0.8:
            n_asked += 1
            assert result["steps"]["dear"]["status"] == "ok"
            assert result.get("by") == ("dear" if dear.predict_one(x) is not None else "cheap")
            assert result["steps"]["dear"].get("prediction") == dear.predict_one(x)
            dear.learn_one(x, event["buys"])
        else:
            assert result["steps"]["dear"] == {
                "status": "skipped",
                "why": "cheap.confidence < 0.8 does not hold",
            }
            assert result["by"] == "cheap"
        cheap.learn_one(x, event["buys"])
    assert 20 < n_asked < 180


def test_steps_stand_in_the_result_in_the_order_in_which_they_ran() -> None:
    harness = run(CASCADE, visits(1), combine=hr.Last())

    assert [*harness.predictions[0]["steps"]] == ["cheap", "dear"]
    assert "models" not in harness.predictions[0]


class Cautious(linear_model.LogisticRegression):
    """Says yes from one in ten on."""

    def predict_one(self, x: Any) -> bool:
        return bool(self.predict_proba_one(x)[True] >= 0.1)


def test_where_one_step_has_the_last_word_its_own_decision_stands() -> None:
    models = {"a": linear, "last": hr.Step(Cautious, inputs=["a.probability"])}
    got = run(models, visits(100)).predictions

    decided = [(result["prediction"], result["probability"]["true"] >= 0.5) for result in got]
    assert all(result["prediction"] == (result["probability"]["true"] >= 0.1) for result in got)
    assert (True, False) in decided


STACK = {
    "meta": hr.Step(plain, inputs=["a.probability", "odd.score", "pages"]),
    "a": linear,
    "odd": odd,
}


def test_answers_of_other_steps_reach_a_model_as_features() -> None:
    events = visits(150)
    got = run(STACK, events).predictions

    meta, a, detector = plain(), linear(), odd()
    for event, result in zip(events, got, strict=True):
        x = {name: event[name] for name in ("pages", "seconds", "lang")}
        said, score = a.predict_proba_one(x), detector.score_one(x)
        given = {
            "pages": x["pages"],
            "a.probability.false": said[False],
            "a.probability.true": said[True],
            "odd.score": score,
        }
        assert result["probability"]["true"] == meta.predict_proba_one(given)[True]
        meta.learn_one(given, event["buys"])
        a.learn_one(x, event["buys"])
        detector.learn_one(x)


def test_a_label_that_comes_later_teaches_each_step_on_the_inputs_of_then() -> None:
    at_once = run(STACK, visits(60))
    later = Harness(declare(STACK, labels=hr.Labels("bought", wait_s=1e6)))
    for event in visits(60):
        label = event.pop("buys")
        later.send(event)
        later.label({"id": event["id"], "buys": label})

    probe = visits(1, labelled=False, seed=9)[0]
    at_once.send(probe)
    later.send(probe)
    assert later.predictions[-1]["steps"] == at_once.predictions[-1]["steps"]


@pytest.mark.parametrize("cut", [1, 37, 99])
def test_a_restored_graph_answers_with_the_same_bytes(cut: int) -> None:
    events = visits(100)
    models = {**STACK, **CASCADE}
    whole = run(models, events)
    begun, resumed = run(models, events[:cut]), Harness(declare(models))

    resumed.restore(begun.snapshot())
    for event in events[cut:]:
        resumed.send(event)

    assert resumed.predictions == whole.predictions[cut:]
    assert resumed.digest() == whole.digest()


def test_each_key_has_a_graph_of_its_own() -> None:
    events = visits(80)
    source = hr.Topic("visits", Visit, key="lang")
    both = Harness(hr.Pipeline("shop", source=source, target="buys", models=STACK, scope="key"))
    for event in events:
        both.send(event)

    for lang in ("de", "en"):
        alone = run(STACK, [event for event in events if event["lang"] == lang])
        mine = [
            result["steps"]
            for result, event in zip(both.predictions, events, strict=True)
            if event["lang"] == lang
        ]
        assert mine == [result["steps"] for result in alone.predictions]


class Broken(linear_model.LogisticRegression):
    """Cannot answer."""

    def predict_proba_one(self, x: Any) -> Any:
        raise ValueError("too tired")


def test_the_fault_of_a_step_is_told_and_leaves_its_answer_out() -> None:
    harness = run(
        {"a": hr.Step(Broken, inputs=["pages"]), "b": linear, "c": hr.Step(plain, inputs=["a.probability"])},
        visits(3),
    )

    steps = harness.predictions[-1]["steps"]
    assert steps["a"] == {"status": "failed", "error": "predict: ValueError: too tired"}
    assert steps["c"] == {"status": "skipped", "why": "none of its inputs is there"}
    assert harness.predictions[-1]["prediction"] == steps["b"]["prediction"]


def test_a_condition_may_be_a_function_and_its_fault_is_the_steps() -> None:
    def german(features: Any, answers: Any) -> bool:
        return bool(features["lang"] == "de")

    def wrong(features: Any, answers: Any) -> bool:
        return bool(features["town"] == "Ulm")

    events = visits(20)
    harness = run({"b": linear, "a": hr.Step(linear, when=german), "w": hr.Step(linear, when=wrong)}, events)

    for event, result in zip(events, harness.predictions, strict=True):
        assert result["steps"]["a"]["status"] == ("ok" if event["lang"] == "de" else "skipped")
        assert result["steps"]["w"]["error"] == "predict: KeyError: 'town'"


def test_a_detector_learns_at_once_and_a_classifier_when_its_label_comes() -> None:
    models = {"odd": odd, "meta": hr.Step(plain, inputs=["pages", "odd.score"])}
    labelled, not_yet = run(models, visits(40)), run(models, visits(40, labelled=False))

    assert not_yet.fold.step == 0
    scores = [result["steps"]["odd"]["score"] for result in labelled.predictions]
    assert [result["steps"]["odd"]["score"] for result in not_yet.predictions] == scores


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"a": hr.Step(plain, inputs=["b.prediction"]), "b": hr.Step(plain, after=["a"])}, "a -> b -> a"),
        ({"a": hr.Step(plain, inputs=["bb.prediction"]), "b": plain}, "did you mean 'b'"),
        ({"a": plain, "b": hr.Step(plain, after=["z"])}, "models['b'].after: 'b' needs a step 'z'"),
        ({"a": hr.Step(plain, inputs=["page"])}, "did you mean 'pages'"),
        ({"a": hr.Step(plain, when="lnag == 'de'")}, "models['a'].when: no feature is called 'lnag'"),
        ({"a": hr.Step(plain, when="lang > 3")}, "'lang' holds texts, and 'lang > 3' takes it for a number"),
        ({"a": hr.Step(plain, when="pages in ('1', '2')")}, "pages == a number without quotes"),
        ({"a": plain, "b": hr.Step(plain, when="a.score > 1")}, "'a' gives no score"),
        ({"a": odd, "b": hr.Step(plain, when="a.confidence > 1")}, "'a' gives no probability"),
        ({"a": odd, "b": hr.Step(plain, when="a.prediction == 1")}, "'a' gives no prediction"),
        ({"a": hr.Step(plain, when="b.score > 1")}, "'a' needs a step 'b'"),
        ({"a": hr.Step(plain, when="lang = 1")}, "no condition"),
        ({"a": plain, "b": hr.Step(plain, inputs=["a.score"])}, "'a' gives no score"),
        ({"a": odd, "b": hr.Step(plain, inputs=["a.probability"])}, "'a' gives no probability"),
        ({"a": odd, "b": plain}, "have one task"),
        ({"combine": plain}, "'combine' is not free"),
        ({"a": hr.Step(lambda: 1 / 0)}, "the factory raised ZeroDivisionError"),  # type: ignore[arg-type,return-value]
    ],
)
def test_what_cannot_work_is_refused_when_it_is_declared(models: Any, said: str) -> None:
    with pytest.raises(hr.DeclarationError) as raised:
        declare(models)

    assert said in str(raised.value)


@pytest.mark.parametrize(
    "options", [{"inputs": "features"}, {"inputs": []}, {"inputs": [1]}, {"when": 3}, {"after": "b"}]
)
def test_a_step_refuses_arguments_of_other_kinds(options: Any) -> None:
    with pytest.raises(hr.DeclarationError):
        hr.Step(plain, **options)
