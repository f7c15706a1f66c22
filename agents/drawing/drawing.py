"""What is drawn: nodes, arrows between them, and frames around those that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

NodeKind: TypeAlias = Literal["topic", "features", "step", "challenger", "backup", "answer"]
EdgeKind: TypeAlias = Literal["flow", "order", "stand_in"]
"""What goes on to the next; what only decides whether and when a step works; who stands in for whom."""


@dataclass(frozen=True)
class Node:
    """A box: a title, and what there is to say of it, line by line.

    ``id`` tells it apart and is never shown; ``frame`` is the id of the frame it is in.
    """

    id: str
    kind: NodeKind
    title: str
    lines: tuple[str, ...] = ()
    frame: str | None = None


@dataclass(frozen=True)
class Edge:
    """An arrow from one node to another."""

    start: str
    end: str
    kind: EdgeKind = "flow"


@dataclass(frozen=True)
class Drawing:
    """Nodes, edges, and the title of each frame by its id.

    Raises
    ------
    ValueError
        If two nodes have one id, an edge or a node names what there is not, or an edge leads nowhere else.

    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    frames: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that all fits together."""
        ids = {node.id for node in self.nodes}
        if len(ids) < len(self.nodes):
            raise ValueError(f"ids of nodes must differ, got {[node.id for node in self.nodes]}")
        if any(edge.start == edge.end for edge in self.edges):
            raise ValueError("an edge leads from one node to another")
        ends = {end for edge in self.edges for end in (edge.start, edge.end)}
        frames = {node.frame for node in self.nodes if node.frame is not None}
        if lost := [*sorted(ends - ids), *sorted(frames - set(self.frames))]:
            raise ValueError(f"edges and nodes name {', '.join(lost)}, and there is no such node or frame")

    def within(self, frame: str | None) -> tuple[Node, ...]:
        """Return the nodes in *frame*; ``None``: those in none."""
        return tuple(node for node in self.nodes if node.frame == frame)
