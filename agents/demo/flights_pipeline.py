"""The demo's pipeline: will this flight arrive more than 15 minutes late?

What is known when the flight leaves the gate is in the event, the delay of its departure above all. So is
the label, for this demo: a worker predicts first and shows the label to the models only afterwards.

Run it by hand with ``headrace up agents.demo.flights_pipeline``; copy it to start one of your own.
"""

from __future__ import annotations

from river import base, compose, linear_model, optim, preprocessing, tree

import headrace as hr

LATE_AFTER_MIN = 15


class Flight(hr.Event):
    """What is known when a flight leaves the gate, and whether it came late (absent: it never landed)."""

    month: int
    day: int
    weekday: int
    hour: float
    distance: float
    carrier: str
    origin: str
    dest: str
    dep_delay: float | None = None
    late: bool | None = None


def linear() -> base.Estimator:
    """Return a logistic regression over scaled numbers and one-hot names."""
    numbers = compose.SelectType(int, float) | preprocessing.StandardScaler()
    names = compose.SelectType(str) | preprocessing.OneHotEncoder(drop_zeros=True)
    model: base.Estimator = numbers + names | linear_model.LogisticRegression(optimizer=optim.SGD(0.05))
    return model


def hoeffding_tree() -> base.Estimator:
    """Return a decision tree that grows with the stream; numbers only, as names make it slow."""
    model: base.Estimator = compose.SelectType(int, float) | tree.HoeffdingTreeClassifier()
    return model


pipeline = hr.Pipeline(
    "flights",
    source=hr.Topic("flights.departures", Flight, key="carrier", partitions=4),
    target="late",
    models={"linear": linear, "tree": hoeffding_tree},
    combine=hr.Vote("soft"),
)
