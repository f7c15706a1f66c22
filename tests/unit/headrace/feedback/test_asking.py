"""Questions go to the uncertain answers; the budget is kept at every point, and spent."""

from __future__ import annotations

import random
from math import log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import active, naive_bayes

from headrace.errors import DeclarationError, SnapshotError
from headrace.feedback import uncertainty
from headrace.feedback.asking import Asker, AskFor
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from schemas.questions import Question
from schemas.results import Answer, Source

SHARES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.001, 1), min_size=1).map(
    lambda found: {label: share / sum(found.values()) for label, share in found.items()}
)


def sure(p: float) -> Answer:
    return Answer(p >= 0.5, {"true": p, "false": 1 - p})


def asked(asker: Asker, answers: list[Answer], start: int = 0) -> list[Question | None]:
    return [asker.consider(i, answer, None, i) for i, answer in enumerate(answers, start)]


def asker(**options: Any) -> Asker:
    return Asker(AskFor("labels", **options), "fraud@1", "payments", 3)


@st.composite
def streams(draw: st.DrawFn) -> list[Answer]:
    """Return answers in a few stretches of any character: constant, rising, falling, noisy, without any."""
    found: list[Answer] = []
    for _ in range(draw(st.integers(1, 6))):
        n, kind, seed = draw(st.integers(1, 400)), draw(st.integers(0, 4)), draw(st.integers(0, 99))
        chance = random.Random(seed)
        values = {
            0: [0.5 + seed / 200] * n,
            1: [0.5 + 0.5 * i / n for i in range(n)],
            2: [1 - 0.5 * i / n for i in range(n)],
            3: [chance.random() for _ in range(n)],
        }
        found += [Answer()] * n if kind == 4 else [sure(p) for p in values[kind]]
    return found


@settings(deadline=None, max_examples=60)
@given(streams(), st.sampled_from([0.02, 0.05, 0.3, 1.0]), st.sampled_from([50, 64, 200, None]))
def test_the_budget_is_never_exceeded_so_far_nor_in_a_window_and_it_is_spent(
    answers: list[Answer], budget: float, window: int | None
) -> None:
    made = asker(budget=budget, window=window)
    most, window = made.declared.most
    behind = 6.1 + 2 * log2(window / most)
    flags = [question is not None for question in asked(made, answers)]

    so_far = [0]
    for flag in flags:
        so_far.append(so_far[-1] + flag)
    for n in range(len(so_far)):
        assert so_far[n] <= budget * n + 1e-9
        assert so_far[n] >= 0.98 * most / window * n - behind
        assert so_far[n] - so_far[max(0, n - window)] <= budget * window + 1e-9
    assert made.n_asked == so_far[-1]
    assert made.n_events == len(answers)


@pytest.mark.parametrize("strategy", ["margin", "entropy", "random"])
@pytest.mark.parametrize("budget", [0.01, 0.05, 0.5])
def test_of_many_events_the_whole_budget_is_spent(strategy: Any, budget: float) -> None:
    chance = random.Random(3)
    made = asker(budget=budget, strategy=strategy)
    asked(made, [sure(chance.random()) for _ in range(20_000)])

    assert 0.95 * budget * 20_000 <= made.n_asked <= budget * 20_000


@pytest.mark.parametrize("budget", [0.02, 0.1])
def test_the_events_asked_for_are_the_least_certain_ones(budget: float) -> None:
    chance = random.Random(5)
    answers = [sure(chance.betavariate(0.5, 0.5)) for _ in range(10_000)]
    questions = [q for q in asked(asker(budget=budget), answers) if q]

    margins = sorted((uncertainty.margin(answer, {}) for answer in answers), reverse=True)
    limit = margins[int(3 * budget * len(margins))]
    assert sum(question.uncertainty >= limit for question in questions) > 0.9 * len(questions)


def test_a_scale_that_changes_does_not_matter() -> None:
    """All answers grow certain; a fixed threshold would never ask again."""
    chance = random.Random(7)
    made = asker(budget=0.05)
    asked(made, [sure(chance.random()) for _ in range(3000)])
    before = made.n_asked
    later = asked(made, [sure(0.99 + 0.01 * chance.random()) for _ in range(3000)], 3000)

    assert made.n_asked - before >= 140
    assert sum(q.uncertainty > 0.016 for q in later[500:] if q) > 80


def test_a_question_says_what_is_asked_and_why() -> None:
    made = asker(budget=1.0)
    *_, question = asked(made, [sure(0.9)] * 8 + [sure(0.55)])

    assert question == Question(
        "fraud@1/payments/3/8/ask",
        8,
        "fraud@1",
        "less certain (margin) than 100% of the answers before it",
        pytest.approx(0.9),
        True,
        Source("payments", 3, 8),
        "labels",
    )


def test_a_question_of_chance_says_so_and_depends_on_the_seed() -> None:
    first = asked(asker(strategy="random", budget=0.2), [sure(1.0)] * 300)
    again = asked(asker(strategy="random", budget=0.2), [sure(1.0)] * 300)
    other = asked(asker(strategy="random", budget=0.2, seed=2), [sure(1.0)] * 300)

    assert first == again != other
    found = next(question for question in first if question)
    assert (found.why, found.uncertainty) == ("drawn by chance", None)


@settings(deadline=None, max_examples=60)
@given(streams(), st.sampled_from([0.05, 0.5]), st.data())
def test_the_state_goes_on_to_the_bit(answers: list[Answer], budget: float, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(answers)))
    whole, first, second = (asker(budget=budget) for _ in range(3))
    expected = asked(whole, answers)
    asked(first, answers[:cut])
    second.restore(loads(dumps(first.state()), Allowed()))

    assert asked(second, answers[cut:], cut) == expected[cut:]
    assert second.state() == whole.state()


@pytest.mark.parametrize("state", [None, {}, {"n_events": 1, "n_asked": "x", "asked_at": [], "seen": []}])
def test_a_state_of_something_else_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError):
        asker().restore(state)


WRONG: dict[str, dict[str, Any]] = {
    "budget": {"budget": "5 percent"},
    "budget ": {"budget": 0},
    "budget  ": {"budget": 1.5},
    "budget   ": {"budget": "120%"},
    "budget    ": {"budget": True},
    "budget     ": {"budget": None},
    "budget      ": {"budget": float("nan")},
    "strategy": {"strategy": "guess"},
    "seed": {"seed": None},
    "window": {"window": 0},
    "window ": {"window": 10, "budget": "5%"},
    "labels": {"labels": "no spaces"},
    "labels ": {"labels": 3},
}


@pytest.mark.parametrize(("name", "options"), WRONG.items(), ids=WRONG)
def test_a_wrong_argument_is_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as caught:
        AskFor(**options)

    assert caught.value.argument == f"ask.{name.strip()}"


def test_a_budget_is_a_share_in_any_form() -> None:
    assert AskFor(budget="5%").most == AskFor(budget=0.05).most == AskFor(budget="0.05").most == (500, 10_000)
    assert AskFor(budget="0.1%").most == (200, 200_000)
    assert AskFor(budget=1).most == (10_000, 10_000)


def test_labels_may_be_a_declaration_with_a_topic() -> None:
    class Labels:
        topic = "chargebacks"

    assert AskFor(Labels()).topic == "chargebacks"
    assert AskFor().topic is None


@settings(deadline=None, max_examples=60)
@given(SHARES)
def test_entropy_is_that_of_rivers_sampler(shares: dict[str, float]) -> None:
    sampler = active.EntropySampler(naive_bayes.GaussianNB(), discount_factor=1, seed=1)

    assert uncertainty.entropy(Answer("a", shares), {}) == pytest.approx(sampler._p(shares), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(SHARES)
def test_margin_is_the_gap_to_the_second(shares: dict[str, float]) -> None:
    first, second, *_ = [*sorted(shares.values(), reverse=True), 0.0]

    assert uncertainty.margin(Answer("a", shares), {}) == pytest.approx(1 - (first - second))


@pytest.mark.parametrize("measure", [uncertainty.margin, uncertainty.entropy])
def test_no_answer_is_uncertain_and_a_label_alone_is_certain(measure: uncertainty.Measure) -> None:
    assert measure(Answer(), {}) == 1.0
    assert measure(Answer("a"), {}) == 0.0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], 1.0),
        ([Answer()], 1.0),
        ([Answer("a")], 0.0),
        ([Answer("a"), Answer("a"), Answer("b"), Answer("c")], 0.5),
        ([sure(0.9), sure(0.6), sure(0.7)], 0.3),
        ([Answer(3.0), Answer(5.5), Answer(4.0)], 2.5),
        ([sure(0.9), Answer(False)], 0.5),
    ],
)
def test_disagreement_is_how_far_models_are_apart(answers: list[Answer], expected: float) -> None:
    named = {f"m{i}": answer for i, answer in enumerate(answers)}

    assert uncertainty.disagreement(Answer(), named) == pytest.approx(expected)
