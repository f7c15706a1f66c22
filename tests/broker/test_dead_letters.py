"""`headrace dead ls|show|retry` on the dead letters of a real worker."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from agents.cli import cli
from tests.broker import workers as w
from tests.broker.bad_records import ODD_HEADERS, good

pytestmark = pytest.mark.broker

WRONG_TYPE = b'{"id":"x1","a":"12,5","b":1.0,"y":true}'
TOO_LARGE = b"x" * ((1 << 20) + 1)
HOSTILE = b'{"id":"x2","a":1,"b":1,"[/red]":1,"[/red]":2}'
Raw = tuple[bytes, bytes | None, list[tuple[str, bytes | None]]]
BAD: list[Raw] = [
    (WRONG_TYPE, b"x1", ODD_HEADERS),
    (b"nope\xff\x1b", b"\xff", []),
    (TOO_LARGE, None, []),
    (b"", b"k", []),
    (HOSTILE, b"x2", []),
]
"""Value, key and headers of each bad record; with one partition, the place is the offset."""


def run(bootstrap: str, *arguments: str, stdin: bytes = b"") -> Result:
    """Run the command line in this process, which spares a second each time."""
    return CliRunner().invoke(cli, arguments, input=stdin, env={"HEADRACE_BOOTSTRAP": bootstrap})


class Letters:
    """A worker that has met the records of `BAD`, and the command line beside it."""

    def __init__(self, folder: Path, bootstrap: str, name: str) -> None:
        self.folder, self.bootstrap, self.name = folder, bootstrap, name

    def id(self, offset: int) -> str:
        return f"{self.name}/{self.name}.events/0/{offset}/dead"

    def run(self, *arguments: str, stdin: bytes = b"") -> Result:
        return run(self.bootstrap, "dead", *arguments, stdin=stdin)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def until(self, kind: str, n: int) -> list[confluent_kafka.Message]:
        topic = f"{self.name}.{kind}"
        w.until(lambda: w.end_offsets(self.bootstrap, topic, 1) >= n, f"{n} records in {topic}")
        return w.consume(self.bootstrap, topic, 1)


@contextmanager
def met(folder: Path, bootstrap: str) -> Iterator[Letters]:
    """Let a worker meet all of `BAD`, and one event that it predicts."""
    name = f"t{random.getrandbits(40):x}"
    path = w.write_pipeline(folder, name, partitions=1)
    made = run(bootstrap, "topics", "create", str(path))
    assert made.exit_code == 0, made.output
    grow_source(bootstrap, f"{name}.events")
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 4_000_000})
    for record in [*BAD, (good(1), b"k", [])]:  # one after the other: the letters sort by time
        w.until(lambda: is_delivered(producer, f"{name}.events", record), "the topic takes the record")  # noqa: B023
    with w.workers(folder, bootstrap) as start:
        start()
        found = Letters(folder, bootstrap, name)
        found.until("dead", len(BAD))
        found.until("predictions", 1)
        yield found


def is_delivered(producer: confluent_kafka.Producer, topic: str, record: Raw) -> bool:
    """Publish *record* and return whether the broker took it; it may not know yet that *topic* has grown."""
    value, key, headers = record
    errors: list[Any] = []
    producer.produce(
        topic, value, key, headers=headers, partition=0, on_delivery=lambda error, _: errors.append(error)
    )
    assert producer.flush(30) == 0
    (error,) = errors
    assert error is None or error.code() == confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE, error
    return error is None


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory, bootstrap: str) -> Iterator[Letters]:
    """Dead letters to look at."""
    with met(tmp_path_factory.mktemp("dead"), bootstrap) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path, bootstrap: str) -> Iterator[Letters]:
    """Dead letters to send back."""
    with met(tmp_path, bootstrap) as found:
        yield found


def grow_source(bootstrap: str, topic: str) -> None:
    """Let *topic* take records above the size limit of an event."""
    entry = ConfigEntry("max.message.bytes", "4000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for changed in admin.incremental_alter_configs([resource]).values():
        changed.result()


def test_ls_counts_by_reason_and_lists_what_was_wrong(letters: Letters) -> None:
    done = letters.run("ls", str(letters.folder / "pipe.py"))

    text = done.stdout
    assert done.exit_code == 0, done.stderr
    assert "5 dead letters: 1 duplicate_key, 1 json, 1 size, 1 type, 1 utf8" in text
    assert "$.a" in text
    assert "key '[/red]' comes twice" in " ".join(text.split())


def test_ls_with_a_reason_lists_only_those_and_n_the_newest(letters: Letters) -> None:
    assert [x["source"]["offset"] for x in letters.json("ls", letters.name)] == [0, 1, 2, 3, 4]
    assert [x["id"] for x in letters.json("ls", letters.name, "--reason", "type")] == [letters.id(0)]
    assert [x["id"] for x in letters.json("ls", letters.name, "-n", "1")] == [letters.id(4)]
    assert letters.json("ls", letters.name, "--reason", "depth") == []


def test_show_prints_bytes_and_headers_without_commanding_the_terminal(letters: Letters) -> None:
    shown = letters.run("show", letters.name, letters.id(0)).stdout
    assert WRONG_TYPE.decode() in shown
    assert f"{letters.name}.events[0]@0" in shown
    assert "Expected `float`, got `str`" in shown
    assert r"trace: \xff\x00\xfe" in shown
    assert "ключ: значение" in shown

    hostile = letters.run("show", letters.name, letters.id(1)).stdout
    assert "\x1b" not in hostile
    assert r"nope\xff\x1b" in hostile


def test_show_gives_a_program_every_byte(letters: Letters) -> None:
    found = letters.json("show", letters.name, letters.id(0))

    decoded = [(name, None if v is None else base64.b64decode(v)) for name, v in found["headers_b64"]]
    assert decoded == ODD_HEADERS
    assert base64.b64decode(found["value_b64"]) == WRONG_TYPE
    for offset, (value, _, _) in enumerate(BAD):
        if value is not TOO_LARGE:
            assert letters.run("show", letters.name, letters.id(offset), "--raw").stdout_bytes == value


def test_a_record_too_large_to_be_kept_is_named_with_its_place(letters: Letters) -> None:
    assert "not kept, sha256 " in letters.run("show", letters.name, letters.id(2)).stdout

    refused = letters.run("show", letters.name, letters.id(2), "--raw")
    assert refused.exit_code == 1
    assert f"read it at {letters.name}.events[0]@2" in refused.stderr

    skipped = letters.run("retry", letters.name, letters.id(2))
    assert skipped.exit_code == 0
    text = skipped.stdout
    assert "sent 0 of 1 records back" in text
    assert f"not sent: {letters.id(2)} was too large to be kept, 1,048,577 bytes" in text


def test_a_repaired_record_is_predicted_under_its_own_id_and_key(fresh: Letters) -> None:
    repaired = WRONG_TYPE.replace(b'"12,5"', b"12.5")
    done = fresh.run(
        "retry", str(fresh.folder / "pipe.py"), fresh.id(0), "--value", "-", stdin=repaired + b"\n"
    )
    assert (done.exit_code, done.stdout) == (0, "sent 1 of 1 records back\n")

    result = fresh.until("predictions", 2)[-1]

    content = json.loads(result.value())
    assert content["event_id"] == "x1"
    assert content["model_step"] == 1
    assert content["source"]["offset"] == len(BAD) + 1
    assert result.key() == b"x1"
    sent = fresh.until("events", len(BAD) + 2)[-1]
    assert sent.value() == repaired
    assert sent.headers() == [*ODD_HEADERS, ("headrace-retry-of", fresh.id(0).encode())]


def test_an_unchanged_record_fails_again_and_its_letter_says_of_which_it_is_a_retry(fresh: Letters) -> None:
    assert fresh.run("retry", fresh.name, fresh.id(0), fresh.id(1)).exit_code == 0
    again = fresh.until("dead", len(BAD) + 2)[-2:]

    offset = len(BAD) + 1
    for message, first, place in zip(again, (0, 1), (offset, offset + 1), strict=True):
        letter = json.loads(message.value())
        assert letter["id"] == fresh.id(place)
        assert base64.b64decode(letter["value_b64"]) == BAD[first][0]
        assert ("orig-headrace-retry-of", fresh.id(first).encode()) in message.headers()
    assert f"headrace-retry-of: {fresh.id(0)}" in fresh.run(
        "show", fresh.name, fresh.id(offset)
    ).stdout.replace("header    ", "")


def test_all_of_a_reason_go_back_and_the_next_time_only_the_newest_of_each(fresh: Letters) -> None:
    first = fresh.run("retry", fresh.name, "--all", "--reason", "type", "--yes")
    fresh.until("dead", len(BAD) + 1)
    second = fresh.run("retry", fresh.name, "--all", "--reason", "type", "--yes")
    newest = fresh.until("dead", len(BAD) + 2)[-1]

    for done in (first, second):
        assert done.stdout == "sent 1 of 1 records back\n"
    headers = [(k, v) for k, v in newest.headers() if k == "orig-headrace-retry-of"]
    assert headers == [("orig-headrace-retry-of", fresh.id(len(BAD) + 1).encode())]


def test_all_asks_first_and_sends_what_was_kept(fresh: Letters) -> None:
    declined = fresh.run("retry", fresh.name, "--all", stdin=b"n\n")
    assert declined.exit_code == 1
    assert "send 4 records again?" in declined.output
    assert w.end_offsets(fresh.bootstrap, f"{fresh.name}.events", 1) == len(BAD) + 1

    agreed = fresh.run("retry", fresh.name, "--all", stdin=b"y\n")
    assert "sent 4 of 5 records back" in agreed.stdout
    fresh.until("dead", len(BAD) + 4)


def test_a_reason_that_no_letter_has_sends_nothing_and_asks_nothing(letters: Letters) -> None:
    done = letters.run("retry", letters.name, "--all", "--reason", "depth")

    assert (done.exit_code, done.stdout) == (0, "sent 0 of 0 records back\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name dead letters, or say --all"),
        (["some/id", "--all"], "name dead letters, or say --all"),
        (["--all", "--value", "-"], "--value repairs exactly one record"),
        (["one", "two", "--value", "-"], "--value repairs exactly one record"),
        (["one", "--reason", "type"], "--reason chooses among --all"),
    ],
)
def test_wrong_usage_is_told_before_any_broker_is_asked(arguments: list[str], said: str) -> None:
    done = run("127.0.0.1:1", "dead", "retry", "fraud", *arguments)

    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("verb", ["show", "retry"])
def test_an_unknown_id_is_an_error_with_the_way_on(letters: Letters, verb: str) -> None:
    done = letters.run(verb, letters.name, "no/such/0/1/dead")

    assert done.exit_code == 1
    text = done.stderr
    assert "there is no dead letter no/such/0/1/dead" in text
    assert f"fix  headrace dead ls {letters.name}" in text


def test_a_pipeline_without_topics_is_told_how_to_get_them(bootstrap: str) -> None:
    done = run(bootstrap, "dead", "ls", "never-made")

    assert done.exit_code == 4
    assert "topic never-made.dead does not exist" in done.stderr


def test_a_name_with_a_dot_is_a_name_when_it_has_dead_letters(tmp_path: Path, bootstrap: str) -> None:
    name = f"eu.t{random.getrandbits(40):x}"
    path = w.write_pipeline(tmp_path, name, partitions=1)
    assert run(bootstrap, "topics", "create", str(path)).exit_code == 0
    w.produce(bootstrap, f"{name}.dead", [b"no letter", None], 1, key=b"k")

    done = run(bootstrap, "dead", "ls", name)

    assert (done.exit_code, done.stdout) == (0, "0 dead letters\n"), done.stderr
