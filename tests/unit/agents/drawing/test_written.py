"""A drawing as SVG, Mermaid and DOT: all that is there, and no name that breaks it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.drawing.dot import dot
from agents.drawing.drawing import Drawing, Edge, Node
from agents.drawing.mermaid import mermaid
from agents.drawing.svg import svg

SVG = "{http://www.w3.org/2000/svg}"
NASTY = [
    '"',
    "<b>&amp;",
    "a\nb",
    "#quot;",
    "\\",
    "`x`",
    "]",
    "})",
    "-->",
    "end",
    "%% c",
    "日本語",
    "é\u0301",
    "</svg>",
]
names = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60)

DRAWING = Drawing(
    (
        Node("source", "topic", "payments", ("Payment",)),
        Node("x", "features", "features", frame="p"),
        Node("a", "step", "a", ("LogisticRegression", "when amount > 3"), "p"),
        Node("b", "challenger", "b", frame="p"),
        Node("c", "backup", "c", frame="p"),
        Node("end", "answer", "Vote('soft')", frame="p"),
        Node("out", "topic", "fraud.predictions"),
    ),
    (
        Edge("source", "x"),
        Edge("x", "a"),
        Edge("x", "b"),
        Edge("a", "c", "stand_in"),
        Edge("a", "end"),
        Edge("b", "end", "order"),
        Edge("end", "out"),
    ),
    {"p": "fraud@1"},
)


def named(title: str, line: str, frame: str) -> Drawing:
    return Drawing(
        (Node("1", "step", title, (line,), "f"), Node("2", "topic", line)), (Edge("1", "2"),), {"f": frame}
    )


def test_mermaid_has_every_node_edge_and_frame() -> None:
    assert mermaid(DRAWING).splitlines() == [
        "flowchart TB",
        '  n0(["<b>payments</b><br>Payment"])',
        '  n6(["<b>fraud.predictions</b>"])',
        '  subgraph f0["fraud@1"]',
        '    n1[/"<b>features</b>"/]',
        '    n2["<b>a</b><br>LogisticRegression<br>when amount #62; 3"]',
        '    n3["<b>b</b>"]',
        '    n4["<b>c</b>"]',
        "    n5{{\"<b>Vote('soft')</b>\"}}",
        "  end",
        "  n0 --> n1",
        "  n1 --> n2",
        "  n1 --> n3",
        "  n2 -.-> n4",
        "  n2 --> n5",
        "  n3 -.-> n5",
        "  n5 --> n6",
        "  classDef dashed stroke-dasharray:5 4",
        "  class n3,n4 dashed",
    ]


def test_dot_has_every_node_edge_and_frame() -> None:
    text = dot(DRAWING)
    assert '  "source" [label="payments\\nPayment" style="rounded,filled" fillcolor="#ddf4ff"]' in text
    assert '  subgraph cluster_0 {\n    label="fraud@1"\n    "x" [label="features"]' in text
    assert text.count(" -> ") == len(DRAWING.edges)
    assert '  "a" -> "c" [style=dotted]' in text


def test_svg_has_every_node_edge_and_frame_and_one_size() -> None:
    root = ElementTree.fromstring(svg(DRAWING))  # noqa: S314 - our own
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    told = [line for node in DRAWING.nodes for line in (node.title, *node.lines)]
    assert sorted(filter(None, texts)) == sorted([*told, "fraud@1"])
    edges = [path.get("class") for path in root.iter(f"{SVG}path") if path.get("class")]
    assert sorted(filter(None, edges)) == sorted(f"edge {edge.kind}" for edge in DRAWING.edges)


def test_svg_needs_nothing_from_elsewhere() -> None:
    assert set(re.findall(r"https?://[^\"')\s]+", svg(DRAWING))) == {"http://www.w3.org/2000/svg"}
    assert "url(#tip)" in svg(DRAWING)


@settings(max_examples=50, deadline=None)
@given(names, names, names)
def test_any_name_is_shown_in_svg_as_it_is(title: str, line: str, frame: str) -> None:
    root = ElementTree.fromstring(svg(named(title, line, frame)))  # noqa: S314 - our own
    shown = [text.text or "" for text in root.iter(f"{SVG}text")]
    short = [
        s.replace("\n", " ") if len(s) <= 44 else s.replace("\n", " ")[:43] + "…"
        for s in (frame, title, line)
    ]
    plain = ["".join(c if c.isprintable() else " " for c in text) for text in short]
    assert shown == [*plain, plain[-1]]


@settings(max_examples=50, deadline=None)
@given(names, names, names)
def test_any_name_survives_mermaid(title: str, line: str, frame: str) -> None:
    _, topic, sub, step, _, edge = mermaid(named(title, line, frame)).splitlines()
    assert edge == "  n0 --> n1"
    for written, expected in ((topic, f"<b>{line}</b>"), (sub, frame), (step, f"<b>{title}</b><br>{line}")):
        inner = written.partition('["')[2].rpartition('"]')[0]
        assert not re.search(r'["`&;#<>]', re.sub(r"#\d+;|</?b>|<br>", "", inner))
        assert re.sub(r"#(\d+);", lambda number: chr(int(number[1])), inner) == expected


@settings(max_examples=50, deadline=None)
@given(names, names, names)
def test_any_name_survives_dot(title: str, line: str, frame: str) -> None:
    text = dot(named(title, line, frame))
    quoted = [re.sub(r"\\(.)", r"\1", q) for q in re.findall(r'label="((?:[^"\\]|\\.)*)"', text)]
    spaced = [s.replace("\n", " ") for s in (line, frame, title)]
    assert quoted == [spaced[0], spaced[1], f"{spaced[2]}n{spaced[0]}"]


@pytest.mark.parametrize(
    ("nodes", "edges", "says"),
    [
        ([Node("a", "step", "a"), Node("a", "step", "b")], [], "must differ"),
        ([Node("a", "step", "a")], [Edge("a", "b")], "name b"),
        ([Node("a", "step", "a", frame="f")], [], "name f"),
        ([Node("a", "step", "a")], [Edge("a", "a")], "to another"),
    ],
)
def test_a_drawing_that_does_not_fit_together_is_refused(
    nodes: list[Node], edges: list[Edge], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Drawing(tuple(nodes), tuple(edges))
