"""Pipelines as a drawing: the topics they read and write, which join them, and what is between."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from agents.drawing.drawing import Drawing, Edge, Node
from agents.drawing.steps import drawn_steps, place_of
from agents.pipeline_topics import fact_specs, source_specs
from headrace.external_loop import TASKS
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
        told = [*_told(pipeline, read)]
        sources = [_topic(spec.name, spec.holds) for spec in source_specs(pipeline)]
        outside = [*_outside(pipeline)]
        for node in (*sources, *inside.nodes, *told, *outside):
            nodes[node.id] = _joined(nodes.get(node.id), node)
        edges += (Edge(source.id, inside.first) for source in sources)
        edges += inside.edges
        edges += (Edge(inside.last, topic.id) for topic in told)
        edges += _through(pipeline, frame, outside)
    return Drawing(
        tuple(nodes.values()),
        tuple(dict.fromkeys(edges)),
        {frame: pipeline.label for frame, pipeline in frames.items()},
    )


def _told(pipeline: Pipeline, read: Collection[str]) -> Iterator[Node]:
    """Yield the topic of answers, those of facts that another pipeline reads, and all others in one box."""
    yield _topic(topics.predictions_topic(pipeline.name))
    facts = [spec.name for spec in fact_specs(pipeline) if spec.name != _tasks(pipeline)]
    yield from (_topic(name) for name in facts if name in read)
    others = tuple(name for name in facts if name not in read)
    if len(others) == 1:
        yield _topic(*others)
    elif others:
        yield Node(f"facts of {pipeline.name}", "topic", "facts", others)


def _outside(pipeline: Pipeline) -> Iterator[Node]:
    """Yield the topic of tasks for others, and these."""
    if pipeline.external:
        yield _topic(_tasks(pipeline))
        yield Node(f"workers of {pipeline.name}", "step", "workers", ("outside, in any language",))


def _through(pipeline: Pipeline, frame: str, outside: Sequence[Node]) -> Iterator[Edge]:
    """Yield the way of tasks from a step to the workers, and of their answers to their topic."""
    for name, step in pipeline.external.items():
        tasks, workers = outside
        yield Edge(place_of(frame, name), tasks.id)
        yield Edge(tasks.id, workers.id)
        yield Edge(workers.id, _topic(step.topic).id)


def _tasks(pipeline: Pipeline) -> str:
    return topics.facts_topic(pipeline.name, TASKS)


def _topic(name: str, *holds: str) -> Node:
    return Node(f"topic {name}", "topic", name, holds)


def _joined(one: Node | None, other: Node) -> Node:
    """Return a topic with all that is said of it: one pipeline may write what another reads."""
    if one is None:
        return other
    return Node(one.id, one.kind, one.title, tuple(dict.fromkeys((*one.lines, *other.lines))), one.frame)
