"""Bad records sent through a real Kafka, between good ones: each a dead letter, none felt by the model."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.loading import load_pipeline
from headrace.testing import Harness
from tests.broker import bad_records as records
from tests.broker import workers as w
from tests.broker.bad_records import Sent

pytestmark = pytest.mark.broker

SIZE_LIMIT_BYTES = 1 << 20
SENT = records.sequence()
LATER = Sent(records.good(2_000))
"""Sent after a restart over all the others."""

FIRST_MS = int(time.time() * 1000) - 60_000
"""Time of the first record; Kafka soon deletes what is older than a topic's retention."""

N_BAD, N_TOMBSTONES = len(records.BAD), len(records.TOMBSTONES)
N_GOOD = len(SENT) - N_BAD - N_TOMBSTONES


class Outcome(NamedTuple):
    """What came of `SENT` and, after a restart, of `LATER`."""

    topic: str
    predictions: list[confluent_kafka.Message]
    dead: list[confluent_kafka.Message]
    metrics: str
    exit_codes: list[int]
    folder: Path

    def letter(self, case: str) -> tuple[dict[str, Any], confluent_kafka.Message]:
        """Return the one dead letter of a case of `records.BAD`, decoded and as it travelled."""
        offset = SENT.index(records.BAD[case])
        [(letter, message)] = [
            (letter, message)
            for message in self.dead
            if (letter := json.loads(message.value()))["source"]["offset"] == offset
        ]
        return letter, message


def roomy_topics(folder: Path, bootstrap: str) -> str:
    """Declare a pipeline of one partition whose source takes records of 20 MB; return its name."""
    name = f"t{random.getrandbits(40):x}"
    path = w.write_pipeline(folder, name, partitions=1)
    source = NewTopic(f"{name}.events", 1, 1, config={"max.message.bytes": "20000000"})
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([source]).values():
        created.result()
    w.create_topics(path, bootstrap)
    return name


def send(bootstrap: str, topic: str, sent: list[Sent]) -> list[int]:
    """Send in order, one millisecond apart; return the offsets."""
    offsets: list[int] = []
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 20_000_000})
    for i, record in enumerate(sent):
        producer.produce(
            topic,
            record.value,
            key=record.key,
            headers=list(record.headers),
            partition=0,
            timestamp=FIRST_MS + i,
            on_delivery=lambda error, message: offsets.append(message.offset()),
        )
    assert producer.flush(30) == 0
    return offsets


@pytest.fixture(scope="module")
def outcome(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One worker folds everything; a second one starts over it and folds one event more."""
    folder = tmp_path_factory.mktemp("bad_input")
    name = roomy_topics(folder, bootstrap)
    topics = [f"{name}.predictions", f"{name}.dead"]

    def arrived(*wanted: int) -> Callable[[], bool]:
        return lambda: [w.end_offsets(bootstrap, topic, 1) for topic in topics] == [*wanted]

    with w.workers(folder, bootstrap) as start:
        worker = start()
        worker.until_ready()
        assert send(bootstrap, f"{name}.events", SENT) == list(range(len(SENT)))
        w.until(arrived(N_GOOD, N_BAD), f"{N_GOOD} results and {N_BAD} dead letters")
        w.until(lambda: counted(worker.get("/metrics")[1]).get("filtered"), "tombstones are counted")
        metrics = worker.get("/metrics")[1]
        exit_codes = [worker.terminate()]
        again = start()
        send(bootstrap, f"{name}.events", [LATER])
        w.until(arrived(N_GOOD + 1, N_BAD), "the later event has a result")
        exit_codes.append(again.terminate())
    found = [w.consume(bootstrap, topic, 1) for topic in topics]
    return Outcome(f"{name}.events", found[0], found[1], metrics, exit_codes, folder)


@pytest.mark.parametrize("case", records.BAD)
def test_a_bad_record_becomes_one_dead_letter_that_says_why(outcome: Outcome, case: str) -> None:
    letter, _ = outcome.letter(case)

    sent = records.BAD[case]
    assert (letter["error"]["type"], letter["error"]["path"]) == (sent.reason, sent.path)
    assert sent.sentence in letter["error"]["message"]
    assert len(letter["error"]["message"]) < 200


@pytest.mark.parametrize("case", records.BAD)
def test_a_dead_letter_tells_where_the_record_stands(outcome: Outcome, case: str) -> None:
    letter, _ = outcome.letter(case)

    offset = SENT.index(records.BAD[case])
    assert letter["source"] == {"topic": outcome.topic, "partition": 0, "offset": offset}
    name = outcome.topic.removesuffix(".events")
    assert letter["id"] == f"{name}/{outcome.topic}/0/{offset}/dead"
    assert letter["pipeline"] == f"{name}@1"
    assert letter["timestamp_ms"] == FIRST_MS + offset


@pytest.mark.parametrize("case", records.BAD)
def test_a_dead_letter_keeps_key_and_value_byte_for_byte(outcome: Outcome, case: str) -> None:
    letter, message = outcome.letter(case)

    sent = records.BAD[case]
    assert sent.value is not None
    key = letter.get("key_b64")
    assert (None if key is None else base64.b64decode(key)) == sent.key == message.key()
    assert letter["value_size_bytes"] == len(sent.value)
    if len(sent.value) > SIZE_LIMIT_BYTES:
        assert "value_b64" not in letter
        assert letter["value_sha256"] == hashlib.sha256(sent.value).hexdigest()
    else:
        assert base64.b64decode(letter["value_b64"]) == sent.value
        assert "value_sha256" not in letter


@pytest.mark.parametrize("case", records.BAD)
def test_a_dead_letter_keeps_the_headers_byte_for_byte_behind_its_own(outcome: Outcome, case: str) -> None:
    letter, message = outcome.letter(case)

    headers = message.headers()
    ours = dict(headers[: len(headers) - len(records.BAD[case].headers)])
    assert headers[len(ours) :] == [(f"orig-{name}", v) for name, v in records.BAD[case].headers]
    assert ours["ce_id"].decode() == letter["id"]
    assert ours["ce_type"] == b"headrace.dead_letter.v1"
    assert ours["content-type"] == b"application/json"
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ours["ce_time"])


@pytest.mark.parametrize("case", records.UNUSUAL)
def test_a_good_event_is_predicted_however_it_travels(outcome: Outcome, case: str) -> None:
    sent = records.UNUSUAL[case]
    [message] = [m for m in outcome.predictions if place(m) == SENT.index(sent)]

    assert message.key() == sent.key
    assert json.loads(message.value())["event_id"] == json.loads(sent.value or b"")["id"]
    assert not [name for name, _ in message.headers() if name.startswith("orig-")]


def place(message: confluent_kafka.Message) -> int:
    return int(json.loads(message.value())["source"]["offset"])


def test_every_record_is_a_result_a_dead_letter_or_a_tombstone_exactly(outcome: Outcome) -> None:
    results = Counter(map(place, outcome.predictions))
    letters = Counter(map(place, outcome.dead))

    tombstones = Counter(i for i, sent in enumerate(SENT) if sent.value is None)
    assert results + letters + tombstones == Counter(range(len(SENT) + 1))


def counted(metrics: str) -> dict[str, float]:
    """Return how many records each outcome and each reason has."""
    found = re.findall(
        r'^headrace_(?:events_processed|dead_letters)_total\{(?:outcome|error)="(\w+)",.*\} (\S+)$',
        metrics,
        re.MULTILINE,
    )
    return {label: float(n) for label, n in found if float(n)}


def test_the_metrics_agree_with_the_topics(outcome: Outcome) -> None:
    reasons = Counter(sent.reason for sent in records.BAD.values())
    outcomes = {"both": N_GOOD - 1, "predicted": 1, "dead": N_BAD, "filtered": N_TOMBSTONES}

    assert counted(outcome.metrics) == {**outcomes, **reasons}


def test_the_model_never_felt_the_bad_records(outcome: Outcome) -> None:
    harness = Harness(load_pipeline(str(outcome.folder / "pipe.py")))
    for sent in [*SENT, LATER]:
        if sent.reason is None and sent.value is not None:
            harness.send(sent.value, key=sent.key)

    undisturbed = [stripped(result) for result in harness.predictions]
    assert [stripped(json.loads(m.value())) for m in outcome.predictions] == undisturbed
    assert len({result["probability"]["true"] for result in harness.predictions}) > N_GOOD / 2


def stripped(result: dict[str, Any]) -> dict[str, Any]:
    """Return *result* without what tells where its record stood; floats stay exact."""
    return {name: content for name, content in result.items() if name not in ("id", "source")}


def test_model_steps_follow_each_other_without_a_gap(outcome: Outcome) -> None:
    unlabelled = records.UNUSUAL["no label"].value
    expected = 0
    for message in outcome.predictions:
        result = json.loads(message.value())
        assert result["model_step"] == expected
        expected += result["event_id"] != json.loads(unlabelled or b"")["id"]


def test_both_workers_ended_well(outcome: Outcome) -> None:
    assert outcome.exit_codes == [0, 0]


HUGE: dict[str, dict[str, Any]] = {
    "key": {"key": b"k" * 5_000_000},
    "header": {"headers": [("h", b"x" * 5_000_000)]},
    "headers": {"headers": [(f"h{i}", b"x" * 100_000) for i in range(50)]},
}


@pytest.mark.parametrize("what", HUGE)
def test_key_or_headers_that_no_topic_of_ours_can_hold_do_not_stop_the_partition(
    tmp_path: Path, bootstrap: str, what: str
) -> None:
    name = roomy_topics(tmp_path, bootstrap)
    huge = [Sent(value, **HUGE[what]) for value in (records.good(1), b"nope")]
    send(bootstrap, f"{name}.events", [Sent(records.good(0)), *huge, Sent(records.good(2))])

    with w.workers(tmp_path, bootstrap) as start:
        worker = start()
        topics = [f"{name}.predictions", f"{name}.dead"]
        w.until(
            lambda: worker.process.poll() or sum(w.end_offsets(bootstrap, t, 1) for t in topics) == 4,
            "each record has a result or a dead letter",
        )
        assert worker.process.poll() is None, worker.log_text()[-2_000:]

    predicted, dead = ([json.loads(m.value()) for m in w.consume(bootstrap, t, 1)] for t in topics)
    letters = {letter["source"]["offset"]: letter for letter in dead}
    assert sorted([*letters, *(result["source"]["offset"] for result in predicted)]) == [0, 1, 2, 3]
    assert base64.b64decode(letters[2]["value_b64"]) == b"nope"
    if what == "key":  # a result carries its event's key, so there can be none
        assert "key" in letters[1]["error"]["message"]
