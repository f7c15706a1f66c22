"""Every promise of the page of guarantees names tests that exist."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.pages import ROOT, text_of

PAGE = "docs/guarantees.md"
PROMISES = [f"G{n}" for n in range(1, 17)]
REFERENCE = re.compile(r"`([\w./-]+\.py)::(\w+)`")
SECTION = re.compile(r"^### (G\d+) .*\n((?:(?!^##).*\n)*)", re.MULTILINE)


def sections() -> dict[str, str]:
    """Return what stands under each promise."""
    return dict(SECTION.findall(text_of(PAGE)))


@cache
def names_in(path: str) -> set[str]:
    """Return the names of the tests in the file *path*, none if there is no such file."""
    file = ROOT / path
    text = file.read_text("utf-8") if path.startswith("tests/") and file.exists() else ""
    return set(re.findall(r"^(?:async )?def (test_\w+)\(", text, re.MULTILINE))


def test_all_sixteen_are_there_in_order() -> None:
    assert list(sections()) == PROMISES


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_names_tests_that_exist(promise: str) -> None:
    named = REFERENCE.findall(sections()[promise])

    assert named, "a promise that no test shows"
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_whatever_looks_like_a_test_is_checked() -> None:
    page = text_of(PAGE)
    assert len(REFERENCE.findall(page)) == page.count("::") - page.count("`file::test`")
    assert len(REFERENCE.findall(page)) == sum(
        len(REFERENCE.findall(section)) for section in sections().values()
    )
