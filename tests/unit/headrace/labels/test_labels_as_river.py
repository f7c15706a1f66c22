"""Delayed labels as river has them: the same predictions and the same metric, to the bit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from river import datasets, evaluate, linear_model, metrics, naive_bayes, preprocessing, stream, tree

from agents.flights import files
from agents.flights.journeys import Journeys
from headrace import Labels
from headrace.labels.outcomes import Outcome, Waiter
from headrace.labels.waiting import Waiting
from headrace.models.labels import label_of
from headrace.models.verbs import verbs_of

START = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "linear": (lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(), metrics.ROCAUC),
    "bayes": (naive_bayes.GaussianNB, metrics.LogLoss),
    "tree": (lambda: tree.HoeffdingTreeClassifier(grace_period=50), metrics.Accuracy),
}
ROWS = {
    "Phishing": lambda: [*datasets.Phishing()],
    "Bananas": lambda: [*islice(datasets.Bananas(), 1500)],
    "flights": lambda: [*landed(1500)],
}
DELAYS: dict[str, Any] = {
    "an hour": dt.timedelta(hours=1),
    "by the event": lambda x, y: dt.timedelta(seconds=abs(hash(tuple(x.values()))) % 5_000),
    "after two thirds": lambda x, y: dt.timedelta(days=365 if sum(x.values()) > 0.5 else 0),
}


def landed(n: int) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the first *n* flights, less those that never arrived."""
    for flight, arrival, _ in Journeys(n, files.folder()):
        if arrival is not None:
            yield (
                {name: float(getattr(flight, name)) for name in ("hour", "distance", "dep_delay")},
                arrival.late,
            )


def timed(name: str) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the rows of a dataset, one a minute."""
    for i, (x, y) in enumerate(ROWS[name]()):
        yield {**x, "at": START + dt.timedelta(minutes=i)}, y


class Ours:
    """A model whose labels find their events in a store, and the metric of its answers."""

    def __init__(self, model: Any, metric: Any) -> None:
        self.waiting = Waiting(Labels("l", label_type=bool, wait_s=3e8))
        self.verbs = verbs_of(model, "classification")
        self.metric = metric
        self.scored: list[Any] = []

    def ask(self, i: int, x: dict[str, Any], at_s: float) -> None:
        answer = self.verbs.answer(x, None)
        list(self.waiting.expire(at_s))
        assert not self.waiting.add(i, Waiter(x, answer, 0, i), at_s)

    def tell(self, i: int, y: bool, at_s: float) -> None:
        list(self.waiting.expire(at_s))
        (joined,) = self.waiting.label(i, y, i, at_s)
        assert joined.state == "joined"
        self.learn(joined)

    def learn(self, joined: Outcome) -> None:
        assert joined.waiter is not None
        answer = joined.waiter.answer
        said: Any = answer.prediction
        if not self.metric.requires_labels:
            said = {label_of(text, (True, False)): p for text, p in (answer.probability or {}).items()}
        self.scored.append(said)
        if said not in (None, {}):
            self.metric.update(y_true=joined.label, y_pred=said)
        self.verbs.learn(joined.waiter.x, joined.label)


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "rows", [pytest.param(name, marks=[pytest.mark.slow] if name == "flights" else []) for name in ROWS]
)
def test_predictions_and_metric_equal_those_of_river(rows: str, model: str, delay: str) -> None:
    fresh, metric = MODELS[model]
    moment = {"moment": lambda x: x.pop("at"), "delay": DELAYS[delay]}
    ours, now_s = Ours(fresh(), metric()), 0.0
    for i, x, y in stream.simulate_qa(timed(rows), **moment):
        if y is None:
            now_s = (START + dt.timedelta(minutes=i)).timestamp()
            ours.ask(i, x, now_s)
        else:
            ours.tell(i, y, now_s)

    theirs = metric()
    evaluate.progressive_val_score(timed(rows), fresh(), theirs, **moment)
    steps = evaluate.iter_progressive_val_score(
        timed(rows), fresh(), metric(), **moment, yield_predictions=True
    )

    assert ours.metric.get() == theirs.get()
    assert ours.scored == [step["Prediction"] for step in steps]
    assert ours.waiting.pending == 0
    assert ours.waiting.counts["joined"] == len(ours.scored) == len(ROWS[rows]())
