"""A model that learns again without poison is one that never saw it."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.healing.lessons import Lesson, packed
from headrace.healing.refolding import Refolded, refolded
from headrace.models.digest import digest
from headrace.snapshots import pickling
from tests.unit.headrace.healing.wards import (
    ALLOWED,
    Event,
    Fragile,
    events,
    hoeffding,
    logistic,
    making_of,
    regression,
)

POISON = {
    "bites": ({"a": 0.0, "bite": 1}, True),
    "ruins": ({"a": 0.0, "venom": 1}, False),
    "cannot be asked": ({"a": 0.0, "mute": 1}, False),
}


def again(build: Any, lessons: list[Event], start: bytes | None = None) -> Refolded | None:
    blobs = [packed(Lesson(*event), ALLOWED) for event in lessons]
    return refolded(start, [blob for blob in blobs if blob is not None], making_of(build))


def taught(build: Any, lessons: list[Event]) -> Any:
    model = build()
    learn = making_of(build).bind(model).learn
    for x, y in lessons:
        learn(x, y)
    return model


def with_poison(clean: list[Event], poison: Event, *places: int) -> list[Event]:
    found = [*clean]
    for place in sorted(places, reverse=True):
        found.insert(place, poison)
    return found


@pytest.mark.parametrize("kind", POISON)
@pytest.mark.parametrize(
    "places", [[0], [1], [15], [16], [17], [32], [40], [0, 1, 2], [16, 16, 17], [39, 40]]
)
def test_events_that_ruin_the_model_are_left_out(kind: str, places: list[int]) -> None:
    clean = events(40)

    found = again(Fragile, with_poison(clean, POISON[kind], *places))

    assert found is not None
    assert found.n_left_out == len(places)
    assert digest(found.model) == digest(taught(Fragile, clean))


@pytest.mark.parametrize("build", [Fragile, logistic, hoeffding, regression])
def test_without_poison_it_is_the_same_model(build: Any) -> None:
    clean = events(100, numbers=build is regression)
    before, after = clean[:30], clean[30:]

    found = again(build, after, pickling.pickled(taught(build, before)))

    assert found is not None
    assert found.n_left_out == 0
    assert digest(found.model) == digest(taught(build, clean))


def test_weights_that_explode_are_poison() -> None:
    clean = events(50, numbers=True)

    found = again(regression, with_poison(clean, ({"a": 1.0, "b": 0.5}, 1e300), 20))

    assert found is not None
    assert found.n_left_out == 1
    assert digest(found.model) == digest(taught(regression, clean))


def test_a_lesson_counts_what_it_counted() -> None:
    x, y = {"a": 1.0, "b": 2.0}, True
    heavy = logistic()
    heavy.learn_one(x, y, w=3.0)  # type: ignore[attr-defined]
    blob = packed(Lesson(x, y, 3.0), ALLOWED)
    assert blob is not None

    found = refolded(None, [blob], making_of(logistic))

    assert found is not None
    assert digest(found.model) == digest(heavy)


def test_a_model_that_most_events_ruin_is_given_up() -> None:
    assert again(Fragile, with_poison(events(12), POISON["ruins"], *range(12))) is None


def test_a_checkpoint_that_is_ill_leads_nowhere() -> None:
    ill = taught(Fragile, [POISON["ruins"]])

    assert again(Fragile, events(40), pickling.pickled(ill)) is None


def test_a_checkpoint_of_a_class_that_is_not_allowed_leads_nowhere() -> None:
    assert again(logistic, events(5), pickling.pickled(Elsewhere())) is None


class Elsewhere:
    """Of no list."""
