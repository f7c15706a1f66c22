"""A state comes back as it was, smaller than pickle alone makes it, and within bounds."""

from __future__ import annotations

import pickle
import random
import zlib
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from river import compose, linear_model, naive_bayes, preprocessing, proba, tree

from headrace.errors import SnapshotError
from headrace.models.digest import digest
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads, restored_gaussian
from tests.unit.headrace.snapshots.hostile import corpus

ALLOWED = Allowed()


def taught(model: Any, n: int = 300) -> Any:
    chance = random.Random(3)
    for _ in range(n):
        x = {"a": chance.random(), "b": chance.gauss(0, 2)}
        model.learn_one(x, x["a"] > x["b"])
    return model


def bayes() -> Any:
    return naive_bayes.GaussianNB()  # type: ignore[no-untyped-call] # so it is


@pytest.mark.parametrize(
    "state",
    [None, {}, [1, 2.5, -0.0, 10**30], {"a": (True, None, "ä", b"\0")}, {frozenset({1}), "x"}, float("inf")],
    ids=str,
)
def test_plain_values_come_back(state: Any) -> None:
    assert loads(dumps(state), ALLOWED) == state


def test_models_that_share_a_part_still_share_it() -> None:
    model = taught(bayes())
    one, other = loads(dumps([model, model]), ALLOWED)

    assert one is other


def test_a_model_answers_and_learns_on_to_the_bit() -> None:
    model = taught(preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(grace_period=20))
    restored = loads(dumps(model), ALLOWED)

    for one in (model, restored):
        taught(one, 100)

    assert digest(restored) == digest(model)


def test_restoring_twice_gives_two_models_that_go_their_own_ways() -> None:
    body = dumps(taught(bayes()))
    one, other = loads(body, ALLOWED), loads(body, ALLOWED)

    taught(one)

    assert digest(other) == digest(taught(bayes())) != digest(one)


def test_generators_that_nothing_draws_from_are_left_out() -> None:
    model = taught(bayes())

    assert 20 * len(zlib.decompress(dumps(model))) < len(pickle.dumps(model))


def test_a_seeded_gaussian_draws_on_where_it_was() -> None:
    gaussian = proba.Gaussian(seed=7)  # type: ignore[no-untyped-call] # so it is
    for x in (1.0, 2.0, 4.0):
        gaussian.update(x)
    gaussian.sample()

    restored = loads(dumps(gaussian), ALLOWED)

    assert [restored.sample() for _ in range(5)] == [gaussian.sample() for _ in range(5)]


def test_an_unseeded_gaussian_can_still_be_drawn_from() -> None:
    restored = loads(dumps(proba.Gaussian()), ALLOWED)  # type: ignore[no-untyped-call] # so it is
    restored.update(1.0)
    restored.update(2.0)

    assert isinstance(restored.sample(), float)


@pytest.mark.parametrize(
    "state", [lambda: 0, (x for x in "ab"), random.SystemRandom()], ids=["lambda", "generator", "system"]
)
def test_what_cannot_be_pickled_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError) as caught:
        dumps({"model": state})

    assert caught.value.reason == "unpicklable"


def test_a_state_nested_too_deeply_is_refused() -> None:
    state: list[Any] = []
    for _ in range(100_000):
        state = [state]

    with pytest.raises(SnapshotError) as caught:
        dumps(state)

    assert caught.value.reason == "unpicklable"


def test_a_state_beyond_the_bound_is_neither_written_nor_read(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    state = [chance.random() for _ in range(100_000)]
    body = dumps(state)
    monkeypatch.setattr(pickling, "MAX_STATE_BYTES", 500_000)

    for work in (lambda: dumps(state), lambda: loads(body, ALLOWED)):
        with pytest.raises(SnapshotError) as caught:
            work()
        assert caught.value.reason == "too_big"


@pytest.mark.parametrize("cut", [0, 1, 7, -1])
def test_a_body_that_is_not_whole_is_refused(cut: int) -> None:
    with pytest.raises(SnapshotError) as caught:
        loads(dumps({"a": 1})[:cut], ALLOWED)

    assert caught.value.reason == "corrupt"


def test_a_body_with_something_behind_it_is_refused() -> None:
    with pytest.raises(SnapshotError) as caught:
        loads(dumps({"a": 1}) + b"x", ALLOWED)

    assert caught.value.reason == "corrupt"


def test_damage_within_a_pickle_raises_nothing_else() -> None:
    plain = zlib.decompress(dumps(taught(preprocessing.StandardScaler() | linear_model.LogisticRegression())))
    reasons = set()
    for i in range(len(plain)):
        damaged = bytearray(plain)
        damaged[i] ^= 1
        try:
            loads(zlib.compress(damaged, 1), ALLOWED)
        except SnapshotError as error:
            reasons.add(error.reason)

    assert reasons >= {"class", "corrupt"}


CHANGES = {
    "a method replaced": linear_model.LogisticRegression,
    "a method added": proba.Gaussian,
    "a function changed": restored_gaussian,
    "defaults of a function changed": restored_gaussian,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_pickle_does_to_a_class_or_function_is_undone(tmp_path: Path, name: str) -> None:
    def attributes() -> dict[str, Any]:
        return {**vars(CHANGES[name]), "defaults": getattr(CHANGES[name], "__defaults__", None)}

    before = attributes()

    with pytest.raises(SnapshotError) as caught:
        loads(zlib.compress(dict(corpus(tmp_path))[name]), ALLOWED)

    assert caught.value.reason == "class"
    assert attributes() == before


def test_selected_features_keep_their_order() -> None:
    names = ["zeta", "m", "n", "year_x", "carrier", "origin", "dest", "wind"]
    selections = [compose.Select(*order) for order in permutations(names, 4)]
    x = dict.fromkeys(names, 1.0)

    back = loads(dumps(selections), ALLOWED)

    assert [[*each.transform_one(x)] for each in back] == [[*each.transform_one(x)] for each in selections]
    assert digest(back) == digest(selections)
    again = loads(dumps(back), ALLOWED)
    assert [[*each.transform_one(x)] for each in again] == [[*each.transform_one(x)] for each in selections]
    assert str(back[0]) == str(selections[0])
