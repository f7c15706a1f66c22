"""Points at which a process dies on purpose, and bugs on purpose: never by accident, never in production."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from headrace import failpoints, mutants
from headrace.errors import SettingsError

LOOP = """
from headrace import failpoints

failpoints.arm({"HEADRACE_FAILPOINT": "%s"}, "development")
answer = failpoints.wrapped("before_learn", lambda: print("learned", flush=True))
for n in range(1, 5):
    print(n, flush=True)
    if failpoints.armed:
        failpoints.reach("after_produce")
    answer()
"""


def run(point: str) -> tuple[int, list[str]]:
    """Return exit code and output of a process with *point* armed."""
    done = subprocess.run(
        [sys.executable, "-c", LOOP % point], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.split()


@pytest.fixture(autouse=True)
def disarmed() -> None:
    failpoints.arm({}, "development")
    mutants.arm({}, "development")


def test_a_process_kills_itself_when_the_point_is_reached_for_the_nth_time() -> None:
    code, said = run("after_produce:3")

    assert code == -signal.SIGKILL
    assert said == ["1", "learned", "2", "learned", "3"]


def test_without_a_number_it_is_the_first_time() -> None:
    assert run("after_produce") == (-signal.SIGKILL, ["1"])


def test_a_wrapped_function_dies_before_its_nth_call() -> None:
    code, said = run("before_learn:2")

    assert code == -signal.SIGKILL
    assert said == ["1", "learned", "2"]


def test_a_point_that_is_not_reached_changes_nothing() -> None:
    code, said = run("in_assign:1")

    assert code == 0
    assert said[-2:] == ["4", "learned"]


def test_what_is_not_armed_is_not_wrapped() -> None:
    def function() -> None: ...

    assert not failpoints.armed
    assert failpoints.wrapped("before_learn", function) is function


@pytest.mark.parametrize(
    "text", ["after_lunch:1", "after_produce:0", "after_produce:x", ":1", "after_produce:-1"]
)
def test_a_point_that_is_not_known_is_refused_with_the_names_of_all(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        failpoints.arm({"HEADRACE_FAILPOINT": text}, "development")

    assert "before_end_transaction" in str(caught.value)
    assert not failpoints.armed


def test_a_bug_is_seeded_by_name_and_only_that_one() -> None:
    mutants.arm({"HEADRACE_MUTANT": "no_fence"}, "development")

    assert mutants.active("no_fence")
    assert not mutants.active("reuse_producer")


def test_a_bug_is_seeded_for_as_long_as_a_test_wants() -> None:
    with mutants.seeded("reuse_producer"):
        assert mutants.active("reuse_producer")
    assert not mutants.active("reuse_producer")


def test_a_bug_that_is_not_known_is_refused() -> None:
    with pytest.raises(SettingsError, match="commit_one_ahead"):
        mutants.arm({"HEADRACE_MUTANT": "typo"}, "development")


@pytest.mark.parametrize("variable", ["HEADRACE_FAILPOINT", "HEADRACE_MUTANT"])
def test_production_refuses_both(variable: str) -> None:
    env = {"HEADRACE_FAILPOINT": "in_assign:1", "HEADRACE_MUTANT": "no_fence"}
    arm = failpoints.arm if variable == "HEADRACE_FAILPOINT" else mutants.arm

    with pytest.raises(SettingsError, match=f"{variable} is for tests only"):
        arm(env, "production")

    assert not failpoints.armed
    assert not mutants.active("no_fence")


def test_at_least_fourteen_bugs_and_each_says_what_is_wrong() -> None:
    assert len(mutants.MUTANTS) >= 14
    assert all(mutant.says for mutant in mutants.MUTANTS.values())
