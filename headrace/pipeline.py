"""What a user declares: where events come from, which models learn, how their answers combine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from river import base

from headrace import options
from headrace.alerts.rules import Alert
from headrace.challengers import checked_rivalry
from headrace.drift import Drifts
from headrace.errors import DeclarationError
from headrace.features.checks import check_features, feature_types
from headrace.features.lookup import Lookup
from headrace.features.lookup_checks import check_lookups
from headrace.feedback.asking import AskFor
from headrace.feedback.declaration import Feedback
from headrace.feedback.fit import check_bandit, check_lessons
from headrace.intake.source import LogSource, check_sources, lookup_sources
from headrace.labels.declaration import Labels
from headrace.lineup import Challengers, Models, lineup
from headrace.merged_log import event_in
from headrace.models import checks
from headrace.models.checks import ModelFactory
from headrace.models.combine import Combine
from headrace.models.combining.checks import checked_combine
from headrace.models.combining.combiner import COMBINE, Learning
from headrace.options import MAX_KEYS, Scope
from headrace.reader import Reader
from headrace.routing import ROUTE, RouteModel
from headrace.scores.declaration import Declared, Metrics
from headrace.steps.backup import Constant, constant_answer
from headrace.steps.declaration import Step
from headrace.tasks.promotion import Canary, Promotion
from headrace.tasks.routing import Route
from headrace.topic import (
    Topic,
    check_fields,
    checked_features,
    checked_name,
    checked_sources,
    label_types,
)
from schemas import EventDecoder, Limits
from schemas.results import Label

__all__ = ["ModelFactory", "Pipeline", "Scope", "Topic"]


class Pipeline:
    """Models that learn from one log of events, and how their answers combine.

    Parameters
    ----------
    name
        Names topics, consumer group and results; valid as the start of a topic name.
    version
        Counts up when the models change.
    source
        The topic of events; it is the log that the models fold. Or several topics of one event type, which
        are merged into ``<name>.log``, with as many partitions as the largest.
    models
        One factory, several by name, or a `Bandit`. A factory takes nothing and gives a fresh, seeded river
        model. A `Step` in its place says what reaches the model and when it is asked, an `External` one that
        somebody outside the process answers.
    target
        Field of the event that holds the label. An event without it is predicted, not learned.
        Anomaly detectors and clusterers need none.
    labels
        Topic of labels that come later. The events and their labels are merged into ``<name>.log``.
    feedback
        Topic of what is said of answers already given: rewards of a bandit, ratings, corrections. It is
        merged into the log as labels are, and measured on ``<name>.metrics``.
    key
        Field of the event that becomes the key in the log, if the topic is not keyed as the models need.
    combine
        How several answers become one: `Vote`, `Mean`, `Median`, `TrimmedMean`, `First`, `Last`; or learned,
        `Weighted`, `Best`, `Stack`, `Ranks`. Default: soft vote for classifiers, mean for regressors and
        detectors, first for clusterers. Steps that others take as input do not count.
    fallback
        The answer where no model has one: a label, a number, the score of a detector. It is marked so.
    route
        Which of the models whose answers are combined work on an event: a `Route`. Default: all.
    features
        Names of the fields that reach the models. Default: all but id, target and time.
    transform
        Factory of a river transformer that all models share: it makes an event's features before it learns
        them, once for all models.
    lookups
        Tables whose rows join an event, as of its time, before *transform* sees it. Their updates, the events
        and the labels are merged into ``<name>.log``.
    metrics
        What is measured of the answers, `Metrics` or a list of river's metrics, and published on
        ``<name>.metrics``. Default: nothing.
    alerts
        Rules beside the built-in ones; what they say is published on ``<name>.alerts``.
    drift
        What is done when the world changes, for all models or by name of the model; alarms are published on
        ``<name>.drift``. Default: nothing.
    ask
        Which events are worth a label: questions about them are published on ``<name>.questions``.
    challengers
        Models by name that learn and are scored on the same events, and never answer unless they are
        promoted. Each change is told on ``<name>.contest``.
    promotion
        When a challenger answers instead of *models*, `Promotion`. Default: once somebody says so.
    canary
        Whether it answers for a growing share of the keys first, `Canary`. Default: for all at once.
    limits
        What a record may be at most.
    scope
        ``"partition"``: one set of models learns from all events of a partition. ``"key"``: each key of
        the records has a set of its own; a record without key becomes a dead letter.
    max_keys
        With ``scope="key"``, how many keys a partition holds; one more, and the models of the key that was
        used least recently are forgotten.

    Raises
    ------
    DeclarationError
        If anything would fail or be inexact later; the message names the argument and the remedy.

    """

    def __init__(  # noqa: PLR0913, PLR0915 - a declaration: all but the name is keyword-only
        self,
        name: str,
        *,
        source: Topic | Sequence[Topic],
        models: Models,
        version: int = 1,
        target: str | None = None,
        labels: Labels | None = None,
        feedback: Feedback | None = None,
        key: str | None = None,
        combine: Combine | Learning | None = None,
        fallback: Label | Constant | None = None,
        route: Route | None = None,
        features: Sequence[str] | None = None,
        transform: Callable[[], base.Transformer] | None = None,
        lookups: Sequence[Lookup] = (),
        metrics: Metrics | Sequence[Declared] | None = None,
        alerts: Sequence[Alert] | None = None,
        ask: AskFor | None = None,
        drift: Drifts | None = None,
        challengers: Challengers | None = None,
        promotion: Promotion | None = None,
        canary: Canary | None = None,
        limits: Limits | None = None,
        scope: Scope = "partition",
        max_keys: int = MAX_KEYS,
    ) -> None:
        self.name = checked_name("name", name)
        self.version = options.checked_version(version)
        self.scope = options.checked_scope(scope)
        self.max_keys = options.checked_max_keys(max_keys, scope)
        self.sources = checked_sources(source)
        self.source = source = self.sources[0]
        self.target = target
        self.features = checked_features(features)
        for each in self.sources:
            check_fields(each, target, self.features)
        self.key = options.checked_key(source, key)
        self.limits = options.checked_limits(limits)
        self.decoder()
        self.lookups = check_lookups(lookups, source.event_type, self.features, target)
        self.transform = checks.checked_transform(transform)
        others = {"target": target, "labels": labels, "combine": combine, "ask": ask, "drift": drift}
        check_bandit(models, feedback, **others, metrics=metrics, alerts=alerts)
        self.drift = options.checked_drift(drift, scope)
        taken = lineup(models, challengers, self.drift, feature_types(self), scope=scope)
        self.models, self.tasks, self.task = taken.factories, taken.tasks, taken.task
        self.declared, self.steps, self.rivals = taken.declared, taken.steps, taken.rivals
        self.fallback = None if fallback is None else constant_answer("fallback", fallback, self.task)
        self.rivalry = checked_rivalry(taken.challengers, promotion, canary, task=self.task, scope=scope)
        self.external = options.checked_external(taken.external, scope)
        kinds = set() if target is None else label_types(source, target)
        check_features(self, taken.samples)
        checks.check_target(taken.samples, self.tasks, target, kinds)
        self.labels = options.checked_labels(labels, target, kinds, self.task, scope)
        self.feedback = feedback
        self.feedback_waits = options.checked_feedback(feedback, target, kinds, self.task, scope)
        check_lessons(feedback, taken.samples)
        self.plan = options.planned(metrics, target, self.task, kinds, taken.members)
        self.alerts = options.checked_alerts(alerts, self.plan, self.rivals)
        self.ask = options.checked_ask(ask, self.task, taken.members)
        check_sources(self.log_sources, self.log.name)
        self.route = options.checked_route(route, self.task, self.steps, scope)
        if self.route is not None:
            self.steps = self.steps._replace(is_graph=True)
        self.combine = checked_combine(combine, self.task, taken.members, feature_types(self))

    @property
    def label(self) -> str:
        """Name and version as results carry them: ``fraud@1``."""
        return f"{self.name}@{self.version}"

    @property
    def watched(self) -> dict[str, Step]:
        """The steps that have a breaker."""
        return {name: step for name, step in self.declared.items() if step.breaker is not None}

    @property
    def is_timed(self) -> bool:
        """Whether anything is measured by the clock, for decisions to bring in."""
        has_deadline = any(step.deadline_s is not None for step in self.watched.values())
        return has_deadline or (self.route is not None and self.route.is_measured)

    @property
    def log_sources(self) -> list[LogSource]:
        """The topics that intake merges into the log; none if the source is the log."""
        others = bool(self.lookups or self.external) or self.labels is not None or self.feedback is not None
        if not others and len(self.sources) == 1 and self.key == self.source.key:
            return []
        time = None if self.source.event_time is None else self.source.event_time.field
        found = [
            LogSource("event", source.name, source.event_type, self.key, time=time) for source in self.sources
        ]
        if self.labels is not None:
            found.append(_remarks("label", self.labels))
        if self.feedback is not None:
            found.append(_remarks("feedback", self.feedback))
        found += [LogSource("answer", step.topic, event_id="event_id") for step in self.external.values()]
        return found + lookup_sources(self.lookups)

    @property
    def log(self) -> Topic:
        """The topic whose partitions the models fold."""
        if not self.log_sources:
            return self.source
        partitions = max(source.partitions for source in self.sources)
        kept_s = max(source.retention_s for source in self.sources)
        name = f"{self.name}.log"
        return replace(self.source, name=name, key=self.key, partitions=partitions, retention_s=kept_s)

    def parse_logged(self) -> Callable[[bytes], tuple[Any, dict[str, Any], Any]]:
        """Return what `EventDecoder.parse` does, for values of the log; what is no event is a `Refusal`."""
        parse = self.decoder().parse
        return (lambda value: parse(event_in(value))) if self.log_sources else parse

    def decoder(self) -> EventDecoder:
        """Return a decoder for the source's events."""
        try:
            return EventDecoder(
                self.source.event_type,
                target=self.target,
                features=self.features,
                limits=self.limits,
                time=None if self.source.event_time is None else self.source.event_time.field,
            )
        except (TypeError, NameError) as error:
            raise DeclarationError(
                "source",
                f"event type {self.source.event_type.__name__} cannot be used",
                why=str(error),
                fix="change the field's type, or leave the field out: unknown fields are ignored",
            ) from error

    def reader(self) -> Reader | None:
        """Return what takes the time of events and makes their features, if anything needs it."""
        time = self.source.event_time
        waits = self.labels is not None or self.feedback is not None or bool(self.external)
        if time is None and self.transform is None and not waits and not self.lookups:
            return None
        keeps_time = time is not None and time.field in (self.features or ())
        return Reader(
            time, keeps_time=keeps_time, transform=self.transform, lookups=self.lookups, waits=waits
        )

    def fresh_models(self) -> dict[str, base.Estimator]:
        """Return newly built models by name, and last what is learned of how they combine and who works."""
        models = {name: factory() for name, factory in self.models.items()}
        if hasattr(self.combine, "fresh"):
            models[COMBINE] = self.combine.fresh(self.steps.members, self.task)
        if self.route is not None:
            models[ROUTE] = RouteModel(self.route, self.steps.members, self.task)
        return models


def _remarks(kind: str, said: Labels | Feedback) -> LogSource:
    """Return the topic of what is said of events that were answered."""
    return LogSource(kind, said.topic, key=said.key, time=said.time, event_id=said.event_id)
