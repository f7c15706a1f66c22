"""What is kept of a model is enough to make it healthy again, and no more than that."""

from __future__ import annotations

import pickle
from math import nan
from typing import Any

import pytest

from headrace.errors import SnapshotError
from headrace.healing.keeper import Keeper
from headrace.models.digest import digest
from headrace.tasks.breaker import Breaker
from tests.unit.headrace.healing.wards import Event, Fragile, events, logistic, making_of, regression

OFTEN = Breaker(checkpoint_every=20, check_every=10)
VENOM: Event = ({"a": 0.0, "venom": 1}, True)


class Ward:
    """A model that is taught, and its keeper."""

    def __init__(self, build: Any, declared: Breaker = OFTEN) -> None:
        self.model = build()
        self.making = making_of(build, declared.max_weight)
        self.keeper = Keeper(declared, self.making)

    def teach(self, lessons: list[Event]) -> list[str]:
        """Return what the keeper found wrong."""
        found, learn = [], self.making.bind(self.model).learn
        for x, y in lessons:
            learn(x, y)
            found.append(self.keeper.learned(self.model, x, y))
        return [text for text in found if text]


def taught(build: Any, lessons: list[Event]) -> Any:
    ward = Ward(build)
    ward.teach(lessons)
    return ward.model


@pytest.mark.parametrize("n", [0, 5, 20, 33, 40, 57])
def test_a_healed_model_is_one_that_was_never_poisoned(n: int) -> None:
    ward, clean = Ward(Fragile), events(n + 3)
    ward.teach([*clean[:n], VENOM, *clean[n:]])

    healed = ward.keeper.heal()

    assert digest(healed.model) == digest(taught(Fragile, clean))
    assert healed.text.endswith(", 1 were left out")
    assert healed.text.startswith("a fresh model" if n + 4 < 20 else "its last healthy checkpoint")


def test_poison_that_shows_only_after_a_checkpoint_is_undone_from_the_one_before() -> None:
    ward, clean = Ward(regression, Breaker(checkpoint_every=20, check_every=10_000)), events(60, numbers=True)
    ward.teach(clean[:45])
    spans = ward.keeper.state()["spans"]
    ill = regression()
    ill.learn_one({"a": 1.0, "b": 1.0}, 1e300)  # type: ignore[attr-defined]
    spans[-1][0] = pickle.dumps(ill)
    ward.keeper.restore({"spans": spans, "frozen": None})

    healed = ward.keeper.heal()

    assert digest(healed.model) == digest(taught(regression, clean[:45]))


def test_where_no_checkpoint_is_healthy_a_fresh_model_begins() -> None:
    ward = Ward(Fragile)
    ward.teach([VENOM] * 19)

    healed = ward.keeper.heal()

    assert digest(healed.model) == digest(Fragile())
    assert healed.text == "no checkpoint was healthy: a fresh model begins"


def test_a_model_that_is_ill_gets_no_checkpoint_and_is_told() -> None:
    assert Ward(Fragile).teach([*events(18), VENOM, *events(1)]) == [
        "no answer to any of the events learned last"
    ]
    assert Ward(regression).teach([*events(9, numbers=True), ({"a": 1.0, "b": 0.0}, 1e300)]) == [
        "a weight beyond 1e+09"
    ]
    assert Ward(regression).teach([*events(9, numbers=True), ({"a": nan, "b": 0.0}, 1.0)]) == [
        "a weight that is not finite"
    ]


def test_what_is_kept_is_bounded() -> None:
    ward, most = Ward(logistic), 0
    for i in range(40):
        ward.teach(events(7, seed=i))
        if i % 3 == 0:
            ward.model = ward.keeper.heal().model
        most = max(most, sum(len(lessons) for _, lessons in ward.keeper.state()["spans"]))

    assert 20 <= most <= 3 * 20


@pytest.mark.parametrize("n", [3, 20, 47])
def test_one_that_is_restored_goes_on_alike(n: int) -> None:
    undisturbed, restored, clean = Ward(logistic), Ward(logistic), events(80)
    undisturbed.teach(clean[:n])
    undisturbed.keeper.frozen()
    restored.model = pickle.loads(pickle.dumps(undisturbed.model))  # noqa: S301 - our own
    restored.keeper.restore(pickle.loads(pickle.dumps(undisturbed.keeper.state())))  # noqa: S301 - our own

    undisturbed.teach(clean[n:])
    restored.teach(clean[n:])

    assert pickle.dumps(restored.keeper.state()) == pickle.dumps(undisturbed.keeper.state())
    assert digest(restored.keeper.heal().model) == digest(undisturbed.keeper.heal().model)


def test_what_is_frozen_learns_no_more_until_it_is_thawed() -> None:
    ward, clean = Ward(logistic), events(50)
    assert ward.keeper.frozen() is None
    ward.teach(clean[:20])
    frozen = ward.keeper.frozen()
    ward.teach(clean[20:])

    assert digest(ward.keeper.frozen()) == digest(frozen) == digest(taught(logistic, clean[:20]))
    ward.keeper.thaw()
    assert digest(ward.keeper.frozen()) == digest(taught(logistic, clean[:40]))


def test_a_model_with_another_past_has_other_checkpoints() -> None:
    ward, other = Ward(logistic), taught(logistic, events(30, seed=9))
    ward.teach(events(30))

    ward.keeper.start_afresh(other)

    assert digest(ward.keeper.heal().model) == digest(other)


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(SnapshotError):
        Ward(logistic).keeper.restore({"spans": [1]})


class Odd(float):
    """A number of a class that no setting allows."""


def test_lessons_that_could_not_be_read_back_are_not_kept() -> None:
    ward, clean = Ward(logistic), events(50)
    odd: list[Event] = [({"a": Odd(x["a"]), "b": x["b"]}, y) for x, y in clean[20:40]]

    assert ward.teach([*clean[:20], *odd, *clean[40:]]) == []

    assert digest(ward.keeper.heal().model) == digest(taught(logistic, [*clean[:20], *clean[40:]]))
