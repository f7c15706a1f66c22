"""The commands that are shown can be typed as they are."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path

import click
import pytest
from rich.console import Console

from agents.cli import cli
from agents.demo import next_steps
from agents.demo.next_steps import Step
from agents.flights.pipeline import pipeline
from headrace.loading import load_pipeline
from headrace.testing import Harness

BIN = Path(sys.executable).parent


def installed(monkeypatch: pytest.MonkeyPatch, *, on_path: bool, folder: Path) -> Path:
    """Pretend that headrace is installed into *folder*."""
    folder.mkdir(parents=True)
    for name in ("headrace", "python"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder) if on_path else "/nowhere")
    return folder / "headrace"


def test_the_name_is_enough_where_the_shell_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, on_path=True, folder=tmp_path / "bin")
    assert next_steps.program() == "headrace"


def test_another_headrace_on_the_path_is_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, on_path=True, folder=tmp_path / "other")
    path = installed(monkeypatch, on_path=False, folder=tmp_path / "ours")
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert next_steps.program() == str(path)


def test_below_the_folder_of_the_shell_the_path_is_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = installed(monkeypatch, on_path=False, folder=tmp_path / ".venv" / "bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    assert next_steps.program() == ".venv/bin/headrace"
    monkeypatch.setenv("PWD", "/elsewhere")
    assert next_steps.program() == str(path)


def test_a_path_with_a_space_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = installed(monkeypatch, on_path=False, folder=tmp_path / "my env" / "bin")
    assert shlex.split(next_steps.program()) == [str(path)]


def test_without_a_script_python_runs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, on_path=False, folder=tmp_path / "bin").unlink()
    assert shlex.split(next_steps.program()) == [str(tmp_path / "bin" / "python"), "-m", "headrace"]


ALL_STEPS = [
    *next_steps.without_kafka(),
    *next_steps.with_kafka("127.0.0.1:9092", workers=True),
    *next_steps.with_kafka("127.0.0.1:9092", workers=False),
    *next_steps.with_kafka("127.0.0.1:9092", workers=False, keys=Path("a folder") / "keys.json"),
]


def is_assignment(word: str) -> bool:
    return word.startswith("HEADRACE_")


@pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.why)
def test_every_command_exists_with_its_options(step: Step) -> None:
    words = [word for word in shlex.split(step.command.split(" | ")[-1]) if not is_assignment(word)]
    if words[0] == "kcat" or "--help" in words:
        return
    command: click.Command = cli
    words = words[1:]
    context = click.Context(cli, info_name="headrace", **cli.context_settings)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
    command.make_context("headrace", words, parent=context)  # raises where an option or an argument is wrong


def test_commands_that_open_snapshots_are_told_where_the_keys_are(tmp_path: Path) -> None:
    keys = tmp_path / "the demo's" / "keys.json"
    steps = next_steps.with_kafka("127.0.0.1:9092", workers=True, keys=keys)
    (verify,) = [shlex.split(step.command) for step in steps if " verify " in step.command]
    assert verify[0] == f"HEADRACE_KEYS_FILE={keys}"
    assert [
        step.command for step in steps if "KEYS_FILE" in step.command and " verify " not in step.command
    ] == []


def test_the_target_leads_to_the_demos_pipeline() -> None:
    assert load_pipeline(next_steps.TARGET).name == pipeline.name


def test_the_flight_of_ones_own_is_a_valid_event_and_its_arrival_a_label_of_it() -> None:
    harness = Harness(pipeline)
    harness.send(next_steps.OWN_FLIGHT.encode())
    harness.label(next_steps.OWN_ARRIVAL.encode())
    mine = json.loads(next_steps.OWN_FLIGHT)
    assert [found["event_id"] for found in harness.predictions] == [mine["id"]]
    assert [(found["event_id"], found["state"]) for found in harness.labels] == [(mine["id"], "joined")]
    key = pipeline.source.key or ""
    assert json.loads(next_steps.OWN_ARRIVAL)[key] == mine[key], "both go to the same partition"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_command_is_one_line_to_copy(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        next_steps.show(console, ALL_STEPS)
    lines = [text.strip() for text in captured.get().splitlines()]
    assert all(any(text.startswith(step.command) for text in lines) for step in ALL_STEPS)
