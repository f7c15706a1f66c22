"""Makes the list of what a snapshot may hold, for the version of river in use.

``python -m headrace.snapshots.classes`` writes it; people judge what that changes.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from river import (
    base,
    drift,
    ensemble,
    feature_extraction,
    forest,
    linear_model,
    metrics,
    neighbors,
    preprocessing,
    stats,
    tree,
    utils,
)

from headrace.errors import SnapshotError
from headrace.feedback.bandit import Bandit
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Thompson
from headrace.snapshots import catalogue
from headrace.snapshots.allowed import BOUND, LIST, method_name
from headrace.snapshots.catalogue import built
from headrace.snapshots.naming import Named, named_by

COMMAND = "python -m headrace.snapshots.classes"

_EVENTS = 150

_VALUES = (
    ("builtins", "complex"), ("builtins", "frozenset"), ("builtins", "set"), ("builtins", "slice"),
    ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
    ("datetime", "timezone"), ("decimal", "Decimal"), ("uuid", "UUID"), ("uuid", "SafeUUID"),
    ("numpy", "ndarray"), ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
    ("headrace.features.total", "Total"), ("headrace.features.window", "Window"),
    ("headrace.snapshots.pickling", "restored_gaussian"), ("headrace.snapshots.pickling", "restored_select"),
    ("headrace.models.combining.best", "BestCombiner"), ("headrace.models.combining.best", "Region"),
    ("headrace.models.combining.losses", "Losses"), ("headrace.models.combining.ranks", "Latest"),
    ("headrace.models.combining.ranks", "RanksCombiner"),
    ("headrace.models.combining.stack", "StackCombiner"),
    ("headrace.models.combining.weighted", "WeightedCombiner"),
    ("headrace.routing", "RouteModel"), ("headrace.tasks.halving", "Halving"),
    ("headrace.tasks.purse", "Purse"), ("headrace.tasks.routing", "Bandit"),
    ("headrace.tasks.routing", "Router"),
    ("headrace.drift.blocks", "Blocks"), ("headrace.drift.errors", "ErrorWatch"),
    ("headrace.drift.errors", "ScaledErrorWatch"),
    ("headrace.drift.guard", "GuardedClassifier"), ("headrace.drift.guard", "GuardedRegressor"),
    ("headrace.drift.learner", "Learner"), ("headrace.drift.policies", "Background"),
    ("headrace.drift.policies", "Boost"), ("headrace.drift.policies", "Policy"),
    ("headrace.drift.policies", "Reset"), ("headrace.drift.policies", "Window"),
    ("headrace.drift.rates", "Faster"), ("headrace.drift.watch", "Categories"),
    ("headrace.drift.watch", "Numbers"), ("headrace.drift.watch", "Watch"),
)  # fmt: skip
"""What events can hold and models keep, whether the examples do or not."""

_MATH = (
    "asinh", "atan", "atanh", "ceil", "cos", "exp", "expm1", "fabs", "floor", "log", "log10", "log1p", "log2",
    "sin", "sinh", "sqrt", "tan", "tanh",
)  # fmt: skip
"""Functions that users give to river's transformers; none takes long for a big number."""

_LEFT_OUT = {("numpy", "array"), ("numpy", "ones")}
"""They believe what an object says about its memory (``__array_interface__``); only `LDA` holds them."""

_CLONED = ("river.metrics.", "river.proba.", "river.stats.")
"""Models that keep one of these per arm, label or leaf hold its method ``clone``."""


def generated() -> str:
    """Return the list as text."""
    named, kinds = _named(), catalogue.classes()
    entries = named.globals | {(kind.__module__, kind.__qualname__) for kind in kinds}
    entries |= {*_VALUES, *(("math", name) for name in _MATH)}
    entries -= _LEFT_OUT
    entries |= {(module.replace("numpy._core", "numpy.core"), name) for module, name in entries}  # numpy 1
    bound = {method_name(kind, name) for kind, name in named.methods}
    bound |= {
        method_name(kind, "clone")
        for kind in kinds
        if issubclass(kind, base.Base) and kind.__module__.startswith(_CLONED)
    }
    lines = [f"{module} {name}" for module, name in sorted(entries)]
    lines += [f"{BOUND} {name}" for name in sorted(bound)]
    return "\n".join([f"# river {version('river')}; made by: {COMMAND}", *lines, ""])


def _named() -> Named:
    """Return what pickles name of all models, fresh and taught, and of all parts that can be built."""
    named = Named(set(), set())
    for thing in _things():
        try:
            found = named_by(thing)
        except (
            SnapshotError
        ):  # river has things that cannot be pickled; registration refuses models with them
            continue
        named.globals.update(found.globals)
        named.methods.update(found.methods)
    return named


def _things() -> Iterator[Any]:
    for example in catalogue.examples().values():
        model = example.factory()
        yield model
        catalogue.say(example, model, _EVENTS)
        yield model
    for kind in catalogue.classes():
        try:
            yield built(kind)
        except Exception:  # noqa: BLE001, S112 - it needs arguments; those who hold it give them
            continue
    yield from _variants()
    yield from _bandits()


def _variants() -> Iterator[Any]:
    """Yield what options make different from river's own examples."""
    for kind, tau in product((linear_model.PAClassifier, linear_model.PARegressor), (0, 1, 2)):
        yield built(kind, mode=tau)
    for method in ("bag", "me", "half", "wt", "subag"):
        yield built(ensemble.LeveragingBaggingClassifier, catalogue.logistic(), bagging_method=method)
    for mode in ("all", "drop", "off"):
        yield built(forest.OXTRegressor, n_models=2, detection_mode=mode)
    for mode in ("up", "down", "both"):
        yield built(drift.PageHinkley, mode=mode)
    for method in ("fixed", "random"):
        yield built(drift.DummyDriftDetector, trigger_method=method, w=3)
    for method in ("max", "min", "arithmetic", "geometric"):
        yield built(metrics.NormalizedMutualInfo, average_method=method)
    for kind in (feature_extraction.BagOfWords, feature_extraction.TFIDF):
        yield built(kind, on="text", ngram_range=(1, 2), stop_words={"the"})
        yield built(kind, strip_accents=False, lowercase=False)
    yield feature_extraction.Agg(on="a", by="b", how=stats.Mean())
    yield feature_extraction.TargetAgg(by="b", how=stats.Mean())
    yield utils.TimeRolling(stats.Mean, datetime.timedelta(days=1))
    yield neighbors.SWINN(
        dist_func=functools.partial(utils.math.minkowski_distance, p=1), seed=catalogue.SEED
    )
    for kind in (preprocessing.StandardScaler, preprocessing.MinMaxScaler, preprocessing.MaxAbsScaler):
        yield built(kind, window_size=3)
    yield from _split_trees()


def _bandits() -> Iterator[Any]:
    """Yield a bandit with each policy, taught."""
    for policy in (LinUCB(), Thompson(), EpsilonGreedy()):
        bandit = Bandit(["a", "b"], policy=policy, context=preprocessing.StandardScaler)()
        for x, label, _ in catalogue.events(_EVENTS):
            bandit.learn(x, float(label), bandit.answer(x))
        yield bandit


def _split_trees() -> Iterator[Any]:
    """Yield trees for one target and for several, with each splitter; a text feature has one of its own."""
    kinds = (tree.splitter.EBSTSplitter, tree.splitter.TEBSTSplitter, tree.splitter.QOSplitter)
    for kind, several in product(kinds, (False, True)):
        regressor = tree.ISOUPTreeRegressor if several else tree.HoeffdingTreeRegressor
        model = built(regressor, splitter=built(kind), leaf_prediction="mean")
        for x, label, number in catalogue.events(_EVENTS):
            model.learn_one({**x, "word": str(label)}, {"a": number, "b": -number} if several else number)
        yield model


def main() -> None:
    """Write the list."""
    Path(__file__).with_name(LIST).write_text(generated(), encoding="utf-8")


if __name__ == "__main__":
    main()
