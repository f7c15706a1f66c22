"""Accounts of single events on a real Kafka: what a worker did is told, and what it told nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.broker import workers as w
from tests.broker.travel.past_runs import Ask, PastRun, Run, delete_before, events, runner, told

pytestmark = pytest.mark.broker

PARTITIONS = 2
ROUNDS, EACH = 4, 15
N = ROUNDS * EACH
"""Events: one every 10 s. They wait 200 s for a label, which those with an even number get after 45 s."""

STARTED_S = 1.7e9
WINDS = {"JFK": 30.0, "LGA": 9.0}

JOINED = """
import headrace as hr
import msgspec
from river import compose, linear_model, preprocessing, tree


class Departure(hr.Event):
    at: float
    who: str
    airport: str
    a: float
    y: bool | None = None


class Weather(msgspec.Struct):
    airport: str
    at: float
    wind: float


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Departure, partitions={partitions}, time="at"),
    labels=hr.Labels(
        "{name}.outcomes", key="who", time="at", wait_s=200, expire="negative", corrections="relearn"
    ),
    lookups=[
        hr.Lookup(
            hr.Topic("{name}.weather", Weather, partitions=1),
            key="airport", as_of="at", missing="dead",
        )
    ],
    key="who",
    target="y",
    features=["a", "airport"],
    transform=lambda: compose.Select("wind") + hr.Window("a", how="max"),
    models={{
        "linear": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        "tree": lambda: tree.HoeffdingTreeClassifier(grace_period=5),
    }},
)
"""


def airport(i: int) -> str:
    return "JFK" if i % 4 else "LGA"


def amount(i: int) -> float:
    return i * 37 % 101 / 50


def truth(i: int) -> bool:
    return i * 37 % 101 > 50


def event(i: int, **other: Any) -> bytes:
    fields = {"id": f"e{i}", "at": STARTED_S + 10 * i, "who": f"w{i % 3}", "airport": airport(i)}
    return json.dumps({**fields, "a": amount(i), **other}).encode()


def label(i: int, **other: Any) -> bytes:
    fields = {"id": f"e{i}", "at": STARTED_S + 10 * i + 45, "who": f"w{i % 3}", "y": truth(i)}
    return json.dumps({**fields, **other}).encode()


class Lived:
    """A pipeline that a worker ran: events, labels, rows, what is no event, an id that came twice."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        self.name = name = w.create_pipeline(folder, bootstrap, template=JOINED, partitions=PARTITIONS)
        with w.workers(folder, bootstrap) as start:
            worker = start()
            worker.until_ready()
            rows = [json.dumps({"airport": a, "at": 0.0, "wind": wind}).encode() for a, wind in WINDS.items()]
            w.produce(bootstrap, f"{name}.weather", rows, 1)
            self._until(f"{name}.log", len(rows) * PARTITIONS)
            for first in range(0, N, EACH):
                numbers = range(first, first + EACH)
                w.produce(bootstrap, f"{name}.events", [event(i) for i in numbers], 1)
                self._until(f"{name}.predictions", first + EACH)
                labels = [label(i) for i in numbers if i % 2 == 0 and i != N - 2]
                w.produce(bootstrap, f"{name}.outcomes", labels, 1)
                self._until(
                    f"{name}.labels.status",
                    sum(i % 2 == 0 for i in range(first + EACH)) - (first + EACH == N),
                )
            w.produce(bootstrap, f"{name}.outcomes", [label(52, y=not truth(52))], 1)
            odd = [event(N - 1), event(99, airport="EWR"), b'{"id": "odd", ']
            w.produce(bootstrap, f"{name}.events", odd, 1)
            self._until(f"{name}.predictions", N + 1)
            self._until(f"{name}.dead", 2)
            w.until(
                lambda: [s for s in self.facts("labels.status") if s["state"] == "corrected"], "a correction"
            )
            assert worker.terminate() == 0

    def _until(self, topic: str, n: int) -> None:
        w.until(lambda: w.end_offsets(self.bootstrap, topic, PARTITIONS) >= n, f"{n} records of {topic}")

    def ids(self, state: str) -> set[str]:
        """Return the ids of the events whose labels came to *state*."""
        return {s["event_id"] for s in self.facts("labels.status") if s["state"] == state}

    def facts(self, topic: str) -> list[dict[str, Any]]:
        found = w.consume(self.bootstrap, f"{self.name}.{topic}", PARTITIONS)
        return [json.loads(message.value() or b"") for message in found]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, bootstrap: str) -> Lived:
    return Lived(tmp_path_factory.mktemp("lived"), bootstrap)


@pytest.fixture
def look(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``headrace inspect`` where that worker ran."""
    run = runner(lived.folder, lived.bootstrap, monkeypatch)
    return lambda event_id, *argv: run("inspect", event_id, "pipe.py", *argv)


def account(look: Run, event_id: str, *argv: str) -> Any:
    """Return what is told of an event that came once."""
    [found] = told(look(event_id, "--json", *argv))["events"]
    return found


def test_an_event_is_told_from_its_record_to_what_was_learned_of_it(lived: Lived, look: Run) -> None:
    found = account(look, "e20")

    [result] = [r for r in lived.facts("predictions") if r["event_id"] == "e20"]
    [status] = [s for s in lived.facts("labels.status") if s["event_id"] == "e20" and s["state"] == "joined"]
    assert found["published"] == found["refolded"] == result
    assert (found["identical"], found["step"]) == (True, result["model_step"])
    assert (found["source"], found["origin"]) == (result["source"], result["origin"])
    assert json.loads(found["event"]) == json.loads(event(20))
    assert (found["key"], found["event_s"]) == ("w2", STARTED_S + 200)
    [label] = found["labels"]
    assert (label["state"], label["label"], label["delay_s"]) == ("joined", truth(20), 45.0)
    assert label["source"] == status["source"]
    assert label["origin"] == {"topic": f"{lived.name}.outcomes", "partition": 0, "offset": 10}
    learned = label["learned"]
    assert (learned["offset"], learned["same_features"]) == (status["source"]["offset"], True)
    assert learned["step_after"] == learned["step_before"] + 1 > found["step"]
    assert not found["waits"]


def test_features_are_those_of_lookup_and_windows_as_each_model_got_them(lived: Lived, look: Run) -> None:
    found = account(look, "e20")

    place = found["source"]
    messages = w.consume(lived.bootstrap, place["topic"], PARTITIONS)
    here = [m for m in messages if m.partition() == place["partition"]]
    records = [json.loads(m.value() or b"") for m in here if (m.offset() or 0) < place["offset"]]
    highest = max(record["data"]["a"] for record in records if record["kind"] == "event")
    given = {"wind": WINDS[airport(20)], "a_max": highest}
    assert found["features"] == {"linear": given, "tree": given}


def test_an_event_without_label_is_learned_when_its_time_is_over(look: Run) -> None:
    [label] = account(look, "e21")["labels"]

    assert (label["state"], label["label"], label["reason"]) == ("expired", False, "no_label")
    assert label["learned"]["label"] is False
    assert label["learned"]["offset"] > label["source"]["offset"]
    assert label["learned"]["same_features"]


def test_a_correction_is_told_after_the_first_label(look: Run) -> None:
    first, second = account(look, "e52")["labels"]

    assert [(one["state"], one["label"]) for one in (first, second)] == [
        ("joined", truth(52)),
        ("corrected", not truth(52)),
    ]
    assert first["learned"]["offset"] < second["learned"]["offset"] == second["source"]["offset"]
    assert second["learned"]["step_before"] >= first["learned"]["step_after"]


def test_an_event_that_waits_says_so(look: Run) -> None:
    found = account(look, f"e{N - 2}")

    assert (found["waits"], found["labels"]) == (True, [])
    assert "the event waits for it" in look(f"e{N - 2}").stdout


def test_an_id_that_came_twice_is_told_twice_or_by_offset(look: Run) -> None:
    first, second = told(look(f"e{N - 1}", "--json"))["events"]

    place = second["source"]
    assert first["source"]["offset"] < place["offset"]
    assert first["waits"]
    assert [(one["state"], one["reason"]) for one in second["labels"]] == [("duplicate", "event_waits")]
    assert account(look, f"e{N - 1}", "--offset", str(place["offset"])) == second
    missed = look(f"e{N - 1}", "--offset", "0")
    assert missed.exit_code == 1
    assert f"it stands at {first['source']['offset']} of partition" in missed.stderr


def test_what_could_not_become_an_event_says_why_and_where(lived: Lived, look: Run) -> None:
    for event_id, reason in (("e99", "lookup"), ("odd", "json")):
        found = told(look(event_id, "--json"))
        [letter] = found["dead_letters"]
        assert found["events"] == []
        assert letter["error"]["type"] == reason
        assert letter in lived.facts("dead")
        assert f"{lived.name}.events[0]@{letter['source']['offset']}" in look(event_id).stdout


def test_an_unknown_id_is_an_error_that_says_what_was_searched(lived: Lived, look: Run) -> None:
    found = look("e1000")

    assert found.exit_code == 1
    assert "there is no event with the id 'e1000'" in found.stderr
    for topic, n in (("predictions", N + 1), ("dead", 2)):
        assert f"{lived.name}.{topic} ({n} records)" in found.stderr
    assert f"{lived.name}.log (" in found.stderr


def test_people_read_it_in_aligned_lines(lived: Lived, look: Run) -> None:
    lines = look("e20").stdout.splitlines()

    assert lines[0] == f"{lived.name}@1  event e20"
    shown = [line for line in lines[2:] if line]
    assert {line[10:12] for line in shown} == {"  "}
    named = [line[:10].strip() for line in shown if line[0] != " "]
    assert named == [
        *("log", "source", "time", "event time", "key", "event"),
        *("features", "answer", "refold", "label", "learned"),
    ]


# A pipeline whose events bring their labels


def test_an_event_with_its_label_is_told_from_the_nearest_snapshot(ask: Ask, answered: PastRun) -> None:
    early, late = (ask("inspect", f"e1.{i}", "pipe.py")["events"][0] for i in (40, 250))

    assert (early["from_snapshot"], late["from_snapshot"]) == ("", "0.0.200")
    for found in (early, late):
        offset = found["source"]["offset"]
        assert found["published"] == answered.results()[found["step"]]
        assert found["identical"]
        values = json.loads(answered.values[offset] or b"")
        assert found["features"] == {"": {}} or [*found["features"].values()] == [
            {"a": values["a"], "b": values["b"]}
        ]
        [label] = found["labels"]
        assert (label["state"], label["label"]) == ("in the event", values["y"])
        learned = label["learned"]
        assert (learned["offset"], learned["step_before"], learned["same_features"]) == (
            offset,
            found["step"],
            True,
        )


def test_other_bytes_than_the_fold_gives_are_an_error(run: Run, answered: PastRun) -> None:
    wrong = answered.results()[250] | {"prediction": "neither"}
    value = json.dumps(wrong, separators=(",", ":")).encode()
    w.produce(answered.bootstrap, f"{answered.name}.predictions", [value], 1)

    result = run("inspect", wrong["event_id"], "pipe.py")

    assert result.exit_code == 4
    assert "GIVES OTHER BYTES" in result.stdout
    assert "the fold answers otherwise" in result.stderr


def test_what_retention_has_taken_is_missing_and_the_rest_is_told(ask: Ask, answered: PastRun) -> None:
    delete_before(answered, 210)

    [found] = ask("inspect", "e1.40", "pipe.py")["events"]

    assert (found["event"], found["refolded"], found["identical"]) == (None, None, None)
    assert "the log begins at 210" in found["why_not"]
    assert found["published"] == answered.results()[40]


def test_an_event_nobody_has_answered_is_found_in_the_log(ask: Ask, answered: PastRun) -> None:
    w.produce(answered.bootstrap, answered.topic, events(1, seed=9), 1)

    [found] = ask("inspect", "e9.0", "pipe.py")["events"]

    assert found["published"] is None
    assert found["refolded"]["event_id"] == "e9.0"
    assert found["step"] == 300
