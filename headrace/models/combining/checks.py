"""Whether a way to combine answers fits the members of a pipeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from river import base

from headrace.errors import DeclarationError
from headrace.models.checks import check_reproducible
from headrace.models.combine import Combine, First, Mean, Only, Says, Vote
from headrace.models.combining.combiner import Learning
from headrace.models.verbs import Task, gives_verdict

Combination: TypeAlias = Combine | Learning


def checked_combine(
    combine: Any, task: Task, models: Mapping[str, base.Estimator], features: Collection[str] | None
) -> Combination:
    """Return *combine*, or how answers to *task* combine when the pipeline does not say.

    Parameters
    ----------
    models
        A fresh one of each member, by name.
    features
        Names of the features, ``None`` if any can come.

    Raises
    ------
    DeclarationError
        If it is no such thing, or does not fit the members.
    """
    if combine is None:
        return default_combine(task, len(models))
    is_learning = hasattr(combine, "fresh")
    if isinstance(combine, type) or not (callable(combine) or is_learning):
        shown = combine.__name__ if isinstance(combine, type) else repr(combine)
        raise DeclarationError(
            "combine",
            f"expected how answers combine, got {shown}",
            fix=f"combine={shown}()" if isinstance(combine, type) else "combine=headrace.Vote('soft')",
        )
    said = _said(task, models)
    if said.isdisjoint(getattr(combine, "reads", said)):
        raise DeclarationError(
            "combine",
            f"{combine!r} can never answer",
            why=f"the models are for {task}, and it combines each {' or '.join(sorted(combine.reads))}",
            fix=f"combine=headrace.{default_combine(task, len(models))!r}",
        )
    _check_members(combine, models)
    _check_feature(combine, features)
    if is_learning:
        check_reproducible("combine", combine.fresh([*models], task), combine.fresh([*models], task))
    made: Combination = combine
    return made


def default_combine(task: Task, n_members: int) -> Combine:
    """Return how answers to *task* combine when the pipeline does not say."""
    if task in ("clustering", "bandit"):
        return First()
    if n_members == 1:
        return Only()
    return Vote("soft") if task == "classification" else Mean()


def _check_members(combine: Any, names: Collection[str]) -> None:
    quorum, weights = getattr(combine, "quorum", None), getattr(combine, "weights", None)
    if isinstance(quorum, int) and quorum > len(names):
        raise DeclarationError(
            "combine.quorum",
            f"{quorum} answers are needed, and there are {len(names)} members",
            why=f"{', '.join(names)}: they are what no other step takes as its input",
            fix=f"quorum={len(names)} at most",
        )
    if isinstance(weights, Mapping) and weights.keys() != {*names}:
        raise DeclarationError(
            "combine.weights",
            f"expected a weight for each of {', '.join(names)}, got {', '.join(weights)}",
            why="these are the members: what no other step takes as its input",
        )


def _check_feature(combine: Any, features: Collection[str] | None) -> None:
    by = getattr(combine, "by", None)
    if isinstance(by, str) and features is not None and by not in features:
        raise DeclarationError(
            "combine.by",
            f"no feature is called {by!r}",
            why=f"events have {', '.join(features)}",
            fix=f"by={next(iter(features), 'country')!r}, or leave it out",
        )


def _said(task: Task, models: Mapping[str, base.Estimator]) -> set[Says]:
    if task == "anomaly":
        return {"score", "label"} if any(map(gives_verdict, models.values())) else {"score"}
    says: dict[Task, Says] = {"classification": "label", "regression": "number", "clustering": "cluster"}
    return {says[task]}
