"""The member that is best where an event belongs, against a batch computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headrace.errors import DeclarationError
from headrace.models.combining.best import NONE, OTHER, Best
from schemas import Answer
from tests.unit.headrace.combining.recorded import NAMES, Event, stream, told

EDGES = (2.0, 5.0)


def region(event: Event, by: str | None) -> Any:
    return int(np.digitize(event.x["size"], EDGES)) if by == "size" else event.x.get(by)


def batch_best(event: Event, known: list[Event], by: str | None) -> str:
    """Return who should answer: all means computed anew."""
    lost = {}
    for name in NAMES:
        mine = [e for e in known if name in e.said]
        wrong = [float(e.said[name].prediction != e.y) for e in mine]
        overall = np.mean(wrong) if wrong else 0.5
        local = [w for e, w in zip(mine, wrong, strict=True) if region(e, by) == region(event, by)]
        lost[name] = np.mean(local + [overall] * 20) if by else overall
    return min(event.said, key=lost.__getitem__)


@pytest.mark.parametrize("by", [None, "place", "size"])
def test_the_answer_is_that_of_the_best_in_the_region_computed_anew(by: str | None) -> None:
    combiner = Best(by=by, edges=EDGES if by == "size" else None).fresh(NAMES, "classification")
    events = stream("classification", 150)

    chosen = set()
    for event, (answer, known) in zip(events, told(combiner, events), strict=True):
        if event.said:
            best = batch_best(event, known, by)
            chosen.add(best)
            said = event.said[best]
            assert (answer.prediction, answer.probability) == (said.prediction, said.probability)
    assert len(chosen) > 1


def test_each_region_has_a_best_of_its_own() -> None:
    combiner = Best(by="place").fresh(["a", "b"], "regression")
    for i in range(200):
        is_north = i % 2 == 0
        said = {"a": Answer(0.0 if is_north else 5.0), "b": Answer(5.0 if is_north else 0.0)}
        combiner.learn(said, {"place": "north" if is_north else "south"}, 0.0)

    said = {"a": Answer(1.0), "b": Answer(2.0)}
    assert combiner.answer(said, {"place": "north"}).prediction == 1.0
    assert combiner.answer(said, {"place": "south"}).prediction == 2.0
    assert combiner.weights() == {"a": 0.5, "b": 0.5}


def test_who_was_best_gives_way_when_another_is() -> None:
    combiner = Best(memory=100).fresh(["a", "b"], "classification")
    for i in range(1_000):
        combiner.learn({"a": Answer(i < 800), "b": Answer(i >= 800)}, {}, True)

    assert combiner.answer({"a": Answer(0), "b": Answer(1)}, {}).prediction == 1


@pytest.mark.parametrize("value", ["x" * 200, "", object(), float("nan"), -1e300, "\ud800"])
def test_values_of_every_kind_belong_to_some_region(value: Any) -> None:
    combiner = Best(by="place").fresh(["a"], "classification")

    combiner.learn({"a": Answer(1)}, {"place": value}, 1)

    assert combiner.answer({"a": Answer(1)}, {"place": value}).prediction == 1


def test_regions_are_bounded() -> None:
    combiner = Best(by="place", regions=3).fresh(["a"], "classification")
    for place in [None, *range(50)]:
        combiner.learn({"a": Answer(1)}, {"place": place}, 1)

    assert list(combiner.regions) == [NONE, "0", "1", "2", OTHER]
    assert combiner.regions[OTHER].n == {"a": 47}


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"by": 7}, "combine.by"),
        ({"edges": (1,)}, "combine.edges"),
        ({"by": "size", "edges": ()}, "combine.edges"),
        ({"by": "size", "edges": (2, 1)}, "combine.edges"),
        ({"by": "size", "edges": (1, 1)}, "combine.edges"),
        ({"by": "size", "edges": "12"}, "combine.edges"),
        ({"by": "size", "edges": ("a",)}, "combine.edges"),
        ({"regions": 0}, "combine.regions"),
        ({"memory": 0}, "combine.memory"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_declared(options: dict[str, Any], culprit: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Best(**options)

    assert caught.value.argument == culprit
