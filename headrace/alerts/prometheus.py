"""The same rules for Prometheus, as the text of a rule file.

``python -m headrace.alerts.prometheus`` writes ``deploy/prometheus/headrace.rules.yml`` anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from headrace.alerts.rules import Alert, built_in
from headrace.alerts.signals import ALL, COMBINED, DEAD_LETTERS, DRIFT_ALARMS, LABEL_DELAY, LABELS_MISSING

COMMAND = "python -m headrace.alerts.prometheus"
FILE = Path(__file__).parents[2] / "deploy" / "prometheus" / "headrace.rules.yml"

SCORE = "headrace_score"
"""Gauge with the labels pipeline, partition, model, metric, window, segment ("" for all events)."""

_SIGNALS = {
    LABELS_MISSING: "headrace_labels_missing_ratio",
    LABEL_DELAY: "headrace_label_delay_p50_seconds",
    DRIFT_ALARMS: "headrace_drift_alarms_per_10k_events",
    DEAD_LETTERS: "sum by (pipeline) (rate(headrace_dead_letters_total[10m]))"
    " / sum by (pipeline) (rate(headrace_events_consumed_total[10m]))",
}
"""What Prometheus knows of each signal; dead letters are counted already."""

_PAST = "[1d:5m] offset 1h"
"""The past of a relative rule: events have no place in PromQL, a day stands for the last reports."""

_FOR = "5m"


def rule_file(
    alerts: Iterable[Alert] | None = None,
    *,
    pipeline: str | None = None,
    is_combined: bool = False,
    window: str = ALL,
) -> str:
    """Return the text of a Prometheus rule file for *alerts*, by default those built in.

    Parameters
    ----------
    pipeline
        Name of the pipeline whose metrics are meant; ``None``: of all.
    is_combined
        Whether it has several models, so that its final answer is their combination.
    window
        The window of rules that name none.

    """
    lines = [f"# Made by: {COMMAND}", "groups:", "  - name: headrace", "    rules:"]
    for alert in built_in() if alerts is None else alerts:
        expression = _expression(alert, _selector(alert, pipeline, is_combined=is_combined, window=window))
        described = (
            f"{alert.signal} is {{{{ $value | humanize }}}} in pipeline {{{{ $labels.pipeline }}}}"
            f"{'' if alert.metric == DEAD_LETTERS else ', partition {{ $labels.partition }}'}."
        )
        lines += [
            f"      - alert: {_quoted(_name(alert))}",
            f"        expr: {_quoted(expression)}",
            f"        for: {_FOR if alert.for_events else '0s'}",
            "        labels:",
            f"          severity: {alert.severity}",
            "        annotations:",
            f"          summary: {_quoted(described)}",
            f"          description: {_quoted(alert.todo)}",
        ]
    return "\n".join([*lines, ""])


def _name(alert: Alert) -> str:
    return f"Headrace{alert.name}" if alert.name.isidentifier() else f"Headrace: {alert.name}"


def _selector(alert: Alert, pipeline: str | None, *, is_combined: bool, window: str) -> str:
    """Return what picks the time series that *alert* watches."""
    if alert.metric in _SIGNALS:
        known = _SIGNALS[alert.metric]
        if pipeline is None:
            return known
        matcher = f"{{pipeline={_quoted(pipeline)}}}"
        if "[" not in known:
            return known + matcher
        return known.replace("[", f"{matcher}[")
    model = alert.model or (COMBINED if is_combined else None)
    wanted = {
        "pipeline": pipeline,
        "metric": alert.metric,
        "model": model,
        "window": alert.window or window,
        "segment": alert.segment or "",
    }
    matchers = [f"{label}={_quoted(value)}" for label, value in wanted.items() if value is not None]
    matchers += [] if model else ['model!~"[(].*"']  # of one model: not the baselines
    return f"{SCORE}{{{','.join(matchers)}}}"


def _expression(alert: Alert, series: str) -> str:
    direction, number = alert.limit
    sign = "<" if direction in ("below", "drops_by") else ">"
    if not alert.limit.is_relative:
        return f"{series} {sign} {number:g}"
    mean = f"avg_over_time(({series}){_PAST})"
    apart = f"{number:g} * abs({mean})"
    return f"{series} {sign} {mean} {'-' if sign == '<' else '+'} {apart}"


def _quoted(text: str) -> str:
    """Return *text* quoted as YAML and PromQL both read it."""
    return json.dumps(text, ensure_ascii=False)


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(rule_file(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
