"""What goes wrong is said in up to three lines on standard error, with an exit code that means something."""

from __future__ import annotations

import socket
from pathlib import Path

import click
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from click.testing import CliRunner, Result

from agents.cli import cli, failures
from headrace.errors import HeadraceError, TopicError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADRACE_BOOTSTRAP", raising=False)
    return lambda *argv: CliRunner().invoke(cli, list(argv))


def lines(result: Result) -> list[str]:
    assert result.stdout == ""
    return result.stderr.splitlines()


def silent_address() -> str:
    """Return an address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["stauts", "x"], "there is no command 'stauts'; did you mean status?"),
        (["xyzzy"], "there is no command 'xyzzy'"),
        (["tail"], "missing argument 'TOPIC'"),
        (["tail", "x", "--jsno"], "there is no option --jsno; did you mean --json?"),
        (["tail", "x", "--from", "soon"], "invalid value for '--from': expected a duration such as 90s"),
        (["tail", "x", "-n", "0"], "invalid value for '-n': 0 is not in the range"),
        (["send", "x", "--rate", "0/s"], "invalid value for '--rate': expected a rate such as 100/s"),
        (["send", "x", "none.jsonl"], "invalid value for '[FILE]': 'none.jsonl': No such file"),
        (["completion", "tcsh"], "invalid value for '{bash|zsh|fish}': 'tcsh' is not one of"),
        (["topics", "creat", "x"], "no such command 'creat'"),
        (["up", "x", "-n", "0"], "invalid value for '-n' / '--workers'"),
        (["init", "x", "--template", "text"], "invalid value for '--template': 'text' is not one of"),
    ],
)
def test_misuse_is_exit_2_with_what_why_fix(run: object, argv: list[str], what: str) -> None:
    result = run(*argv)  # type: ignore[operator]

    first, why, fix = lines(result)
    assert result.exit_code == 2
    assert first.startswith(f"error: {what}")
    assert why.startswith("  why  usage: ")
    assert fix.startswith("  fix  ")
    assert fix.endswith(" --help")


@pytest.mark.parametrize(
    ("argv", "code", "what"),
    [
        (["show", "nowhere.at_all"], 2, "there is no module 'nowhere.at_all'"),
        (["show", "none.py"], 2, "there is no file none.py"),
        (["topics", "ls"], 3, "no Kafka is configured and none runs here"),
        (["kafka", "status"], 3, "no Kafka runs with data in .headrace/kafka"),
        (["init", "json"], 2, "'json' cannot be the name of a project"),
    ],
)
def test_our_errors_have_their_codes(run: object, argv: list[str], code: int, what: str) -> None:
    result = run(*argv)  # type: ignore[operator]

    assert result.exit_code == code
    assert lines(result)[0] == f"error: {what}"
    assert len(lines(result)) <= 3


@pytest.mark.parametrize("argv", [["topics", "ls"], ["tail", "x"], ["send", "x"]])
def test_an_unreachable_broker_is_exit_3_and_three_lines(run: object, argv: list[str]) -> None:
    address = silent_address()

    result = run(*argv, "--bootstrap", address)  # type: ignore[operator]

    what, why, fix = lines(result)
    assert result.exit_code == 3
    assert what == f"error: no Kafka broker answers at {address}"
    assert why.startswith("  why  ")
    assert "headrace kafka up" in fix


def test_a_faulty_settings_file_is_exit_2(run: object) -> None:
    Path("headrace.toml").write_text("boostrap = 'x:1'\n")

    result = run("topics", "ls")  # type: ignore[operator]

    assert result.exit_code == 2
    assert "boostrap" in result.stderr


def test_a_group_alone_shows_its_help(run: object) -> None:
    result = run("topics")  # type: ignore[operator]

    assert result.exit_code == 2
    assert "Commands:" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HeadraceError("x"), 1),
        (TopicError("x"), 4),
        (KafkaConnectionError("gone"), 3),
        (TopicAuthorizationFailedError("no"), 1),
        (TimeoutError(), 3),
        (click.FileError("x.json", "is a directory"), 1),
        (ValueError("a fault of ours keeps its traceback"), None),
    ],
)
def test_exit_code_of(error: Exception, code: int | None) -> None:
    assert failures.report(error) == code


def test_ctrl_c_is_130_and_silent(capsys: pytest.CaptureFixture[str]) -> None:
    interrupted = click.Abort()
    interrupted.__cause__ = KeyboardInterrupt()

    assert failures.report(interrupted) == 130
    assert capsys.readouterr() == ("", "")


def test_a_refused_question_is_exit_1_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.report(click.Abort()) == 1
    assert "nothing was done" in capsys.readouterr().err
