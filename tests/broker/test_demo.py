"""`headrace demo` from outside: its books, and the commands that it names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import workers as w
from tests.broker.demos import Start, demos, n_records, summary

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Start]:
    with demos(tmp_path) as start:
        yield start


def test_a_run_with_a_kafka_of_its_own_balances_beats_the_baseline_and_leaves_nothing(demo: Start) -> None:
    running = demo("--scene", "flights", "--events", "4000", "--json")
    found = summary(running)

    assert found["exact"]
    assert found["events"] == found["predictions"] + found["dead_letters"] == 4_002
    labels = found["labels"]
    assert labels["states"] == {"joined": labels["sent"]}
    assert labels["sent"] + labels["expired"] + labels["pending"] == 4_000
    assert 3_600 < labels["median_delay_s"] < 6 * 3_600
    assert labels["early"] == 0
    assert {letters["reason"]: letters["n"] for letters in found["letters"]} == {"type": 1, "json": 1}
    assert found["figures"]["all"]["accuracy"] > found["figures"]["all"]["majority_accuracy"] + 0.05
    assert found["figures"]["all"]["roc_auc"] > 0.75
    assert found["figures"]["all"]["n"] == labels["sent"]
    assert sum(period["measured"]["n"] for period in found["periods"]) == labels["sent"]
    assert {"DL", "EV"} <= {carrier["name"] for carrier in found["carriers"]}
    assert sorted(p for share in found["workers"] for p in share["partitions"]) == [0, 1, 2, 3]
    assert found["learned_before"] == found["restarts"] == 0
    assert "exact" in running.stderr()
    assert running.left_nothing()


def test_a_second_demo_on_the_same_kafka_goes_on_and_stays_for_the_commands_it_names(
    demo: Start, bootstrap: str, tmp_path: Path
) -> None:
    if not n_records(bootstrap, "flights.departures"):
        assert summary(demo("--scene", "flights", "--events", "300", "--json", bootstrap=bootstrap))["exact"]
    n_before = n_records(bootstrap, "flights.departures")

    running = demo("--scene", "flights", "--events", "1", "--json", "--keep", bootstrap=bootstrap)
    running.until(lambda: "Ctrl-C ends them" in running.stderr(), "it stays up")

    found = json.loads(running.stdout())["flights"]
    assert found["exact"]
    assert (found["events"], found["predictions"], found["learned_before"]) == (1, 1, n_before)
    assert found["labels"]["exact"]
    assert found["labels"]["sent"] == 1
    w.until(
        lambda: n_answers(bootstrap) > n_before and len(answered(bootstrap)) == n_before + 1,
        "each departure has its answer",
    )
    n_predictions = n_records(bootstrap, "flights.predictions")
    n_states = n_records(bootstrap, "flights.labels.status")
    *others, states, tail = (command for command in commands(running.stderr()) if "kcat" not in command)
    answers = outputs(others, tmp_path)
    w.until(lambda: n_records(bootstrap, "flights.predictions") > n_predictions, "my flight is predicted")
    w.until(lambda: n_records(bootstrap, "flights.labels.status") > n_states, "it has arrived")
    answers |= outputs([states, tail], tmp_path)
    assert '"event_id":"mine/1"' in answers[tail]
    assert '"event_id":"mine/1"' in answers[states]
    assert any("2 workers" in answer for answer in answers.values())
    assert any("bit-identical" in answer for answer in answers.values())
    assert running.interrupt() == 130
    assert "stopped; nothing is left running" in running.stderr()
    assert running.left_nothing()


def commands(shown: str) -> list[str]:
    """Return the commands that the demo names at its end."""
    lines = shown.partition("\nTry")[2].splitlines()
    found = [text.strip() for text in lines if text.startswith("  ") and not text.startswith("  #")]
    assert len(found) >= 5
    return found


def outputs(shell_commands: list[str], cwd: Path) -> dict[str, str]:
    """Run commands as typed in the demo's folder, all at once; return what each prints."""
    running = {
        command: subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for command in shell_commands
    }
    found = {command: process.communicate(timeout=300)[0].decode() for command, process in running.items()}
    assert {command: process.returncode for command, process in running.items()} == dict.fromkeys(found, 0)
    return found


def answered(bootstrap: str) -> set[tuple[int, int]]:
    """Return partition and offset of every departure that has a prediction or a dead letter."""
    messages = [
        m for topic in ("flights.predictions", "flights.dead") for m in w.consume(bootstrap, topic, 4)
    ]
    values = [json.loads(m.value()) for m in messages]
    sources = [value.get("origin") or value["source"] for value in values]
    return {(source["partition"], source["offset"]) for source in sources}


def n_answers(bootstrap: str) -> int:
    return n_records(bootstrap, "flights.predictions") + n_records(bootstrap, "flights.dead")
