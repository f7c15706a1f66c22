"""What a pipeline's options may be, and the sentences for those that may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from river import base

from headrace.alerts import rules
from headrace.alerts.rules import Alert, Known
from headrace.drift import Drifts
from headrace.errors import DeclarationError
from headrace.feedback.asking import AskFor
from headrace.feedback.declaration import Feedback
from headrace.feedback.fit import check_ask, check_feedback
from headrace.labels.declaration import Labels, check_labels
from headrace.models.verbs import Task, gives_probabilities
from headrace.scores.plan import Plan, checked_metrics
from headrace.steps.external import External
from headrace.steps.plan import Plan as Steps
from headrace.tasks.routing import Route
from headrace.topic import Topic
from schemas import Limits

Scope: TypeAlias = Literal["partition", "key"]

MAX_KEYS = 100_000
_MOST_KEYS = 1_000_000
"""A scaled logistic regression takes 5 kB a key."""


def checked_version(version: object) -> int:
    """Return *version* if it is a number of one."""
    if type(version) is not int or version < 1:
        raise DeclarationError(
            "version",
            f"expected a whole number from 1 on, got {version!r}",
            why="results carry it, and a higher one means other models",
            fix="version=1",
        )
    return version


def checked_key(source: Topic, key: object) -> str | None:
    """Return the field whose value is the key in the log."""
    if key is None:
        return source.key
    if key not in source.event_type.__struct_fields__:
        raise DeclarationError(
            "key",
            f"{source.event_type.__name__} has no field {key!r}",
            why=f"its fields are {', '.join(source.event_type.__struct_fields__)}",
            fix="name one of them, or leave key out where the topic is keyed as the models need",
        )
    return str(key)


def checked_scope(scope: Scope) -> Scope:
    """Return *scope* if there is such a one."""
    if scope not in get_args(Scope):
        raise DeclarationError(
            "scope",
            f"expected 'partition' or 'key', got {scope!r}",
            why="models learn from all events of a partition, or each key's models from its own",
            fix="scope='key', or leave it out",
        )
    return scope


def checked_max_keys(max_keys: object, scope: Scope) -> int:
    """Return *max_keys* if so many can be held, and *scope* bounds them."""
    if type(max_keys) is not int or not 1 <= max_keys <= _MOST_KEYS:
        raise DeclarationError(
            "max_keys",
            f"expected a whole number from 1 to {_MOST_KEYS:,}, got {max_keys!r}",
            why="the models of so many keys are held in memory, for each partition",
            fix=f"max_keys={MAX_KEYS}; with more partitions, each has fewer keys",
        )
    if scope != "key" and max_keys != MAX_KEYS:
        raise DeclarationError(
            "max_keys",
            "only models by key are bounded",
            why=f"scope is {scope!r}: there is one set of models for each partition",
            fix="scope='key', or leave max_keys out",
        )
    return max_keys


def checked_limits(limits: object) -> Limits:
    """Return *limits*, or the default ones."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise DeclarationError(
            "limits",
            f"expected headrace.Limits, got {type(limits).__name__}",
            fix="limits=headrace.Limits(size_bytes=65_536)",
        )
    return limits


def planned(
    metrics: Any,
    target: str | None,
    task: Task,
    kinds: set[type],
    samples: Mapping[str, base.Estimator],
) -> Plan | None:
    """Return what is measured, ``None`` where *metrics* are not asked for: they cost microseconds each."""
    if metrics is None:
        return None
    if target is None:
        raise DeclarationError(
            "metrics",
            "answers are scored with labels, and no target is named",
            fix="target='FIELD' with the name of the label's field in the event type",
        )
    has_probabilities = task == "classification" and any(map(gives_probabilities, samples.values()))
    return checked_metrics(metrics, task, kinds, has_probabilities=has_probabilities)


def checked_alerts(alerts: Any, plan: Plan | None, models: tuple[str, ...]) -> tuple[Alert, ...]:
    """Return *alerts* and the built-in ones, none where nothing is measured."""
    if plan is None:
        if alerts is None:
            return ()
        raise DeclarationError(
            "alerts", "rules watch metrics, and none are measured", fix="metrics=headrace.Metrics()"
        )
    metrics, windows = (tuple(one.name for one in some) for some in (plan.gauges, plan.windows))
    return rules.checked_alerts(alerts, Known(metrics, models, windows, plan.declared.by is not None))


def checked_labels(
    labels: Any, target: str | None, kinds: set[type], task: Task, scope: Scope
) -> Labels | None:
    """Return *labels* with what they leave open filled in."""
    if labels is not None and scope == "key":
        raise DeclarationError(
            "labels",
            "models by key learn from labels in the event",
            why="a label that comes later would change which key gives way",
            fix="scope='partition', or target in the event",
        )
    return None if labels is None else check_labels(labels, target, kinds, task)


def checked_drift(drift: Drifts | None, scope: Scope) -> Drifts | None:
    """Return *drift*, which acts on the models of a partition."""
    if drift is not None and scope == "key":
        raise DeclarationError(
            "drift",
            "models by key have no guards yet",
            why="alarms are told for each partition",
            fix="scope='partition', or leave drift out",
        )
    return drift


def checked_feedback(
    feedback: Any, target: str | None, kinds: set[type], task: Task, scope: Scope
) -> Labels | None:
    """Return how answers wait for *feedback*, which is like waiting for a label; ``None`` without any."""
    if feedback is None:
        return None
    if scope == "key":
        raise DeclarationError(
            "feedback",
            "models by key learn from labels in the event",
            why="feedback that comes later would change which key gives way",
            fix="scope='partition', or leave feedback out",
        )
    if task != "bandit":
        check_feedback(feedback, task, target=target)
    given: Feedback = feedback
    waits = Labels(
        given.topic,
        given.event_id,
        given.value,
        None if given.kind == "correction" else float,
        wait_s=given.wait_s,
        expire="drop" if given.silence is None else float(given.silence),
        corrections="relearn" if given.kind == "correction" else "ignore",
        max_waiting=given.max_waiting,
        max_bytes=given.max_bytes,
    )
    return _checked_correction(waits, target, kinds, task) if given.kind == "correction" else waits


def _checked_correction(waits: Labels, target: str | None, kinds: set[type], task: Task) -> Labels:
    try:
        return check_labels(waits, target, kinds, task)
    except DeclarationError as error:  # it names an argument of Labels
        _, _, what = error.what.partition(": ")
        raise DeclarationError(
            "feedback.kind",
            f"a correction is a label: {what}",
            why=error.why,
            fix="kind='rating', or a target of one type that the models learn",
        ) from error


def checked_route(route: Any, task: Task, steps: Steps, scope: Scope) -> Route | None:
    """Return *route* if it can choose among the members of *steps*, or ``None``."""
    if route is None:
        return None
    if not isinstance(route, Route):
        shown = route.__name__ if isinstance(route, type) else repr(route)
        raise DeclarationError(
            "route", f"expected headrace.Route, got {shown}", fix="route=headrace.Route('ucb')"
        )
    if task not in ("classification", "regression"):
        raise DeclarationError(
            "route",
            f"it learns from labels who is worth asking, and the models are for {task}",
            fix="leave it out",
        )
    if route.is_measured and scope == "key":
        raise DeclarationError(
            "route.cost",
            "what a model costs is measured for a partition, and each key has a route of its own",
            fix="cost={...}, microseconds by name",
        )
    if waits := [node.name for node in steps.nodes if node.name in steps.members and node.condition]:
        raise DeclarationError(
            "route",
            f"it chooses among members, and {waits[0]!r} works on some events only",
            why="where it is chosen and its condition does not hold, nobody would answer",
            fix="leave when= out, or the route",
        )
    route.check(steps.members)
    return route


def checked_external(external: dict[str, External], scope: Scope) -> dict[str, External]:
    """Return the *external* steps, which work with the models of a partition."""
    if external and scope == "key":
        raise DeclarationError(
            "models",
            "models by key have no external steps",
            why="an answer that comes later would change which key gives way",
            fix="scope='partition', or a pipeline of its own for the external step",
        )
    return external


def checked_ask(ask: Any, task: Task, samples: Mapping[str, base.Estimator]) -> AskFor | None:
    """Return *ask* if the models' answers can be read that way."""
    if ask is not None:
        check_ask(ask, task, samples)
    found: AskFor | None = ask
    return found
