"""Verify on a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import workers as w
from tests.broker.travel.past_runs import (
    PastRun,
    Run,
    delete_before,
    events,
    fold_of,
    grow,
    told,
)

pytestmark = pytest.mark.broker


def test_a_state_that_is_what_its_log_says_is_bit_identical(run: Run, past: PastRun) -> None:
    ids = grow(past)

    (verdict,) = told(run("verify", "pipe.py", "--json"))
    shown = run("verify", "pipe.py")

    assert verdict["identical"] is True
    assert (verdict["snapshot"], verdict["offset"], verdict["step"]) == (ids[-1], 300, 300)
    assert (verdict["began"], verdict["began_at"], verdict["compared"]) == ("", 0, 3)
    assert verdict["digest"] == verdict["live_digest"] == fold_of(past, past.values).digest()
    assert "bit-identical" in shown.stdout
    assert "note: partition 1 has no snapshot yet" in shown.stderr


def test_an_event_that_was_not_learned_is_found(run: Run, past: PastRun) -> None:
    (first,) = grow(past, 1)
    past.feed(events(100, 7), skip=142)
    second = past.snapshot("live-1")
    past.feed(events(100, 8))
    past.snapshot("live-2")

    result = run("verify", "pipe.py", "--json")
    (verdict,) = told(result, 4)

    assert verdict["identical"] is False
    assert (verdict["last_equal"], verdict["last_equal_at"]) == (first, 100)
    assert (verdict["first_different"], verdict["first_different_at"]) == (second, 200)
    assert verdict["first_result"] == 143, "the first answer by models that lack event 142"
    assert "the first published result that differs is that of offset 143" in result.stderr


def test_a_state_that_nobody_published_from_is_found_by_its_snapshots(run: Run, past: PastRun) -> None:
    grow(past, 1)
    past.feed(events(50, 7))
    live, past.fold = past.fold, fold_of(past, past.values, without=[120])
    wrong = past.snapshot("live-1")
    past.fold = live

    (verdict,) = told(run("verify", "pipe.py", "--json"), 4)

    assert (verdict["last_equal_at"], verdict["first_different"]) == (100, wrong)
    assert verdict["first_result"] is None


def test_a_verification_may_begin_with_a_snapshot(run: Run, past: PastRun) -> None:
    past.feed(events(100), skip=10)
    wrong = past.snapshot("live-0")
    past.feed(events(100, 2))
    past.snapshot("live-1")

    (verdict,) = told(run("verify", "pipe.py", "--from-snapshot", wrong, "--json"))
    last = run("verify", "pipe.py", "--from-snapshot", "0.1.200")
    unknown = run("verify", "pipe.py", "--from-snapshot", "9.9.9")

    assert (verdict["identical"], verdict["began"], verdict["began_at"]) == (True, wrong, 100)
    assert run("verify", "pipe.py").exit_code == 4, "from the beginning it is wrong"
    assert (last.exit_code, unknown.exit_code) == (1, 1)
    assert "has nothing to compare with" in last.stderr
    assert "there is no snapshot 9.9.9" in unknown.stderr


def test_decisions_are_followed(run: Run, past: PastRun) -> None:
    past.feed(events(100))
    old = past.blob()
    past.write("keep-0", old)
    past.feed(events(50, 2))
    before = past.snapshot("live-1")
    past.decide("pin-a", old, "rollback")
    after = past.snapshot("live-2")
    past.feed(events(50, 3))
    past.snapshot("live-3")

    (verdict,) = told(run("verify", "pipe.py", "--json"))

    assert (verdict["identical"], verdict["compared"], verdict["step"]) == (True, 4, 200)
    assert verdict["digest"] == past.fold.digest() != fold_of(past, past.values).digest()
    states = {line["id"]: line["state"] for line in told(run("snapshot", "ls", "pipe.py", "--json"))}
    assert (states[before], states[after]) == ("ok", "ok")


def test_a_decision_whose_snapshot_is_gone_is_said_so(run: Run, past: PastRun) -> None:
    past.feed(events(100))
    past.decide("pin-a", past.blob(), "rollback")
    past.feed(events(100, 2))
    past.snapshot("live-1")
    past.write("pin-a", b"damaged")

    result = run("verify", "pipe.py")

    assert result.exit_code == 1
    assert "the snapshot pin-a that decision pin-a refers to is not there" in result.stderr


def test_without_the_logs_beginning_the_oldest_snapshot_is_begun_with(run: Run, past: PastRun) -> None:
    ids = grow(past)
    delete_before(past, 50)

    (verdict,) = told(run("verify", "pipe.py", "--json"))
    delete_before(past, 300)
    gone = run("verify", "pipe.py")

    assert (verdict["identical"], verdict["began"], verdict["began_at"]) == (True, ids[0], 100)
    assert gone.exit_code in (1, 4), gone.output


def test_a_pipeline_without_snapshots_cannot_be_verified(run: Run, past: PastRun) -> None:
    past.feed(events(10))

    result = run("verify", "pipe.py")

    assert result.exit_code == 1
    assert "has no snapshot that can be used" in result.stderr
    assert run("snapshot", "ls", "pipe.py").stdout == "no snapshots yet\n"


def test_models_by_key_are_verified_through_snapshots_that_add_to_each_other(
    run: Run, past: PastRun, tmp_path: Path
) -> None:
    declared = (tmp_path / "pipe.py").read_text()
    (tmp_path / "keyed.py").write_text(declared.replace('features=["a"', 'scope="key",\n    features=["a"'))
    folder = str(tmp_path / "backup")
    with w.workers(tmp_path, past.bootstrap) as start:
        worker = start("keyed.py", HEADRACE_SNAPSHOT_EVENTS="40", HEADRACE_SNAPSHOT_INTERVAL_S="0.1")
        worker.until_ready()
        for i in range(8):
            for key in (b"a", b"b", b"c", b"d%d" % i):
                w.produce(past.bootstrap, past.topic, events(25, seed=i), 1, key=key)
            end = 100 * (i + 1)
            w.until(lambda end=end: len(past.results()) == end, "they are answered")  # type: ignore[misc]
        assert worker.terminate() == 0

    listed = told(run("snapshot", "ls", "keyed.py", "-p", "0", "--json"))
    (verdict,) = told(run("verify", "keyed.py", "-p", "0", "--json"))
    again = told(run("replay", "keyed.py", "--from", "790", "-p", "0", "--into", f"{past.name}.k", "--json"))

    assert any(not line["whole"] for line in listed), "some only add to others"
    assert (verdict["identical"], verdict["offset"], verdict["step"]) == (True, 800, 800)
    assert again["partitions"][0]["digest"] == verdict["digest"]
    run("snapshot", "save", "keyed.py", folder)
    assert run("snapshot", "verify", "keyed.py", folder).exit_code == 0
