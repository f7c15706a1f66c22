"""Which records another version has answered: a result stands where the record does that made it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from faust.types import TP

from agents.answered import Answered
from schemas import Prediction, Source
from tests.declaring import declare


class _Record(NamedTuple):
    offset: int
    value: bytes


class _Tail:
    """The topic of results, as a list; that of dead letters is empty."""

    def __init__(self, results: list[Prediction]) -> None:
        self._records = [_Record(n, msgspec.json.encode(result)) for n, result in enumerate(results)]

    async def start(self, topic: str, partition: int) -> int:
        return 0

    async def read_last(self, topic: str, partition: int, n: int) -> list[_Record]:
        return self._records[-n:] if topic.endswith(".predictions") else []


def result(made_at: int, of: int, step: str, version: int = 1) -> Prediction:
    made_id = f"fraud/fraud.log/0/{made_at}/{step}"
    return Prediction(made_id, f"e{of}", f"fraud@{version}", of, Source("fraud.log", 0, of), True)


async def test_a_result_of_an_event_that_had_to_wait_counts_where_it_was_made() -> None:
    results = [
        result(3, 3, "predict"),
        result(7, 2, "predict.2"),
        result(8, 8, "predict", version=2),
        result(9, 1, "predict.1"),
    ]
    tail: Any = _Tail(results)

    found = await Answered(declare(version=2), tail)(TP("fraud.log", 0), 5)

    assert found == {7, 9}
