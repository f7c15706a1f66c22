"""The fold: test, then learn, record by record; the state is that of the log, whatever happens on the way."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, compose, dummy, linear_model, naive_bayes, preprocessing, stats, tree

from headrace import Limits, Mean, Pipeline, Topic
from headrace.fold import Fold
from tests.folding import Amount, Kept, Out, Reading, declare, events, linear, log, run


def test_predictions_are_those_of_a_plain_river_loop_to_the_bit() -> None:
    model: Any = linear()
    wanted = []
    for event in events(300):
        x = {"a": event["a"], "b": event["b"]}
        wanted.append({str(k).lower(): p for k, p in model.predict_proba_one(x).items()})
        model.learn_one(x, event["y"])

    _, out, _ = run(declare(), log(events(300)))

    assert [result["probability"] for result in out.results] == wanted
    assert [result["model_step"] for result in out.results] == list(range(300))


def test_a_result_names_event_pipeline_place_and_step() -> None:
    _, out, _ = run(declare(version=4), log(events(2)))

    result_id, key, _ = out.raw[1]
    result = out.results[1]
    assert result["id"] == result_id == "t/t.events/3/1/predict"
    assert key == b"k"
    assert result["event_id"] == "e1"
    assert result["pipeline"] == "t@4"
    assert result["source"] == {"topic": "t.events", "partition": 3, "offset": 1}
    assert "models" not in result, "one model's answer is the result's own"


def test_an_event_without_its_label_is_predicted_and_not_learned() -> None:
    some = events(20)
    bare = [{k: v for k, v in event.items() if k != "y"} for event in events(5, seed=2)]

    fold, out, counts = run(declare(), log([*some, *bare]))
    learned, _, _ = run(declare(), log(some))

    assert len(out.results) == 25
    assert [r["model_step"] for r in out.results[20:]] == [20] * 5
    assert fold.digest() == learned.digest()
    assert (sum(c.predicted for c in counts), sum(c.learned for c in counts)) == (25, 20)


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_how_the_log_is_cut_into_chunks_changes_no_byte(sizes: list[int]) -> None:
    records = log(events(sum(sizes)))
    fold, out = Fold(declare(), "t.events", 3), Out()
    start = 0
    for size in sizes:
        fold.step_chunk(records[start : start + size], out.emit, out.refuse)
        start += size

    whole, expected, _ = run(declare(), records, chunk=len(records))

    assert out.raw == expected.raw
    assert fold.digest() == whole.digest()


BAD = [b"", b"{", b"[]", b'{"id":"x"}', b'{"id":"x","a":"1","b":2}', b'{"id":"x","a":1e400,"b":2}', b"\xff"]


@settings(deadline=None)
@given(st.lists(st.sampled_from([None, *BAD]), max_size=40), st.randoms(use_true_random=False))
def test_bad_records_and_tombstones_leave_no_trace_in_the_state(
    bad: list[bytes | None], chance: random.Random
) -> None:
    good: list[Any] = events(30)
    mixed = [*good, *bad]
    order = sorted(chance.sample(range(len(mixed)), len(good)))
    values: list[Any] = [None] * len(mixed)
    rest = iter(bad)
    for i in range(len(mixed)):
        values[i] = good[order.index(i)] if i in order else next(rest)

    fold, out, counts = run(declare(), log(values))
    clean, expected, _ = run(declare(), log(good))

    assert fold.digest() == clean.digest()
    assert [r["probability"] for r in out.results] == [r["probability"] for r in expected.results]
    assert len(out.dead) == sum(value is not None for value in bad)
    assert sum(c.filtered for c in counts) == bad.count(None)
    assert fold.next_offset == len(values)


def test_a_dead_letter_holds_the_original_bytes_and_says_why() -> None:
    value = b'{"id":"x","a":"far","b":1}'
    fold, out = Fold(declare(), "t.events", 3), Out()

    fold.step_chunk([Kept(41, value, b"\x00\xff")], out.emit, out.refuse)

    (letter,) = out.dead
    assert letter["id"] == "t/t.events/3/41/dead"
    assert letter["source"] == {"topic": "t.events", "partition": 3, "offset": 41}
    assert letter["error"] == {"type": "type", "path": "$.a", "message": "Expected `float`, got `str`"}
    assert (letter["key_b64"], letter["timestamp_ms"]) == ("AP8=", 1_700_000_000_000)
    assert base64.b64decode(letter["value_b64"]) == value


def test_a_value_above_the_limit_is_named_by_size_and_checksum_instead_of_copied() -> None:
    value = b'{"id":"x","a":1,"b":1,"text":"' + b"x" * 2_000 + b'"}'

    _, out, _ = run(declare(limits=Limits(size_bytes=1_000)), log([value]))

    (letter,) = out.dead
    assert "value_b64" not in letter
    assert letter["value_size_bytes"] == len(value)
    assert letter["value_sha256"] == hashlib.sha256(value).hexdigest()
    assert letter["error"]["type"] == "size"


def test_what_was_folded_already_is_skipped() -> None:
    records = log(events(20))
    fold, out = Fold(declare(), "t.events", 3), Out()

    fold.step_chunk(records[:12], out.emit, out.refuse)
    fold.step_chunk(records[5:], out.emit, out.refuse)

    assert [r["source"]["offset"] for r in out.results] == list(range(20))
    assert fold.step == 20


def test_gaps_between_offsets_are_legal() -> None:
    records = [Kept(3 * record.offset, record.value) for record in log(events(5))]

    fold, out, _ = run(declare(), records)

    assert [r["source"]["offset"] for r in out.results] == [0, 3, 6, 9, 12]
    assert fold.next_offset == 13
    assert fold.step == 5


def test_regressors_are_averaged() -> None:
    models = {
        "mean": lambda: dummy.StatisticRegressor(stats.Mean()),
        "one": lambda: dummy.StatisticRegressor(stats.Count()),
    }
    values = [4.0, 8.0, 0.0, 2.0]

    _, out, _ = run(
        declare(models, Amount, combine=Mean()),
        log({"id": str(i), "a": 0.0, "y": y} for i, y in enumerate(values)),
    )

    means = [0.0, *(sum(values[:i]) / i for i in range(1, 4))]
    assert [r["prediction"] for r in out.results] == [(mean + i) / 2 for i, mean in enumerate(means)]


def test_detectors_and_clusterers_learn_from_every_event() -> None:
    pipeline = Pipeline(
        "t",
        source=Topic("t.events", Reading),
        models=lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=7, window_size=10),
        features=["a", "b"],
    )

    fold, out, _ = run(pipeline, log({k: e[k] for k in ("id", "a", "b")} for e in events(40)))

    assert fold.step == 40
    assert all(isinstance(r["score"], float) for r in out.results)
    assert len({r["score"] for r in out.results}) > 1


@pytest.mark.parametrize(
    "factory",
    [
        linear,
        naive_bayes.GaussianNB,
        lambda: tree.HoeffdingTreeClassifier(grace_period=20),
        lambda: compose.Select("a") | preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        lambda: (
            (compose.Select("a") | preprocessing.StandardScaler()) + compose.Select("b")
            | linear_model.LogisticRegression()
        ),
    ],
)
def test_the_same_log_gives_the_same_bytes_and_the_same_state(factory: Callable[[], Any]) -> None:
    one, first, _ = run(declare(factory), log(events(200)), chunk=50)
    other, second, _ = run(declare(factory), log(events(200)), chunk=3)

    assert first.raw == second.raw
    assert one.digest() == other.digest()
    assert one.digest() != Fold(declare(factory), "t.events", 3).digest()
