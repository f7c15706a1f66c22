"""The pages of the documentation, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
WRITE = "docs/howto/write-a-pipeline.md"
DRIFT = "docs/howto/drift.md"
CASCADE = "docs/howto/cascade.md"
CHAIN = "docs/howto/chain.md"
BANDIT = "docs/howto/bandit.md"
STACKING = "docs/howto/stacking.md"
CANARY = "docs/howto/canary.md"
DELAYED = "docs/howto/delayed-labels.md"
EXTERNAL = "docs/howto/external.md"
WINDOWS = "docs/howto/windows-and-lookups.md"
BACKUPS = "docs/howto/backups.md"
OPERATE = "docs/howto/operate.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of *page* in *language*."""
    return [body for kind, body in BLOCK.findall(text_of(page)) if kind == language]


def table(page: str, first: str) -> list[list[str]]:
    """Return the rows of the table of *page* whose first column is called *first*."""
    lines = iter(text_of(page).splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            return list(_rows(lines))
    raise AssertionError(f"{page} has no table with a column {first!r}")


def _rows(lines: Iterator[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]
