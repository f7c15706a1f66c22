"""Replay on a real Kafka."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import confluent_kafka
import confluent_kafka.admin
import pytest

from tests.broker import workers as w
from tests.broker.travel.past_runs import (
    OTHER,
    SGD,
    Ask,
    PastRun,
    Run,
    delete_before,
    events,
    fold_of,
    make_topic,
    write_other,
)

pytestmark = pytest.mark.broker


def offsets_of(results: list[dict[str, Any]]) -> list[int]:
    return [result["source"]["offset"] for result in results]


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
def test_a_replay_of_what_workers_did_is_the_same_to_the_byte(
    run: Run, ask: Ask, name: str, tmp_path: Path, delivery: str
) -> None:
    bootstrap = os.environ["HEADRACE_BOOTSTRAP"]
    bad = [b"{", b'{"id": 1, "a": "x", "b": 0}', None, b'{"id":"m","a":1e300,"b":0}']
    w.produce(bootstrap, f"{name}.events", [*events(400), *bad, *events(100, 2)], 2, headers=[("h", b"\xff")])
    with w.workers(tmp_path, bootstrap) as start:
        worker = start(
            HEADRACE_SNAPSHOT_EVENTS="60", HEADRACE_SNAPSHOT_INTERVAL_S="0.2", HEADRACE_DELIVERY=delivery
        )
        worker.until_ready()
        w.until(lambda: ask("status", "pipe.py")["lag"] == 0, "all is committed")
        assert worker.terminate() == 0

    told = ask("replay", "pipe.py", "--from", "beginning", "--into", f"{name}.again")

    assert told["replayed"] == 504
    assert told["silent"] == 0
    assert [(p["from"], p["to"], p["dead"]) for p in told["partitions"]] == [(0, 252, 1), (0, 252, 2)]
    for kind in ("predictions", "dead"):
        live, again = (
            sorted(w.consume(bootstrap, f"{run_name}.{kind}", 2), key=lambda m: (m.partition(), m.offset()))
            for run_name in (name, f"{name}.again")
        )
        assert len(live) > 0
        renamed = [
            (
                m.partition(),
                m.key(),
                (m.value() or b"").replace(f'"id":"{name}/'.encode(), f'"id":"{name}.again/'.encode(), 1),
            )
            for m in live
        ]
        assert [(m.partition(), m.key(), m.value()) for m in again] == renamed
        assert [_kept(m) for m in again] == [_kept(m) for m in live]
        assert [dict(m.headers() or [])["ce_id"].decode() for m in again] == [
            json.loads(m.value() or b"")["id"] for m in again
        ]
    assert run("diff", name, f"{name}.again", "--check").exit_code == 0
    assert run("verify", "pipe.py").exit_code == 0


def _kept(message: confluent_kafka.Message) -> list[tuple[str, Any]]:
    """Return the headers that do not name the run or the time."""
    return [(n, v) for n, v in message.headers() or [] if n not in ("ce_id", "ce_time", "ce_source")]


def test_a_replay_from_an_offset_knows_what_the_models_knew_there(
    ask: Ask, name: str, answered: PastRun
) -> None:
    told = ask("replay", "pipe.py", "--from", "250", "--to", "280", "--into", f"{name}.part")

    (partition,) = told["partitions"]
    assert (partition["models_from"], partition["from"], partition["to"]) == (200, 250, 280)
    assert (told["replayed"], told["silent"]) == (30, 50)
    assert partition["digest"] == fold_of(answered, answered.values[:280]).digest()
    live = {result["source"]["offset"]: result for result in answered.results()}
    for result in answered.results(f"{name}.part"):
        assert result == live[result["source"]["offset"]] | {"id": result["id"]}
        assert result["id"] == f"{name}.part/{name}.events/0/{result['source']['offset']}/predict"
    assert offsets_of(answered.results(f"{name}.part")) == [*range(250, 280)]


def test_a_replay_before_the_first_snapshot_begins_with_the_log(
    ask: Ask, name: str, answered: PastRun
) -> None:
    told = ask(
        "replay", "pipe.py", "--from", "199", "--to", "201", "--into", f"{name}.part", "--workers", "1"
    )

    assert told["partitions"][0]["models_from"] == 0
    assert [r["model_step"] for r in answered.results(f"{name}.part")] == [197, 198]


def test_fresh_models_know_nothing(ask: Ask, name: str, answered: PastRun) -> None:
    ask("replay", "pipe.py", "--from", "250", "--into", f"{name}.fresh", "--fresh")

    results = answered.results(f"{name}.fresh")
    assert [r["model_step"] for r in results] == [*range(52)]
    assert results[0]["probability"] == {"false": 0.5, "true": 0.5}


def test_another_spec_answers_as_if_it_had_been_there_from_the_beginning(
    ask: Ask, name: str, answered: PastRun, tmp_path: Path
) -> None:
    write_other(tmp_path, name, SGD, OTHER)

    told = ask("replay", "pipe.py", "--from", "250", "--into", f"{name}.trial", "--spec", "other.py")

    other = PastRun(answered.bootstrap, name, "other.py")
    results = answered.results(f"{name}.trial")
    assert told["partitions"][0]["digest"] == fold_of(other, answered.values).digest()
    assert told["pipeline"] == f"{name}@2"
    assert {r["pipeline"] for r in results} == {f"{name}@2"}
    assert results[0]["id"] == f"{name}.trial/{name}.events/0/250/predict"
    assert results[0]["model_step"] == 248


def test_the_live_pipeline_is_not_touched(ask: Ask, name: str, answered: PastRun, bootstrap: str) -> None:
    def seen() -> Any:
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
        groups = [g.group_id for g in admin.list_consumer_groups().result(10).valid if name in g.group_id]
        kinds = ("events", "predictions", "dead", "snapshots", "decisions")
        return ask("status", "pipe.py"), groups, [w.end_offsets(bootstrap, f"{name}.{k}", 2) for k in kinds]

    before = seen()
    ask("replay", "pipe.py", "--from", "beginning", "--into", f"{name}.again")

    assert seen() == before


def test_a_decision_is_followed(ask: Ask, name: str, answered: PastRun, run: Run) -> None:
    old = fold_of(answered, answered.values[:100])
    answered.fold, live = old, answered.fold
    blob = answered.blob(sequence=90)
    answered.fold = live
    answered.decide("pin-1", blob, "rollback")
    answered.feed(events(40, 3))

    told = ask("replay", "pipe.py", "--from", "beginning", "--into", f"{name}.again")

    assert run("diff", name, f"{name}.again", "--check").exit_code == 0
    assert told["partitions"][0]["digest"] == answered.fold.digest()
    assert answered.fold.digest() != fold_of(answered, answered.values).digest()


def test_a_run_can_be_gone_on_with(run: Run, ask: Ask, name: str, answered: PastRun) -> None:
    ask("replay", "pipe.py", "--from", "beginning", "--to", "120", "--into", f"{name}.again")

    twice = run("replay", "pipe.py", "--from", "100", "--into", f"{name}.again", "--append")
    mixed = run("replay", "pipe.py", "--from", "120", "--into", f"{name}.again")
    ask("replay", "pipe.py", "--from", "120", "--into", f"{name}.again", "--append")

    assert (twice.exit_code, mixed.exit_code) == (1, 1)
    assert "has results up to offset 119 of the log" in twice.stderr
    assert "fix  --from 120" in twice.stderr
    assert f"topic {name}.again.predictions holds 118 records already" in mixed.stderr
    assert run("diff", name, f"{name}.again", "--check").exit_code == 0
    assert len(answered.results(f"{name}.again")) == 300


def test_a_time_is_a_place(ask: Ask, name: str, bootstrap: str) -> None:
    for i, value in enumerate(events(6)):
        w.produce(bootstrap, f"{name}.events", [value], 1, timestamp=1_764_504_000_000 + 60_000 * i)

    told = ask(
        "replay",
        "pipe.py",
        "--from",
        "2025-11-30T12:02",
        "--to",
        "2025-11-30T12:04:30",
        "--into",
        f"{name}.x",
    )

    assert [(p["from"], p["to"]) for p in told["partitions"]] == [(2, 5)]


def test_an_empty_partition_is_passed_over(ask: Ask, name: str, answered: PastRun) -> None:
    told = ask("replay", "pipe.py", "--from", "beginning", "--into", f"{name}.again")

    assert [p["partition"] for p in told["partitions"]] == [0]


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["--from", "302"], 1, "there is nothing from 302 to end"),
        (["--from", "20", "--to", "20"], 1, "there is nothing from 20 to 20"),
        (["--from", "beginning", "-p", "1"], 1, "there is nothing from beginning to end"),
        (["--from", "beginning", "-p", "7"], 1, "has no partition 7"),
        (["--from", "yesterday"], 2, "expected an offset (4711), a time"),
        (["--from", "0", "--into", "{name}"], 1, "would write among the live results"),
        (["--from", "0", "--into", "a/b"], 2, "is not valid as a topic name"),
        (["--from", "0", "--spec", "strange.py"], 1, "strange.py folds another log than pipe.py"),
        (["--from", "0", "--spec", "nowhere.py"], 2, "there is no file nowhere.py"),
        (["--from", "0", "--into", "{name}.narrow"], 4, "has 1 partitions, expected 2"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused(
    run: Run, answered: PastRun, argv: list[str], code: int, message: str
) -> None:
    name = answered.name
    Path("strange.py").write_text(w.PIPELINE.format(name=f"{name}.strange", partitions=2))
    make_topic(answered.bootstrap, f"{name}.narrow.predictions")
    given = [word.format(name=name) for word in argv]
    into = [] if "--into" in given else ["--into", f"{name}.x"]

    result = run("replay", "pipe.py", *given, *into)

    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert len(answered.results()) == 300


def test_records_that_were_deleted_are_not_passed_over_in_silence(
    run: Run, name: str, answered: PastRun
) -> None:
    delete_before(answered, 150)

    early = run("replay", "pipe.py", "--from", "100", "--into", f"{name}.a")
    between = run("replay", "pipe.py", "--from", "160", "--into", f"{name}.b")
    after = run("replay", "pipe.py", "--from", "210", "--into", f"{name}.c", "--json")
    fresh = run("replay", "pipe.py", "--from", "160", "--into", f"{name}.d", "--fresh")

    assert (early.exit_code, between.exit_code, after.exit_code, fresh.exit_code) == (1, 4, 0, 0)
    assert "begins at 150" in early.stderr
    assert "has lost records that its models have learned from" in between.stderr
    assert "--fresh" in between.stderr
    digest = json.loads(after.stdout)["partitions"][0]["digest"]
    assert digest == fold_of(answered, answered.values).digest()


def test_a_topic_that_is_not_there_is_said_so(run: Run, tmp_path: Path) -> None:
    w.write_pipeline(tmp_path, f"t{random.getrandbits(40):x}")

    for command in (["replay", "--from", "0", "--into", "x"], ["digest"], ["verify"], ["snapshot", "ls"]):
        words = (
            [*command[:2], "pipe.py"] if command[0] == "snapshot" else [command[0], "pipe.py", *command[1:]]
        )
        result = run(*words)
        assert result.exit_code == 4, result.output
        assert "does not exist\n  fix  headrace topics create pipe.py" in result.stderr
