"""Steps that somebody outside answers, through a pipeline's whole fold: events wait, answers find them."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import jsonschema
import pytest
from river import linear_model, preprocessing

import headrace as hr
from headrace.errors import HeadraceError, OrderError
from headrace.models.digest import digest
from headrace.testing import Harness
from schemas.cloudevents import ANSWER_TYPE, TASK_STATUS_TYPE, TASK_TYPE
from schemas.publishing import json_schema

DEADLINE_S = 60.0


class Text(hr.Event):
    """Something to be judged at a time."""

    at: float
    a: float
    y: bool | None = None


def linear() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def declare(
    models: dict[str, Any] | None = None, *, ext: dict[str, Any] | None = None, **options: Any
) -> hr.Pipeline:
    outside = hr.External("t.answers", **{"deadline_s": DEADLINE_S, **(ext or {})})
    return hr.Pipeline(
        "t",
        source=hr.Topic("t.events", Text, time="at"),
        target="y",
        models=models or {"linear": linear, "ext": outside},
        **{"combine": hr.First(), **options},
    )


def event(i: int, at: float | None = None, **more: Any) -> dict[str, Any]:
    return {"id": f"e{i}", "at": float(i) if at is None else at, "a": i * 37 % 101 / 50 - 1, **more}


def test_an_event_waits_for_its_answer_and_has_one_result() -> None:
    harness = Harness(declare())

    harness.send(event(0), key="k")
    assert harness.predictions == []
    (task,) = harness.tasks
    harness.send(event(1))
    harness.answer({"event_id": "e0", "probability": {"true": 0.75, "false": 0.25}})

    assert (task["event_id"], task["step"], task["features"]) == ("e0", "ext", {"a": -1.0})
    assert (task["deadline_s"], task["answers"], task["id"]) == (60.0, "t.answers", "t/t.log/0/0/ext.task")
    (result,) = harness.predictions
    assert result["id"] == "t/t.log/0/2/predict.0"
    assert (result["event_id"], result["source"]["offset"], result["origin"]["topic"]) == (
        "e0",
        0,
        "t.events",
    )
    assert result["steps"]["ext"] == {
        "prediction": True,
        "probability": {"true": 0.75, "false": 0.25},
        "status": "ok",
    }
    assert [(s["state"], s["event_id"], s["event_offset"]) for s in harness.answers] == [
        ("taken", "e0", 0),
        ("answered", "e0", 0),
    ]


def test_an_event_whose_answer_does_not_come_is_answered_by_the_others_and_says_so() -> None:
    harness = Harness(declare())
    harness.send(event(0))
    harness.send(event(1, at=DEADLINE_S))
    assert harness.predictions == []

    harness.send(event(2, at=DEADLINE_S + 0.5))
    harness.answer({"event_id": "e0", "prediction": True})

    (result,) = harness.predictions
    assert (result["id"], result["event_id"]) == ("t/t.log/0/2/predict.0", "e0")
    assert result["steps"]["ext"] == {"error": "no answer within 60 s", "status": "failed"}
    assert result["steps"]["linear"]["status"] == "ok"
    assert result["prediction"] == result["steps"]["linear"]["prediction"]
    assert [(s["state"], s.get("reason")) for s in harness.answers] == [
        ("expired", None),
        ("late", "expired"),
    ]


def test_a_step_takes_the_answer_from_outside_as_its_input_and_learns_with_it() -> None:
    models = {
        "ext": hr.External("t.answers", deadline_s=DEADLINE_S),
        "judge": hr.Step(linear_model.LogisticRegression, inputs=["a", "ext.probability"]),
    }
    harness, theirs = Harness(declare(models)), linear_model.LogisticRegression()
    for i in range(200):
        harness.send(event(i, y=i % 3 == 0))
        p = 0.9 if i % 3 == 0 else 0.2
        harness.answer({"event_id": f"e{i}", "probability": {"true": p, "false": 1 - p}})

        x = {"a": event(i)["a"], "ext.probability.false": 1 - p, "ext.probability.true": p}
        assert harness.predictions[-1]["probability"]["true"] == theirs.predict_proba_one(x)[True]
        theirs.learn_one(x, i % 3 == 0)
    assert [*harness.predictions[-1]["steps"]] == ["ext", "judge"]


def test_a_cheap_model_decides_whether_somebody_is_asked() -> None:
    models = {"cheap": linear, "ext": hr.External("t.answers", when="cheap.confidence < 0.55")}
    harness = Harness(declare(models, combine=hr.Last()))
    for i in range(200):
        y = i * 37 % 101 > 50
        harness.send(event(i, y=y))
        if harness.tasks and harness.tasks[-1]["event_id"] == f"e{i}":
            harness.answer({"event_id": f"e{i}", "prediction": y})

    asked = {task["event_id"] for task in harness.tasks}
    assert 0 < len(asked) < 150
    assert len(harness.predictions) == 200
    at_once = [p for p in harness.predictions if p["event_id"] not in asked]
    assert all(p["steps"]["ext"]["status"] == "skipped" for p in at_once)
    assert all(p["id"].endswith("/predict") and p["by"] == "cheap" for p in at_once)
    assert all(p["by"] == "ext" for p in harness.predictions if p["event_id"] in asked)


def test_one_step_outside_waits_for_another() -> None:
    models = {
        "linear": linear,
        "first": hr.External("t.first"),
        "second": hr.External("t.second", inputs=["first.prediction", "linear.probability"]),
    }
    harness = Harness(declare(models))
    harness.send(event(0))
    assert [task["step"] for task in harness.tasks] == ["first"]

    harness.answer({"event_id": "e0", "prediction": True}, step="first")
    assert harness.tasks[-1]["features"] == {
        "first.prediction": True,
        "linear.probability.false": 0.5,
        "linear.probability.true": 0.5,
    }
    assert harness.predictions == []
    harness.answer({"event_id": "e0", "prediction": False}, step="second")

    assert [*harness.predictions[0]["steps"]] == ["linear", "first", "second"]


def test_a_label_that_comes_before_the_answer_is_joined_to_it() -> None:
    pipeline = declare(labels=hr.Labels("t.labels", time="at"), metrics=hr.Metrics(every=1))
    harness = Harness(pipeline)
    harness.send(event(0))
    harness.label({"id": "e0", "at": 1.0, "y": True})
    assert [label["state"] for label in harness.labels] == ["orphan_kept"]
    assert harness.fold.step == 0

    harness.answer({"event_id": "e0", "prediction": True})

    assert [label["state"] for label in harness.labels] == ["orphan_kept", "joined"]
    assert harness.fold.step == 1
    scores = {score["model"]: score["values"] for score in harness.metrics[-1]["scores"][:3]}
    assert scores["ext"]["Accuracy"] == 1.0


def test_what_is_no_answer_is_told_and_the_event_waits_on() -> None:
    harness = Harness(declare(limits=hr.Limits(size_bytes=1_000)))
    harness.send(event(0))
    for wrong in ({"event_id": "e0"}, {"event_id": 7, "prediction": True}, {"prediction": True}):
        harness.answer(wrong)
    harness.answer(b"garbage")
    harness.answer({"event_id": "e0", "prediction": True, "text": "x" * 2_000})
    harness.answer({"event_id": "nobody", "prediction": True})

    assert [(s["state"], s["event_id"]) for s in harness.answers] == [
        ("invalid", "e0"),
        ("invalid", None),
        ("invalid", None),
        ("unknown", "nobody"),
    ]
    assert [letter["error"]["type"] for letter in harness.dead] == ["json", "size"]
    assert harness.predictions == []
    harness.answer({"event_id": "e0", "prediction": True})
    assert len(harness.predictions) == 1


def test_an_event_of_an_id_that_waits_is_answered_without_those_outside() -> None:
    harness = Harness(declare())
    harness.send(event(0))
    harness.send(event(0))

    assert [p["steps"]["ext"]["error"] for p in harness.predictions] == ["another event of this id waits"]
    assert [(s["state"], s["reason"]) for s in harness.answers] == [("failed", "event_waits")]
    harness.answer({"event_id": "e0", "prediction": True, "task": harness.tasks[0]["id"]})
    assert [p["source"]["offset"] for p in harness.predictions] == [1, 0]


def test_an_answer_for_another_task_of_the_same_id_is_not_taken() -> None:
    harness = Harness(declare())
    harness.send(event(0))
    harness.send(event(0, at=DEADLINE_S + 1.0))

    assert [task["source"]["offset"] for task in harness.tasks] == [0, 1]
    for wrong in (harness.tasks[0]["id"], "t/t.log/0/1/other.task", "1", "/" * 50, "9" * 5_000 + "/ext.task"):
        harness.answer({"event_id": "e0", "prediction": True, "task": wrong})
    assert [s.get("reason") for s in harness.answers[1:]] == ["other_task"] * 5
    harness.answer({"event_id": "e0", "prediction": True, "task": harness.tasks[1]["id"]})
    assert [p["source"]["offset"] for p in harness.predictions] == [0, 1]


def test_when_too_many_events_wait_the_oldest_goes_on_and_nobody_else_is_asked_for_it() -> None:
    models = {
        "linear": linear,
        "first": hr.External("t.first", max_waiting=3),
        "second": hr.External("t.second", inputs=["first.prediction", "a"], max_waiting=3),
    }
    harness = Harness(declare(models))
    for i in range(6):
        harness.send(event(i, at=0.0))

    assert [p["event_id"] for p in harness.predictions] == ["e0", "e1", "e2"]
    steps = harness.predictions[0]["steps"]
    assert {name: answer["status"] for name, answer in steps.items()} == {
        "linear": "ok",
        "first": "failed",
        "second": "failed",
    }
    assert [task["step"] for task in harness.tasks] == ["first"] * 6
    assert Counter(s["state"] for s in harness.answers) == {"evicted": 3, "failed": 3}


def test_what_a_users_own_combination_raises_fails_the_step() -> None:
    def wrong(answers: Any) -> Any:
        raise RuntimeError("boom")

    harness = Harness(declare(ext={"quorum": 2, "combine": wrong}))
    harness.send(event(0))
    for worker in "ab":
        harness.answer({"event_id": "e0", "prediction": True, "worker": worker})

    (result,) = harness.predictions
    assert result["steps"]["ext"] == {"error": "combine: RuntimeError: boom", "status": "failed"}
    assert result["steps"]["linear"]["status"] == "ok"


def test_a_combination_that_learns_weighs_those_outside_like_any_model() -> None:
    harness = Harness(declare(combine=hr.Weighted()))
    for i in range(200):
        y = i * 7919 % 13 > 6
        harness.send(event(i, y=y))
        harness.answer({"event_id": f"e{i}", "probability": {"true": 0.95 * y, "false": 1 - 0.95 * y}})

    right = [p["prediction"] == (i * 7919 % 13 > 6) for i, p in enumerate(harness.predictions)]
    assert sum(right[50:]) > 145


def test_a_route_decides_once_who_works_on_an_event_that_waits() -> None:
    models = {
        "linear": linear,
        "ext": hr.External("t.answers"),
        "late": hr.Step(linear, after=["ext"]),
    }
    harness = Harness(declare(models, route=hr.Route("epsilon", explore=0.5, seed=3), combine=hr.Last()))
    for i in range(100):
        harness.send(event(i, y=i % 2 == 0))
        harness.answer({"event_id": f"e{i}", "prediction": i % 2 == 0})

    chosen = [
        tuple(name for name in models if p["steps"][name]["status"] == "ok") for p in harness.predictions
    ]
    assert [len(names) for names in chosen] == [1] * 100
    assert {*chosen} == {("linear",), ("ext",), ("late",)}
    assert len(harness.tasks) == chosen.count(("ext",))
    assert all(p["by"] == name for p, (name,) in zip(harness.predictions, chosen, strict=True))


def test_a_step_outside_that_is_disabled_is_not_asked_and_what_waits_for_it_waits_on() -> None:
    harness = Harness(declare(ext={"max_waiting": 1}))
    harness.send(event(0))
    harness.fold.order("disable", "ext")
    harness.send(event(1))
    with pytest.raises(OrderError, match="no model in the process"):
        harness.fold.order("freeze", "ext")
    harness.answer({"event_id": "e0", "prediction": True})
    harness.fold.order("enable", "ext")
    harness.send(event(2))

    assert [(p["event_id"], p["steps"]["ext"]["status"]) for p in harness.predictions] == [
        ("e1", "skipped"),
        ("e0", "ok"),
    ]
    assert [task["event_id"] for task in harness.tasks] == ["e0", "e2"]
    assert [(one.name, one.kind) for one in harness.fold.standings()][-1] == ("ext", "External")


def test_tasks_answers_and_what_became_of_them_keep_their_schemas() -> None:
    harness = Harness(whole())
    log = records(100)
    play(harness, log)

    for kind, said in ((TASK_TYPE, harness.tasks), (TASK_STATUS_TYPE, harness.answers)):
        check = jsonschema.Draft202012Validator(json_schema(kind))
        assert said
        for one in said:
            check.validate(one)
    check = jsonschema.Draft202012Validator(json_schema(ANSWER_TYPE))
    for kind, record in log:
        if kind == "answer":
            check.validate(record)


class Said:
    """All that a harness has published, in order and encoded."""

    def __init__(self, harness: Harness) -> None:
        self.all = [
            [json.dumps(one) for one in some]
            for some in (harness.predictions, harness.tasks, harness.answers, harness.labels, harness.metrics)
        ]


def play(harness: Harness, log: list[tuple[str, dict[str, Any]]]) -> None:
    for kind, record in log:
        {"event": harness.send, "label": harness.label, "answer": harness.answer}[kind](record)


def records(n: int) -> list[tuple[str, dict[str, Any]]]:
    """Return events, and answers and labels to them, late, twice, wrong or never, in a random order."""
    chance, found = random.Random(5), []
    for i in range(n):
        y = i * 37 % 101 > 50
        found.append((float(i), "event", event(i)))
        found.append((i + chance.random() * 40, "label", {"id": f"e{i}", "at": float(i), "y": y}))
        for worker in "abc":
            wait_s = chance.choice([0.5, 5.0, 30.0, 90.0])
            answer = {"event_id": f"e{i}", "prediction": chance.random() < 0.8, "worker": worker}
            found.append((i + wait_s, "answer", answer | chance.choice([{}, {}, {"error": "busy"}])))
    found.sort(key=lambda one: one[0])
    return [(kind, record) for _, kind, record in found]


def whole() -> hr.Pipeline:
    models = {
        "linear": linear,
        "ext": hr.External("t.answers", deadline_s=20.0, quorum=2, workers=3, max_waiting=15),
        "judge": hr.Step(linear, inputs=["features", "ext.prediction", "linear.probability"]),
    }
    return declare(
        models, labels=hr.Labels("t.labels", time="at", wait_s=200.0), metrics=hr.Metrics(every=10)
    )


@pytest.mark.parametrize("cut", [1, 77, 300, 641])
def test_a_restore_anywhere_changes_no_byte(cut: int) -> None:
    log = records(200)
    straight, before, after = Harness(whole()), Harness(whole()), Harness(whole())
    play(straight, log)

    play(before, log[:cut])
    after.restore(before.snapshot())
    after.seek(before.inlet_offsets())
    play(after, log[cut:])

    assert after.digest() == straight.digest()
    joined = [a + b for a, b in zip(Said(before).all, Said(after).all, strict=True)]
    assert joined == Said(straight).all
    assert len({p["id"] for p in straight.predictions}) == len(straight.predictions)


def test_each_event_has_one_result_and_each_answer_and_task_one_end() -> None:
    log = records(200)
    harness = Harness(whole())
    play(harness, [*log, ("event", event(10_000))])

    assert {*(p["event_id"] for p in harness.predictions)} >= {f"e{i}" for i in range(200)}
    assert max(Counter(p["event_id"] for p in harness.predictions).values()) == 1
    ends = Counter(s["state"] for s in harness.answers)
    assert ends["taken"] + ends["duplicate"] + ends["late"] + ends["unknown"] + ends["invalid"] == 600
    assert ends["answered"] + ends["failed"] + ends["expired"] + ends["evicted"] == 200
    assert min(ends[state] for state in ("taken", "late", "answered", "failed", "expired")) > 0
    assert len({s["id"] for s in harness.answers}) == len(harness.answers)
    assert len({m["id"] for m in harness.metrics}) == len(harness.metrics)


def test_a_challenger_takes_the_answer_from_outside_and_one_outside_cannot_compete() -> None:
    rival = hr.Step(linear, inputs=["features", "ext.prediction"])
    harness = Harness(declare(challengers={"rival": rival}))
    for i in range(50):
        harness.send(event(i, y=i % 2 == 0))
        harness.answer({"event_id": f"e{i}", "prediction": i % 2 == 0})

    assert [*harness.predictions[-1]["steps"]] == ["linear", "ext", "rival", "combined"]
    with pytest.raises(hr.DeclarationError) as caught:
        declare(challengers={"rival": hr.External("t.x")})
    assert caught.value.argument == "challengers['rival']"


def test_a_harness_says_which_steps_can_be_answered() -> None:
    with pytest.raises(HeadraceError, match=r"expected the name of an external step, got 'linear'"):
        Harness(declare()).answer({}, step="linear")


@pytest.mark.parametrize(
    ("models", "options", "argument"),
    [
        ({"ext": hr.External("t.answers")}, {}, "models"),
        ({"linear": linear, "ext": hr.External("t.answers")}, {"scope": "key"}, "models"),
        ({"linear": linear, "ext": hr.External("t.events")}, {}, "sources"),
        ({"linear": linear, "a": hr.External("t.x"), "b": hr.External("t.x")}, {}, "sources"),
        (
            {"linear": linear, "ext": hr.External("t.x", inputs=["lineal.prediction"])},
            {},
            "models['ext'].inputs",
        ),
        ({"linear": linear, "ext": hr.External("t.x", inputs=["linear.score"])}, {}, "models['ext'].inputs"),
        ({"linear": linear, "ext": hr.External("t.x", gives="regression")}, {}, "models"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_declared(
    models: dict[str, Any], options: dict[str, Any], argument: str
) -> None:
    with pytest.raises(hr.DeclarationError) as caught:
        declare(models, **options)
    assert caught.value.argument == argument


def test_a_model_that_is_disabled_while_an_event_waits_does_not_learn_from_it() -> None:
    waiting, asked = Harness(declare()), Harness(declare())
    for harness in (waiting, asked):
        harness.send(event(0, y=True))
    waiting.fold.order("disable", "linear")
    waiting.answer({"event_id": "e0", "prediction": True})

    assert len(waiting.predictions) == 1
    assert digest(waiting.fold.models["linear"]) == digest(asked.fold.models["linear"])
