"""The rule file for Prometheus says what the built-in rules say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.alerts.prometheus import COMMAND, FILE, rule_file
from headrace.alerts.rules import Alert, built_in
from headrace.alerts.signals import DEAD_LETTERS
from headrace.metrics import registry
from tests.pages import text_of

MINE = [
    Alert("ROCAUC", drops_by=0.1, segment='A"A', for_events=5, name="quoted 'and' \"so\""),
    Alert("gain(F1)", below=0.1, model="tree", window="1000"),
    Alert("MAE", above=2, severity="critical", name="MaeTooHigh"),
    Alert(DEAD_LETTERS, above=0.1),
]


def rules(text: str) -> list[dict[str, Any]]:
    [group] = yaml.safe_load(text)["groups"]
    assert group["name"] == "headrace"
    found: list[dict[str, Any]] = group["rules"]
    return found


def balanced(expression: str) -> bool:
    bare = re.sub(r'"(?:\\.|[^"\\])*"', "", expression)
    return all(bare.count(a) == bare.count(b) for a, b in ("()", "[]", "{}"))


def test_the_file_is_what_the_rules_give() -> None:
    assert FILE.read_text("utf-8") == rule_file(), f"rules changed: run `{COMMAND}` and read the diff"


def test_each_rule_has_its_alarm_with_severity_and_what_to_do() -> None:
    found = rules(rule_file())

    assert [(r["alert"], r["labels"]["severity"], r["annotations"]["description"]) for r in found] == [
        (f"Headrace{rule.name}", rule.severity, rule.todo) for rule in built_in()
    ]
    for rule, alarm in zip(built_in(), found, strict=True):
        assert f"{rule.limit.number:g}" in alarm["expr"]
        assert balanced(alarm["expr"])
        assert re.fullmatch(r"\d+[smh]", alarm["for"])


def test_alarms_ask_for_metrics_that_workers_have_or_the_page_names() -> None:
    suffix = {"counter": "_total"}
    there = {metric.name + suffix.get(metric.type, "") for metric in registry.collect()}
    there |= set(re.findall(r"`(headrace_\w+)`", text_of("docs/metrics.md")))

    for alarm in [*rules(rule_file()), *rules(rule_file(MINE))]:
        assert set(re.findall(r"headrace_\w+", alarm["expr"])) <= there


def test_a_users_rules_pick_pipeline_model_window_and_segment() -> None:
    drop, gain, mae, dead = rules(rule_file(MINE, pipeline="fraud", is_combined=True, window="500"))

    assert r'segment="A\"A"' in drop["expr"]
    assert 'model="(combined)"' in drop["expr"]
    assert "avg_over_time" in drop["expr"]
    assert gain["expr"] == (
        'headrace_score{pipeline="fraud",metric="gain(F1)",model="tree",window="1000",segment=""} < 0.1'
    )
    assert (mae["alert"], mae["labels"]["severity"]) == ("HeadraceMaeTooHigh", "critical")
    assert dead["expr"].count('{pipeline="fraud"}') == 2
    assert 'model!~"[(].*"' in rules(rule_file(MINE))[0]["expr"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("alerts", [None, MINE], ids=["built in", "users"])
def test_promtool_takes_the_file(alerts: list[Alert] | None, tmp_path: Path) -> None:
    path = tmp_path / "headrace.rules.yml"
    path.write_text(rule_file(alerts, pipeline="fraud"), "utf-8")
    promtool = str(shutil.which("promtool"))

    command = [promtool, "check", "rules", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr + done.stdout
