"""Unlearning and rolling back, decided by a worker, on a real Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agents.cli import cli
from tests.broker import workers as w
from tests.broker.travel.past_runs import (
    PastRun,
    Run,
    events,
    fold_of,
    told,
)

pytestmark = pytest.mark.broker


@pytest.fixture
def past(past: PastRun) -> PastRun:
    """A fresh pipeline in pipe.py: 300 events in the first of two partitions, snapshots at 100 and 200."""
    for i in range(3):
        past.feed(events(100, seed=i))
        if i < 2:
            past.snapshot(f"keep-{i}")
    return past


def models_of(past: PastRun, **options: Any) -> str:
    """Return the digest of the models alone after a fold of the log, less some records."""
    fold = fold_of(past, past.values, **options)
    fold.step = 0
    return fold.digest()


def test_models_forget_as_if_the_records_had_never_been_there(
    run: Run, past: PastRun, tmp_path: Path
) -> None:
    with w.workers(tmp_path, past.bootstrap) as start:
        worker = start(HEADRACE_SNAPSHOT_EVENTS="30", HEADRACE_SNAPSHOT_INTERVAL_S="0.2")
        worker.until_ready()
        (first,) = told(
            run("unlearn", "pipe.py", "-p", "0", "--from", "150", "--to", "160", "--yes", "--json")
        )
        forgotten = [*range(150, 161)]
        assert first["digest"] == first["proof"] == models_of(past, without=forgotten)
        assert (first["acts_at"], first["snapshot"], first["offset"]) == (300, "0.0.100", 300)

        more = events(60, seed=9)
        w.produce(past.bootstrap, past.topic, more, 1)
        past.values += more
        w.until(lambda: len(past.results()) == 360, "they are answered")
        (second,) = told(run("unlearn", "pipe.py", "--event-id", "e0.7", "--yes", "--json"))
        assert second["forgotten"] == [[7, 7]]
        assert second["unseen"] == [[7, 7], [150, 160]]
        assert second["digest"] == second["proof"] == models_of(past, without=[7, *forgotten])
        again = run("unlearn", "pipe.py", "-p", "0", "--from", "7", "--to", "7", "--yes")
        assert again.exit_code == 1
        assert "have not seen these records" in again.stderr
        refused = run("model", "rollback", "pipe.py", "--to", "0.1.200", "--yes")
        assert "holds records that were unlearned since" in refused.stderr
        assert worker.terminate() == 0

    (verdict,) = told(run("verify", "pipe.py", "--json"))
    assert (verdict["identical"], verdict["offset"], verdict["step"]) == (True, 360, 360)
    told(run("replay", "pipe.py", "--from", "beginning", "--into", f"{past.name}.again", "--json"))
    assert run("diff", past.name, f"{past.name}.again", "--check").exit_code == 0
    kinds = {(e["kind"], e["offset"]) for e in told(run("model", "history", "pipe.py", "--json"))}
    assert {("unlearn", 300), ("unlearn", 360), ("kept", 100), ("pinned", 300)} <= kinds


def test_models_go_back_and_the_log_follows(run: Run, past: PastRun, tmp_path: Path) -> None:
    with w.workers(tmp_path, past.bootstrap) as start:
        worker = start(HEADRACE_SNAPSHOT_EVENTS="30", HEADRACE_SNAPSHOT_INTERVAL_S="0.2")
        worker.until_ready()
        (first,) = told(run("model", "rollback", "pipe.py", "--before", "150", "-p", "0", "--yes", "--json"))
        more = events(60, seed=9)
        w.produce(past.bootstrap, past.topic, more, 1)
        past.values += more
        w.until(lambda: len(past.results()) == 360, "they are answered")
        assert worker.terminate() == 0

    assert (first["snapshot"], first["snapshot_offset"], first["acts_at"]) == ("0.0.100", 100, 300)
    expected = fold_of(past, past.values, without=[*range(100, 300)])
    expected.step += 200
    (digest, _) = told(run("digest", "pipe.py", "--json"))
    assert digest["digest"] == expected.digest()
    assert told(run("verify", "pipe.py", "--json"))[0]["identical"] is True
    shown = run("model", "history", "pipe.py", "--owners").stdout
    assert "without 100-299" in shown
    assert "owner" in shown


def test_a_dry_run_changes_nothing(run: Run, past: PastRun) -> None:
    def written() -> tuple[int, int]:
        return tuple(  # type: ignore[return-value] # two
            w.end_offsets(past.bootstrap, f"{past.name}.{kind}", 2) for kind in ("snapshots", "decisions")
        )

    before = written()
    result = run("unlearn", "pipe.py", "-p", "0", "--from", "210", "--to", "211", "--dry-run")

    assert result.exit_code == 0, result.output
    assert "nothing was changed" in result.stdout
    assert "as if these records had never been there" in result.stdout
    assert written() == before
    (found,) = told(
        run("unlearn", "pipe.py", "-p", "0", "--from", "210", "--to", "211", "--dry-run", "--json")
    )
    assert found["digest"] == found["proof"] == models_of(past, without=[210, 211])
    assert found["digest"] != models_of(past)


def test_an_id_is_found_wherever_it_is_and_however_it_is_written(run: Run, past: PastRun) -> None:
    past.feed(
        [b'{"id":"\\u0065 1","a":1,"b":2,"y":true}', b'{"id":"e 1","a":1,"b":2}', b'{"id":"x","text":"e 1"']
    )

    (found,) = told(run("unlearn", "pipe.py", "--event-id", "e 1", "--dry-run", "--json"))

    assert found["forgotten"] == [[300, 301]]
    assert found["snapshot"] == "0.1.200"


def test_a_wrong_snapshot_does_not_pass_the_proof(run: Run, past: PastRun) -> None:
    wrong = fold_of(past, past.values[:200], without=[50])
    wrong.step += 1
    live, past.fold = past.fold, wrong
    past.snapshot("keep-1", sequence=1)
    past.fold = live

    result = run("unlearn", "pipe.py", "-p", "0", "--from", "250", "--to", "250", "--yes")

    assert result.exit_code == 1
    assert "the proof failed, nothing was changed" in result.stderr
    assert "headrace verify pipe.py -p 0" in result.stderr


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([], 2, "say which records"),
        (["-p", "0", "--from", "3"], 2, "say which records"),
        (["--from", "3", "--to", "5"], 2, "say which records"),
        (["--event-id", "x", "--from", "3"], 2, "leave --from and --to out"),
        (["-p", "0", "--from", "9", "--to", "5"], 1, "there is nothing from 9 to 5"),
        (["-p", "0", "--from", "299", "--to", "300"], 1, "cannot unlearn offsets 299 to 300"),
        (["-p", "1", "--from", "0", "--to", "0"], 1, "cannot unlearn offsets 0 to 0"),
        (["-p", "2", "--from", "0", "--to", "0"], 1, "has no partition 2"),
        (["--event-id", "nobody"], 1, "no event with the id 'nobody' was learned"),
    ],
)
def test_what_cannot_be_unlearned_is_refused(
    run: Run, past: PastRun, argv: list[str], code: int, message: str
) -> None:
    result = run("unlearn", "pipe.py", *argv, "--dry-run")

    assert result.exit_code == code, result.output
    assert message in result.stderr


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([], 2, "say where to"),
        (["--to", "0.0.100", "--before", "5"], 2, "say where to"),
        (["--to", "7.7.7"], 1, "there is no snapshot 7.7.7"),
        (["--before", "99", "-p", "0"], 1, "keeps no snapshot from before 99"),
    ],
)
def test_a_rollback_to_nowhere_is_refused(
    run: Run, past: PastRun, argv: list[str], code: int, message: str
) -> None:
    result = run("model", "rollback", "pipe.py", *argv, "--yes")

    assert result.exit_code == code, result.output
    assert message in result.stderr


def test_nothing_is_decided_without_a_yes(run: Run, past: PastRun) -> None:
    refused = CliRunner().invoke(cli, ["model", "rollback", "pipe.py", "--to", "0.0.100"], input="n\n")
    forgotten = CliRunner().invoke(
        cli, ["unlearn", "pipe.py", "-p", "0", "--from", "1", "--to", "1"], input="n\n"
    )

    assert (refused.exit_code, forgotten.exit_code) == (1, 1)
    assert "to snapshot 0.0.100, offset 100, 200 records back" in refused.stderr
    assert w.end_offsets(past.bootstrap, f"{past.name}.decisions", 2) == 1
