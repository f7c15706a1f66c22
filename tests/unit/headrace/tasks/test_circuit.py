"""The circuit of a model takes the turns of one that remembers everything, and those that people expect."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import SnapshotError
from headrace.tasks.breaker import Breaker
from headrace.tasks.circuit import Circuit, Transition
from tests.unit.headrace.tasks.slow_circuit import SlowCircuit

SMALL = Breaker(errors=2, of=4, rest=3, max_rest=10, probes=2, window=10)

_ONCE = st.sampled_from(
    [
        ("arrived",), ("succeeded",), ("failed", "predict", "ValueError: no"), ("failed", "learn", "no"),
        ("lost", 0.25, 1.0), ("lost", 2.5, 1.0), ("open", "slow", "too slow"),
    ]
)  # fmt: skip
_OFTEN = st.tuples(_ONCE, st.integers(1, 25)).map(lambda run: [run[0]] * run[1])
_CALLS = st.lists(st.one_of(_ONCE.map(lambda call: [call]), _OFTEN), max_size=40).map(
    lambda runs: [call for run in runs for call in run]
)
_DECLARED = st.builds(
    Breaker,
    errors=st.integers(1, 3),
    of=st.integers(3, 6),
    rest=st.integers(1, 5),
    max_rest=st.integers(5, 12),
    probes=st.integers(1, 4),
    worse_than_baseline=st.sampled_from([None, 2.0]),
    window=st.integers(10, 12),
)


def told(circuit: Circuit, *calls: Any) -> list[Transition]:
    """Return what *circuit* says of *calls*."""
    said = [getattr(circuit, kind)(*arguments) for kind, *arguments in calls]
    return [transition for transition in said if transition is not None]


def as_seen(circuit: Circuit) -> tuple[Any, ...]:
    return circuit.state, circuit.reason, circuit.rest if circuit.state == "open" else None, circuit.n_opened


@settings(max_examples=150, deadline=None)
@given(_DECLARED, _CALLS)
def test_it_is_as_one_that_remembers_everything(declared: Breaker, calls: list[Any]) -> None:
    quick, slow = Circuit("m", declared), SlowCircuit(declared)
    for kind, *arguments in calls:
        getattr(quick, kind)(*arguments)
        slow.call(kind, *arguments)
        now = slow.now
        assert as_seen(quick) == (
            now.state, now.reason, now.rest if now.state == "open" else None, slow.n_opened
        )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(_DECLARED, _CALLS, _CALLS)
def test_one_that_is_restored_goes_on_alike(declared: Breaker, before: list[Any], after: list[Any]) -> None:
    undisturbed, restored = Circuit("m", declared), Circuit("m", declared)
    told(undisturbed, *before)
    restored.restore(pickle.loads(pickle.dumps(undisturbed.snapshot())))  # noqa: S301 - our own

    assert told(restored, *after) == told(undisturbed, *after)
    assert pickle.dumps(restored.snapshot()) == pickle.dumps(undisturbed.snapshot())


@settings(max_examples=50, deadline=None)
@given(_DECLARED, _CALLS)
def test_what_it_says_is_a_path_without_gaps(declared: Breaker, calls: list[Any]) -> None:
    said = told(Circuit("m", declared), *calls)

    states = ["closed", *(transition.after for transition in said)]
    assert [transition.before for transition in said] == states[:-1]
    assert all(t.happened.startswith("m: ") and t.happened.endswith(".") and t.todo for t in said)


def test_failures_within_the_window_open_it_and_say_so() -> None:
    circuit = Circuit("linear", SMALL)

    [opened] = told(circuit, ("succeeded",), *[("failed", "predict", "ValueError: prediction is nan")] * 2)

    assert (opened.before, opened.after, opened.reason) == ("closed", "open", "predict")
    assert opened.happened == (
        "linear: 2 of 3 failed, the last with ValueError: prediction is nan;"
        " it is neither asked nor taught for 3 events."
    )
    assert not circuit.allows


def test_failures_far_apart_do_not() -> None:
    circuit = Circuit("m", SMALL)

    assert told(circuit, *[("failed", "predict", "no"), *[("succeeded",)] * 3] * 10) == []


def test_it_comes_back_by_way_of_probes() -> None:
    circuit = Circuit("m", SMALL)
    told(circuit, ("open", "predict", "no"))

    said = told(circuit, *[("arrived",)] * 4, ("succeeded",), ("succeeded",))

    assert [(t.before, t.after) for t in said] == [("open", "half_open"), ("half_open", "closed")]


def test_the_rest_doubles_up_to_its_bound_and_is_short_again_after_a_good_while() -> None:
    circuit = Circuit("m", SMALL)
    rests = []
    for _ in range(4):
        told(circuit, *[("failed", "predict", "no")] * 2)
        rests.append(circuit.rest)
        told(circuit, *[("arrived",)] * (circuit.rest + 1))

    told(circuit, *[("succeeded",)] * 2, *[("arrived",)] * 10, *[("failed", "predict", "no")] * 2)

    assert rests == [3, 6, 10, 10]
    assert (circuit.state, circuit.rest) == ("open", 3)


def test_a_worse_loss_opens_it_but_not_while_the_model_is_new() -> None:
    circuit = Circuit("m", SMALL)
    bad = [("lost", 0.9, 0.4)] * 10

    assert told(circuit, *bad) == []
    [opened] = told(circuit, *bad)
    assert opened.reason == "loss"
    assert "mean loss over 10 labels is 0.9, that of a baseline 0.4" in opened.happened


def test_a_model_that_was_worse_is_used_again_only_when_its_loss_is_good() -> None:
    circuit = Circuit("m", SMALL)
    told(circuit, ("open", "loss", "bad"), *[("arrived",)] * 4)

    assert told(circuit, *[("succeeded",)] * 5, *[("lost", 0.9, 0.4)] * 3) == []
    [closed] = told(circuit, *[("lost", 0.1, 0.4)] * 6)
    assert closed.after == "closed"


def test_a_loss_that_is_not_a_number_is_worse() -> None:
    circuit = Circuit("m", SMALL)

    [opened] = told(circuit, *[("lost", 0.1, 1.0)] * 10, *[("lost", float("nan"), 1.0)] * 10)

    assert opened.reason == "loss"


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        ["ajar", None, 0, 0, 0, [], [False, 0, 0.0, 0.0]],
        ["open", "mood", 0, 0, 0, [], [0, 0, 0, 0]],
    ],
)
def test_a_state_of_something_else_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError) as caught:
        Circuit("m", SMALL).restore(state)

    assert caught.value.reason == "circuits"
