"""Off-policy estimates are the textbook's sums, and close in on what the policies really earn."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import DeclarationError, SnapshotError
from headrace.feedback.bandit import Bandit
from headrace.feedback.off_policy import OffPolicy
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Policy, Thompson
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from schemas.results import Answer
from tests.unit.headrace.feedback.worlds import ARMS, earned, visits

Logged = tuple[int, tuple[float, float, float], float, tuple[float, float, float]]
LOGS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.tuples(*[st.floats(0.05, 1)] * 3),
        st.floats(-2, 2),
        st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3),
    ),
    min_size=2,
    max_size=40,
)


def answer_of(logged: Logged) -> Answer:
    at, shares, _, _ = logged
    total = sum(shares)
    return Answer(ARMS[at], {arm: share / total for arm, share in zip(ARMS, shares, strict=True)})


def fed(log: list[Logged], clip: float | None = None) -> OffPolicy:
    estimates = OffPolicy(ARMS, clip)
    for logged in log:
        estimates.update(answer_of(logged), logged[2], dict(zip(ARMS, logged[3], strict=True)))
    return estimates


@settings(deadline=None, max_examples=60)
@given(LOGS)
def test_estimates_are_the_sums_of_the_textbook(log: list[Logged]) -> None:
    report = fed(log).report()

    assert report.n == len(log)
    assert report.logged == pytest.approx(statistics.mean(r for _, _, r, _ in log), abs=1e-9)
    for i, arm in enumerate(ARMS):
        weights = [(at == i) / answer_of(one).probability[arm] for one in log for at in [one[0]]]
        terms = [w * one[2] for w, one in zip(weights, log, strict=True)]
        found = report.arms[arm]
        assert found.ips == pytest.approx(statistics.mean(terms), abs=1e-9)
        assert found.ips_error == pytest.approx(statistics.stdev(terms) / len(log) ** 0.5, abs=1e-6, rel=1e-6)
        assert found.n == sum(w > 0 for w in weights)
        if found.n > 1:
            value = sum(terms) / sum(weights)
            spread = sum((w * (one[2] - value)) ** 2 for w, one in zip(weights, log, strict=True))
            assert found.snips == pytest.approx(value, abs=1e-9)
            assert found.snips_error == pytest.approx(spread**0.5 / sum(weights), abs=1e-6)
            assert found.effective == pytest.approx(sum(weights) ** 2 / sum(w * w for w in weights))


@settings(deadline=None, max_examples=60)
@given(LOGS)
def test_greedy_is_the_policy_that_takes_the_highest_value_and_shares_among_equal_ones(
    log: list[Logged],
) -> None:
    terms = []
    for one in log:
        at, _, reward, values = one
        target = (values[at] == max(values)) / values.count(max(values))
        terms.append(target / answer_of(one).probability[ARMS[at]] * reward)

    assert fed(log).report().greedy.ips == pytest.approx(statistics.mean(terms), abs=1e-9)


@pytest.mark.parametrize("policy", [LinUCB(explore=0.3), Thompson(explore=0.2), EpsilonGreedy(0.3)], ids=repr)
def test_estimates_close_in_on_what_each_arm_really_earns(policy: Policy) -> None:
    world = visits(6000, 21)
    model, estimates = Bandit(ARMS, policy=policy)(), OffPolicy(ARMS)
    greedy = 0.0
    for visit in world:
        answer = model.answer(visit.x)
        values = model.values(visit.x)
        greedy += visit.worth[max(values, key=values.__getitem__)]
        estimates.update(answer, visit.earned[answer.prediction], values)
        model.learn(visit.x, visit.earned[answer.prediction], answer)
    report = estimates.report()

    truths = {arm: earned(lambda _, arm=arm: arm, world) for arm in ARMS}
    for found, truth in [*((report.arms[arm], truths[arm]) for arm in ARMS), (report.greedy, greedy / 6000)]:
        assert abs(found.ips - truth) < 4 * found.ips_error < 0.2
        assert abs(found.snips - truth) < 4 * found.snips_error < 0.2
    assert report.greedy.snips > max(truths.values()) + 0.05


def test_standard_errors_are_those_of_many_repetitions() -> None:
    found = []
    for seed in range(200):
        chance, estimates = random.Random(seed), OffPolicy(ARMS)
        for _ in range(200):
            arm = chance.choices(ARMS, [0.5, 0.3, 0.2])[0]
            shares = dict(zip(ARMS, [0.5, 0.3, 0.2], strict=True))
            estimates.update(Answer(arm, shares), float(chance.random() < 0.6))
        found.append(estimates.report().arms["call"])

    assert statistics.mean(f.ips for f in found) == pytest.approx(0.6, abs=0.03)
    ips = statistics.stdev(f.ips for f in found)
    snips = statistics.stdev(f.snips for f in found)
    assert statistics.mean(f.ips_error for f in found) == pytest.approx(ips, rel=0.2)
    assert statistics.mean(f.snips_error for f in found) == pytest.approx(snips, rel=0.2)
    assert snips < ips


def test_a_clipped_weight_counts_as_the_clip_and_is_counted() -> None:
    estimates = OffPolicy(["a", "b"], clip=4)
    estimates.update(Answer("a", {"a": 0.1, "b": 0.9}), 1.0)
    estimates.update(Answer("b", {"a": 0.5, "b": 0.5}), 1.0)

    report = estimates.report()
    assert report.clipped == 1
    assert report.arms["a"].ips == 4 / 2
    assert report.arms["b"].ips == 2 / 2


def test_nothing_is_said_of_what_was_never_seen() -> None:
    empty = OffPolicy(ARMS).report()
    assert empty.logged is None
    assert empty.greedy.ips is None

    one = OffPolicy(ARMS)
    one.update(Answer("mail", {"mail": 0.5}), 1.0)
    report = one.report()
    assert report.arms["mail"].ips_error is None
    assert report.arms["call"].snips is None
    assert report.arms["call"].effective == 0.0


@pytest.mark.parametrize(
    "answer", [Answer("x", {"x": 1.0}), Answer("mail"), Answer("mail", {"mail": 0.0}), Answer(), Answer(None)]
)
def test_an_answer_without_an_arm_and_its_propensity_is_refused_and_changes_nothing(answer: Answer) -> None:
    estimates = OffPolicy(ARMS)
    before = estimates.state()

    with pytest.raises(ValueError, match="propensity above 0"):
        estimates.update(answer, 1.0)
    assert estimates.state() == before


@settings(deadline=None, max_examples=60)
@given(LOGS, LOGS)
def test_the_state_goes_on_to_the_bit(before: list[Logged], after: list[Logged]) -> None:
    whole, first = fed([*before, *after], 5.0), fed(before, 5.0)
    second = OffPolicy(ARMS, 5.0)
    second.restore(loads(dumps(first.state()), Allowed()))
    for logged in after:
        second.update(answer_of(logged), logged[2], dict(zip(ARMS, logged[3], strict=True)))

    assert second.state() == whole.state()


@pytest.mark.parametrize("state", [None, {}, {"n": 1}, OffPolicy(["a", "b"]).state()])
def test_a_state_of_something_else_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError):
        OffPolicy(ARMS).restore(state)


@pytest.mark.parametrize("clip", [0.5, "1", True, float("nan")])
def test_a_clip_below_1_is_refused(clip: Any) -> None:
    with pytest.raises(DeclarationError, match="clip"):
        OffPolicy(ARMS, clip)
