"""What one would write by hand: river, dicts for the tables and for flights in the air, no Kafka."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import orjson
from river import base, metrics

from agents.flights.pipeline import (
    PLANE_FIELDS,
    PLANE_PREFIX,
    REGION_FIELDS,
    REGION_PREFIX,
    WAIT_S,
    WEATHER_FIELDS,
    hoeffding_tree,
    linear,
)

COMBINED = "(combined)"

Answers = dict[str, float]
"""Probability of being late, by model."""


class Tables:
    """The newest row of each airport, plane and region: records come in the order of event time."""

    def __init__(self) -> None:
        self._weather: dict[str, dict[str, Any]] = {}
        self._planes: dict[str, dict[str, Any]] = {}
        self._regions: dict[str, dict[str, Any]] = {}

    def weather(self, value: bytes) -> None:
        """Take in what an airport measured."""
        row = orjson.loads(value)
        self._weather[row["origin"]] = {name: row[name] for name in WEATHER_FIELDS if name in row}

    def plane(self, value: bytes) -> None:
        """Take in a plane."""
        row = orjson.loads(value)
        self._planes[row["tailnum"]] = {
            PLANE_PREFIX + name: row[name] for name in PLANE_FIELDS if name in row
        }

    def region(self, value: bytes) -> None:
        """Take in how flights to a region fared."""
        row = orjson.loads(value)
        self._regions[row["region"]] = {REGION_PREFIX + name: row[name] for name in REGION_FIELDS}

    def join(self, x: dict[str, Any]) -> None:
        """Add to the flight *x* what is known of its origin, its plane and its region."""
        x.update(self._weather.get(x["origin"], ()))
        if plane := self._planes.get(x.get("tailnum", "")):
            x.update(plane)
        x.update(self._regions.get(x.get("region", ""), ()))


class Scores:
    """Accuracy and ROC AUC of each model, of all flights and by carrier."""

    def __init__(self) -> None:
        self._all: dict[str, list[metrics.base.Metric]] = defaultdict(_fresh)
        self._by_carrier: dict[tuple[str, str], list[metrics.base.Metric]] = defaultdict(_fresh)

    def add(self, carrier: str, answers: Answers, *, late: bool) -> None:
        """Score what was answered at departure."""
        for model, p in answers.items():
            for accuracy, roc_auc in (self._all[model], self._by_carrier[carrier, model]):
                accuracy.update(late, p > 0.5)
                roc_auc.update(late, p)


def _fresh() -> list[metrics.base.Metric]:
    return [metrics.Accuracy(), metrics.ROCAUC()]  # type: ignore[no-untyped-call] # river's


class Loop:
    """Answers the departures of one partition and learns from their arrivals.

    Parameters
    ----------
    tables
        What flights are joined with; ``None``: nothing.

    Attributes
    ----------
    outcomes
        Of each flight that landed: the combined answer, and whether it was late.
    n_expired
        How many flights never landed in time.
    """

    def __init__(self, tables: Tables | None) -> None:
        self._join = None if tables is None else tables.join
        self._models: dict[str, base.Classifier] = {"linear": linear(), "tree": hoeffding_tree()}  # type: ignore[dict-item] # river's pipelines forward these verbs
        self._scores = Scores()
        self._in_the_air: dict[str, tuple[float, dict[Any, Any], Answers]] = {}
        self.outcomes: list[tuple[float, bool]] = []
        self.n_expired = 0

    def departure(self, value: bytes) -> bytes:
        """Return the answer to a departure, as it would be published."""
        x = orjson.loads(value)
        event_id, at = x.pop("id"), x.pop("at")
        if self._join is not None:
            self._join(x)
        answers = {name: model.predict_proba_one(x).get(True, 0.0) for name, model in self._models.items()}
        p = answers[COMBINED] = sum(answers.values()) / len(answers)
        self._expire(at)
        self._in_the_air[event_id] = at, x, answers
        return orjson.dumps({"id": event_id, "late": p > 0.5, "probabilities": answers})

    def arrival(self, value: bytes) -> None:
        """Score the answer of then and learn the features of then, if the flight is waited for."""
        label = orjson.loads(value)
        found = self._in_the_air.pop(label["event_id"], None)
        if found is None:
            return
        _, x, answers = found
        late = label["late"]
        self._scores.add(x["carrier"], answers, late=late)
        for model in self._models.values():
            model.learn_one(x, late)
        self.outcomes.append((answers[COMBINED], late))

    def _expire(self, now: float) -> None:
        waiting = self._in_the_air
        while waiting:
            oldest = next(iter(waiting))
            if waiting[oldest][0] + WAIT_S >= now:
                return
            del waiting[oldest]
            self.n_expired += 1
