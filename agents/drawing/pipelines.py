"""Pipelines as a drawing: the topics they read and write, which join them, and what is between."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from agents.drawing.drawing import Drawing, Edge, Node
from agents.drawing.steps import Inside, drawn_steps
from agents.pipeline_topics import fact_specs, source_specs
from headrace.pipeline import Pipeline
from streams import topics


def drawn(pipelines: Sequence[Pipeline]) -> Drawing:
    """Return the drawing of *pipelines*; a topic that one writes and another reads joins them."""
    frames = {f"pipeline {i}": pipeline for i, pipeline in enumerate(pipelines)}
    read = {spec.name for pipeline in pipelines for spec in source_specs(pipeline)}
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for frame, pipeline in frames.items():
        inside = drawn_steps(pipeline, frame)
        told = [*_told(pipeline, inside, read)]
        sources = [*_sources(pipeline)]
        for node in (*sources, *inside.nodes, *told):
            nodes[node.id] = _joined(nodes.get(node.id), node)
        edges += (Edge(source.id, inside.first) for source in sources)
        edges += inside.edges
        edges += (Edge(inside.last, topic.id) for topic in told)
    return Drawing(
        tuple(nodes.values()),
        tuple(dict.fromkeys(edges)),
        {frame: pipeline.label for frame, pipeline in frames.items()},
    )


def _sources(pipeline: Pipeline) -> Iterator[Node]:
    for spec in source_specs(pipeline):
        yield _topic(spec.name, spec.holds)


def _told(pipeline: Pipeline, inside: Inside, read: Collection[str]) -> Iterator[Node]:
    """Yield the topic of answers, those of facts that another pipeline reads, and all others in one box."""
    yield _topic(topics.predictions_topic(pipeline.name))
    facts = [spec.name for spec in fact_specs(pipeline)]
    yield from (_topic(name) for name in facts if name in read)
    others = tuple(name for name in facts if name not in read)
    if len(others) == 1:
        yield _topic(*others)
    elif others:
        yield Node(f"facts of {pipeline.name}", "topic", "facts", others)


def _topic(name: str, *holds: str) -> Node:
    return Node(f"topic {name}", "topic", name, holds)


def _joined(one: Node | None, other: Node) -> Node:
    """Return a topic with all that is said of it: one pipeline may write what another reads."""
    if one is None:
        return other
    return Node(one.id, one.kind, one.title, tuple(dict.fromkeys((*one.lines, *other.lines))), one.frame)
