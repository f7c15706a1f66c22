"""A value in canonical form means to a model what the original means, and has one form only."""

from __future__ import annotations

import json
import random
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Event, EventDecoder, Limits, Refusal
from schemas.canonical import free, typed


class Reading(Event):
    a: float
    n: int = 7
    text: str = ""
    y: bool | None = None
    tags: dict[str, float] = {}  # noqa: RUF012 - msgspec copies it
    odd: float = float("nan")


class Row(msgspec.Struct):
    code: str
    temp: Annotated[float, msgspec.Meta(ge=-90)]


NUMBERS = st.floats(-1e11, 1e11) | st.integers(-(10**11), 10**11)
FIELDS = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=9), "a": NUMBERS},
    optional={
        "n": st.integers(-5, 300),
        "text": st.text(max_size=9),
        "y": st.none() | st.booleans(),
        "tags": st.dictionaries(st.text("uvwxz:", min_size=1, max_size=3), st.floats(-9, 9), max_size=4),
        "odd": NUMBERS,
        "unknown": st.none() | st.integers(),
    },
)


def encoded(row: dict[str, Any], rng: random.Random) -> bytes:
    """Return *row* as some producer may write it."""
    names = list(row)
    rng.shuffle(names)
    row = {name: row[name] for name in names}
    return json.dumps(row, indent=rng.choice([None, 1]), ensure_ascii=rng.random() < 0.5).encode()


@given(FIELDS, st.randoms(use_true_random=False))
def test_an_event_decodes_to_the_same_from_its_canonical_form(row: dict[str, Any], rng: Any) -> None:
    parse, canonical = EventDecoder(Reading, target="y").parse, typed(Reading)
    value = encoded(row, rng)
    made, found = canonical(value)
    assert repr(parse(made)) == repr(parse(value))
    assert (found.id, found.a) == (row["id"], row["a"])
    assert canonical(made)[0] == made
    assert canonical(encoded(row, rng))[0] == made


def test_fields_come_in_the_order_of_the_type_without_spaces_defaults_and_strangers() -> None:
    value = b'{ "tags": {"z": 1, "b": 2}, "more": [1], "a": 1, "y": null, "id": "e" }'
    assert typed(Reading)(value)[0] == b'{"id":"e","a":1.0,"tags":{"b":2.0,"z":1.0}}'


def test_a_type_needs_no_id() -> None:
    made, row = typed(Row)(b'{"temp": 3, "code": "JFK"}')
    assert made == b'{"code":"JFK","temp":3.0}'
    assert (row.code, row.temp) == ("JFK", 3.0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"id":"e","a":1,"a":2}', "duplicate_key"),
        (b'{"id":"e","a":1,"text":"\\u003a","text":"\\u003a"}', "duplicate_key"),
        (b'{"id":"e","a":1,"tags":{"u":1,"u":2}}', "duplicate_key"),
        (b'{"id":"e","a":1,"tags":{"n":1}}', "duplicate_key"),
        (b'{"id":"e","a":1,"more":' + b"[" * 70 + b"]" * 70 + b"}", "depth"),
        (b'{"id":"e","a":1e12}', "type"),
        (b'{"id":"e","a":NaN}', "json"),
        (b'{"id":"e"}', "type"),
        (b"", "json"),
        (b"[]", "type"),
        (b"null", "type"),
        (b'{"id":"\xff","a":1}', "utf8"),
        (b'{"id":"e","a":1,"text":"' + b"x" * 2000 + b'"}', "size"),
    ],
)
def test_what_is_no_event_is_refused_as_a_decoder_would(value: bytes, reason: str) -> None:
    limits = Limits(size_bytes=1000)
    with pytest.raises(Refusal) as caught:
        typed(Reading, limits)(value)
    assert caught.value.reason == reason
    with pytest.raises(Refusal) as same:
        EventDecoder(Reading, limits=limits).parse(value)
    assert (str(same.value), same.value.path) == (str(caught.value), caught.value.path)


def test_a_value_that_grows_beyond_its_limit_is_refused() -> None:
    value = b'{"id":"e","a":1e11}'
    with pytest.raises(Refusal, match="at most 20 bytes, got 29"):
        typed(Reading, Limits(size_bytes=20))(value)


def test_any_object_is_canonical_with_its_keys_sorted() -> None:
    assert free()(b' {"b": [1, {"d": 1.5, "c": null}], "a": "\\u00e9"} ') == (
        '{"a":"é","b":[1,{"c":null,"d":1.5}]}'.encode(),
        {"a": "é", "b": [1, {"c": None, "d": 1.5}]},
    )


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        (b"[1]", "type", "$"),
        (b'{"a":1,"a":2}', "duplicate_key", "$"),
        (b'{"a":{"b":1e300}}', "type", "$.a.b"),
        (b'{"a":["' + b"x" * 90 + b'"]}', "type", "$.a[...]"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "depth", "$"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "size", "$"),
        (b'{"a":' + b"1" * 400 + b"}", "json", "$"),
        (b'{"a":' + b"1" * 30 + b"}", "type", "$.a"),
        (b"{", "json", "$"),
        (b"", "json", "$"),
    ],
)
def test_an_object_beyond_the_limits_is_refused(value: bytes, reason: str, path: str) -> None:
    with pytest.raises(Refusal) as caught:
        free(Limits(string_length=80, size_bytes=5000))(value)
    assert (caught.value.reason, caught.value.path) == (reason, path)
