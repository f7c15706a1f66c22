"""Every command explains itself, and its examples are commands that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from agents import project
from agents.cli import COMMANDS, cli

HEAVY = ("river", "faust", "aiokafka", "numpy")
READING = [
    "demo", "topics ls", "topics check", "doctor", "status", "tail", "show", "dead ls", "dead show", "bench",
    "kafka status", "version", "replay", "diff", "digest", "verify", "unlearn", "snapshot ls",
    "inspect", "snapshot save", "snapshot restore", "snapshot verify", "model history", "model rollback",
    "model ls", "model show", "model diff", "model freeze", "model pause",
]  # fmt: skip


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if path:
        yield " ".join(path), command
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                found = command.get_command(ctx, name)
                assert found is not None
                yield from walk(found, (*path, name))


TREE = dict(walk(cli))


def assert_exists(line: str) -> None:
    """Fail unless *line*, as a reader would type it, is a command of ours with options it has."""
    for part in line.split("|"):
        words = shlex.split(re.split(r"\s(?:>>?|#)\s|\s{3,}", part.strip())[0])
        if not words or words[0] != "headrace":
            continue
        path = [word for word in words[1:3] if word in " ".join(TREE).split()]
        path = path if " ".join(path) in TREE else path[:1]
        assert " ".join(path) in TREE, line
        known = {o for p in TREE[" ".join(path)].params if isinstance(p, click.Option) for o in p.opts}
        used = {word for word in words if re.fullmatch(r"-\w|--[\w-]+", word)}
        assert used <= known | {"--help"}, line


def examples(command: click.Command) -> list[str]:
    _, _, after = (command.help or "").partition("Example:\n")
    return [line.strip() for line in after.splitlines() if line.strip()]


@pytest.mark.parametrize("path", TREE)
def test_help_has_an_example_that_exists(path: str) -> None:
    found = examples(TREE[path])

    assert any(f"headrace {path}" in line for line in found)
    for line in found:
        assert_exists(line)


@pytest.mark.parametrize("path", TREE)
def test_every_option_is_explained(path: str) -> None:
    options = [p for p in TREE[path].params if isinstance(p, click.Option)]

    assert [o.name for o in options if not o.help and not o.show_default] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(name: str) -> None:
    own = " ".join((TREE[name].help or "").split())

    assert own.startswith(COMMANDS[name])


@pytest.mark.parametrize("path", READING)
def test_a_command_that_reads_has_json(path: str) -> None:
    assert "--json" in {o for p in TREE[path].params for o in p.opts}


def test_help_lists_all_commands() -> None:
    shown = CliRunner().invoke(cli, ["--help"])

    assert shown.exit_code == 0
    assert all(re.search(rf"^  {name} ", shown.output, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("path", TREE)
def test_help_can_be_asked_for(path: str) -> None:
    for option in ("-h", "--help"):
        shown = CliRunner().invoke(cli, [*path.split(), option])
        assert shown.exit_code == 0
        assert shown.output.startswith("Usage: ")


@pytest.mark.parametrize(
    ("argv", "may_load"),
    [
        (["--help"], ()),
        (["--version"], ()),
        (["init", "--help"], ()),
        (["completion", "bash"], ()),
        (["version"], ("aiokafka",)),
    ],
)
def test_what_needs_no_models_does_not_wait_for_them(argv: list[str], may_load: tuple[str, ...]) -> None:
    program = (
        "import sys; from headrace.__main__ import main\n"
        f"sys.argv = ['headrace', *{argv!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert set(re.findall(r"'(\w+)'", ran.stderr)) <= set(may_load)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    shown = CliRunner().invoke(cli, ["completion", shell])

    assert shown.exit_code == 0
    assert f"_HEADRACE_COMPLETE={shell}_complete" in shown.output


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("headrace to", {"topics"}),
        ("headrace topics c", {"create", "check"}),
        ("headrace tail --fo", {"--follow"}),
    ],
)
def test_completion_completes(line: str, expected: set[str]) -> None:
    words = line.split()
    env = {
        "_HEADRACE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    shown = CliRunner().invoke(cli, [], env=env, prog_name="headrace")

    assert {entry.split(",")[1] for entry in shown.output.splitlines()} == expected


@pytest.mark.parametrize("template", project.KEYS)
def test_the_readme_of_a_new_project_names_commands_that_exist(template: str) -> None:
    text = project.contents("my-app", template)["README.md"]
    lines = re.findall(r"^headrace .+$", text, re.MULTILINE) + re.findall(r"`(headrace [^`]+)`", text)

    assert len(lines) >= 7
    for line in lines:
        assert_exists(line)
