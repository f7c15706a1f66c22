"""A drawing as a flowchart of Mermaid, which GitHub and most readers of Markdown draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agents.drawing.drawing import Drawing, EdgeKind, Node, NodeKind

_SHAPES: Mapping[NodeKind, tuple[str, str]] = {
    "topic": ("([", "])"),
    "features": ("[/", "/]"),
    "step": ("[", "]"),
    "challenger": ("[", "]"),
    "backup": ("[", "]"),
    "answer": ("{{", "}}"),
}
_ARROWS: Mapping[EdgeKind, str] = {"flow": "-->", "order": "-.->", "stand_in": "-.->"}
_DASHED = ("challenger", "backup")


def mermaid(drawing: Drawing) -> str:
    """Return *drawing* as Mermaid."""
    short = {node.id: f"n{i}" for i, node in enumerate(drawing.nodes)}
    lines = ["flowchart TB"]
    lines += [f"  {line}" for line in _nodes(drawing.within(None), short)]
    for i, (frame, title) in enumerate(drawing.frames.items()):
        lines.append(f'  subgraph f{i}["{_escaped(title)}"]')
        lines += [f"    {line}" for line in _nodes(drawing.within(frame), short)]
        lines.append("  end")
    lines += [f"  {short[edge.start]} {_ARROWS[edge.kind]} {short[edge.end]}" for edge in drawing.edges]
    dashed = [short[node.id] for node in drawing.nodes if node.kind in _DASHED]
    if dashed:
        lines += ["  classDef dashed stroke-dasharray:5 4", f"  class {','.join(dashed)} dashed"]
    return "\n".join(lines) + "\n"


def _nodes(nodes: Sequence[Node], short: Mapping[str, str]) -> Iterator[str]:
    for node in nodes:
        opened, closed = _SHAPES[node.kind]
        text = "<br>".join([f"<b>{_escaped(node.title)}</b>", *map(_escaped, node.lines)])
        yield f'{short[node.id]}{opened}"{text}"{closed}'


def _escaped(text: str) -> str:
    """Return *text* with all that could mean something to Mermaid, HTML or Markdown as a number."""
    return "".join(c if c.isalnum() or c in " .,_-()|'=:/@" else f"#{ord(c)};" for c in text)
