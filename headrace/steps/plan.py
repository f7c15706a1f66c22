"""Steps in the order in which they work on an event, each with what decides whether and on what it works."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from headrace.steps.backup import Earlier
from headrace.steps.declaration import FEATURES, Input, Step
from headrace.steps.external import External
from headrace.tasks import conditions, graph
from schemas.results import Answer

Features: TypeAlias = dict[Any, Any]
Answers: TypeAlias = Mapping[str, Answer]

_MOST_LABELS = 1_000


class Node(NamedTuple):
    """One step, ready to be run.

    ``given`` returns the features that its model gets, ``None`` if it has nothing to look at; it is itself
    ``None`` where all get the event's. ``holds`` is its condition and ``condition`` how that reads.
    ``needs`` names the steps that have to be done before; ``is_external``: it is answered outside.
    """

    name: str
    given: Callable[[Features, Answers], Features | None] | None = None
    holds: Callable[[Features, Answers], bool] | None = None
    condition: str = ""
    needs: frozenset[str] = frozenset()
    is_external: bool = False


class Plan(NamedTuple):
    """The steps of a pipeline.

    ``nodes`` are in the order in which they run: as they were declared, as far as their dependencies allow.
    ``members`` are those that no other takes as an input, in that order: their answers are combined.
    Challengers are none.
    ``is_graph`` says whether any step was declared as one, or as challenger; if not, all work on all events.
    """

    nodes: tuple[Node, ...]
    members: tuple[str, ...]
    is_graph: bool


def needs_of(steps: Mapping[str, Step]) -> dict[str, list[str]]:
    """Return which steps each of *steps* has to wait for."""
    return {
        name: [
            *dict.fromkeys(
                [*(each.step for each in step.answers), *_asked_of(step), *step.after, *_stand_ins_of(step)]
            )
        ]
        for name, step in steps.items()
    }


def planned(steps: Mapping[str, Step], challengers: Collection[str] = ()) -> Plan:
    """Return the plan of *steps*, whose names are checked; *challengers* are those of them that compete.

    Raises
    ------
    DeclarationError
        If they wait for each other in a circle.
    """
    needs = needs_of(steps)
    order = graph.ordered(needs)
    own = {name: step for name, step in steps.items() if name not in challengers}
    taken = {each.step for step in own.values() for each in step.answers}
    nodes = tuple(
        _node(name, steps[name])._replace(
            needs=frozenset(needs[name]), is_external=isinstance(steps[name], External)
        )
        for name in order
    )
    is_graph = bool(challengers) or any(not step.is_plain for step in steps.values())
    return Plan(nodes, tuple(name for name in order if name in own and name not in taken), is_graph)


def _asked_of(step: Step) -> Sequence[str]:
    return sorted(conditions.parse(step.when).steps) if isinstance(step.when, str) else ()


def _stand_ins_of(step: Step) -> Sequence[str]:
    return [one.step for one in step.backup if isinstance(one, Earlier)]


def _node(name: str, step: Step) -> Node:
    given = None if step.inputs == (FEATURES,) else _gathering(step.features, step.answers)
    if step.when is None:
        return Node(name, given)
    if isinstance(step.when, str):
        return Node(name, given, conditions.parse(step.when).holds, step.when)
    return Node(name, given, step.when, getattr(step.when, "__name__", "its condition"))


def _gathering(
    features: Sequence[str], inputs: Sequence[Input]
) -> Callable[[Features, Answers], Features | None]:
    """Return what gathers the features of a model; upstream answers come after those of the event."""
    takes_all = FEATURES in features
    readers = [_reading(each) for each in inputs]

    def given(x: Features, answers: Answers) -> Features | None:
        made = dict(x) if takes_all else {name: x[name] for name in features if name in x}
        for step, read in readers:
            answer = answers.get(step)
            if answer is not None:
                read(answer, made)
        return made or None

    return given


def _reading(wanted: Input) -> tuple[str, Callable[[Answer, Features], None]]:
    """Return the step that *wanted* is about, and what puts its answer among features."""
    name, names = str(wanted), _Names(wanted)

    def prediction(answer: Answer, made: Features) -> None:
        if answer.prediction is not None:
            made[name] = answer.prediction

    def score(answer: Answer, made: Features) -> None:
        if answer.score is not None:
            made[name] = answer.score

    def probability(answer: Answer, made: Features) -> None:
        if answer.probability is not None:
            for label, p in answer.probability.items():
                made[names[label]] = p

    return wanted.step, {"prediction": prediction, "score": score, "probability": probability}[wanted.says]


class _Names(dict[str, str]):
    """Names of features by label, kept: to format one costs more than all else that is done with it."""

    def __init__(self, wanted: Input) -> None:
        self._wanted = wanted

    def __missing__(self, label: str) -> str:
        made = f"{self._wanted}.{label}"
        if len(self) < _MOST_LABELS:
            self[label] = made
        return made
