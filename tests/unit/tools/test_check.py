"""The judge sees each kind of anomaly, and none where there is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.tools.runs import (
    BAD,
    LOG,
    TOMBSTONE,
    TOPICS,
    Lists,
    N,
    Record,
    aborted_input,
    decided,
    decision,
    epoch,
    found,
    letter,
    result,
    set_frontier,
    sound_run,
    swapped,
    value_at,
    with_one_more,
    with_other,
    without,
)
from tools.check import judge
from tools.ledger import digest
from tools.reading import UnreadableError

CASES: dict[str, tuple[Callable[[Lists], None], dict[str, int]]] = {
    "the last result is missing": (without("p.predictions", 5), {"lost": 1, "unaccounted": 1}),
    "a result in the midst is missing": (
        without("p.predictions", 1),
        {"lost": 1, "unaccounted": 1, "step_gap": 1},
    ),
    "a dead letter is missing": (without("p.dead", 0), {"lost": 1, "unaccounted": 1}),
    "a second result with other bytes": (
        with_one_more("p.predictions", result(2, prediction=True)),
        {"diverging": 1},
    ),
    "a second result with another key": (
        with_one_more("p.predictions", result(2), b"other"),
        {"diverging": 1},
    ),
    "a result for a record that is not there": (with_one_more("p.predictions", result(99)), {"phantom": 1}),
    "a result for a tombstone": (with_one_more("p.predictions", result(TOMBSTONE)), {"phantom": 1}),
    "a result that is no JSON": (with_one_more("p.predictions", b"\xff"), {"phantom": 1}),
    "a result and a dead letter": (
        with_one_more("p.dead", letter(1)),
        {"answered_twice": 1, "reordered": 1, "unaccounted": 1},
    ),
    "a result for an aborted record": (aborted_input, {"aborted_read": 1}),
    "an id with something of its own": (
        with_other("p.predictions", 0, result(0, id="p/log/0/0/1700000000")),
        {"misnamed": 1},
    ),
    "a result on another partition": (
        with_one_more("p.predictions", result(1, source={"topic": "log", "partition": 1, "offset": 1})),
        {"misplaced": 1},
    ),
    "results in another order": (swapped, {"reordered": 1}),
    "an event learned twice": (
        with_other("p.predictions", 1, result(1, model_step=2)),
        {"step_gap": 1, "step_repeat": 1},
    ),
    "the last event learned twice": (
        with_other("p.predictions", 5, result(7, model_step=5)),
        {"step_gap": 1},
    ),
    "an event not learned": (with_other("p.predictions", 5, result(7, model_step=3)), {"step_repeat": 1}),
    "a dead letter with another value": (
        with_other("p.dead", 0, letter(BAD, value_b64="e30=")),
        {"altered_letter": 1},
    ),
    "a dead letter with another key": (
        with_other("p.dead", 0, letter(BAD, key_b64=None)),
        {"altered_letter": 1},
    ),
    "a dead letter with broken base64": (
        with_other("p.dead", 0, letter(BAD, value_b64="?")),
        {"altered_letter": 1},
    ),
    "a dead letter with a wrong hash": (
        with_other("p.dead", 0, letter(BAD, value_b64=None, value_sha256="00" * 32)),
        {"altered_letter": 1},
    ),
    "a frontier behind the end": (set_frontier(N - 2), {"not_committed": 2}),
    "no frontier": (set_frontier(None), {"not_committed": N}),
    "a frontier beyond the end": (set_frontier(N + 1), {"frontier_ahead": 1}),
    "an owner that begins before its predecessor": (decided(epoch(3)), {"frontier_back": 1}),
    "decisions in disorder": (decided(decision("a", 1, 6), decision("b", 1, 5)), {"decision_disorder": 1}),
    "a command carried out twice": (decided(decision("a", 1, 5), decision("a", 1, 6)), {"command_twice": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_anomaly_is_found_and_nothing_else(case: str) -> None:
    damage, anomalies = CASES[case]
    lists = sound_run()

    damage(lists)

    assert found(lists) == anomalies


HARMLESS: dict[str, Callable[[Lists], None]] = {
    "nothing": lambda _: None,
    "a second result with the same bytes": with_one_more("p.predictions", result(2)),
    "an aborted result with the same bytes": with_one_more("p.predictions", result(2), aborted=True),
    "an aborted record": lambda lists: lists.append("log", b"k", value_at(N), aborted=True),
    "a decision of an owner before": decided(decision("a", 0, 6), decision("b", 1, 5)),
    "a letter with the hash of a large record": with_other(
        "p.dead",
        0,
        letter(BAD, value_b64=None, value_sha256=hashlib.sha256(value_at(BAD) or b"").hexdigest()),
    ),
    "a letter without a key that was too long": with_other(
        "p.dead", 0, letter(BAD, key_b64=None, error={"type": "key"})
    ),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_allowed_is_no_anomaly(case: str) -> None:
    lists = sound_run()

    HARMLESS[case](lists)

    assert found(lists) == {}


def test_a_duplicate_is_an_anomaly_where_exactly_one_is_promised() -> None:
    lists = sound_run()
    lists.append("p.predictions", b"k", result(2))

    assert found(lists, exactly_once=True) == {"duplicate": 1}


def test_a_result_ahead_of_the_frontier_is_torn_from_its_transaction() -> None:
    lists = sound_run()
    lists.frontier = N - 1

    assert found(lists, exactly_once=True) == {"not_committed": 1, "torn": 1}


def test_an_aborted_result_with_other_bytes_shows_a_state_that_went_astray() -> None:
    lists = sound_run()
    lists.append("p.predictions", b"k", result(2, prediction=True), aborted=True)

    assert found(lists, exactly_once=True) == {"diverging": 1}


def reference(lists: Lists, path: Path) -> Path:
    """Write down the results of *lists* as those of an undisturbed run."""
    lines = []
    for step, topic in (("predict", "p.predictions"), ("dead", "p.dead")):
        for record in lists.topics[topic]:
            offset = json.loads(record.value() or b"")["source"]["offset"]
            made = digest(record.key(), record.value()).hex()
            lines.append(json.dumps({"partition": 0, "offset": offset, "step": step, "digest": made}))
    path.write_text("\n".join(lines))
    return path


def test_results_are_compared_with_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    expected = reference(sound_run(), tmp_path / "expected.jsonl")

    same, other = sound_run(), sound_run()
    other.topics["p.predictions"][2] = Record(2, b"k", result(2, prediction=False))
    short = reference_without_last(expected, tmp_path / "short.jsonl")

    assert found(same, expected=expected) == {}
    assert found(other, expected=expected) == {"not_as_reference": 1}
    assert found(same, expected=short) == {"not_as_reference": 1}


def reference_without_last(path: Path, into: Path) -> Path:
    into.write_text("\n".join(path.read_text().splitlines()[:-1]))
    return into


def test_counts_say_what_was_seen() -> None:
    lists = sound_run()
    lists.append("p.predictions", b"k", result(2))
    lists.append("p.predictions", b"k", result(2), aborted=True)

    counts = judge(lists, LOG, TOPICS)["counts"]

    assert counts == {
        "records": N,
        "tombstones": 1,
        "results": 6,
        "letters": 1,
        "duplicates": 1,
        "aborted_results": 1,
        "epochs": 2,
    }


def test_the_report_names_the_first_places() -> None:
    lists = sound_run()
    without("p.predictions", 1)(lists)

    report = judge(lists, LOG, TOPICS)

    assert report["partitions"]["0"]["first_at"] == {"lost": [1], "step_gap": [2]}


def test_a_log_that_grows_meanwhile_cannot_be_judged() -> None:
    lists = sound_run()
    lists.growth = 1

    with pytest.raises(UnreadableError, match="grew"):
        judge(lists, LOG, TOPICS)


def test_a_topic_that_is_not_there_cannot_be_judged() -> None:
    lists = sound_run()
    del lists.topics["p.dead"]

    with pytest.raises(UnreadableError, match=r"p\.dead"):
        judge(lists, LOG, TOPICS)
