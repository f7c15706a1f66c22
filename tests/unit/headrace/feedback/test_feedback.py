"""What remarks are, what they mean for learning, and what silence means."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import DeclarationError
from headrace.feedback.declaration import NO_LESSON, Feedback, Lesson
from schemas import Limits, Refusal
from schemas.feedback import Remark
from schemas.results import Answer

WRONG: dict[str, dict[str, Any]] = {
    "topic": {"topic": "no spaces"},
    "kind": {"kind": "opinion"},
    "event_id": {"event_id": ""},
    "value": {"value": None},
    "value ": {"value": "event_id"},
    "key": {"key": 3},
    "key ": {"key": "value"},
    "time": {"time": "value"},
    "weight": {"weight": -1.0},
    "weight ": {"weight": 0},
    "weight  ": {"weight": 1e9},
    "weight   ": {"weight": None},
    "weight    ": {"weight": "value"},
    "weight     ": {"weight": ""},
    "values": {"values": (1, 0)},
    "values ": {"kind": "correction", "values": (0, 1)},
    "wait_s": {"wait_s": 0},
    "wait_s ": {"wait_s": float("inf")},
    "silence": {"silence": 2.0},
    "silence ": {"kind": "correction", "silence": 0.0},
    "silence  ": {"kind": "rating", "silence": 0.0},
    "teaches": {"teaches": True},
}


RENAMED = Feedback(
    "clicks", event_id="order", value="clicked", weight="trust", key="country", time="at", values=(0, 1)
).decoder()


@pytest.mark.parametrize(("name", "options"), WRONG.items(), ids=WRONG)
def test_a_wrong_argument_is_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as caught:
        Feedback(**{"topic": "clicks", **options})

    assert caught.value.argument == f"feedback.{name.strip()}"


def test_values_default_to_what_the_kind_is() -> None:
    assert Feedback("t").values == (0.0, 1.0)
    assert Feedback("t", "rating").values == (1.0, 5.0)
    assert Feedback("t", "rating", values=(0, 10)).values == (0.0, 10.0)
    assert Feedback("t", "correction").values is None


@settings(deadline=None, max_examples=60)
@given(
    st.text(min_size=1, max_size=256).filter(lambda text: text.isprintable())
    | st.integers(-(2**63), 2**63 - 1),
    st.floats(0, 1),
    st.none() | st.floats(0, 1000),
    st.none() | st.integers(0, 2**42),
)
def test_a_record_becomes_a_remark_whatever_its_fields_are_called(
    event_id: str | int, value: float, weight: float | None, time_ms: int | None
) -> None:
    record = {
        "order": event_id,
        "clicked": value,
        "trust": weight,
        "at": time_ms,
        "country": "DE",
        "else": [1],
    }
    remark = RENAMED.parse(json.dumps(record).encode())

    assert remark == Remark(
        event_id, value, 1.0 if weight is None else weight, "DE", None if time_ms is None else time_ms / 1000
    )


def test_a_reward_is_a_number_and_a_click_is_one() -> None:
    parse = Feedback("t").decoder().parse

    for text, value in (("true", 1.0), ("false", 0.0), ("1", 1.0), ("0.5", 0.5)):
        found = parse(b'{"event_id":7,"value":' + text.encode() + b"}").value
        assert (type(found), found) == (float, value)


@pytest.mark.parametrize("label", [True, 3, 2.5, "blue"])
def test_a_correction_keeps_the_type_of_its_label(label: Any) -> None:
    found = Feedback("t", "correction").decoder().parse(json.dumps({"event_id": 1, "value": label}).encode())

    assert (type(found.value), found.value) == (type(label), label)


@pytest.mark.parametrize(
    ("types", "good", "bad"),
    [
        ({bool}, [True], [1, 0.5, "true"]),
        ({float}, [1, 0.5], [True, "1"]),
        ({int}, [1], [0.5, True, "1"]),
        ({str}, ["1"], [1, True]),
        ({str, bool}, ["1", False], [1]),
    ],
)
def test_a_correction_has_a_type_of_the_target(types: set[type], good: list[Any], bad: list[Any]) -> None:
    parse = Feedback("t", "correction").decoder(labels=types).parse

    for value in good:
        found = parse(json.dumps({"event_id": 1, "value": value}).encode()).value
        assert found == value
        assert type(found) in types
    for value in bad:
        with pytest.raises(Refusal, match="Expected"):
            parse(json.dumps({"event_id": 1, "value": value}).encode())


def test_a_fixed_weight_is_that_of_every_remark() -> None:
    parse = Feedback("t", "correction", weight=5).decoder().parse

    assert parse(b'{"event_id":1,"value":true,"weight":9}').weight == 5.0


BAD: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "json", "$"),
    "no object": (b"[1]", "type", "$"),
    "no id": (b'{"value":1}', "type", "$"),
    "no value": (b'{"event_id":1}', "type", "$"),
    "null": (b'{"event_id":1,"value":null}', "type", "$.value"),
    "empty id": (b'{"event_id":"","value":1}', "type", "$.event_id"),
    "bool id": (b'{"event_id":true,"value":1}', "type", "$.event_id"),
    "text": (b'{"event_id":1,"value":"good"}', "type", "$.value"),
    "beyond": (b'{"event_id":1,"value":1.5}', "type", "$.value"),
    "below": (b'{"event_id":1,"value":-0.5}', "type", "$.value"),
    "huge": (b'{"event_id":1,"value":1e300}', "type", "$.value"),
    "NaN": (b'{"event_id":1,"value":NaN}', "json", "$"),
    "weight": (b'{"event_id":1,"value":1,"w":-1}', "type", "$.w"),
    "much weight": (b'{"event_id":1,"value":1,"w":1001}', "type", "$.w"),
    "time": (b'{"event_id":1,"value":1,"at":-5}', "type", "$.at"),
    "late time": (b'{"event_id":1,"value":1,"at":999999999999999999}', "type", "$.at"),
    "twice": (b'{"event_id":1,"value":1,"value":0}', "duplicate_key", "$"),
    "deep": (b'{"event_id":1,"value":1,"x":' + b"[" * 70 + b"]" * 70 + b"}", "depth", "$"),
    "size": (b'{"event_id":1,"value":1,"x":"' + b"y" * 1000 + b'"}', "size", "$"),
    "utf8": (b'{"event_id":"\xff","value":1}', "utf8", "$"),
}


@pytest.mark.parametrize(("value", "reason", "path"), BAD.values(), ids=BAD)
def test_a_bad_record_is_refused_with_the_field_at_fault(value: bytes, reason: str, path: str) -> None:
    decoder = Feedback("t", weight="w", time="at").decoder(Limits(size_bytes=900))

    with pytest.raises(Refusal) as caught:
        decoder.parse(value)
    assert (caught.value.reason, caught.value.path) == (reason, path)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=80) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_remark_or_refused(value: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert isinstance(Feedback("t", "correction").decoder().parse(value), Remark)


def test_a_reward_teaches_the_bandit_and_a_correction_every_model() -> None:
    answer = Answer("a", {"a": 1.0})

    assert Feedback("t").lesson(Remark(1, 0.5, 2.0), answer) == Lesson("reward", 0.5, 2.0)
    assert Feedback("t", "correction").lesson(Remark(1, "b", 3.0), answer) == Lesson("label", "b", 3.0)
    assert Feedback("t", "correction").lesson(Remark(1, "b", 0.0), answer) == NO_LESSON


def test_a_rating_is_measured_and_teaches_only_if_asked_to() -> None:
    answer = Answer("a")
    silent, loud = Feedback("t", "rating"), Feedback("t", "rating", teaches=True)

    assert silent.lesson(Remark(1, 4.0), answer) == Lesson("nothing", None, 1.0, 4.0)
    assert loud.lesson(Remark(1, 4.0, 2.0), answer) == Lesson("label", "a", 1.0, 4.0)  # half way up, twice
    assert loud.lesson(Remark(1, 5.0), answer) == Lesson("label", "a", 1.0, 5.0)
    assert loud.lesson(Remark(1, 3.0), answer) == Lesson("nothing", None, 1.0, 3.0)
    assert loud.lesson(Remark(1, 1.0), answer) == Lesson("nothing", None, 1.0, 1.0)
    assert loud.lesson(Remark(1, 5.0), Answer()) == Lesson("nothing", None, 1.0, 5.0)
    assert loud.lesson(Remark(1, 2.0), answer, is_bandit=True) == Lesson("reward", 2.0, 1.0, 2.0)


def test_silence_means_what_was_declared() -> None:
    answer = Answer("a")

    assert Feedback("t").lesson_of_silence(answer) == NO_LESSON
    assert Feedback("t", silence=0.0).lesson_of_silence(answer) == Lesson("reward", 0.0, 1.0)
    assert Feedback("t", "rating", silence=3).lesson_of_silence(answer).rating == 3.0
