"""Labels that come later, through a pipeline's whole fold: against river's own evaluation with delays."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from river import datasets, evaluate, linear_model, metrics, naive_bayes, preprocessing, stream, tree

import headrace as hr
from headrace.testing import Harness
from tests.declaring import fault_of

HOUR_S = 3600.0
N_EVENTS = 1250


def scaled() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def hoeffding() -> Any:
    return tree.HoeffdingTreeClassifier(grace_period=50)


MODELS = {"linear": scaled, "tree": hoeffding, "bayes": naive_bayes.GaussianNB}


def events(dataset: Any) -> list[tuple[dict[str, Any], bool]]:
    """Return features and label; each event knows its number, which is its time in seconds."""
    found = [(dict(x), bool(y)) for x, y in dataset.take(N_EVENTS)]
    return [({"n": n, **{f"f{k}": v for k, v in x.items()}}, y) for n, (x, y) in enumerate(found)]


def moment(x: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromtimestamp(x["n"], dt.UTC)


def delay(x: dict[str, Any], y: Any) -> dt.timedelta:
    return dt.timedelta(seconds=random.Random(x["n"]).choice([0.5, 3, 40, 400]))


def declare(names: list[str], models: Any, **labels: Any) -> hr.Pipeline:
    fields: Any = [("at", float), *((name, float) for name in names), ("y", bool | None, None)]
    event = msgspec.defstruct("Measured", fields, bases=(hr.Event,), kw_only=True)
    return hr.Pipeline(
        "late",
        source=hr.Topic("measured", event, time="at"),
        labels=hr.Labels("outcomes", time="at", **labels),
        target="y",
        models=models,
    )


def questions_and_answers(found: list[Any]) -> Iterator[tuple[int, dict[str, Any], Any, float]]:
    """Yield number, features, label (``None``: a question) and time, in the order of river's simulation."""
    for n, x, *y in stream.simulate_qa(iter(found), moment=moment, delay=delay):
        at = x["n"] + (delay(x, y[0]).total_seconds() if y else 0.0)
        yield n, {k: v for k, v in x.items() if k != "n"}, y[0] if y else None, at


def play(harness: Harness, found: list[Any]) -> None:
    for n, x, y, at in questions_and_answers(found):
        if y is None:
            harness.send({"id": str(n), "at": at, **x})
        else:
            harness.label({"id": str(n), "at": at, "y": y})


@pytest.mark.parametrize("dataset", [datasets.Phishing, datasets.Bananas])
@pytest.mark.parametrize("model", MODELS)
def test_predictions_and_metric_are_those_of_river_to_the_bit(dataset: Any, model: str) -> None:
    found = events(dataset())
    names = [name for name in found[0][0] if name != "n"]
    harness = Harness(declare(names, MODELS[model]))
    theirs, answers = MODELS[model](), {}
    score = metrics.ROCAUC()

    play(harness, found)
    for n, x, y, _ in questions_and_answers(found):
        if y is None:
            answers[n] = theirs.predict_proba_one(x)
        else:
            score.update(y, answers[n])
            theirs.learn_one(x, y)

    ours = [result.get("probability") or {} for result in harness.predictions]
    assert ours == [{str(k).lower(): p for k, p in answers[n].items()} for n in range(len(found))]
    assert [status["state"] for status in harness.labels] == ["joined"] * len(found)
    judged = evaluate.progressive_val_score(
        iter(found),
        _Without(MODELS[model]()),
        metrics.ROCAUC(),
        moment=moment,
        delay=delay,
    )
    mine = metrics.ROCAUC()
    for status in harness.labels:
        p = ours[int(status["event_id"])]
        mine.update(status["label"], {True: p.get("true", 0.0), False: p.get("false", 0.0)} if p else {})
    assert mine.get() == judged.get() == score.get()


class _Without(type(naive_bayes.GaussianNB())):  # type: ignore[misc] # a classifier around another
    """A model that does not see the number of the event."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def predict_proba_one(self, x: Any) -> Any:
        return self.model.predict_proba_one({k: v for k, v in x.items() if k != "n"})

    def learn_one(self, x: Any, y: Any) -> None:
        self.model.learn_one({k: v for k, v in x.items() if k != "n"}, y)


def small(**labels: Any) -> Harness:
    return Harness(declare(["a"], scaled, **labels))


def sent(harness: Harness, n: int, at: float | None = None, **fields: Any) -> None:
    harness.send({"id": str(n), "at": float(n if at is None else at), "a": n * 0.7, **fields})


def labelled(harness: Harness, n: int, y: Any, at: float = 0.0) -> None:
    harness.label({"id": str(n), "at": at, "y": y})


def states(harness: Harness) -> list[str]:
    return [status["state"] for status in harness.labels]


def test_a_label_that_precedes_its_event_is_kept_and_joined() -> None:
    harness = small()

    labelled(harness, 1, True, at=0.0)
    sent(harness, 1)

    assert states(harness) == ["orphan_kept", "joined"]
    assert harness.labels[1]["delay_s"] == -1.0
    assert harness.fold.step == 1


def test_a_second_label_teaches_nothing_and_says_whether_it_contradicts() -> None:
    harness = small()
    sent(harness, 1)

    for y in (True, True, False):
        labelled(harness, 1, y)

    assert states(harness) == ["joined", "duplicate", "duplicate"]
    assert [status.get("conflicts", False) for status in harness.labels] == [False, False, True]
    assert harness.fold.step == 1


def test_a_correction_teaches_once_more_where_that_is_declared() -> None:
    harness = small(corrections="relearn")
    sent(harness, 1)

    for y in (True, False):
        labelled(harness, 1, y)

    assert states(harness) == ["joined", "corrected"]
    assert harness.fold.step == 2


@pytest.mark.parametrize("y", [None, 1, "yes", 0.5, [True]])
def test_a_label_of_another_type_is_invalid_and_its_event_goes_on_waiting(y: Any) -> None:
    harness = small()
    sent(harness, 1)

    labelled(harness, 1, y)
    labelled(harness, 1, True)

    assert states(harness) == ["invalid", "joined"]
    assert "expected bool" in harness.labels[0]["reason"]


@pytest.mark.parametrize("data", [b"[1]", b"{", b"", b"\xff", b'{"id": 7, "y": true}'])
def test_bytes_that_are_no_label_change_nothing(data: bytes) -> None:
    harness = small()
    sent(harness, 1)

    harness.label(data)
    labelled(harness, 1, True, at=5.0)

    assert len(harness.dead) + states(harness).count("invalid") == 1
    assert states(harness)[-1] == "joined"
    assert harness.fold.step == 1


def test_an_event_that_brings_its_label_is_learned_at_once_and_a_later_label_is_the_second() -> None:
    harness = small()

    sent(harness, 1, y=True)
    labelled(harness, 1, True)
    labelled(harness, 2, True)
    sent(harness, 2, y=True)

    assert states(harness) == ["joined", "duplicate", "orphan_kept", "joined"]
    assert harness.fold.step == 2


def test_an_event_without_label_expires_and_teaches_what_is_declared() -> None:
    dropped, negative = small(wait_s=10), small(wait_s=10, expire="negative")

    for harness in (dropped, negative):
        sent(harness, 1)
        sent(harness, 12)
        labelled(harness, 1, True)

    assert states(dropped) == states(negative) == ["expired", "orphan_expired"]
    assert (dropped.fold.step, negative.fold.step) == (0, 1)


def test_one_event_of_2099_expires_nothing() -> None:
    harness = small(wait_s=10)
    sent(harness, 1)

    sent(harness, 2, at=4.07e9)
    sent(harness, 3)
    labelled(harness, 1, True)

    assert states(harness) == ["joined"]
    assert harness.fold.clock is not None
    assert harness.fold.clock.odd == 1


def test_a_source_that_stops_leaves_its_events_waiting() -> None:
    harness = small(wait_s=10)
    sent(harness, 1)

    labelled(harness, 1, True, at=4.07e9)  # a label does not move the log's time

    assert states(harness) == ["joined"]


@pytest.mark.parametrize("at", [1, 333, 1200, 2400])
def test_a_restored_fold_goes_on_to_the_bit(at: int) -> None:
    found = list(questions_and_answers(events(datasets.Phishing())))
    names = list(found[0][1])
    undisturbed, harness = (Harness(declare(names, MODELS, wait_s=200)) for _ in range(2))
    n_before = 0

    for i, (n, x, y, moment_s) in enumerate(found):
        if i == at:
            n_before = len(harness.predictions)
            snapshot, seen = harness.snapshot(), harness.inlet_offsets()
            harness = Harness(declare(names, MODELS, wait_s=200))
            harness.restore(snapshot)
            harness.seek(seen)
        for one in (undisturbed, harness):
            if y is None:
                one.send({"id": str(n), "at": moment_s, **x})
            else:
                one.label({"id": str(n), "at": moment_s, "y": y})

    assert harness.digest() == undisturbed.digest()
    assert harness.predictions == undisturbed.predictions[n_before:]
    assert {"joined", "expired", "orphan_expired"} <= {*states(undisturbed)}


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"labels": "chargebacks"}, "labels"),
        ({"labels": hr.Labels("l"), "target": None}, "target"),
        ({"labels": hr.Labels("l"), "scope": "key"}, "labels"),
        ({"labels": hr.Labels("payments")}, "sources"),
        ({"labels": hr.Labels("fraud.log")}, "sources"),
        ({"key": "nothing"}, "key"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(arguments: dict[str, Any], argument: str) -> None:
    assert fault_of(**arguments).argument == argument


def test_a_key_that_is_not_the_topics_needs_intake_and_one_that_is_does_not() -> None:
    harness = Harness(declare(["a"], scaled))
    assert harness.pipeline.log.name == "late.log"

    sources = hr.Topic("t", harness.pipeline.source.event_type, key="id")
    plain = hr.Pipeline("p", source=sources, target="y", models=scaled, key="id")
    rekeyed = hr.Pipeline("p", source=sources, target="y", models=scaled, key="a")

    assert (plain.log.name, rekeyed.log.name) == ("t", "p.log")
