"""A drawing in the language of Graphviz, for those who have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agents.drawing.drawing import Drawing, EdgeKind, Node, NodeKind

_SHAPES: Mapping[NodeKind, str] = {
    "topic": 'style="rounded,filled" fillcolor="#ddf4ff"',
    "features": "",
    "step": "",
    "challenger": "style=dashed",
    "backup": "style=dotted",
    "answer": 'style="rounded,filled" fillcolor="#dafbe1"',
}
_STYLES: Mapping[EdgeKind, str] = {"flow": "solid", "order": "dashed", "stand_in": "dotted"}


def dot(drawing: Drawing) -> str:
    """Return *drawing* as DOT."""
    lines = ["digraph {", "  node [shape=box fontname=monospace]"]
    lines += [f"  {line}" for line in _nodes(drawing.within(None))]
    for i, (frame, title) in enumerate(drawing.frames.items()):
        lines.append(f"  subgraph cluster_{i} {{")
        lines.append(f"    label={_quoted(title)}")
        lines += [f"    {line}" for line in _nodes(drawing.within(frame))]
        lines.append("  }")
    lines += [
        f"  {_quoted(edge.start)} -> {_quoted(edge.end)} [style={_STYLES[edge.kind]}]"
        for edge in drawing.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _nodes(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        look = f" {_SHAPES[node.kind]}" if _SHAPES[node.kind] else ""
        yield f"{_quoted(node.id)} [label={_quoted(node.title, *node.lines)}{look}]"


def _quoted(*lines: str) -> str:
    """Return the text of *lines* in quotes, with DOT's own sign for a new line between them."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
