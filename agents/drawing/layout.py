"""Where each node and each edge is: the second half of a layered layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from agents.drawing.layers import Bend, Cell, Layers, Link, layered

GAP_X = 28.0
GAP_Y = 44.0
_LANE = 10.0
"""Width that an edge is given where it passes a layer."""
_PORTS = 26.0
_ROUNDS = 100


class Size(NamedTuple):
    """Of a node, in pixels."""

    width: float
    height: float


class Point(NamedTuple):
    """From the left and from the top."""

    x: float
    y: float


class Box(NamedTuple):
    """Left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Its middle, from the left."""
        return self.x + self.width / 2

    def moved(self, x: float, y: float) -> Box:
        """Return it so much further to the right and down."""
        return Box(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True)
class Layout:
    """Boxes by node, the points that each edge goes through, and the size of all.

    Between two points an edge leaves and arrives upright.
    """

    boxes: Mapping[str, Box]
    routes: Sequence[Sequence[Point]]
    size: Size


def laid_out(sizes: Mapping[str, Size], edges: Sequence[Link]) -> Layout:
    """Return where nodes of these *sizes* and the *edges* between them are, from top to bottom."""
    layers = layered(list(sizes), edges)
    widths = {
        cell: sizes[cell].width if isinstance(cell, str) else _LANE for row in layers.rows for cell in row
    }
    middles = _middles(layers, widths)
    heights = [max((sizes[c].height for c in row if isinstance(c, str)), default=0.0) for row in layers.rows]
    tops = [0.0, *accumulate(height + GAP_Y for height in heights)]
    left = min((middles[cell] - widths[cell] / 2 for cell in middles), default=0.0)
    boxes: dict[str, Box] = {}
    bands: dict[Cell, tuple[float, float]] = {}
    for row, top, height in zip(layers.rows, tops, heights, strict=False):
        for cell in row:
            middles[cell] -= left
            bands[cell] = (top, top + height)
            if isinstance(cell, str):
                width, own = sizes[cell]
                boxes[cell] = Box(middles[cell] - width / 2, top + (height - own) / 2, width, own)
    right = max((middles[cell] + widths[cell] / 2 for cell in middles), default=0.0)
    size = Size(right, max(0.0, tops[-1] - GAP_Y))
    return Layout(boxes, _routes(layers, boxes, middles, bands), size)


def _middles(layers: Layers, widths: Mapping[Cell, float]) -> dict[Cell, float]:
    """Return the middle of each cell, so that edges are as upright as the widths allow.

    Row by row the sum of squares of what edges lean is made least, while the other rows stay.
    """
    near: dict[Cell, list[Cell]] = {cell: [] for row in layers.rows for cell in row}
    for way in layers.ways:
        for upper, lower in pairwise(way):
            near[upper] += [lower] * _pull(upper, lower)
            near[lower] += [upper] * _pull(upper, lower)
    middles: dict[Cell, float] = {}
    for row in layers.rows:
        middles |= zip(row, _spread(row, [(0.0, 1)] * len(row), widths), strict=True)
    for turn in range(_ROUNDS):
        for row in layers.rows if turn % 2 == 0 else layers.rows[::-1]:
            wanted = [
                (sum(middles[each] for each in near[cell]) / len(near[cell]), len(near[cell]))
                if near[cell]
                else (middles[cell], 1)
                for cell in row
            ]
            middles |= zip(row, _spread(row, wanted, widths), strict=True)
    return middles


def _pull(*ends: Cell) -> int:
    """Return how much a piece of an edge insists on being upright: the more, the longer the edge is."""
    return (1, 2, 8)[sum(isinstance(end, Bend) for end in ends)]


def _spread(
    row: Sequence[Cell], wanted: Sequence[tuple[float, int]], widths: Mapping[Cell, float]
) -> list[float]:
    """Return places as near to those *wanted*, each with its weight, as the widths allow, by least squares.

    Cells that would be too near to each other are pooled: isotonic regression of what they want less what
    stands before them.
    """
    steps = [(widths[a] + widths[b]) / 2 + GAP_X for a, b in pairwise(row)]
    offsets = [0.0, *accumulate(steps)]
    pools: list[tuple[float, int, int]] = []  # mean, weight, cells
    for (want, insists), offset in zip(wanted, offsets, strict=False):
        mean, weight, count = want - offset, insists, 1
        while pools and pools[-1][0] >= mean:
            other, its_weight, its_count = pools.pop()
            mean = (mean * weight + other * its_weight) / (weight + its_weight)
            weight, count = weight + its_weight, count + its_count
        pools.append((mean, weight, count))
    flat = [mean for mean, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(flat, offsets, strict=False)]


def _routes(
    layers: Layers,
    boxes: Mapping[str, Box],
    middles: Mapping[Cell, float],
    bands: Mapping[Cell, tuple[float, float]],
) -> list[list[Point]]:
    """Return the points of each edge: out of a box, upright through the layers between, into a box."""
    leaving = _ports([(way[0], way[1]) for way in layers.ways], boxes, middles)
    arriving = _ports([(way[-1], way[-2]) for way in layers.ways], boxes, middles)
    routes = []
    for number, (first, *bends, last) in enumerate(layers.ways):
        upper, lower = boxes[str(first)], boxes[str(last)]
        points = [Point(leaving[number], upper.y + upper.height), Point(leaving[number], bands[first][1])]
        points += [Point(middles[bend], y) for bend in bends for y in bands[bend]]
        points += [Point(arriving[number], bands[last][0]), Point(arriving[number], lower.y)]
        routes.append(points[::-1] if number in layers.upwards else points)
    return routes


def _ports(
    ends: Sequence[tuple[Cell, Cell]], boxes: Mapping[str, Box], middles: Mapping[Cell, float]
) -> list[float]:
    """Return where each edge meets its box; *ends* are the box and the next cell on the way of each."""
    by_box: dict[str, list[int]] = {}
    for number, (cell, _) in enumerate(ends):
        by_box.setdefault(str(cell), []).append(number)
    found = [0.0] * len(ends)
    for name, numbers in by_box.items():
        box = boxes[name]
        apart = min(_PORTS, box.width / (len(numbers) + 1))
        numbers.sort(key=lambda number: middles[ends[number][1]])
        for i, number in enumerate(numbers):
            found[number] = box.middle + apart * (i - (len(numbers) - 1) / 2)
    return found
