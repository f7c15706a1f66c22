"""The contest: who answers for which key, and when that changes."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.errors import OrderError, SnapshotError
from headrace.tasks.canary import place_of
from headrace.tasks.contest import COMBINED, Contest, Turn
from headrace.tasks.promotion import Canary, Promotion

SOON = Promotion(at_least=200, cooldown=100)
STEPS = Canary(steps=(0.1, 0.5, 1.0), every=50)
KEYS = [f"key-{i}".encode() for i in range(5_000)]


def losses(n: int, seed: int = 1, **rates: float) -> Iterator[dict[str, float]]:
    """Yield what each party loses on *n* events: 1.0 as often as its rate says."""
    chance = random.Random(seed)
    for _ in range(n):
        yield {name: float(chance.random() < rate) for name, rate in rates.items()}


def turns(contest: Contest, n: int, seed: int = 1, **rates: float) -> list[tuple[int, Turn]]:
    """Return what changed, and after which of the events."""
    found = ((i, contest.scored(one)) for i, one in enumerate(losses(n, seed, **rates), start=1))
    return [(i, turn) for i, turn in found if turn is not None]


def named(found: list[tuple[int, Turn]]) -> list[tuple[str, str]]:
    return [(turn.action, turn.name) for _, turn in found]


def share(contest: Contest, name: str | None) -> float:
    return sum(contest.answerer(key) == name for key in KEYS) / len(KEYS)


def test_the_declared_models_answer_until_a_challenger_is_better() -> None:
    contest = Contest(["new"], SOON)
    assert contest.answerer(b"k") is None

    ((n, turn),) = turns(contest, 2_000, combined=0.3, new=0.1)

    assert turn.action == "promoted"
    assert (turn.by, turn.name, turn.champion, turn.share) == ("rule", "new", "new", 1.0)
    assert contest.champion == contest.answerer(b"k") == "new"
    assert turn.evidence.n == n >= 200
    assert turn.evidence.losses == {COMBINED: pytest.approx(0.3, abs=0.1), "new": pytest.approx(0.1, abs=0.1)}
    assert turn.evidence.e_value >= turn.evidence.limit == 20.0


def test_the_best_of_several_is_promoted_and_each_has_a_part_of_alpha() -> None:
    contest = Contest(["worse", "better", "best"], SOON)

    (_, first), *_ = turns(contest, 2_000, combined=0.4, worse=0.45, better=0.2, best=0.05)

    assert (first.action, first.name, first.evidence.limit) == ("promoted", "best", 60.0)


def test_no_change_before_at_least_so_many_events_and_none_within_the_cool_down() -> None:
    contest = Contest(["new"], Promotion(at_least=50, cooldown=700))

    ((first, _),) = turns(contest, 100, combined=1.0, new=0.0)
    ((after, back),) = turns(contest, 2_000, combined=0.0, new=1.0)

    assert first == 50
    assert (100 - first + after, back.action) == (701, "demoted")


def test_the_declared_models_return_when_they_are_better_again() -> None:
    contest = Contest(["new"], SOON)
    turns(contest, 2_000, combined=0.3, new=0.1)

    ((_, turn),) = turns(contest, 2_000, combined=0.1, new=0.3)

    assert (turn.action, turn.name, turn.champion, turn.share) == ("demoted", "new", COMBINED, 0.0)
    assert contest.champion is None


def test_by_hand_the_rule_decides_nothing_and_still_shows_its_evidence() -> None:
    contest = Contest(["new"], Promotion(at_least=10, by="hand"))

    assert turns(contest, 1_000, combined=0.5, new=0.1) == []
    assert contest.standings["new"].e_value > 20.0

    turn = contest.promote("new")
    assert (turn.action, turn.by, turn.evidence.n) == ("promoted", "hand", 1_000)
    assert contest.demote().action == "demoted"
    assert contest.champion is None


def test_a_canary_answers_for_a_growing_share_and_becomes_champion() -> None:
    contest, shares, seen = Contest(["new"], SOON, STEPS), [], []
    before: set[bytes] = set()

    for one in losses(1_000, combined=0.5, new=0.2):
        if (turn := contest.scored(one)) is not None:
            seen.append((turn.action, turn.share))
            shares.append(share(contest, "new"))
            mine = {key for key in KEYS if contest.answerer(key) == "new"}
            assert before <= mine, "a key stays on its side while the share grows"
            before = mine

    assert seen == [("canary_started", 0.1), ("canary_grown", 0.5), ("canary_grown", 1.0), ("promoted", 1.0)]
    assert shares == pytest.approx([0.1, 0.5, 1.0, 1.0], abs=0.02)


def test_a_canary_that_is_worse_stops_and_has_to_win_again() -> None:
    contest = Contest(["new"], SOON, Canary(steps=(0.1, 1.0), every=5_000))
    turns(contest, 400, combined=0.5, new=0.1)
    assert contest.shares == {COMBINED: 0.9, "new": 0.1}

    ((_, turn),) = turns(contest, 1_000, combined=0.1, new=0.4)

    assert (turn.action, turn.by, turn.champion, turn.share) == ("canary_stopped", "rule", COMBINED, 0.0)
    assert turn.evidence.losses["new"] > turn.evidence.losses[COMBINED]
    assert turn.evidence.e_value >= turn.evidence.limit == 20.0
    assert share(contest, None) == 1.0
    assert named(turns(contest, 1_000, combined=0.4, new=0.1)) == [("canary_started", "new")]


def test_a_canary_may_begin_without_a_win_and_ends_with_one() -> None:
    contest = Contest(["new"], SOON, Canary(steps=(0.05,), every=10, begin="start"))

    found = turns(contest, 3_000, combined=0.3, new=0.2)

    assert named(found) == [("canary_started", "new"), ("promoted", "new")]
    assert found[0][0] == 200
    assert found[1][1].evidence.e_value >= 20.0


def test_without_a_win_a_canary_goes_all_the_way_while_it_is_not_worse() -> None:
    contest = Contest(["new"], Promotion(at_least=20), Canary((0.2, 1.0), every=30, begin="start"))

    found = turns(contest, 200, combined=0.3, new=0.3)

    assert [(at, turn.action) for at, turn in found] == [
        (20, "canary_started"),
        (50, "canary_grown"),
        (80, "promoted"),
    ]


def test_a_canary_below_all_keys_waits_for_somebody() -> None:
    contest = Contest(["new"], SOON, Canary(steps=(0.1,), every=10))

    assert named(turns(contest, 3_000, combined=0.5, new=0.2)) == [("canary_started", "new")]

    assert contest.promote("new").action == "promoted"


def test_a_promotion_by_hand_goes_by_the_canary_and_the_second_one_past_it() -> None:
    contest = Contest(["new", "other"], Promotion(by="hand"), STEPS)

    first = contest.promote("new")
    assert (first.action, first.by, first.share) == ("canary_started", "hand", 0.1)
    with pytest.raises(OrderError, match="canary of 'new' runs"):
        contest.promote("other")
    assert contest.promote("new").action == "promoted"
    assert contest.champion == "new"


def test_demoting_stops_a_canary() -> None:
    contest = Contest(["new"], Promotion(by="hand"), STEPS)
    contest.promote("new")

    turn = contest.demote()

    assert (turn.action, turn.by, turn.share) == ("canary_stopped", "hand", 0.0)
    assert share(contest, None) == 1.0


def test_who_does_not_answer_cannot_be_demoted() -> None:
    contest = Contest(["new", "other"], Promotion(by="hand"), STEPS)
    contest.promote("new")

    with pytest.raises(OrderError, match="'other' answers for no key"):
        contest.demote("other")
    contest.promote("new")
    with pytest.raises(OrderError, match="no challenger answers"):
        contest.demote("other")
    assert contest.demote("new").champion == COMBINED


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (lambda contest: contest.promote("nobody"), "no challenger 'nobody'"),
        (lambda contest: contest.promote(COMBINED), "no challenger 'combined'"),
        (lambda contest: contest.demote(), "no challenger answers"),
        (lambda contest: contest.stop_canary(), "no challenger answers"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(order: Any, message: str) -> None:
    contest = Contest(["new"], SOON)
    before = pickle.dumps(contest.state())

    with pytest.raises(OrderError, match=message):
        order(contest)

    assert pickle.dumps(contest.state()) == before


def test_who_is_champion_cannot_be_promoted() -> None:
    contest = Contest(["new"], SOON)
    contest.promote("new")

    with pytest.raises(OrderError, match="champion already"):
        contest.promote("new")


def test_keys_stand_evenly_and_in_another_order_for_each_challenger() -> None:
    for name in ("new", "b"):
        places = sorted(place_of(key, name) for key in KEYS)
        furthest = max(abs(place - i / len(KEYS)) for i, place in enumerate(places))
        assert furthest < 1.63 / len(KEYS) ** 0.5, "Kolmogorov and Smirnov, at one in a hundred"

    both = sum(place_of(key, "new") < 0.3 and place_of(key, "b") < 0.3 for key in KEYS) / len(KEYS)
    assert both == pytest.approx(0.09, abs=0.02)


def test_the_place_of_a_key_is_the_same_for_ever() -> None:
    found = [round(place_of(key, "new"), 6) for key in (b"DE", b"", b"a" * 100)]

    assert found == [0.646874, 0.665073, 0.452934]


@pytest.mark.parametrize("canary", [None, STEPS, Canary(steps=(0.3,), every=100, begin="start")])
@pytest.mark.parametrize("at", [0, 1, 199, 230, 310, 700])
def test_a_restored_contest_goes_on_to_the_bit(at: int, canary: Canary | None) -> None:
    story = [*losses(500, 2, combined=0.5, a=0.2, b=0.3), *losses(900, 3, combined=0.1, a=0.6, b=0.5)]
    names = ["a", "b"] if canary is None or canary.begin == "win" else ["a"]
    undisturbed, other = Contest(names, SOON, canary), Contest(names, SOON, canary)
    seen = [undisturbed.scored(one) for one in story[:at]]

    other.restore(pickle.loads(pickle.dumps(undisturbed.state())))  # noqa: S301 - our own
    assert pickle.dumps(other.state()) == pickle.dumps(undisturbed.state())
    after = [undisturbed.scored(one) for one in story[at:]]

    assert [other.scored(one) for one in story[at:]] == after
    assert pickle.dumps(other.state()) == pickle.dumps(undisturbed.state())
    assert any(seen + after)


def test_a_state_of_other_challengers_is_refused() -> None:
    state = Contest(["new"], SOON, STEPS).state()

    for other in (Contest(["other"], SOON), Contest(["new", "other"], SOON)):
        with pytest.raises(SnapshotError, match="other challengers"):
            other.restore(state)
    with pytest.raises(SnapshotError, match="other challengers"):
        Contest(["new"], SOON).restore({"champion": "new"})


def test_a_state_with_a_canary_that_is_not_declared_any_more_is_refused() -> None:
    contest = Contest(["new"], SOON, STEPS)
    contest.promote("new")
    contest_without = Contest(["new"], SOON)

    with pytest.raises(SnapshotError, match="canary"):
        contest_without.restore(contest.state())
