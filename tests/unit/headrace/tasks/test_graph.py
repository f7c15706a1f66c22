"""The order of steps: each after what it needs, else as declared."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import DeclarationError
from headrace.tasks.graph import ordered, sinks

NAMES = list("abcdef")


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """Steps of which each needs only such as come earlier in some hidden order."""
    hidden = draw(st.permutations(NAMES))
    needs = {
        name: draw(st.lists(st.sampled_from(hidden[:i]), unique=True)) if i else []
        for i, name in enumerate(hidden)
    }
    return {name: needs[name] for name in draw(st.permutations(NAMES))}


def test_independent_steps_stay_in_the_order_of_declaration() -> None:
    assert ordered({"c": (), "a": (), "b": ()}) == ("c", "a", "b")


def test_a_step_comes_as_soon_as_what_it_needs_is_there() -> None:
    assert ordered({"final": ["mid"], "mid": ["cheap"], "cheap": [], "other": []}) == (
        "cheap",
        "mid",
        "final",
        "other",
    )


@given(acyclic())
def test_all_steps_come_once_and_after_what_they_need(needs: dict[str, list[str]]) -> None:
    order = ordered(needs)
    assert sorted(order) == sorted(needs)
    for name, needed in needs.items():
        assert all(order.index(each) < order.index(name) for each in needed)


@given(acyclic())
def test_a_declaration_in_working_order_is_left_as_it_is(needs: dict[str, list[str]]) -> None:
    order = ordered(needs)
    assert ordered({name: needs[name] for name in order}) == order


def test_a_cycle_is_named_in_full_from_the_step_declared_first() -> None:
    needs = {"start": [], "b": ["c", "start"], "c": ["a"], "a": ["b"], "end": ["a"]}
    with pytest.raises(
        DeclarationError, match=r"^models: steps need each other in a circle: b -> a -> c -> b"
    ):
        ordered(needs)


def test_a_step_that_needs_itself_is_a_cycle() -> None:
    with pytest.raises(DeclarationError, match="a -> a"):
        ordered({"a": ["a"]})


@given(acyclic(), st.data())
def test_any_cycle_is_found_and_what_it_names_is_one(
    needs: dict[str, list[str]], data: st.DataObject
) -> None:
    order = ordered(needs)
    last = data.draw(st.integers(0, len(order) - 1))
    first = data.draw(st.integers(0, last))
    needs = {**needs, order[first]: [*needs[order[first]], order[last]]}
    needs[order[last]] = [*needs[order[last]], order[first]]
    with pytest.raises(DeclarationError) as caught:
        ordered(needs)
    turn = caught.value.what.rpartition(": ")[2].split(" -> ")
    assert turn[0] == turn[-1]
    assert len(set(turn)) == len(turn) - 1
    assert all(one in needs[next_] for one, next_ in pairwise(turn))


def test_an_unknown_step_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(DeclarationError) as caught:
        ordered({"cheap": [], "dear": ["cheep"]}, argument="models.dear")
    assert str(caught.value).splitlines() == [
        "models.dear: 'dear' needs a step 'cheep' that is not declared",
        "  why  beside it there are cheap",
        "  fix  did you mean 'cheap'?",
    ]


def test_an_unknown_step_without_a_near_name_is_answered_with_all() -> None:
    with pytest.raises(DeclarationError, match="beside it there are x, y"):
        ordered({"x": [], "y": [], "dear": ["quite else"]})


def test_sinks_are_what_no_step_needs() -> None:
    assert sinks({"a": [], "b": ["a"], "c": [], "d": ["b"]}) == ("c", "d")
