"""The pages about metrics and alerts say what the code does."""

from __future__ import annotations

from typing import Any

from headrace.alerts.rules import Alert, Known, built_in, checked_alerts
from headrace.scores.declaration import Metrics
from headrace.scores.plan import checked_metrics
from tests.pages import blocks, table

METRICS, ALERTS = "docs/metrics.md", "docs/howto/alerts.md"


def names_after(page: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    [code] = blocks(page, "python")
    exec(code, names)  # noqa: S102 - the page's own example
    return names


def test_the_examples_can_be_used_together() -> None:
    declared: Metrics = names_after(METRICS)["declared"]
    plan = checked_metrics(declared, "classification", {bool})
    known = Known(("ROCAUC", "Accuracy", "F1"), ("tree",), tuple(w.name for w in plan.windows), True)
    alerts: list[Alert] = names_after(ALERTS)["alerts"]

    assert [gauge.name for gauge in plan.gauges] == ["ROCAUC", "F2"]
    assert [window.name for window in plan.windows] == ["1000", "10000", "3600s"]
    assert checked_alerts(alerts, known)[: len(alerts)] == tuple(alerts)


def test_built_in_rules_are_documented_with_their_signal_and_numbers() -> None:
    rows = table(ALERTS, "name")

    assert [(name, signal) for name, signal, *_ in rows] == [(r.name, r.signal) for r in built_in()]
    for rule, (_, _, fires, _) in zip(built_in(), rows, strict=True):
        assert f"{rule.for_events:,} events" in fires
        assert ("critical" in fires) == (rule.severity == "critical")
        assert rule.limit.is_relative or f"above {rule.limit.number:g}" in fires


def test_the_default_metrics_are_documented() -> None:
    said = dict(table(METRICS, "task"))

    plan = checked_metrics(None, "classification", {bool})
    assert all(g.name in said["classification, label bool"] for g in plan.gauges)
    plan = checked_metrics(None, "classification", {str})
    assert said["classification, other labels"] == ", ".join(g.name for g in plan.gauges)
    plan = checked_metrics(None, "regression", {float})
    assert said["regression"] == ", ".join(g.name for g in plan.gauges)
