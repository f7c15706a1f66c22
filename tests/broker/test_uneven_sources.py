"""Sources as they are on a bad day, through real workers: one hot key, one that stops, a clock that jumps."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from headrace.event_time import AGREEING
from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

PARTITIONS = 3
STARTED_S = 1.7e9
YEAR_2099_S = 4_070_908_800.0
WAIT_S = 1_500.0
"""Of event time, which goes on by a second with each event."""

UNEVEN = f"""
import headrace as hr
from river import linear_model, metrics, preprocessing


class Reading(hr.Event):
    at: float
    who: str
    a: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{{name}}",
    source=hr.Topic("{{name}}.events", Reading, partitions={{partitions}}, time="at"),
    labels=hr.Labels("{{name}}.outcomes", key="who", time="at", wait_s={WAIT_S}),
    key="who",
    target="y",
    features=["a"],
    models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    metrics=hr.Metrics(metrics.Accuracy, every=50, windows=(50,)),
    alerts=[hr.Alert("labels_missing_ratio", above=0.5, for_events=100, name="LabelsMissing")],
)
"""


class Sent:
    """What producers have sent, in order, and what a worker made of it, as other clients see it.

    All events are in one partition of their topic, and so are all labels: what follows in one log partition
    follows from the list.
    """

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        self.name = w.create_pipeline(folder, bootstrap, template=UNEVEN, partitions=PARTITIONS)
        self.events: list[tuple[str, float, str]] = []
        self.labels: list[str] = []

    def send(self, events: Iterable[tuple[str, float, str]]) -> None:
        """Send events, each an id, a time and a key, and wait until all are answered."""
        new = [*events]
        self.events += new
        values = [{"id": i, "at": at_s, "who": who, "a": hash_of(i) / 50} for i, at_s, who in new]
        w.produce(self.bootstrap, f"{self.name}.events", [json.dumps(v).encode() for v in values], 1)
        self.until("predictions", len(self.events))

    def label(self, events: Iterable[tuple[str, float, str]]) -> None:
        """Send the labels of events, ten seconds later than they, and wait until each has come to a state."""
        new = [*events]
        self.labels += [i for i, _, _ in new]
        values = [{"id": i, "at": at_s + 10, "who": who, "y": hash_of(i) > 50} for i, at_s, who in new]
        w.produce(self.bootstrap, f"{self.name}.outcomes", [json.dumps(v).encode() for v in values], 1)
        wanted = Counter(self.labels)
        w.until(lambda: Counter(s["event_id"] for s in self.of_labels()) >= wanted, "labels come to a state")

    def until(self, topic: str, n: int) -> None:
        """Wait until a topic holds so many records."""
        topic = f"{self.name}.{topic}"
        w.until(lambda: w.end_offsets(self.bootstrap, topic, PARTITIONS) >= n, f"{n} records of {topic}")

    def facts(self, topic: str) -> list[dict[str, Any]]:
        """Return what a topic holds, each id once, in order within each partition."""
        found = w.consume(self.bootstrap, f"{self.name}.{topic}", PARTITIONS)
        values = [json.loads(message.value() or b"") for message in found]
        return [*{value["id"]: value for value in values}.values()]

    def of_labels(self) -> list[dict[str, Any]]:
        """Return what became of labels; an event that gave up is none."""
        return [status for status in self.facts("labels.status") if "label" in status]

    def alerts(self) -> list[tuple[str, str, int]]:
        """Return rule, state and partition of all alerts, sorted."""
        return sorted((a["name"], a["state"], a["source"]["partition"]) for a in self.facts("alerts"))

    def ids(self, state: str) -> set[str]:
        return {status["event_id"] for status in self.facts("labels.status") if status["state"] == state}

    def place(self, who: str) -> int:
        """Return the log partition of a key, by another client's partitioner."""
        found: int = DefaultPartitioner()(who.encode(), list(range(PARTITIONS)), [])
        return found

    def overdue(self, events: Iterable[tuple[str, float, str]]) -> set[str]:
        """Return which of *events*, without label, have waited for too long by the newest of their log."""
        newest: dict[int, float] = {}
        for _, at_s, who in self.events:
            newest[self.place(who)] = max(at_s, newest.get(self.place(who), 0.0))
        return {i for i, at_s, who in events if at_s + WAIT_S < newest[self.place(who)]}

    def assert_nothing_is_lost(self) -> None:
        """Each event is answered once, each label and each event came to one end, and a refold agrees."""
        answered = Counter(p["event_id"] for p in self.facts("predictions"))
        assert answered == {i: 1 for i, _, _ in self.events}
        ended = [status for status in self.of_labels() if status["state"] != "orphan_kept"]
        assert Counter(s["event_id"] for s in ended) == Counter(self.labels)
        verified = w.headrace("verify", "pipe.py", "--json", cwd=self.folder, bootstrap=self.bootstrap)
        assert verified.returncode == 0, verified.stdout + verified.stderr


def hash_of(event_id: str) -> int:
    return int(event_id[1:]) * 37 % 101


def ordinary(first: int, n: int) -> list[tuple[str, float, str]]:
    """Return events of seven keys, a second apart."""
    return [(f"e{i}", STARTED_S + i, f"w{i % 7}") for i in range(first, first + n)]


def gauge(page: str, name: str) -> dict[int, float]:
    """Return a gauge of a worker's page of metrics, by partition."""
    found = re.findall(rf'^{name}{{.*?partition="(\d+)".*?}} (\S+)$', page, re.MULTILINE)
    return {int(partition): float(value) for partition, value in found}


@pytest.fixture
def sent(tmp_path: Path, bootstrap: str) -> Sent:
    """A fresh pipeline in pipe.py, its topics created."""
    return Sent(tmp_path, bootstrap)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def test_one_hot_key_keeps_its_order_and_the_other_partitions_their_pace(sent: Sent, start: Start) -> None:
    worker = start()
    worker.until_ready()
    keys = ["hot" if i % 20 else f"w{i // 20 % 7}" for i in range(8_000)]
    events = [(f"e{i}", STARTED_S + i, who) for i, who in enumerate(keys)]
    others = [event for event in events if event[2] != "hot"]
    assert {sent.place(who) for _, _, who in others} == set(range(PARTITIONS))

    sent.send(events[:4_000])
    worker.process.kill()
    worker = start()
    sent.send(events[4_000:])
    given_up = sent.overdue(events)
    w.until(lambda: sent.ids("expired") == given_up, "what waited for too long gives up, and nothing else")
    sent.label([event for event in events[-1_000:] if event[0] not in given_up])
    page = worker.get("/metrics")[1]
    assert worker.terminate() == 0

    assert {i for i, _, _ in others} & given_up
    assert sent.ids("joined") == {*sent.labels}
    told = sent.facts("predictions")
    key_of = {i: who for i, _, who in events}
    for who in {*keys}:
        numbers = [int(p["event_id"][1:]) for p in told if key_of[p["event_id"]] == who]
        assert numbers == sorted(numbers), who
    newest = {sent.place(who): at_s for _, at_s, who in events}
    assert gauge(page, "headrace_event_time_seconds") == newest
    assert gauge(page, "headrace_odd_times_events") == dict.fromkeys(range(PARTITIONS), 0.0)
    sent.assert_nothing_is_lost()


def test_a_source_that_stops_stops_no_other_and_both_go_on_where_they_were(sent: Sent, start: Start) -> None:
    worker = start()
    worker.until_ready()
    before, without, early = ordinary(0, 1_000), ordinary(1_000, 2_500), ordinary(3_500, 1_000)
    sent.send(before)
    sent.label(before)
    assert sent.ids("joined") == {*sent.labels}

    sent.send(without)  # no labels any more
    given_up = sent.overdue(without)
    w.until(lambda: sent.ids("expired") == given_up, "events without label give up")
    assert sent.alerts() == [("LabelsMissing", "firing", number) for number in range(PARTITIONS)]

    worker.process.kill()
    worker = start()
    sent.label([*without, *early])  # no events any more
    assert sent.ids("orphan_expired") == given_up
    assert sent.ids("orphan_kept") == {i for i, _, _ in early}
    assert sent.ids("joined") == {i for i, _, _ in (*before, *without)} - given_up

    sent.send(early)
    for first in range(4_500, 7_500, 1_000):
        after = ordinary(first, 1_000)
        sent.send(after)
        sent.label(after)
    assert sent.ids("joined") == {i for i, _, _ in sent.events} - given_up
    both = ("firing", "resolved")
    assert sent.alerts() == [("LabelsMissing", state, n) for state in both for n in range(PARTITIONS)]
    assert worker.terminate() == 0
    sent.assert_nothing_is_lost()


def test_a_few_events_from_2099_move_no_clock_and_find_their_labels(sent: Sent, start: Start) -> None:
    worker = start()
    worker.until_ready()
    few = [(f"e{9_000 + n}", YEAR_2099_S + n, "w1") for n in range(AGREEING - 1)]

    sent.send([*ordinary(0, 300), *few, *ordinary(300, 300)])
    sent.label([*few, *ordinary(0, 600)])
    page = worker.get("/metrics")[1]
    assert worker.terminate() == 0

    assert sent.ids("joined") == {i for i, _, _ in sent.events}
    assert gauge(page, "headrace_odd_times_events")[sent.place("w1")] == len(few)
    assert max(gauge(page, "headrace_event_time_seconds").values()) == STARTED_S + 599
    sent.assert_nothing_is_lost()


def test_a_clock_that_jumps_to_2099_and_back_ends_what_waits_there_and_loses_nothing(
    sent: Sent, start: Start
) -> None:
    worker = start()
    worker.until_ready()
    here, keys = sent.place("w1"), {f"w{n}": sent.place(f"w{n}") for n in range(7)}
    many = [(f"e{9_000 + n}", YEAR_2099_S + n, "w1") for n in range(AGREEING + 3)]
    before, back = ordinary(0, 600), ordinary(600, 600)

    sent.send(before)
    sent.send(many)
    gone = {i for i, _, who in before if keys[who] == here}
    gone |= {i for i, _, _ in many[: AGREEING - 1]}  # they came before the clock was moved
    w.until(lambda: sent.ids("expired") == gone, "what waits in that log, and nothing else, gives up")
    worker.process.kill()
    worker = start()
    sent.send(back)
    sent.label([*before, *many, *back])
    page = worker.get("/metrics")[1]
    assert worker.terminate() == 0

    assert sent.ids("orphan_expired") == gone
    assert sent.ids("joined") == {i for i, _, _ in sent.events} - gone
    newest = {keys[who]: at_s for _, at_s, who in back} | {here: many[-1][1]}
    assert gauge(page, "headrace_event_time_seconds") == newest
    assert gauge(page, "headrace_late_events")[here] == sum(keys[who] == here for _, _, who in back)
    sent.assert_nothing_is_lost()
