"""The page on bandits says what the code does."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from headrace.feedback import asking, bandit, declaration, policies, uncertainty, weights
from tests.pages import table, text_of

PAGE = "docs/howto/bandit.md"


def test_defaults_of_feedback_are_documented() -> None:
    rows = {
        name: shown for names, shown, _ in table(PAGE, "argument of `Feedback`") for name in names.split(", ")
    }
    defaults: dict[str, Any] = {field.name: field.default for field in fields(declaration.Feedback)}

    assert rows["weight"] == str(defaults["weight"])
    assert rows["wait_s"] == f"{defaults['wait_s']:.0f}"
    assert (rows["silence"], defaults["silence"]) == ("none", None)
    assert rows["values"] == "{:.0f} to {:.0f}".format(*declaration.Feedback("t").values)


def test_policies_and_strategies_are_documented() -> None:
    kinds = {policies.LinUCB, policies.Thompson, policies.EpsilonGreedy}

    assert {name for name, *_ in table(PAGE, "policy")} == {kind.__name__ for kind in kinds}
    assert {name for name, *_ in table(PAGE, "strategy")} == set(get_args(uncertainty.Strategy))


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    page = text_of(PAGE)

    assert f"{bandit.MAX_FEATURES} by default" in page
    assert f"at most {weights.HEAVIEST:.0f}" in page
    assert f"the {asking.COMPARED} before it" in page
    assert asking.AskFor(budget=0.5).most == (5_000, 10_000)
    assert asking.AskFor(budget=0.01).most == (200, 20_000)
