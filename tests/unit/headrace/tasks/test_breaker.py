"""A breaker is declared with values that can be used, or the sentence says which cannot and why."""

from __future__ import annotations

from typing import Any

import pytest

from headrace import DeclarationError
from headrace.tasks.breaker import Breaker


@pytest.mark.parametrize(
    ("options", "argument", "fix"),
    [
        ({"errors": 0}, "breaker.errors", "errors=5"),
        ({"errors": 4, "of": 3}, "breaker.errors", "errors=3"),
        ({"errors": True}, "breaker.errors", "errors=5"),
        ({"of": 100_000}, "breaker.of", "of=50"),
        ({"rest": -1}, "breaker.rest", "rest=100"),
        ({"rest": 20_000}, "breaker.max_rest", "max_rest=20000"),
        ({"probes": 1.5}, "breaker.probes", "probes=10"),
        ({"window": 10, "probes": 11}, "breaker.window", "window=11"),
        ({"worse_than_baseline": 1.0}, "breaker.worse_than_baseline", "worse_than_baseline=2.0"),
        ({"worse_than_baseline": float("nan")}, "breaker.worse_than_baseline", "worse_than_baseline=2.0"),
        ({"max_weight": 0}, "breaker.max_weight", "max_weight=1000000000.0"),
        ({"max_weight": "big"}, "breaker.max_weight", "max_weight=1000000000.0"),
        ({"check_every": 0}, "breaker.check_every", "check_every=10"),
        ({"checkpoint_every": 10**6}, "breaker.checkpoint_every", "checkpoint_every=200"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(options: dict[str, Any], argument: str, fix: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Breaker(**options)

    assert (caught.value.argument, caught.value.fix) == (argument, fix)


def test_a_loss_need_not_be_compared() -> None:
    assert Breaker(worse_than_baseline=None).worse_than_baseline is None
