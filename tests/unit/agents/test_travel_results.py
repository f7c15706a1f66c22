"""Results side by side: what counts as equal, missing, and how far apart answers are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest
from river import linear_model, preprocessing

from agents.travel import compare
from agents.travel.results import Result, compared, ordered, place_of
from agents.travel.tally import Tally
from headrace import Event, Pipeline, Topic
from headrace.fold import Fold
from schemas import Prediction, Source
from tests.folding import Out, events, log


class Reading(Event):
    a: float
    b: float
    y: bool | None = None


def published(name: str, n: int = 20, version: int = 1) -> list[tuple[str, bytes]]:
    """Return ids and values of what a pipeline called *name* publishes."""
    pipeline = Pipeline(
        name,
        source=Topic("t.events", Reading),
        target="y",
        models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        version=version,
    )
    out = Out()
    Fold(pipeline, "t.events", 0).step_chunk(log(events(n)), out.emit, out.refuse)
    return [(result_id, value) for result_id, _, value in out.raw]


def rest(value: bytes) -> dict[str, Any]:
    """Return what is compared of a result as the JSON object that it is but for its first brace."""
    left: dict[str, Any] = json.loads(b"{" + compared(value).removeprefix(b","))
    return left


def test_results_of_two_runs_are_the_same_bytes_but_for_the_names() -> None:
    a, b = published("fraud"), published("another-run", version=2)

    assert all(left != right for left, right in zip(a, b, strict=True))
    assert [compared(value) for _, value in a] == [compared(value) for _, value in b]


def test_what_is_compared_holds_all_but_the_names() -> None:
    (_, value), *_ = published("fraud")

    whole, left = json.loads(value), rest(value)
    assert left == {name: x for name, x in whole.items() if name not in ("id", "pipeline")}


@pytest.mark.parametrize("event_id", ['x","pipeline":"y', "\\", '"', ',"pipeline":"', "\u00e9", "{}"])
def test_an_id_that_looks_like_json_changes_nothing(event_id: str) -> None:
    def result(name: str) -> bytes:
        source = Source("t", 0, 7)
        said = Prediction(f"{name}/t/0/7/predict", event_id, f"{name}@1", 3, source, True)
        return msgspec.json.encode(said)

    assert compared(result("a")) == compared(result("bcd"))
    assert rest(result("a"))["event_id"] == event_id


def one(offset: int, prediction: Any = True, **said: Any) -> Result:
    source = Source("t", 0, offset)
    made = Prediction(f"r/t/0/{offset}/predict", f"e{offset}", "r@1", offset, source, prediction, **said)
    value = msgspec.json.encode(made)
    return Result(offset, msgspec.json.decode(value, type=Prediction), compared(value), (offset, offset))


async def stream(results: Iterable[Result]) -> AsyncIterator[Result]:
    for result in results:
        yield result


async def joined(a: Iterable[int], b: Iterable[int]) -> list[tuple[int | None, int | None]]:
    found = compare.pairs(stream(map(one, a)), stream(map(one, b)))
    return [(x and x.offset, y and y.offset) async for x, y in found]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([], [], []),
        ([1, 2], [1, 2], [(1, 1), (2, 2)]),
        ([1, 2], [], [(1, None), (2, None)]),
        ([], [4], [(None, 4)]),
        ([1, 3, 4], [2, 3, 9], [(1, None), (None, 2), (3, 3), (4, None), (None, 9)]),
        ([5, 6], [1, 2, 6], [(None, 1), (None, 2), (5, None), (6, 6)]),
    ],
)
async def test_results_meet_by_the_offset_of_their_event(
    a: list[int], b: list[int], expected: list[Any]
) -> None:
    assert await joined(a, b) == expected


async def test_results_of_events_that_had_to_wait_come_by_the_record_that_let_them_go_on() -> None:
    ids = ["5/predict", "7/predict.6", "7/predict.2", "7/predict", "7/predict.2", "5/predict", "8/predict.3"]
    made = [one(0)._replace(place=place_of(f"r/t/0/{each}")) for each in ids]
    repeated: list[None] = []

    found = [result.place async for result in ordered(stream(made), lambda: repeated.append(None))]

    assert found == [(5, 5), (7, 2), (7, 6), (7, 7), (8, 3)]
    assert len(repeated) == 2


def counted(*both: tuple[Result, Result]) -> Tally:
    tally = Tally(0)
    for a, b in both:
        tally.add(a, b)
    return tally


def test_the_first_difference_is_told() -> None:
    tally = counted(
        (one(3), one(3)),
        (one(4, probability={"true": 0.5}), one(4, probability={"true": 0.5000000000000001})),
        (one(5, False), one(5, True)),
        (one(6, False), one(6, True)),
    )

    assert (tally.both, tally.equal, tally.equal_predictions) == (4, 1, 2)
    assert (tally.first_difference, tally.first_other_prediction) == (4, 5)
    assert tally.differs


@pytest.mark.parametrize(("a", "b"), [(True, 1), (1, 1.0), (0.0, -0.0), ("1", 1), (None, False)])
def test_answers_that_python_takes_for_equal_are_not(a: Any, b: Any) -> None:
    tally = counted((one(1, a), one(1, b)))

    assert tally.equal == 0


def test_differences_are_means_of_absolute_values() -> None:
    tally = counted(
        (one(1, probability={"true": 0.5, "false": 0.5}), one(1, probability={"true": 0.7, "false": 0.3})),
        (one(2, probability={"a": 1.0}), one(2, probability={"b": 1.0})),
        (one(3, 4.0), one(3, 1.5)),
        (one(4, 1.0), one(4, None)),
        (one(5, None, score=0.25), one(5, None, score=0.75)),
    )

    found = tally.differences
    assert found.probability.value == pytest.approx((0.2 + 1.0) / 2)
    assert (found.prediction.value, found.prediction.n) == (2.5, 1)
    assert found.score.value == 0.5


def test_scores_need_labels() -> None:
    tally = Tally(0)
    p = {"true": 0.8, "false": 0.2}
    tally.judge(
        one(1, True, probability=p), one(1, False, probability={"false": 1.0}), True, "classification"
    )
    tally.judge(one(2, True, probability=p), one(2, None), False, "classification")

    assert tally.labelled == 2
    assert tally.score_a.accuracy.value == 0.5
    assert tally.score_a.log_loss.value == pytest.approx(0.9162907318741551)  # -(ln 0.8 + ln 0.2) / 2
    assert (tally.score_b.accuracy.value, tally.score_b.accuracy.n) == (0.0, 1)
    assert tally.score_b.log_loss.value == pytest.approx(34.538776394910684)  # -ln 1e-15


def test_regression_is_scored_by_its_absolute_error() -> None:
    tally = Tally(0)
    tally.judge(one(1, 4.0), one(1, 1.0), 3.0, "regression")
    tally.judge(one(2, 4.5), one(2, None), 3.0, "regression")

    assert tally.score_a.absolute_error.value == 1.25
    assert tally.score_b.absolute_error.value == 2.0
    assert tally.score_a.accuracy.value is None


def test_the_whole_is_the_sum_of_the_partitions() -> None:
    parts = [counted((one(1, 1.0), one(1, 2.0))), counted((one(1, 1.0), one(1, 5.0)), (one(2), one(2)))]
    parts[1].missing_a = 3

    whole = compare.total(parts)

    assert (whole.both, whole.equal, whole.missing_a) == (3, 1, 3)
    assert whole.differences.prediction.value == 2.5
    assert parts[0].differences.prediction.value == 1.0
