"""What is inside a pipeline: features, steps, what each waits for, and where the answers become one."""

from __future__ import annotations

from typing import NamedTuple

from river import base, compose

from agents.drawing.drawing import Edge, Node, NodeKind
from headrace.features.checks import feature_types
from headrace.pipeline import Pipeline
from headrace.steps.declaration import FEATURES, Step
from headrace.steps.plan import needs_of

_MOST_FEATURES = 4


class Inside(NamedTuple):
    """Nodes and edges in the frame of a pipeline: events come to ``first``, answers go from ``last``."""

    nodes: list[Node]
    edges: list[Edge]
    first: str
    last: str


def drawn_steps(pipeline: Pipeline, frame: str) -> Inside:
    """Return what is drawn inside of *frame*."""
    steps = pipeline.declared
    challengers = () if pipeline.rivalry is None else pipeline.rivalry.challengers
    features = Node(f"{frame} features", "features", "features", _of_features(pipeline), frame)
    places = {name: f"{frame} step {name}" for name in steps}
    nodes = [features]
    for name, step in steps.items():
        kind: NodeKind = "challenger" if name in challengers else "step"
        role = ("challenger",) if name in challengers else ()
        nodes.append(Node(places[name], kind, name, (*role, *_of_step(step)), frame))
    edges = [Edge(features.id, places[name]) for name, step in steps.items() if step.features]
    for name, needed in needs_of(steps).items():
        given = {each.step for each in steps[name].answers}
        edges += (Edge(places[of], places[name], "flow" if of in given else "order") for of in needed)
    members = [places[name] for name in pipeline.steps.members]
    first = features.id
    if pipeline.log_sources:
        log = Node(f"{frame} log", "topic", pipeline.log.name, _of_log(pipeline), frame)
        nodes.insert(0, log)
        edges.insert(0, Edge(log.id, features.id))
        first = log.id
    if len(members) == 1 and not challengers:
        return Inside(nodes, edges, first, members[0])
    title = "answer" if len(members) == 1 else repr(pipeline.combine)
    answer = Node(f"{frame} answer", "answer", title, _of_contest(pipeline), frame)
    edges += (Edge(member, answer.id) for member in members)
    edges += (Edge(places[name], answer.id, "order") for name in challengers)
    return Inside([*nodes, answer], edges, first, answer.id)


def _of_step(step: Step) -> tuple[str, ...]:
    lines = [_built_of(step.model())]
    if step.inputs != (FEATURES,):
        lines.append(f"of {', '.join(step.inputs)}")
    if step.when is not None:
        lines.append(f"when {step.when if isinstance(step.when, str) else step.when.__name__}")
    return tuple(lines)


def _built_of(model: base.Estimator) -> str:
    """Return the classes of a model's parts."""
    parts = model.steps.values() if isinstance(model, compose.Pipeline) else [model]
    return " | ".join(type(part).__name__ for part in parts)


def _of_features(pipeline: Pipeline) -> tuple[str, ...]:
    if pipeline.transform is not None:
        return ("made by transform",)
    fields = pipeline.features or pipeline.source.event_type.__struct_fields__
    names = [*(feature_types(pipeline) or (n for n in fields if n not in ("id", pipeline.target)))]
    more = f" and {len(names) - _MOST_FEATURES} more" if len(names) > _MOST_FEATURES else ""
    return (", ".join(names[:_MOST_FEATURES]) + more,)


def _of_contest(pipeline: Pipeline) -> tuple[str, ...]:
    if pipeline.rivalry is None:
        return ()
    lines = ["or of the challenger that has won"]
    if (canary := pipeline.rivalry.canary) is not None:
        lines.append(f"canary: {', '.join(f'{share:.3g}' for share in canary.steps)} of the keys")
    return tuple(lines)


def _of_log(pipeline: Pipeline) -> tuple[str, ...]:
    return () if pipeline.key is None else (f"key {pipeline.key}",)
