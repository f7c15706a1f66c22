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


def _gathering(  # noqa: C901 - the hot path: calls would cost more than they clear up
    features: Sequence[str], inputs: Sequence[Input]
) -> Callable[[Features, Answers], Features | None]:
    """Return what gathers the features of a model; upstream answers come after those of the event."""
    takes_all = FEATURES in features
    picked = () if takes_all else features
    readers = [
        (each.step, each.says, str(each), dict[str, str]() if each.says == "probability" else None)
        for each in inputs
    ]

    def given(x: Features, answers: Answers) -> Features | None:  # noqa: C901 - as above
        made = dict(x) if takes_all else {}
        for feature in picked:
            if feature in x:
                made[feature] = x[feature]
        for step, says, name, names in readers:
            if step not in answers:
                continue
            if names is None:
                if (value := getattr(answers[step], says)) is not None:
                    made[name] = value
            elif (probability := answers[step].probability) is not None:
                for label, p in probability.items():
                    try:
                        made[names[label]] = p
                    except KeyError:
                        made[_named(name, label, names)] = p
        return made or None

    return given


def _named(name: str, label: str, names: dict[str, str]) -> str:
    """Return the feature's name, and keep it: to format one costs more than all else that is done with it."""
    made = f"{name}.{label}"
    if len(names) < _MOST_LABELS:
        names[label] = made
    return made
