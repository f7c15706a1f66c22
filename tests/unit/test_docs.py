"""The documentation is true: links lead somewhere, commands and tables agree with the code."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from agents.cli import COMMANDS
from headrace import Limits
from headrace.metrics import registry
from headrace.settings import Settings
from tests.pages import BLOCK, OPERATE, PAGES, ROOT, WRITE, blocks, named, table, text_of

# Links


def anchors(page: Path) -> set[str]:
    """Return the anchors of *page*'s headings, as GitHub makes them."""
    prose = BLOCK.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{named(page)}: there is no {link}"
        if anchor:
            assert anchor in anchors(target), f"{named(page)}: there is no {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in found:
            continue
        found.add(page)
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            target = page.parent / link
            if target.is_dir():
                waiting += target.glob("*.md")
            elif target.suffix == ".md":
                waiting.append(target)

    assert found == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_named_in_code_is_there(page: Path) -> None:
    prefix = r"(?:schemas|headrace|streams|agents|tests|deploy)"
    for path in re.findall(rf"`({prefix}/[\w./-]*)`", page.read_text("utf-8")):
        assert (ROOT / path).exists(), f"{named(page)} names {path}"


# Commands


def command_lines() -> list[tuple[str, list[str]]]:
    """Return every ``headrace ...`` in the pages' code, with its page."""
    found = []
    for page in map(named, PAGES):
        prose = BLOCK.sub("", text_of(page))
        code = re.findall(r"`([^`\n]+)`", prose)
        code += [line for body in blocks(page, "") for line in re.split(r"[\n|]", body)]
        for line in code:
            words = shlex.split(line, comments=True) if line.strip().startswith("headrace ") else []
            if words:
                found.append((page, words[1:]))
    return found


def test_every_command_named_exists_with_its_options() -> None:
    assert len(command_lines()) > 30
    for page, (name, *rest) in command_lines():
        assert name in COMMANDS, f"{page}: headrace {name}"
        options = [word for word in rest if re.match(r"--?[a-z]", word)]
        if not rest or (not options and rest[0].isupper()):
            continue
        command: click.Command = importlib.import_module(f"agents.cli.{name}").command
        if isinstance(command, click.Group) and not rest[0].startswith("-"):
            assert rest[0] in command.commands, f"{page}: headrace {name} {rest[0]}"
            command = command.commands[rest[0]]
        known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
        assert set(options) <= known, f"{page}: headrace {name} {' '.join(rest)}"


def test_readme_lists_every_command() -> None:
    listed = [row[0].split()[1] for row in table("README.md", "command")]

    assert sorted(listed) == sorted(COMMANDS)


# Tables


def test_settings_are_documented_with_their_defaults() -> None:
    documented = {name: default for name, default, *_ in table(OPERATE, "setting")}

    settings = msgspec.to_builtins(Settings())
    assert documented == {n: "none" if v is None else str(v) for n, v in settings.items()}


def test_metrics_are_documented_with_their_type() -> None:
    documented = {name: kind for name, kind, *_ in table(OPERATE, "metric")}

    suffix = {"counter": "_total"}
    found = {m.name + suffix.get(m.type, ""): m.type for m in registry.collect()}
    assert documented == found


def test_limits_are_documented_with_their_defaults() -> None:
    documented = {name: default for name, default, *_ in table(WRITE, "limit")}

    assert documented == {n: str(v) for n, v in msgspec.structs.asdict(Limits()).items()}


# All committed text

KNOWN_HOSTS = {
    "127.0.0.1",
    "json-schema.org",
    "keepachangelog.com",
    "localhost",
    "riverml.xyz",
    "www.apache.org",
    "www.w3.org",
}
LOCAL_PATH = re.compile(r"(?<![\w.$~}])/(?:home|root|Users|work|mnt|nix)/\w")
SKIPPED = {"__pycache__", "node_modules", "dist", "build"}


def committed(folder: Path = ROOT) -> Iterator[Path]:
    """Yield the text files of the checkout, without what tools leave there."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            is_ours = path.name == ".ci" or not path.name.startswith(".")
            if is_ours and path.name not in SKIPPED and path.suffix != ".egg-info":
                yield from committed(path)
        elif path.suffix != ".pyc":
            yield path


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [f"{named(path)}: {m[0]}" for path in committed() for m in LOCAL_PATH.finditer(_read(path))]

    assert found == []


def test_no_file_names_a_host_that_readers_need_not_know() -> None:
    url = re.compile(r"https?://([a-zA-Z0-9][\w.-]*)")
    hosts = {(named(path), host) for path in committed() for host in url.findall(_read(path))}

    strange = {(path, host) for path, host in hosts if host.rstrip(".").lower() not in KNOWN_HOSTS}
    assert {x for x in strange if not re.search(r"(^|\.)example(\.\w+)?$|\.invalid$", x[1])} == set()


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")
