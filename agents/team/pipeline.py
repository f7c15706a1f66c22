"""The team's pipeline: is this card payment a fraud? Three models answer, a fourth waits for its chance.

The model called linear has faults that events call up (`agents.team.glitching`): its circuit opens, another
model stands in, and it comes back. That it is slow only a worker's clock can tell, which says so in a
decision. When the frauds change their ways, the weights of the three move; the challenger begins afresh, and
is promoted as soon as that is certain.

Run it by hand with ``headrace up agents.team.pipeline``; the setting ``snapshot_classes`` has to name the
class that its snapshots hold beside river's, `SNAPSHOT_CLASSES`.
"""

from __future__ import annotations

from river import base, compose, linear_model, metrics, naive_bayes, optim, preprocessing, tree
from river.drift import binary, retrain

import headrace as hr
from agents.team.glitching import FIELD, Glitching

NAME = "team"
PAYMENTS = "team.payments"
SNAPSHOT_CLASSES = f"{Glitching.__module__}.{Glitching.__qualname__}"

SABOTAGED = "linear"
SPARE = f"{SABOTAGED}-backup"
MEMBERS = (SABOTAGED, "bayes", "tree")
CHALLENGER = "adaptive"

DEADLINE_MS = 10.0
"""Hundreds of times what its answer takes: a machine with much to do is not a slow model."""

ALPHA = 0.05
"""How likely a challenger that is no better is promoted all the same."""

NUMBERS = ("amount", "hour", "distance_km", "pause_min")


class Payment(hr.Event, omit_defaults=True):
    """A payment by card; *glitch* is what the demo does to one of the models."""

    card: str
    amount: float
    hour: float
    distance_km: float  # from home
    pause_min: float  # since the payment before with this card
    glitch: str | None = None
    is_fraud: bool | None = None


def linear() -> base.Estimator:
    """Return a logistic regression behind a transformer with a fault."""
    scaled = Glitching() | preprocessing.StandardScaler()
    model: base.Estimator = scaled | linear_model.LogisticRegression(optimizer=optim.SGD(0.01))
    return model


def spare() -> base.Estimator:
    """Return what stands in for it: the same of the amount alone, and without the fault."""
    amount = compose.Select("amount") | preprocessing.StandardScaler()
    model: base.Estimator = amount | linear_model.LogisticRegression()
    return model


def adaptive_tree() -> base.Estimator:
    """Return a decision tree that begins afresh when it is wrong more often than before."""
    alarm = binary.HDDMW()  # type: ignore[no-untyped-call] # river has no types there
    model: base.Estimator = retrain.DriftRetrainingClassifier(
        tree.HoeffdingTreeClassifier(grace_period=50, delta=1e-2), alarm
    )
    return model


pipeline = hr.Pipeline(
    NAME,
    source=hr.Topic(PAYMENTS, Payment, key="card", partitions=2),
    target="is_fraud",
    features=[*NUMBERS, FIELD],
    models={
        SABOTAGED: hr.Step(
            linear,
            inputs=[*NUMBERS, FIELD],
            backup=[spare],
            breaker=hr.Breaker(errors=3, of=20, rest=100, worse_than_baseline=None),
            deadline_ms=DEADLINE_MS,
        ),
        "bayes": hr.Step(naive_bayes.GaussianNB, inputs=[*NUMBERS]),
        "tree": hr.Step(tree.HoeffdingTreeClassifier, inputs=[*NUMBERS]),
    },
    combine=hr.Weighted("hedge", memory=500),
    challengers={CHALLENGER: hr.Step(adaptive_tree, inputs=[*NUMBERS])},
    promotion=hr.Promotion(alpha=ALPHA, at_least=500, cooldown=1_000),
    metrics=hr.Metrics(metrics.Accuracy, windows=[500], every=100),
)
