"""From a declaration to the models under watch of one partition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from river import base

from headrace.healing.keeper import Keeper
from headrace.healing.lessons import Making
from headrace.healing.losses import yardstick_of
from headrace.healing.stand_ins import Always, Asked, Frozen, OtherModel, OtherStep
from headrace.healing.ward import Ward
from headrace.models.checks import ModelFactory
from headrace.models.verbs import Bind, Task
from headrace.snapshots.allowed import Allowed
from headrace.steps.backup import Constant, Earlier, LastGood, beside, constant_answer
from headrace.steps.declaration import Step
from headrace.tasks.breaker import Breaker
from headrace.tasks.circuit import Circuit
from headrace.tasks.lateness import Lateness


class Workshop(NamedTuple):
    """How the models of a partition come to be, each by its name."""

    factories: Mapping[str, ModelFactory]
    bindings: Mapping[str, Bind]
    read: Callable[[str, bytes], base.Estimator]
    allowed: Allowed


def wards_of(
    steps: Mapping[str, Step], tasks: Mapping[str, Task], workshop: Workshop, *, heals: bool
) -> dict[str, Ward]:
    """Return a ward for each of *steps* that has a breaker.

    Parameters
    ----------
    tasks
        What each step is for.
    workshop
        How its model comes to be.
    heals
        Whether checkpoints are kept: of one model for each step, not of one for each key.
    """
    return {
        name: _ward(name, step, step.breaker, tasks[name], workshop if heals else None)
        for name, step in steps.items()
        if step.breaker is not None
    }


def _ward(name: str, step: Step, declared: Breaker, task: Task, workshop: Workshop | None) -> Ward:
    keeper = None
    if workshop is not None:
        keeper = Keeper(declared, _making(name, declared, workshop))
    frozen = None if keeper is None or workshop is None else Frozen(keeper, workshop.bindings[name])
    judged = None if declared.worse_than_baseline is None else yardstick_of(task)
    ward = Ward(
        name,
        Circuit(name, declared),
        [*_chain(name, step, task, frozen)],
        beside=[*beside(name, step.backup)],
        keeper=keeper,
        yardstick=judged,
    )
    if step.deadline_s is not None:
        ward.lateness = Lateness(step.deadline_s, declared)
    return ward


def _making(name: str, declared: Breaker, workshop: Workshop) -> Making:
    def read(blob: bytes) -> base.Estimator:
        return workshop.read(name, blob)

    bind = workshop.bindings[name]
    return Making(workshop.factories[name], read, bind, workshop.allowed, declared.max_weight)


def _chain(name: str, step: Step, task: Task, frozen: Frozen | None) -> Iterator[Asked]:
    names = iter(beside(name, step.backup))
    for one in step.backup:
        if isinstance(one, Earlier):
            yield OtherStep(one.step)
        elif isinstance(one, Constant):
            yield Always(constant_answer("backup", one.value, task))
        elif isinstance(one, LastGood):
            if frozen is not None:
                yield frozen
        else:
            yield OtherModel(next(names))
