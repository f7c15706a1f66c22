"""The referee: labels come, challengers are compared on the answers of then, and changes are told."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import pytest

from headrace.challengers import Rivalry
from headrace.errors import SnapshotError
from headrace.judge import Fact
from headrace.referee import CONTEST, Referee
from headrace.tasks.promotion import Canary, Promotion
from schemas import Answer

PLACE = ("fraud", "fraud@2", "fraud.log", 3)
SOON = Promotion(at_least=30, cooldown=10)


def referee(members: tuple[str, ...] = ("model",), canary: Canary | None = None) -> Referee:
    return Referee(Rivalry(("new",), SOON, canary, "brier"), members, PLACE)


def says(p: float) -> Answer:
    return Answer(p >= 0.5, {"true": p, "false": 1.0 - p})


def scored(referee: Referee, n: int, **answers: Answer) -> list[Fact]:
    """Return what is told of *n* events with these answers."""
    found = []
    for i in range(n):
        referee.score(True, answers)
        found += referee.facts(i)
    return found


def event(fact: Fact) -> dict[str, Any]:
    assert fact.kind == CONTEST
    found: dict[str, Any] = msgspec.json.decode(fact.value)
    return found


def test_a_promotion_is_told_with_its_numbers() -> None:
    (fact,) = scored(referee(), 200, model=says(0.4), new=says(0.9))

    told = event(fact)
    assert fact.id == told["id"] == f"fraud/fraud.log/3/{told['source']['offset']}/contest.1"
    assert told["pipeline"] == "fraud@2"
    assert (told["action"], told["by"], told["challenger"], told["champion"]) == (
        "promoted",
        "rule",
        "new",
        "new",
    )
    assert told["losses"] == pytest.approx({"combined": 0.36, "new": 0.01})
    assert told["e_value"] >= told["limit"] == 20.0
    assert told["text"].startswith("new is champion, by rule: over 37 events, the mean loss (brier) was 0.36")


def test_of_several_members_their_combination_competes() -> None:
    several = referee(("a", "b"))

    facts = scored(several, 60, a=says(0.0), b=says(0.0), combined=says(0.9), new=says(0.4))
    assert facts == []
    assert several.contest.standings["new"].losses["combined"] == pytest.approx(0.01)


def test_a_challenger_without_an_answer_loses() -> None:
    failing = referee()

    assert scored(failing, 60, model=says(0.1), new=Answer(error="predict: ValueError: no")) == []
    assert failing.contest.standings["new"].losses["new"] == pytest.approx(1.0)


def test_each_step_of_a_canary_is_told() -> None:
    facts = scored(referee(canary=Canary((0.25, 1.0), every=5)), 60, model=says(0.4), new=says(0.9))

    texts = [event(fact)["text"].split(":")[0] for fact in facts]
    assert texts == [
        "new answers for 25% of the keys, by rule",
        "new answers for 100% of the keys, by rule",
        "new is champion, by rule",
    ]


def test_an_order_before_anything_was_compared_is_told_as_such() -> None:
    fresh = referee()

    fresh.promote("new")
    (told,) = map(event, fresh.facts(7))

    assert told["text"] == "new is champion, by hand; nothing was compared before."
    assert (told["n"], told["by"], told["source"]["offset"]) == (0, "hand", 7)


def test_a_restored_referee_goes_on_to_the_bit() -> None:
    one, other = referee(), referee()
    scored(one, 25, model=says(0.4), new=says(0.9))
    one.promote("new")  # not told yet

    other.restore(pickle.loads(pickle.dumps(one.state())))  # noqa: S301 - our own

    assert pickle.dumps(other.state()) == pickle.dumps(one.state())
    assert scored(other, 20, model=says(0.4), new=says(0.9)) == scored(
        one, 20, model=says(0.4), new=says(0.9)
    )


@pytest.mark.parametrize("state", [{}, {"losses": "x", "contest": {}}, {"losses": [], "contest": 3}])
def test_a_state_of_something_else_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError, match=r"contest|challengers"):
        referee().restore(state)
