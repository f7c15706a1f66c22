"""Work in several processes: shared, answered in order, and ended whatever happens."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.travel import crew
from agents.travel.crew import Tell
from agents.travel.passage import Passage
from agents.travel.progress import line
from agents.travel.replay import share
from headrace.errors import HeadraceError, TopicError

ROOT = Path(__file__).parents[3]


def double(n: int, tell: Tell) -> tuple[int, int, int]:
    tell(n)
    return 2 * n, os.getpid(), sys.flags.hash_randomization


def fail(how: str, tell: Tell) -> Any:
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "ours":
        raise TopicError("no topic", why="because", fix="make one")
    if how == "theirs":
        raise ZeroDivisionError("1 / 0")
    signal.pause()  # waits to be ended


def test_answers_come_in_the_order_of_the_shares_from_processes_of_their_own() -> None:
    heard: list[int] = []

    found = crew.run(double, [(1,), (2,), (3,)], heard.append)

    assert [twice for twice, _, _ in found] == [2, 4, 6]
    assert len({pid for _, pid, _ in found} | {os.getpid()}) == 4
    assert sorted(heard) == [1, 2, 3]


def test_every_process_has_the_hash_seed_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "123")

    assert [randomised for _, _, randomised in crew.run(double, [(1,)])] == [0]
    assert os.environ["PYTHONHASHSEED"] == "123"


def test_a_folder_of_the_users_does_not_stand_in_for_a_package_of_ours(tmp_path: Path) -> None:
    """In their project may be a folder called schemas; the command is not started from its files."""
    for package in ("schemas", "agents", "streams"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('not ours')")
    script = tmp_path / "bin" / "script.py"
    script.parent.mkdir()
    script.write_text(
        "import sys\n"
        "def where(tell):\n"
        "    import schemas\n"
        "    return schemas.__file__\n"
        "if __name__ == '__main__':\n"
        f"    sys.path.insert(0, {str(ROOT)!r})\n"
        "    from agents.travel import crew\n"
        f"    sys.path.insert(0, {str(tmp_path)!r})\n"
        "    print(crew.run(where, [()]))\n"
    )

    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.stdout == f"[{str(ROOT / 'schemas' / '__init__.py')!r}]\n", ran.stderr


def test_a_long_name_of_the_temporary_folder_does_no_harm(tmp_path: Path) -> None:
    temporary = tmp_path / ("x" * 100)
    temporary.mkdir()
    script = (
        "from agents.travel import crew\n"
        "def answer(tell):\n"
        "    return 7\n"
        "if __name__ == '__main__':\n"
        "    print(crew.run(answer, [()]))\n"
    )
    (tmp_path / "script.py").write_text(script)

    ran = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stdout == "[7]\n", ran.stderr
    assert list(temporary.iterdir()) == []


def test_an_error_arrives_whole_and_ends_the_others() -> None:
    with pytest.raises(TopicError, match="no topic") as caught:
        crew.run(fail, [("waits",), ("ours",), ("waits",)])

    assert (caught.value.why, caught.value.fix) == ("because", "make one")
    assert multiprocessing.active_children() == []


def test_an_error_of_another_kind_says_where_it_was() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        crew.run(fail, [("theirs",)])

    assert "in fail" in "".join(caught.value.__notes__)


def test_a_process_that_dies_is_noticed() -> None:
    with pytest.raises(HeadraceError, match="ended in the middle of its work") as caught:
        crew.run(fail, [("waits",), ("killed",)])

    assert "exit code -9" in caught.value.why
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("lengths", "workers", "expected"),
    [
        ([10, 10, 10, 10], 2, [[0, 2], [1, 3]]),
        ([100, 1, 1, 1], 2, [[0], [1, 2, 3]]),
        ([5], 4, [[0]]),
        ([], 4, []),
        ([1, 2, 3], 8, [[2], [1], [0]]),
    ],
)
def test_partitions_are_shared_by_their_length(
    lengths: list[int], workers: int, expected: list[list[int]]
) -> None:
    passages = [Passage(number, 100, 100 + n) for number, n in enumerate(lengths)]

    assert [[p.partition for p in part] for part in share(passages, workers)] == expected


@pytest.mark.parametrize(
    ("done", "total", "per_second", "expected"),
    [
        (250, 1_000, 50.0, "replay 250 of 1,000 (25 %), 50/s, 15 s left"),
        (1_200, 1_000, 50.0, "replay 1,200 of 1,000 (120 %), 50/s, 0 s left"),
        (0, 1_000, 0.0, "replay 0 of 1,000 (0 %), 0/s"),
        (0, 0, 0.0, "replay 0 of 0 (100 %), 0/s"),
    ],
)
def test_progress_is_one_line(done: int, total: int, per_second: float, expected: str) -> None:
    assert line("replay", done, total, per_second) == expected
