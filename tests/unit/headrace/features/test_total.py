"""Several features become their sum."""

from __future__ import annotations

import pytest
from river import compose, tree

from headrace.errors import DeclarationError
from headrace.features.total import Total
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.naming import missing_classes

X = {"delay": 4.0, "lost": 3, "gained": -2.0, "id": "a"}


def test_the_sum_is_one_feature_named_after_its_parts() -> None:
    assert Total(("delay", "lost")).transform_one(X) == {"delay+lost": 7.0}
    assert Total(["delay", "lost", "gained"], name="late").transform_one(X) == {"late": 5.0}


def test_what_is_missing_adds_nothing_and_without_the_first_there_is_no_sum() -> None:
    total = Total(("delay", "lost"))
    assert total.transform_one({"delay": 4.0}) == {"delay+lost": 4.0}
    assert total.transform_one({"delay": 4.0, "lost": None}) == {"delay+lost": 4.0}
    assert total.transform_one({"lost": 3.0}) == {}
    assert total.transform_one({"delay": None, "lost": 3.0}) == {}


def test_a_tree_splits_on_the_sum_of_what_it_sees() -> None:
    seen = compose.Discard("delay", "lost") | compose.SelectType(float)
    model = seen + Total(("delay", "lost")) | tree.HoeffdingTreeClassifier(grace_period=50)
    for i in range(2_000):
        delay, lost = float(i * 7 % 31 - 15), float(i * 5 % 23 - 11)
        model.learn_one({"delay": delay, "lost": lost}, delay + lost > 0)
    assert [model.predict_one({"delay": 9.0, "lost": lost}) for lost in (-11.0, -2.0)] == [False, True]


def test_a_snapshot_may_hold_it() -> None:
    assert missing_classes(Total(("delay", "lost")), Allowed()) == []


@pytest.mark.parametrize("on", [(), ("delay",), ("delay", "delay"), "delay", ("delay", 3), ("delay", "")])
def test_anything_but_two_names_or_more_is_refused(on: object) -> None:
    with pytest.raises(DeclarationError) as caught:
        Total(on)  # type: ignore[arg-type] # that is what is refused
    assert caught.value.argument == "on"
