"""What is inside a pipeline: features, steps, what each waits for, and where the answers become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from river import base, compose

from agents.drawing.drawing import Edge, EdgeKind, Node
from headrace.features.checks import feature_types
from headrace.pipeline import Pipeline
from headrace.steps.backup import Constant, Earlier, LastGood, beside
from headrace.steps.declaration import FEATURES, Step
from headrace.steps.external import External
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
    features = Node(f"{frame} features", "features", "features", _of_features(pipeline), frame)
    places = {name: place_of(frame, name) for name in pipeline.declared}
    nodes = [features]
    edges: list[Edge] = []
    for name, step in pipeline.declared.items():
        behind = _beside(name, step, frame)
        nodes += [*behind, _step(pipeline, name, places[name], frame)]
        edges += (Edge(features.id, node.id) for node in behind)
        edges += _edges_to(step, places, places[name], features.id)
        edges += (Edge(node.id, places[name], "stand_in") for node in behind)
    first = features.id
    if pipeline.log_sources:
        log = Node(f"{frame} log", "topic", pipeline.log.name, _of_log(pipeline), frame)
        nodes.insert(0, log)
        edges.insert(0, Edge(log.id, features.id))
        first = log.id
    members = [places[name] for name in pipeline.steps.members]
    said = _of_answer(pipeline)
    if len(members) == 1 and not said:
        return Inside(nodes, edges, first, members[0])
    title = "answer" if len(members) == 1 else repr(pipeline.combine)
    answer = Node(f"{frame} answer", "answer", title, said, frame)
    edges += (Edge(member, answer.id) for member in members)
    edges += (Edge(places[name], answer.id, "order") for name in _challengers(pipeline))
    return Inside([*nodes, answer], edges, first, answer.id)


def place_of(frame: str, step: str) -> str:
    """Return the id of the node of a step."""
    return f"{frame} step {step}"


def _step(pipeline: Pipeline, name: str, place: str, frame: str) -> Node:
    step = pipeline.declared[name]
    is_challenger = name in _challengers(pipeline)
    role = ("challenger",) if is_challenger else ()
    return Node(place, "challenger" if is_challenger else "step", name, (*role, *_of_step(step)), frame)


def _edges_to(step: Step, places: Mapping[str, str], place: str, features: str) -> Iterator[Edge]:
    """Yield the edges to a step: from what reaches it, from what stands in for it, from what it waits for."""
    if step.features:
        yield Edge(features, place)
    kinds: dict[str, EdgeKind] = {each.step: "stand_in" for each in step.backup if isinstance(each, Earlier)}
    kinds |= {each.step: "flow" for each in step.answers}
    for needed in needs_of({"": step})[""]:
        yield Edge(places[needed], place, kinds.get(needed, "order"))


def _beside(name: str, step: Step, frame: str) -> list[Node]:
    """Return the models that learn beside a step, to stand in for it."""
    return [
        Node(place_of(frame, each), "backup", each, (f"backup of {name}", _built_of(factory())), frame)
        for each, factory in beside(name, step.backup).items()
    ]


def _challengers(pipeline: Pipeline) -> Sequence[str]:
    return () if pipeline.rivalry is None else pipeline.rivalry.challengers


def _of_step(step: Step) -> tuple[str, ...]:
    lines = [f"within {step.wait_s:g} s" if isinstance(step, External) else _built_of(step.model())]
    if step.inputs != (FEATURES,):
        lines.append(f"of {', '.join(step.inputs)}")
    if step.when is not None:
        lines.append(f"when {step.when if isinstance(step.when, str) else step.when.__name__}")
    if last := [each for each in step.backup if isinstance(each, LastGood | Constant)]:
        lines.append(f"else {', '.join(_written(each) for each in last)}")
    return tuple(lines)


def _written(last: LastGood | Constant) -> str:
    return repr(last.value) if isinstance(last, Constant) else "its last good state"


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


def _of_answer(pipeline: Pipeline) -> tuple[str, ...]:
    """Return what there is to say of the final answer, beside how it is combined."""
    lines = []
    if pipeline.rivalry is not None:
        lines.append("or of the challenger that has won")
        if (canary := pipeline.rivalry.canary) is not None:
            lines.append(f"canary: {', '.join(f'{share:.3g}' for share in canary.steps)} of the keys")
    if (route := pipeline.route) is not None:
        lines.append(f"of {route.pick} of them, chosen by {route.policy}")
    if (fallback := pipeline.fallback) is not None:
        lines.append(f"else {fallback.score if fallback.prediction is None else fallback.prediction!r}")
    return tuple(lines)


def _of_log(pipeline: Pipeline) -> tuple[str, ...]:
    return () if pipeline.key is None else (f"key {pipeline.key}",)
