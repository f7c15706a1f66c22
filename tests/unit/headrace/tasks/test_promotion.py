"""What promotion and canary may be declared as."""

from __future__ import annotations

from typing import Any

import pytest

from headrace import DeclarationError
from headrace.tasks.promotion import Canary, Promotion


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"alpha": 0}, "alpha"),
        ({"alpha": 0.6}, "alpha"),
        ({"alpha": 1e-7}, "alpha"),
        ({"alpha": True}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": "0.05"}, "alpha"),
        ({"at_least": 0}, "at_least"),
        ({"at_least": 1e3}, "at_least"),
        ({"cooldown": -1}, "cooldown"),
        ({"by": "law"}, "by"),
        ({"loss": "rmse"}, "loss"),
    ],
)
def test_a_promotion_that_means_nothing_is_refused(arguments: dict[str, Any], argument: str) -> None:
    with pytest.raises(DeclarationError, match=f"expected .*{arguments[argument]!r}") as caught:
        Promotion(**arguments)

    assert caught.value.argument == f"promotion.{argument}"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"steps": ()}, "steps"),
        ({"steps": 0.05}, "steps"),
        ({"steps": (0.0, 1.0)}, "steps"),
        ({"steps": (0.5, 0.2)}, "steps"),
        ({"steps": (0.2, 0.2)}, "steps"),
        ({"steps": (0.5, 1.5)}, "steps"),
        ({"steps": "0.5"}, "steps"),
        ({"every": 0}, "every"),
        ({"begin": "now"}, "begin"),
    ],
)
def test_a_canary_that_means_nothing_is_refused(arguments: dict[str, Any], argument: str) -> None:
    with pytest.raises(DeclarationError, match="expected") as caught:
        Canary(**arguments)

    assert caught.value.argument == f"canary.{argument}"


def test_steps_may_be_any_sequence_of_numbers() -> None:
    assert Canary(steps=[0.5, 1]).steps == (0.5, 1.0)
