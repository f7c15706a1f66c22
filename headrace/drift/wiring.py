"""How guards come to stand around the models of a pipeline, and how they are found again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from river import base

from headrace.drift import rates
from headrace.drift.declaration import Drift
from headrace.drift.guard import Guard, GuardedClassifier, GuardedRegressor
from headrace.drift.learner import Kind, kind_of
from headrace.errors import DeclarationError, SnapshotError
from headrace.models.checks import ModelFactory

Drifts: TypeAlias = Drift | Mapping[str, Drift]
"""One for all models, or by name of the model."""


def declared_by_model(drift: Any, names: Mapping[str, Any]) -> dict[str, Drift]:
    """Return what *drift* declares for each model of *names*; a model that it leaves out is not there.

    Raises
    ------
    DeclarationError
        If it is no declaration, or names a model that is not there.
    """
    if drift is None:
        return {}
    if isinstance(drift, Drift):
        return dict.fromkeys(names, drift)
    if not isinstance(drift, Mapping) or not all(isinstance(one, Drift) for one in drift.values()):
        raise DeclarationError(
            "drift",
            f"expected headrace.Drift, or several by name of the model, got {drift!r}"[:200],
            fix='drift=headrace.Drift("background")',
        )
    if unknown := [name for name in drift if name not in names]:
        raise DeclarationError(
            "drift",
            f"there is no model {unknown[0]!r}",
            why=f"the models are {', '.join(names)}",
            fix="name one of them",
        )
    return {name: drift[name] for name in names if name in drift}


def guarded_factories(
    factories: Mapping[str, ModelFactory], samples: Mapping[str, base.Estimator], drift: Drifts | None
) -> dict[str, ModelFactory]:
    """Return *factories* whose models have the guards that *drift* declares.

    Parameters
    ----------
    factories
        By name of the model.
    samples
        A fresh model of each.
    drift
        The declaration, or several by name of the model; a model that it leaves out has no guard.

    Raises
    ------
    DeclarationError
        If a policy or a detector does not suit a model.
    """
    declared = declared_by_model(drift, factories)
    return {
        name: _guarding(name, factory, samples[name], declared[name]) if name in declared else factory
        for name, factory in factories.items()
    }


def _guarding(name: str, factory: ModelFactory, sample: base.Estimator, declared: Drift) -> ModelFactory:
    kind = kind_of(sample)
    _require_suits(name, sample, declared, kind)
    if kind is None:
        return factory
    guard: type[Guard] = GuardedRegressor if kind == "number" else GuardedClassifier
    return partial(guard, name, factory, declared, kind)


def _require_suits(name: str, sample: base.Estimator, declared: Drift, kind: Kind | None) -> None:
    if kind is None and declared.policy != "alarm":
        raise DeclarationError(
            "drift.policy",
            f"{declared.policy!r} needs an error, and model {name!r} has none",
            why="only classifiers and regressors can be compared with a label",
            fix=f'drift={{"{name}": headrace.Drift("alarm", features=[...])}}',
        )
    if kind == "number" and declared.detectors["error"] != "adwin":
        raise DeclarationError(
            "drift.detectors",
            f"{declared.detectors['error']!r} takes answers that are right or wrong; {name!r} is a regressor",
            fix='detectors={"error": "adwin"}',
        )
    if declared.policy == "boost" and not rates.has_rates(sample):
        raise DeclarationError(
            "drift.policy",
            f"'boost' raises the learning rate, and model {name!r} has none",
            fix=f'drift={{"{name}": headrace.Drift("background")}}',
        )


def guards_of(model: Any) -> list[Guard]:
    """Return the guards in *model*: itself, or none."""
    return [model] if isinstance(model, Guard) else []


def attach(restored: base.Estimator, fresh: base.Estimator) -> base.Estimator:
    """Return *restored* with the factory and the declaration of *fresh*, if they are guards.

    Raises
    ------
    SnapshotError
        If *restored* is a guard of another kind of model, or of another declaration.
    """
    if isinstance(restored, Guard) and isinstance(fresh, Guard):
        found, wanted = type(restored.guarded_model), type(fresh.guarded_model)
        if found is not wanted or restored.spec != fresh.spec or restored.kind != fresh.kind:
            raise SnapshotError(
                "models",
                "the snapshot holds another guarded model, or one with another drift declaration",
                why=f"expected {wanted.__name__}, found {found.__name__}",
                fix="raise the pipeline's version when models or their drift declaration change",
            )
        restored.attach(fresh)
    return restored
