"""dev.py: what it says, what it runs, what it returns. It makes no environment here."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "dev.py"


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """dev.py with an empty folder for a checkout and an environment that is up to date."""
    spec = importlib.util.spec_from_file_location("dev_under_test", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "constraints.txt").write_text("river==0.26.1")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    program(module, "python", "exit 0")
    (tmp_path / ".venv/headrace-stamp").write_text(module.stamp(tmp_path))
    return module


def program(dev: ModuleType, name: str, script: str) -> None:
    """Put a shell *script* where dev.py looks for the tool *name*; it notes how it was called."""
    path = dev.VENV / "bin" / name
    path.write_text(f'#!/bin/sh\necho "{name} $* seed=$PYTHONHASHSEED" >>called\n{script}\n')
    path.chmod(0o755)


def called(dev: ModuleType) -> list[str]:
    """Return the calls of the programs so far."""
    path: Path = dev.ROOT / "called"
    return path.read_text().splitlines() if path.exists() else []


def test_old_python_can_read_it() -> None:
    tree = ast.parse(PATH.read_text("utf-8"), feature_version=(3, 6))

    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "__future__" not in imported  # `annotations` is an error before Python 3.7


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_other_python_is_told_which_ones_will_do(
    dev: ModuleType,
    version: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "version_info", version)

    code = dev.main(["test"])

    said = capsys.readouterr().err
    monkeypatch.undo()
    assert code == 2
    assert "3.11, 3.12 or 3.13; this is " + ".".join(map(str, version)) in said


@pytest.mark.parametrize("arguments", [[], ["tests"], ["--fast"]])
def test_unknown_command_is_a_usage_error(
    dev: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(arguments) == 2
    assert "dev.py test --fast" in capsys.readouterr().err


def test_help_is_not_an_error(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(["--help"]) == 0
    assert "dev.py demo" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_stamp_changes_with_what_is_installed(dev: ModuleType, name: str) -> None:
    before = dev.stamp(dev.ROOT)

    (dev.ROOT / name).write_text("river==0.27.0")

    assert dev.stamp(dev.ROOT) != before


def test_stamp_changes_with_python(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dev.stamp(dev.ROOT)

    monkeypatch.setattr(sys, "version", "3.12.99")

    assert dev.stamp(dev.ROOT) != before


@pytest.mark.parametrize("command", ["demo", "bench"])
def test_command_gets_its_arguments_and_its_exit_code_comes_back(dev: ModuleType, command: str) -> None:
    program(dev, "headrace", "exit 4")

    code = dev.main([command, "--seed", "7"])

    assert code == 4
    assert called(dev) == [f"headrace {command} --seed 7 seed=0"]


def test_chaos_is_a_tool_of_the_checkout(dev: ModuleType) -> None:
    program(dev, "python", "exit 4")

    assert dev.main(["chaos", "--minutes", "2"]) == 4
    assert called(dev) == ["python -m tools.chaos --minutes 2 seed=0"]


FAST = "pytest -n 2 --dist loadfile -m not broker and not slow tests/unit tests/contract"


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ([], "pytest -n 2 --dist loadfile"),
        (["-k", "fold"], "pytest -n 2 --dist loadfile -k fold"),
        (["--fast"], FAST),
        (["--fast", "-x"], FAST + " -x"),
    ],
)
def test_every_check_runs_and_pytest_last(dev: ModuleType, arguments: list[str], last: str) -> None:
    for name in ("ruff", "mypy", "lint-imports", "deptry", "pytest"):
        program(dev, name, "exit 0")

    code = dev.main(["test", *arguments])

    assert code == 0
    steps = ["ruff check .", "ruff format --check .", "mypy", "lint-imports", "deptry .", last]
    assert [call.rpartition(" seed=0")[0].strip() for call in called(dev)] == steps


def test_first_failing_check_stops_the_rest_and_is_named(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    program(dev, "ruff", "exit 0")
    program(dev, "mypy", "exit 3")

    code = dev.main(["test"])

    assert code == 3
    assert capsys.readouterr().err.endswith("dev: mypy failed, exit code 3\n")
    assert len(called(dev)) == 3


FAILS_ONCE = """
if [ -e failed-before ]; then exit {second}; fi
touch failed-before
mkdir -p .pytest_cache/v/cache
echo '{{"{name}": true{more}}}' >.pytest_cache/v/cache/lastfailed
exit {first}
"""


def failing(
    dev: ModuleType, *, first: int = 1, second: int = 0, more: str = "", name: str = "tests/a.py::test_one"
) -> None:
    """Let all checks pass but pytest, which fails the first time."""
    for tool in ("ruff", "mypy", "lint-imports", "deptry"):
        program(dev, tool, "exit 0")
    program(dev, "pytest", FAILS_ONCE.format(first=first, second=second, more=more, name=name))


def test_what_failed_beside_others_runs_again_alone_and_is_named(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(dev)

    code = dev.main(["test", "-v"])

    said = capsys.readouterr().err
    assert code == 0
    assert "dev: passed only when run alone, look into it: tests/a.py::test_one\n" in said
    assert called(dev)[-1] == "pytest --last-failed --last-failed-no-failures none -v seed=0"


def test_what_fails_twice_is_a_failure(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    failing(dev, second=1)

    assert dev.main(["test"]) == 1
    assert "passed" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        ([], {"more": "".join(f', "tests/a.py::test_{n}": true' for n in "abc")}),
        ([], {"first": 2}),
        ([], {"name": "tests/chaos/test_kills.py::test_one"}),
        ([], {"name": "tests/simulation/test_schedules.py::test_one"}),
        (["--fast"], {}),
    ],
    ids=["too many", "pytest was interrupted", "chaos", "simulation", "fast"],
)
def test_there_is_no_second_run(dev: ModuleType, arguments: list[str], how: dict[str, Any]) -> None:
    failing(dev, **how)

    assert dev.main(["test", *arguments]) == how.get("first", 1)
    assert len([call for call in called(dev) if call.startswith("pytest")]) == 1


def test_death_by_signal_is_a_failure(dev: ModuleType) -> None:
    program(dev, "headrace", "kill -TERM $$")

    assert dev.main(["demo"]) == 128 + signal.SIGTERM


def test_interrupted_command_may_end_in_its_own_time(dev: ModuleType) -> None:
    stop = "sleep 0.3; echo stopped >>called; exit 5"
    program(dev, "headrace", f"trap '{stop}' INT; echo ready; while :; do sleep 0.02; done")
    runner = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('dev', sys.argv[1])\n"
        "dev = importlib.util.module_from_spec(spec); spec.loader.exec_module(dev)\n"
        "dev.ROOT = pathlib.Path(sys.argv[2]); dev.VENV = dev.ROOT / '.venv'\n"
        "sys.exit(dev.main(['demo']))"
    )
    command = [sys.executable, "-c", runner, str(PATH), str(dev.ROOT)]
    (dev.ROOT / ".venv/headrace-stamp").write_text(dev.stamp(dev.ROOT))

    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        code = process.wait(timeout=10)

    assert code == 5
    assert called(dev)[-1] == "stopped"
