"""A drawing as one SVG that needs nothing else: light and dark, and no text over another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise

from agents.drawing.drawing import Drawing, Edge, Node
from agents.drawing.layout import Box, Point, Size, laid_out

_TITLE_PX, _LINE_PX = 13.0, 11.0
_ADVANCE = 0.62
"""Width of a character of a monospaced font, as a share of its size: the widest of those named below."""
_PAD_X, _PAD_Y = 14.0, 9.0
_TITLE_STEP, _LINE_STEP = 18.0, 15.0
_FRAME_PAD, _FRAME_HEAD = 18.0, 30.0
_MARGIN = 16.0
_MOST_CHARACTERS = 44
_ROUND: Mapping[str, float] = {"topic": 16.0, "features": 4.0, "answer": 12.0}

_STYLE = """
svg{--paper:#fff;--ink:#1f2328;--soft:#59636e;--line:#818b98;--frame:#f6f8fa;--edge:#d1d9e0;
--topic:#ddf4ff;--topic-edge:#54aeff;--step:#fff;--step-edge:#59636e;--answer:#dafbe1;--answer-edge:#4ac26b}
@media (prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#f0f6fc;--soft:#b1bac4;--line:#7d8590;
--frame:#151b23;--edge:#3d444d;--topic:#0c2d6b;--topic-edge:#388bfd;--step:#212830;--step-edge:#9198a1;
--answer:#033a16;--answer-edge:#2ea043}}
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:var(--soft);
font-size:11px}
.title{fill:var(--ink);font-size:13px;font-weight:600}
.paper{fill:var(--paper)}.frame{fill:var(--frame);stroke:var(--edge)}
.box{fill:var(--step);stroke:var(--step-edge);stroke-width:1.2}
.topic .box{fill:var(--topic);stroke:var(--topic-edge)}
.answer .box{fill:var(--answer);stroke:var(--answer-edge)}
.features .box{fill:none;stroke:var(--line)}
.challenger .box{stroke-dasharray:6 4}.backup .box{stroke-dasharray:2 3}
.edge{fill:none;stroke:var(--line);stroke-width:1.4}
.order{stroke-dasharray:6 4}.stand_in{stroke-dasharray:2 3}
marker path{fill:var(--line)}
"""


def svg(drawing: Drawing) -> str:
    """Return *drawing* as SVG."""
    frames = {name: _Frame(drawing, name) for name in drawing.frames}
    loose = {node.id: _size(node) for node in drawing.within(None)}
    places = {node.id: node.frame or node.id for node in drawing.nodes}
    outer = [edge for edge in drawing.edges if places[edge.start] != places[edge.end]]
    links = [(places[edge.start], places[edge.end]) for edge in outer]
    layout = laid_out({**loose, **{name: frame.size for name, frame in frames.items()}}, links)
    parts = [_arrow(edge, route) for edge, route in zip(outer, layout.routes, strict=True)]
    parts += [part for name, frame in frames.items() for part in frame.parts(layout.boxes[name])]
    parts += [_box(node, layout.boxes[node.id]) for node in drawing.within(None)]
    return _page(layout.size, parts)


class _Frame:
    """A frame and what is in it, laid out by itself."""

    def __init__(self, drawing: Drawing, name: str) -> None:
        self.title = _short(drawing.frames[name])
        self.nodes = drawing.within(name)
        inside = {node.id for node in self.nodes}
        self.edges = [edge for edge in drawing.edges if edge.start in inside and edge.end in inside]
        links = [(edge.start, edge.end) for edge in self.edges]
        self.layout = laid_out({node.id: _size(node) for node in self.nodes}, links)
        width = max(self.layout.size.width, _width(self.title, _TITLE_PX))
        self.size = Size(width + 2 * _FRAME_PAD, self.layout.size.height + _FRAME_HEAD + _FRAME_PAD)

    def parts(self, at: Box) -> Iterator[str]:
        """Yield the frame at its place, and all that is in it."""
        yield _rect("frame", at, 8.0)
        yield _text(self.title, at.x + _FRAME_PAD, at.y + 20.0, "title")
        x, y = at.x + (at.width - self.layout.size.width) / 2, at.y + _FRAME_HEAD
        for edge, route in zip(self.edges, self.layout.routes, strict=True):
            yield _arrow(edge, [Point(point.x + x, point.y + y) for point in route])
        for node in self.nodes:
            yield _box(node, self.layout.boxes[node.id].moved(x, y))


def _page(size: Size, parts: Sequence[str]) -> str:
    width, height = size.width + 2 * _MARGIN, size.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0.5L8 4L0 7.5z"/></marker></defs>',
        '<rect class="paper" width="100%" height="100%"/>',
        f'<g transform="translate({_MARGIN:g} {_MARGIN:g})">',
        *parts,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _box(node: Node, box: Box) -> str:
    """Return a node with its text; what is too long to be shown is told when one points at it."""
    y = box.y + _PAD_Y + _TITLE_PX
    parts = [_rect("box", box, _ROUND.get(node.kind, 6.0))]
    parts.append(_text(_short(node.title), box.middle, y, "title", centred=True))
    for i, line in enumerate(node.lines):
        parts.append(_text(_short(line), box.middle, y + _TITLE_STEP + i * _LINE_STEP, centred=True))
    whole = escape("\n".join([node.title, *node.lines]))
    return f'<g class="{node.kind}"><title>{whole}</title>{"".join(parts)}</g>'


def _arrow(edge: Edge, route: Sequence[Point]) -> str:
    """Return an edge as a curve that is upright at each of its points."""
    path = [f"M{route[0].x:.1f} {route[0].y:.1f}"]
    for a, b in pairwise(route):
        if a == b:
            continue  # an arrowhead would not know where to point
        if a.x == b.x:
            path.append(f"V{b.y:.1f}")
        else:
            middle = (a.y + b.y) / 2
            path.append(f"C{a.x:.1f} {middle:.1f} {b.x:.1f} {middle:.1f} {b.x:.1f} {b.y:.1f}")
    return f'<path class="edge {edge.kind}" marker-end="url(#tip)" d="{"".join(path)}"/>'


def _rect(kind: str, box: Box, corner: float) -> str:
    return (
        f'<rect class="{kind}" x="{box.x:.1f}" y="{box.y:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{corner:g}"/>'
    )


def _text(text: str, x: float, y: float, kind: str = "", *, centred: bool = False) -> str:
    marks = f' class="{kind}"' if kind else ""
    marks += ' text-anchor="middle"' if centred else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{marks}>{escape(text)}</text>'


def _size(node: Node) -> Size:
    texts = [(node.title, _TITLE_PX), *((line, _LINE_PX) for line in node.lines)]
    width = max(_width(_short(text), size) for text, size in texts)
    return Size(width + 2 * _PAD_X, 2 * _PAD_Y + _TITLE_STEP + _LINE_STEP * len(node.lines) - 2.0)


def _width(text: str, size: float) -> float:
    """Return how wide *text* is at most: letters of the Far East are two columns wide."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return (len(text) + wide) * size * _ADVANCE


def _short(text: str) -> str:
    printed = "".join(c if c.isprintable() else " " for c in text)
    return printed if len(printed) <= _MOST_CHARACTERS else f"{printed[: _MOST_CHARACTERS - 1]}…"
