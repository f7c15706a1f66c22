"""`headrace init`: what it writes works as written, and it never writes over anything."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agents import project
from agents.cli import cli
from headrace.loading import load_pipeline
from headrace.settings import Settings
from schemas import Refusal

ROOT = Path(__file__).parents[3]


def init(*argv: str) -> Result:
    return CliRunner().invoke(cli, ["init", *argv])


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; modules of a project made there are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in {"pipelines", "test_my_app"}]:
        del sys.modules[name]


def test_it_says_what_it_wrote_and_which_three_commands_come_next(parent: Path) -> None:
    result = init("my-app")

    written = {str(path.relative_to(parent)) for path in parent.rglob("*") if path.is_file()}
    *listed, _, cd, test, up = result.stdout.splitlines()
    assert result.exit_code == 0
    assert {line.removeprefix("wrote ") for line in listed} == written
    assert {"my-app/pipelines/my_app.py", "my-app/tests/test_my_app.py", "my-app/.gitignore"} <= written
    assert cd.split() == ["next", "cd", "my-app"]
    assert test.split()[0] == "pytest"
    assert up.split()[:3] == ["headrace", "up", "pipelines.my_app"]


@pytest.mark.parametrize("template", project.KEYS)
def test_its_tests_pass(parent: Path, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    init("my-app", "--template", template)
    for folder in ("my-app", "my-app/tests"):
        monkeypatch.syspath_prepend(parent / folder)

    tests = dict(inspect.getmembers(importlib.import_module("test_my_app"), inspect.isfunction))

    names = [name for name in tests if name.startswith("test_")]
    assert len(names) == 2
    for name in names:
        tests[name]()


@pytest.mark.parametrize("template", project.KEYS)
def test_its_pipeline_can_be_loaded_and_takes_the_samples(
    parent: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    init("my-app", "--template", template)
    monkeypatch.chdir(parent / "my-app")

    pipeline = load_pipeline("pipelines.my_app")
    parse = pipeline.decoder().parse
    refused = []
    for line in Path("events.jsonl").read_bytes().splitlines():
        try:
            parse(line)
        except Refusal as refusal:
            refused.append(refusal)

    assert pipeline.name == "my-app"
    assert pipeline.source.key == project.KEYS[template]
    assert len(refused) == 1


@pytest.mark.parametrize("template", project.KEYS)
def test_its_code_is_clean(parent: Path, template: str) -> None:
    init("my-app", "--template", template)
    rules = "E,F,W,I,N,UP,B,C4,SIM,RET,PIE,PT,PTH,RUF"
    for command in (["check", "--select", rules], ["format", "--check"]):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--isolated",
                "--no-cache",
                "--line-length",
                "110",
                ".",
            ],
            cwd=parent / "my-app",
            check=True,
        )


def test_its_settings_are_ours_with_their_defaults(parent: Path) -> None:
    init("my-app")
    text = (parent / "my-app/headrace.toml").read_text()

    lines = text.splitlines()
    shown = tomllib.loads(
        "\n".join(line.removeprefix("# ") for line in lines if line.startswith("# ") and " = " in line)
    )
    defaults = {name: getattr(Settings(), name) for name in shown}

    assert tomllib.loads(text) == {}
    assert shown.pop("bootstrap") == "localhost:9092"
    assert shown == {name: value for name, value in defaults.items() if name != "bootstrap"}


@pytest.mark.parametrize("name", ["", "My-App", "a.b", "a/b", "../up", "-x-", "1st", "mü", "a" * 64, "a b"])
def test_a_name_that_cannot_be_is_refused(parent: Path, name: str) -> None:
    result = init("--", name)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 3
    assert list(parent.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["agents", "schemas", "streams", "headrace", "json", "river", "class", "email"]
)
def test_a_name_that_would_hide_a_module_is_refused(parent: Path, name: str) -> None:
    result = init(name)

    what, why, fix = result.stderr.splitlines()
    assert result.exit_code == 2
    assert what == f"error: {name!r} cannot be the name of a project"
    assert name in why
    assert fix == f"  fix  headrace init my-{name}"
    assert list(parent.iterdir()) == []


def test_what_is_there_is_never_written_over(parent: Path) -> None:
    (parent / "my-app").mkdir()
    (parent / "my-app/notes.txt").write_text("mine")

    result = init("my-app")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: my-app is there already")
    assert [path.name for path in (parent / "my-app").iterdir()] == ["notes.txt"]


def test_a_file_of_that_name_is_left_alone(parent: Path) -> None:
    (parent / "my-app").write_text("mine")

    assert init("my-app").exit_code == 2
    assert (parent / "my-app").read_text() == "mine"


def test_an_empty_folder_will_do(parent: Path) -> None:
    (parent / "my-app").mkdir()

    assert init("my-app").exit_code == 0


def test_git_keeps_the_templates_so_a_wheel_has_them() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()

    for path in (ROOT / "agents/templates").rglob("*"):
        assert not [pattern for pattern in ignored if path.match(pattern.rstrip("/"))]
