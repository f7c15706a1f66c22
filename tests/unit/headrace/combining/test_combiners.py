"""What holds for every combination that learns."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from river import linear_model, naive_bayes, preprocessing

from headrace.models.combining.best import Best
from headrace.models.combining.combiner import Combiner, Learning
from headrace.models.combining.ranks import Ranks
from headrace.models.combining.stack import Stack
from headrace.models.combining.weighted import Weighted
from headrace.models.digest import digest
from headrace.models.inspection import changeable, difference
from headrace.models.verbs import Task
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from schemas import Answer
from tests.unit.headrace.combining.recorded import NAMES, stream, told


def scaled() -> Any:
    return preprocessing.StandardScaler() | linear_model.LinearRegression()


Declare = Callable[..., Learning]

CASES: dict[str, tuple[Task, Declare]] = {
    "hedge": ("classification", lambda **o: Weighted("hedge", **o)),
    "hedge of numbers": ("regression", lambda **o: Weighted("hedge", memory=50, **o)),
    "ewa": ("classification", lambda **o: Weighted("ewa", **o)),
    "ewa of numbers": ("regression", lambda **o: Weighted("ewa", **o)),
    "decay": ("classification", lambda **o: Weighted("decay", **o)),
    "best": ("classification", Best),
    "best of numbers": ("regression", lambda **o: Best(by="size", edges=(2, 5), **o)),
    "best by place": ("classification", lambda **o: Best(by="place", **o)),
    "stack": ("classification", lambda **o: Stack(naive_bayes.GaussianNB, warm_up=10, **o)),
    "stack of numbers": ("regression", lambda **o: Stack(scaled, warm_up=10, **o)),
    "ranks": ("anomaly", lambda **o: Ranks(window=40, weights=dict.fromkeys(NAMES, 1.0), **o)),
    "highest rank": ("anomaly", lambda **o: Ranks("max", window=40, **o)),
}
every_kind = pytest.mark.parametrize("kind", CASES)


def fresh(kind: str, **options: Any) -> tuple[Combiner, Task]:
    task, declare = CASES[kind]
    return declare(**options).fresh(NAMES, task), task


@every_kind
def test_what_comes_out_of_a_snapshot_goes_on_to_the_bit(kind: str) -> None:
    combiner, task = fresh(kind)
    events = stream(task, 120)
    for _ in told(combiner, events[:70]):
        pass
    restored = pickling.loads(pickling.dumps(combiner), Allowed())

    rest = [event._replace(known=event.known - 70) for event in events[70:]]
    assert digest(restored) == digest(combiner)
    assert [a for a, _ in told(restored, rest)] == [a for a, _ in told(combiner, rest)]
    assert digest(restored) == digest(combiner)
    assert restored.weights() == combiner.weights()
    assert list(restored.shares()) == list(NAMES)


@every_kind
def test_two_of_one_declaration_are_equal_and_share_nothing(kind: str) -> None:
    task, declare = CASES[kind]
    declared = declare()
    one, other = declared.fresh(NAMES, task), declared.fresh(NAMES, task)

    assert difference(one, other) is None
    assert not changeable(one).keys() & changeable(other).keys()


@every_kind
def test_with_fewer_answers_than_the_quorum_there_is_none_and_it_says_how_many(kind: str) -> None:
    combiner, task = fresh(kind, quorum=2)
    said = next(e.said for e in stream(task, 9, missing=0.0))
    two = dict(list(said.items())[:2])
    one = {"good": said["good"]}

    assert combiner.answer(two, {}).error is None
    assert combiner.answer(one, {}) == Answer(error="quorum: 2 needed, 1 answered (good)")
    assert combiner.answer({}, {}) == Answer(error="quorum: 2 needed, 0 answered (none)")


@every_kind
def test_without_any_answer_there_is_none_and_nothing_is_learned(kind: str) -> None:
    combiner, _ = fresh(kind)
    before = digest(combiner)

    assert combiner.answer({"good": Answer()}, {}) == Answer()
    combiner.learn({"good": Answer(error="predict: ValueError")}, {}, "a")

    assert digest(combiner) == before


@pytest.mark.parametrize("kind", ["hedge", "ewa of numbers", "decay", "best by place"])
def test_what_stood_in_for_a_member_says_nothing_of_what_it_is_worth(kind: str) -> None:
    combiner, task = fresh(kind)
    twin, _ = fresh(kind)
    for event in stream(task, 50, missing=0.0):
        stood_in = Answer(event.said["good"].prediction, by="backup")
        combiner.learn({**event.said, "bad": stood_in}, event.x, event.y)
        twin.learn({name: a for name, a in event.said.items() if name != "bad"}, event.x, event.y)

    assert combiner.weights() == twin.weights()
    assert digest(combiner) == digest(twin)


@every_kind
def test_answers_of_whom_it_does_not_know_are_left_out(kind: str) -> None:
    combiner, task = fresh(kind)
    event = stream(task, 1, missing=0.0)[0]
    twin, _ = fresh(kind)
    stranger = {**event.said, "stranger": event.said["good"]}

    assert combiner.answer(stranger, event.x) == twin.answer(event.said, event.x)


@every_kind
def test_the_answers_it_is_given_stay_as_they_were(kind: str) -> None:
    combiner, task = fresh(kind)
    event = stream(task, 1, missing=0.0)[0]
    before = pickle.dumps(event)

    combiner.answer(event.said, event.x)
    combiner.learn(event.said, event.x, event.y)

    assert pickle.dumps(event) == before


@every_kind
def test_its_state_levels_off(kind: str) -> None:
    combiner, task = fresh(kind)
    sizes = []
    for seed in range(6):
        for _ in told(combiner, stream(task, 100, seed=seed)):
            pass
        sizes.append(len(pickle.dumps(combiner)))

    assert sizes[-1] <= sizes[2] * 1.05 + 32


@every_kind
def test_weights_and_shares_add_up_to_one(kind: str) -> None:
    combiner, task = fresh(kind)
    for _ in told(combiner, stream(task, 100)):
        pass

    assert sum(combiner.shares().values()) == pytest.approx(1.0)
    assert sum(combiner.weights().values() or [1.0]) == pytest.approx(1.0)
