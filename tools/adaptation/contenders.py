"""What is compared: a model left alone, the same with each policy, and what river has of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from river import drift, forest, linear_model, preprocessing, tree
from river import multiclass as several

from headrace.drift import Drift, guarded_factories
from headrace.drift.guard import Guard

SEED = 7
N_TREES = 3


class Contender(Protocol):
    """A classifier that is asked, then taught."""

    def predict_one(self, x: Any) -> Any:
        """Return a label."""
        ...

    def learn_one(self, x: Any, y: Any) -> None:
        """Learn."""
        ...


Build = Callable[[], Any]


def hoeffding() -> Any:
    """Return the tree that is compared."""
    return tree.HoeffdingTreeClassifier()


def logistic() -> Any:
    """Return the linear model; several labels get one each."""
    return preprocessing.StandardScaler() | several.OneVsRestClassifier(linear_model.LogisticRegression())


def guarded(build: Build, declared: Drift) -> Build:
    """Return *build* with a guard."""
    return guarded_factories({"model": build}, {"model": build()}, declared)["model"]


def retraining(build: Build) -> Build:
    """Return *build* within river's own wrapper, with its default detector."""
    return lambda: drift.DriftRetrainingClassifier(build(), drift.binary.DDM())


MODELS: dict[str, Build] = {"tree": hoeffding, "linear": logistic}

POLICIES: dict[str, Drift] = {
    "background": Drift(),
    "reset": Drift("reset"),
    "window": Drift("window"),
}
VARIANTS: dict[str, Drift] = {
    "background, always": Drift(train="always"),
    "background, HDDM-W": Drift(detectors={"error": "hddm_w"}),
}
"""Of the default; on the tree only."""


def contenders(model: str) -> dict[str, Build]:
    """Return what is compared on *model*, by name; the first is the model left alone."""
    build = MODELS[model]
    found: dict[str, Build] = {"none": build}
    found |= {name: guarded(build, declared) for name, declared in POLICIES.items()}
    if model == "tree":
        found |= {name: guarded(build, declared) for name, declared in VARIANTS.items()}
    if model == "linear":
        found["boost"] = guarded(build, Drift("boost"))
    found["DriftRetraining"] = retraining(build)
    return found


def rivers() -> dict[str, Build]:
    """Return river's own adaptive classifiers."""
    return {
        "HAT": lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=SEED),
        f"ARF({N_TREES})": lambda: forest.ARFClassifier(n_models=N_TREES, seed=SEED),
    }


def alarms_of(contender: Any) -> int | None:
    """Return how many alarms the last event raised, ``None`` if *contender* does not say."""
    if isinstance(contender, Guard):
        return len(contender.take_alarms())
    if isinstance(contender, drift.DriftRetrainingClassifier):
        return int(contender.drift_detector.drift_detected)
    return None
