"""No box over another, no edge through a box, whatever the graph."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.drawing.layers import layered
from agents.drawing.layout import GAP_X, Box, Layout, Point, Size, laid_out

NAMES = list("abcdefgh")
graphs = st.tuples(
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    st.lists(st.tuples(*[st.sampled_from(NAMES)] * 2)),
).map(lambda drawn: (drawn[0], [(a, b) for a, b in drawn[1] if a != b and {a, b} <= set(drawn[0])]))
sides = st.floats(10, 300)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Layout, dict[str, Size], list[tuple[str, str]]]:
    names, edges = draw(graphs)
    sizes = {name: Size(draw(sides), draw(sides)) for name in names}
    return laid_out(sizes, edges), sizes, edges


def overlap(a: Box, b: Box) -> bool:
    return (
        a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
    )  # fmt: skip


def inside(point: Point, box: Box) -> bool:
    return box.x < point.x < box.x + box.width and box.y < point.y < box.y + box.height


def along(route: list[Point]) -> list[Point]:
    """Points on the curve: upright pieces, and pieces that lean within a gap."""
    found = []
    for a, b in pairwise(route):
        middle = (a.y + b.y) / 2
        for t in (i / 20 for i in range(21)):
            s = 1 - t
            shares = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
            x = shares[0] * a.x + shares[1] * a.x + shares[2] * b.x + shares[3] * b.x
            y = shares[0] * a.y + shares[1] * middle + shares[2] * middle + shares[3] * b.y
            found.append(Point(x, y))
    return found


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_boxes_have_their_size_and_do_not_overlap(drawn: tuple[Layout, dict[str, Size], object]) -> None:
    layout, sizes, _ = drawn
    assert {name: Size(box.width, box.height) for name, box in layout.boxes.items()} == sizes
    assert not any(overlap(a, b) for a, b in combinations(layout.boxes.values(), 2))
    for box in layout.boxes.values():
        assert box.x >= -1e-6
        assert box.x + box.width <= layout.size.width + 1e-6
        assert box.y >= 0
        assert box.y + box.height <= layout.size.height + 1e-6


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_each_edge_goes_from_its_box_to_its_box_and_through_none(
    drawn: tuple[Layout, object, list[tuple[str, str]]],
) -> None:
    layout, _, edges = drawn
    for (start, end), route in zip(edges, layout.routes, strict=True):
        for name, point in ((start, route[0]), (end, route[-1])):
            box = layout.boxes[name]
            assert box.x < point.x < box.x + box.width
            assert min(abs(point.y - box.y), abs(point.y - box.y - box.height)) < 1e-6
        shrunk = [Box(b.x + 1e-3, b.y + 1e-3, b.width - 2e-3, b.height - 2e-3) for b in layout.boxes.values()]
        assert not any(inside(point, box) for point in along(list(route)) for box in shrunk)


@settings(max_examples=60, deadline=None)
@given(graphs)
def test_layers_go_down_and_each_edge_leads_one_way(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    names, edges = graph
    layers = layered(names, edges)
    row_of = {cell: i for i, row in enumerate(layers.rows) for cell in row}
    assert sorted(cell for cell in row_of if isinstance(cell, str)) == sorted(names)
    for number, (edge, way) in enumerate(zip(edges, layers.ways, strict=True)):
        ends = (way[0], way[-1]) if number not in layers.upwards else (way[-1], way[0])
        assert ends == edge
        assert [row_of[b] - row_of[a] for a, b in pairwise(way)] == [1] * (len(way) - 1)


def test_only_an_edge_that_closes_a_circle_goes_upwards() -> None:
    layers = layered(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "a"), ("a", "c")])
    assert layers.upwards == {2}
    assert [[cell for cell in row if isinstance(cell, str)] for row in layers.rows] == [["a"], ["b"], ["c"]]


def test_what_could_cross_is_untangled() -> None:
    layers = layered(["a", "b", "c", "d"], [("a", "d"), ("b", "c")])
    assert layers.rows == [["a", "b"], ["d", "c"]]


def test_a_chain_stands_upright_and_a_fork_in_the_middle() -> None:
    sizes = {
        name: Size(width, 20.0)
        for name, width in (("top", 50.0), ("left", 90.0), ("right", 90.0), ("end", 9.0))
    }
    layout = laid_out(sizes, [("top", "left"), ("top", "right"), ("left", "end"), ("right", "end")])
    assert layout.boxes["right"].x - layout.boxes["left"].x == 90.0 + GAP_X
    middles = {name: round(box.middle, 3) for name, box in layout.boxes.items()}
    assert middles["top"] == middles["end"] == (middles["left"] + middles["right"]) / 2


def test_nothing_is_laid_out_as_nothing() -> None:
    assert laid_out({}, []) == Layout({}, [], Size(0.0, 0.0))
