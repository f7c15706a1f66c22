"""Where a mean has changed most, against a search over all borders with numpy."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.drift.blocks import BLOCK, Blocks


def blocks_of(values: list[float]) -> Blocks:
    blocks = Blocks()
    for value in values:
        blocks.add(value)
    return blocks


@given(st.integers(1, 1_000), st.integers(0, 2**32), st.booleans())
def test_the_change_is_the_border_of_the_largest_difference_by_its_own_chance(
    n: int, seed: int, falls: bool
) -> None:
    chance = random.Random(seed)
    values = [chance.random() for _ in range(n)]

    found = blocks_of(values).change(falls=falls)

    spread = np.std(values)
    borders = [n - n % BLOCK - BLOCK * i for i in range(1, 33)]
    wanted = []
    for border in [b for b in borders if b >= BLOCK]:
        before, after = np.array(values[:border]), np.array(values[border:])
        z = (after.mean() - before.mean()) / (spread * np.sqrt(1 / len(before) + 1 / len(after)))
        wanted.append((abs(z) if falls else z, before, after))
    if not wanted:
        assert found.deviations == float("-inf")
        return
    z, before, after = max(wanted, key=lambda one: one[0])
    assert (abs(found.deviations) if falls else found.deviations) == pytest.approx(z, abs=1e-6)
    assert found.before == (len(before), pytest.approx(before.mean()))
    assert found.after == (len(after), pytest.approx(after.mean()))
