"""Snapshots listed, opened, saved and restored, on a real Kafka."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.broker import workers as w
from tests.broker.travel.past_runs import (
    PastRun,
    Run,
    events,
    fold_of,
    grow,
    told,
)

pytestmark = pytest.mark.broker


def test_a_list_says_what_can_be_used_and_why_not(run: Run, past: PastRun) -> None:
    grow(past, 1)
    stolen = past.blob(sequence=50)
    past.own()  # another worker takes over at 100 ...
    past.feed(events(100, 2))
    live = past.snapshot("live-1")
    zombie, past.fold = past.fold, fold_of(past, past.values[:150])
    past.snapshot("live-2", epoch=0, sequence=60)  # ... and the first one, who does not know, goes on
    past.fold = zombie
    past.write("live-3", stolen[:-1])
    past.write("keep-0", b"\x00" * 50)

    found = told(run("snapshot", "ls", "pipe.py", "-p", "0", "--json"))

    states = {line["slot"]: line["state"] for line in found}
    assert states == {
        "live-0": "ok", "live-1": "ok", "live-2": "zombie", "live-3": "torn", "keep-0": "corrupt",
    }  # fmt: skip
    assert found[0]["id"] == live
    assert {"offset", "step", "epoch", "created_ms", "size_bytes"} <= set(found[0])
    assert "zombie" in run("snapshot", "ls", "pipe.py").stdout


def test_snapshots_are_opened_one_by_one(run: Run, past: PastRun, tmp_path: Path) -> None:
    grow(past)

    good = run("snapshot", "verify", "pipe.py")
    blob = past.blob()
    past.write("live-1", blob[:-1] + bytes([blob[-1] ^ 1]))
    bad = run("snapshot", "verify", "pipe.py", "--json")

    assert good.exit_code == 0, good.output
    assert bad.exit_code == 4
    assert "1 of 3 snapshots of pipe.py cannot be opened" in bad.stderr
    assert [line["slot"] for line in json.loads(bad.stdout) if line["why"]] == ["live-1"]


def test_a_backup_brings_a_damaged_topic_back(run: Run, past: PastRun, tmp_path: Path) -> None:
    ids = grow(past)
    past.write("pin-a", past.blob(sequence=99))
    folder = str(tmp_path / "backup")

    saved = run("snapshot", "save", "pipe.py", folder)
    checked = run("snapshot", "verify", "pipe.py", folder, "--json")
    for slot in ("live-0", "live-1", "live-2", "pin-a"):
        past.write(slot, b"damaged")
    assert run("verify", "pipe.py").exit_code == 1
    restored = told(run("snapshot", "restore", "pipe.py", folder, "--json"))

    assert "saved 4 snapshots" in saved.stdout
    assert [line["id"] for line in told(checked) if line["slot"] != "pin-a"] == ids[::-1]
    assert {one["state"] for one in restored} == {"restored"}
    assert told(run("verify", "pipe.py", "--json"))[0]["compared"] == 3
    assert sorted(path.name for path in Path(folder, past.name, "partition-0").iterdir()) == [
        "live-0.snapshot", "live-1.snapshot", "live-2.snapshot", "pin-a.snapshot",
    ]  # fmt: skip


def test_a_restore_never_puts_an_older_snapshot_in_place_of_a_newer(
    run: Run, past: PastRun, tmp_path: Path
) -> None:
    folder = str(tmp_path / "backup")
    grow(past, 1)
    run("snapshot", "save", "pipe.py", folder)
    past.feed(events(50, 4))
    newer = past.snapshot("live-0")

    moved = told(run("snapshot", "restore", "pipe.py", folder, "--json"))
    again = told(run("snapshot", "restore", "pipe.py", folder, "--force", "--json"))

    assert [one["state"] for one in moved] == [one["state"] for one in again] == ["a newer one is there"]
    assert [line["id"] for line in told(run("snapshot", "ls", "pipe.py", "--json"))] == [newer]


def test_what_would_not_be_used_is_not_restored(run: Run, past: PastRun, tmp_path: Path) -> None:
    folder = str(tmp_path / "backup")
    past.feed(events(100))
    ahead = past.snapshot("live-0")
    run("snapshot", "save", "pipe.py", folder)
    Path(folder, past.name, "partition-0", "live-1.snapshot").write_bytes(b"not a snapshot")
    past.write("live-0", b"damaged")
    past.commit(60)

    moved = told(run("snapshot", "restore", "pipe.py", folder, "--json"))

    assert {one["slot"]: one["state"].partition(":")[0] for one in moved} == {
        "live-0": "ahead_of_frontier", "live-1": "torn",
    }  # fmt: skip
    assert ahead not in run("snapshot", "ls", "pipe.py").stdout


def test_a_restore_is_refused_while_workers_run(run: Run, past: PastRun, tmp_path: Path) -> None:
    folder = str(tmp_path / "backup")
    grow(past, 1)
    run("snapshot", "save", "pipe.py", folder)
    with w.workers(tmp_path, past.bootstrap) as start:
        worker = start()
        worker.until_ready()
        refused = run("snapshot", "restore", "pipe.py", folder)
        forced = run("snapshot", "restore", "pipe.py", folder, "--force")
        assert worker.terminate() == 0

    assert refused.exit_code == 1
    assert "a worker of pipe.py still runs" in refused.stderr
    assert "--force" in refused.stderr
    assert forced.exit_code == 0, forced.output


def test_a_folder_without_a_backup_is_said_so(run: Run, past: PastRun, tmp_path: Path) -> None:
    (tmp_path / "backup" / "another").mkdir(parents=True)

    empty = run("snapshot", "restore", "pipe.py", str(tmp_path / "nowhere"))
    other = run("snapshot", "restore", "pipe.py", str(tmp_path / "backup"))

    assert (empty.exit_code, other.exit_code) == (1, 1)
    assert "holds no backup of" in empty.stderr
    assert "it holds those of another" in other.stderr
