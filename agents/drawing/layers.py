"""Which layer each node is in, and in which order within: the first half of a layered layout.

Layers by longest paths, long edges cut into pieces by a bend in each layer between, order by barycentres:
K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical
system structures", 1981.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Link: TypeAlias = tuple[str, str]
_SWEEPS = 12


class Bend(NamedTuple):
    """Where the edge with this number passes this layer."""

    edge: int
    layer: int


Cell: TypeAlias = str | Bend


class Layers(NamedTuple):
    """Cells from top to bottom and from left to right, and the way of each edge through them, downwards.

    ``upwards`` are the numbers of the edges that lead the other way.
    """

    rows: list[list[Cell]]
    ways: list[list[Cell]]
    upwards: frozenset[int]


def layered(names: Sequence[str], edges: Sequence[Link]) -> Layers:
    """Return the layers of a graph; an edge that would close a circle goes upwards.

    Parameters
    ----------
    names
        The nodes.
    edges
        Pairs of two of them.

    """
    down = _downwards(names, edges)
    ranks = _ranks(names, down)
    rows: list[list[Cell]] = [[] for _ in range(1 + max(ranks.values(), default=-1))]
    for name in names:
        rows[ranks[name]].append(name)
    ways: list[list[Cell]] = []
    for number, (start, end) in enumerate(down):
        bends = [Bend(number, layer) for layer in range(ranks[start] + 1, ranks[end])]
        for bend in bends:
            rows[bend.layer].append(bend)
        ways.append([start, *bends, end])
    upwards = frozenset(
        i for i, (way, (start, _)) in enumerate(zip(ways, edges, strict=True)) if way[0] != start
    )
    return Layers(_untangled(rows, ways), ways, upwards)


def _downwards(names: Sequence[str], edges: Sequence[Link]) -> list[Link]:
    """Return the edges, those turned round that lead back to a node on the way to them."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for start, end in edges:
        after[start].append(end)
    back: set[Link] = set()
    done: set[str] = set()
    for name in names:
        path, todo = [name], [iter(after[name])]
        while todo:
            found = next(todo[-1], None)
            if found is None:
                done.add(path.pop())
                todo.pop()
            elif found in path:
                back.add((path[-1], found))
            elif found not in done:
                path.append(found)
                todo.append(iter(after[found]))
    return [(end, start) if (start, end) in back else (start, end) for start, end in edges]


def _ranks(names: Sequence[str], edges: Sequence[Link]) -> dict[str, int]:
    """Return each node's layer: below all that lead to it; one that nothing leads to, just above the next."""
    before: dict[str, list[str]] = {name: [] for name in names}
    after: dict[str, list[str]] = {name: [] for name in names}
    for start, end in edges:
        before[end].append(start)
        after[start].append(end)
    ranks: dict[str, int] = {}
    while len(ranks) < len(names):
        for name in names:
            if name not in ranks and all(each in ranks for each in before[name]):
                ranks[name] = 1 + max((ranks[each] for each in before[name]), default=-1)
    for name in names:
        if not before[name] and after[name]:
            ranks[name] = min(ranks[each] for each in after[name]) - 1
    return ranks


def _untangled(rows: list[list[Cell]], ways: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """Return *rows* in an order with few crossings: each cell near the middle of its neighbours."""
    above: dict[Cell, list[Cell]] = {cell: [] for row in rows for cell in row}
    below: dict[Cell, list[Cell]] = {cell: [] for row in rows for cell in row}
    for way in ways:
        for upper, lower in pairwise(way):
            below[upper].append(lower)
            above[lower].append(upper)
    best, least = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        order = rows if downwards else rows[::-1]
        neighbours = above if downwards else below
        for fixed, row in pairwise(order):
            _sort(row, fixed, neighbours)
        crossings = _crossings(rows, below)
        if crossings < least:
            best, least = [list(row) for row in rows], crossings
    return best


def _sort(row: list[Cell], fixed: Sequence[Cell], neighbours: Mapping[Cell, Sequence[Cell]]) -> None:
    """Sort *row* by the mean place of each cell's neighbours in *fixed*; a cell without any keeps its own."""
    places = {cell: i / max(1, len(fixed) - 1) for i, cell in enumerate(fixed)}
    wanted = {}
    for i, cell in enumerate(row):
        near = [places[each] for each in neighbours[cell]]
        wanted[cell] = sum(near) / len(near) if near else i / max(1, len(row) - 1)
    row.sort(key=wanted.__getitem__)


def _crossings(rows: Sequence[Sequence[Cell]], below: Mapping[Cell, Sequence[Cell]]) -> int:
    """Return how often edges between neighbouring layers cross."""
    count = 0
    for upper, lower in pairwise(rows):
        places = {cell: i for i, cell in enumerate(lower)}
        passed: Counter[int] = Counter()
        for cell in upper:
            ends = [places[each] for each in below[cell]]
            count += sum(n for end in ends for place, n in passed.items() if place > end)
            passed.update(ends)
    return count
