"""A bandit chooses with the propensities it names, learns from what it chose, and earns more than chance."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import bandit, compose, linear_model, preprocessing

from headrace.feedback.bandit import Bandit, BanditModel
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Policy, Thompson
from headrace.models.digest import digest
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from schemas.results import Answer
from tests.unit.headrace.feedback.worlds import ARMS, earned, visits


def own() -> compose.Pipeline:
    texts = compose.SelectType(str) | preprocessing.OneHotEncoder()
    return texts + compose.SelectType(float) | linear_model.LinearRegression()


POLICIES: dict[str, Policy] = {
    "linucb": LinUCB(),
    "linucb, certain": LinUCB(explore=0.0),
    "thompson": Thompson(),
    "epsilon": EpsilonGreedy(0.1),
    "epsilon, fading": EpsilonGreedy(0.5, decay=0.01),
    "epsilon, own model": EpsilonGreedy(0.1, model=own),
}
EACH = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def lived(policy: Policy, n: int, *, seed: int = 1, **options: Any) -> tuple[BanditModel, list[Answer]]:
    """Return a bandit after *n* visits, and its answers."""
    model = Bandit(ARMS, policy=policy, seed=seed, **options)()
    return model, go_on(model, n, world=11)


def go_on(model: BanditModel, n: int, *, world: int) -> list[Answer]:
    answers = []
    for visit in visits(n, world):
        answer = model.answer(visit.x)
        model.learn(visit.x, visit.earned[answer.prediction], answer)
        answers.append(answer)
    return answers


@EACH
def test_every_policy_earns_clearly_more_than_chance(policy: Policy) -> None:
    world = visits(3000, 5)
    model = Bandit(ARMS, policy=policy)()

    def choose(visit: Any) -> Any:
        answer = model.answer(visit.x)
        model.learn(visit.x, visit.earned[answer.prediction], answer)
        return answer.prediction

    mine = earned(choose, world)
    best = earned(lambda visit: max(visit.worth, key=visit.worth.get), world)
    uniform = sum(sum(visit.worth.values()) / 3 for visit in world) / len(world)
    assert mine > uniform + 0.5 * (best - uniform)


def test_linucb_comes_close_to_the_best() -> None:
    world = visits(3000, 5)
    model = Bandit(ARMS, policy=LinUCB(explore=0.0))()
    go_on(model, 3000, world=6)

    mine = earned(lambda visit: model.answer(visit.x).prediction, world)
    best = earned(lambda visit: max(visit.worth, key=visit.worth.get), world)
    assert mine > 0.95 * best


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 4.0)])
def test_linucb_chooses_as_that_of_river(alpha: float, beta: float) -> None:
    ours = Bandit(ARMS, policy=LinUCB(alpha=alpha, beta=beta, explore=0.0), context=None)()
    theirs = bandit.LinUCBDisjoint(alpha=alpha, beta=beta, seed=1)
    for i, visit in enumerate(visits(600, 3)):
        context = {
            "": 1.0,
            "age": visit.x["age"],
            f"country={visit.x['country']}": 1.0,
        }
        answer = ours.answer(visit.x)
        if max(answer.probability.values()) == 1.0:  # no tie, which each breaks by its own chance
            assert theirs.pull(list(ARMS), context) == answer.prediction, i
        ours.learn(visit.x, visit.earned[answer.prediction], answer)
        theirs.update(answer.prediction, context, visit.earned[answer.prediction])


def test_an_arm_expects_what_rivers_regression_does() -> None:
    model, answers = lived(LinUCB(), 300, context=None)
    peers = {arm: linear_model.BayesianLinearRegression() for arm in ARMS}
    world = visits(300, 11)
    for visit, answer in zip(world, answers, strict=True):
        context = {"": 1.0, "age": visit.x["age"], f"country={visit.x['country']}": 1.0}
        peers[answer.prediction].learn_one(context, visit.earned[answer.prediction])

    new = {"": 1.0, "age": 0.4, "country=IT": 1.0}
    assert model.values({"age": 0.4, "country": "IT"}) == pytest.approx(
        {arm: peer.predict_one(new) for arm, peer in peers.items()}
    )
    at, unknown = model.regressions[0].vector(new)
    for arm, regression in zip(ARMS, model.regressions, strict=True):
        spread = peers[arm].predict_one(new, with_dist=True).sigma
        assert 1.0 + regression.variance(at, unknown) == pytest.approx(spread**2)


@EACH
def test_propensities_are_the_frequencies_of_choices(policy: Policy) -> None:
    model, _ = lived(policy, 60)
    x = {"age": 0.5, "country": "FR"}
    answers = [model.answer(x) for _ in range(4000)]

    assert all(answer.probability == answers[0].probability for answer in answers)
    assert sum(answers[0].probability.values()) == pytest.approx(1)
    counts = Counter(answer.prediction for answer in answers)
    for arm in ARMS:
        p = answers[0].probability[arm]
        assert abs(counts[arm] - 4000 * p) <= 4 * (4000 * p * (1 - p)) ** 0.5


@EACH
def test_an_explored_arm_has_at_least_its_part_of_what_is_left_to_chance(policy: Policy) -> None:
    share = getattr(policy, "explore", getattr(policy, "epsilon", 0.0))
    if getattr(policy, "decay", 0.0):
        return
    _, answers = lived(policy, 200)

    for answer in answers:
        assert min(answer.probability.values()) >= share / 3 - 1e-12


def test_epsilon_fades_with_the_rewards() -> None:
    model, _ = lived(EpsilonGreedy(0.6, decay=0.01), 100)

    least = min(model.answer({"age": 0.1, "country": "DE"}).probability.values())
    assert least == pytest.approx(0.6 * 2.718281828459045 ** (-1.0) / 3)


@EACH
def test_a_snapshot_goes_on_to_the_bit(policy: Policy) -> None:
    model, _ = lived(policy, 150)
    body = dumps(model)
    before = digest(model)
    twin = loads(body, Allowed())

    assert digest(twin) == before
    for i in range(3):
        assert go_on(twin, 100, world=i) == go_on(model, 100, world=i)
    assert digest(twin) == digest(model)


@EACH
def test_a_factory_gives_equal_bandits_that_share_nothing(policy: Policy) -> None:
    declared = Bandit(ARMS, policy=policy)
    one, other = declared(), declared()
    go_on(one, 50, world=1)

    assert digest(other) == digest(declared())
    assert digest(one) != digest(other)


def test_the_seed_and_the_salt_decide_the_choices() -> None:
    def choices(seed: int, salt: int) -> list[Any]:
        model = Bandit(ARMS, seed=seed, policy=LinUCB(explore=1.0))()
        return [model.answer({}, salt=salt).prediction for _ in range(50)]

    assert choices(1, 0) == choices(1, 0)
    assert len({tuple(choices(seed, salt)) for seed in (1, 2) for salt in (0, 1)}) == 4


def test_choices_without_a_reward_between_them_are_drawn_apart() -> None:
    model = Bandit(["a", "b"], policy=LinUCB(explore=1.0))()
    drawn = [model.answer({"x": 1.0}).prediction for _ in range(1000)]

    pairs = Counter(itertools.pairwise(drawn))
    assert all(200 < n < 300 for n in pairs.values())


def test_a_weight_counts_as_if_the_reward_came_so_often() -> None:
    once, thrice = Bandit(["a", "b"], context=None)(), Bandit(["a", "b"], context=None)()
    answer, x = Answer("a"), {"n": 2.0, "k": "v"}
    once.learn(x, 0.7, answer, 3.0)
    for _ in range(3):
        thrice.learn(x, 0.7, answer)

    assert once.values(x) == pytest.approx(thrice.values(x))
    at, unknown = once.regressions[0].vector({"": 1.0, "n": 1.0})
    assert once.regressions[0].variance(at, unknown) == pytest.approx(
        thrice.regressions[0].variance(at, unknown)
    )


def test_weight_0_teaches_nothing() -> None:
    model = Bandit(["a", "b"])()
    before = digest(model)
    model.learn({"n": 2.0}, 1.0, Answer("a"), 0.0)

    assert digest(model) == before


def test_only_the_arm_that_was_chosen_then_learns() -> None:
    model = Bandit(["a", "b"])()
    model.learn({"n": 1.0}, 1.0, Answer("b", {"a": 0.5, "b": 0.5}))

    values = model.values({"n": 1.0})
    assert values["a"] == 0.0
    assert values["b"] > 0.3


@pytest.mark.parametrize("arms", [[1, 2], [True, False], ["x", "ä"]])
def test_arms_are_answered_as_they_were_declared(arms: list[Any]) -> None:
    model = Bandit(arms)()
    answers = [model.answer({}) for _ in range(40)]

    assert {type(answer.prediction) for answer in answers} == {type(arms[0])}
    assert {answer.prediction for answer in answers} == set(arms)
    for answer in answers:
        model.learn({}, 0.5, answer)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=60))
def test_features_beyond_the_bound_take_no_room(words: list[str]) -> None:
    model = Bandit(["a", "b"], max_features=5)()
    for word in words:
        model.answer({"word": word})
        model.learn({"word": word}, 1.0, Answer("a"))

    known = list(dict.fromkeys(f"word={word}" for word in words))[:4]
    assert list(model.context.known) == ["", *known]
    assert model.context.left_out == sum(f"word={word}" not in known for word in words)
    assert all(len(regression._idx) <= 5 for regression in model.regressions)


def test_numbers_are_scaled_as_river_does_it_and_that_is_learned_from_rewarded_events() -> None:
    scaled, _ = lived(LinUCB(), 400)

    scaler = preprocessing.StandardScaler()
    for visit in visits(400, 11):
        scaler.learn_one({"age": visit.x["age"]})
    assert scaled.context.transformer.means == scaler.means


@pytest.mark.parametrize("reward", [-0.1, 1.1, float("nan"), float("inf"), 1e300])
def test_a_reward_out_of_range_is_refused_and_changes_nothing(reward: float) -> None:
    model = Bandit(["a", "b"])()
    before = digest(model)

    with pytest.raises(ValueError, match="reward is"):
        model.learn({"n": 1.0}, reward, Answer("a"))
    assert digest(model) == before


@pytest.mark.parametrize("arm", ["c", None, 1])
def test_a_reward_for_what_is_no_arm_is_refused(arm: Any) -> None:
    with pytest.raises(ValueError, match=r"no arm, expected one of a, b"):
        Bandit(["a", "b"])().learn({}, 1.0, Answer(arm))


def test_a_feature_that_is_no_number_bool_or_text_is_refused() -> None:
    with pytest.raises(ValueError, match="feature 'when' is a list"):
        Bandit(["a", "b"])().answer({"when": [1]})
