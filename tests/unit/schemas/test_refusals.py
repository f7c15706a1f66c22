"""Every record that cannot become an event is refused with a reason, a path and a sentence."""

from __future__ import annotations

import json
import re

import pytest

from schemas import Event, EventDecoder, Limits, Refusal


class Payment(Event):
    """An event with one field of each common kind."""

    amount: float
    count: int = 0
    shop: str = ""
    is_fraud: bool | None = None


DECODER = EventDecoder(Payment, target="is_fraud")


def refusal_of(value: bytes, decoder: EventDecoder = DECODER) -> Refusal:
    with pytest.raises(Refusal) as caught:
        decoder.parse(value)
    return caught.value


def nested(depth: int) -> bytes:
    return b'{"id":"a","amount":1,"junk":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("value", "reason", "path", "sentence"),
    [
        (b"", "json", "$", "expected a JSON object, got an empty value"),
        (b" \n\t", "json", "$", "expected a JSON object, got an empty value"),
        (b"{", "json", "$", "got only its beginning: the record ends at byte 1"),
        (b'{"id":"a","amount":1', "json", "$", "got only its beginning: the record ends at byte 20"),
        (b'{"id":"a","amount":1,"shop":"a', "json", "$", "got only its beginning"),
        (b'{"id":"a","amount":1,"junk":[', "json", "$", "got only its beginning"),
        (b"amount=1", "json", "$", "got a mistake at character 0: expecting value"),
        (b'{"id":"a" "amount":1}', "json", "$", "at character 10: expecting ',' delimiter"),
        (b"{'id':'a'}", "json", "$", "property name enclosed in double quotes"),
        (b'{"id":"a","amount":1}{}', "json", "$", "at character 21: extra data"),
        (b'\xef\xbb\xbf{"id":"a","amount":1}', "json", "$", "a byte order mark (EF BB BF) in front of it"),
        ('{"id":"a","amount":1}'.encode("utf-16-le"), "json", "$", "at character 1"),
        (b"[]", "type", "$", "Expected `object`, got `array`"),
        (b"null", "type", "$", "Expected `object`, got `null`"),
        (b"3", "type", "$", "Expected `object`, got `int`"),
        (b'{"id":"a"}', "type", "$", "missing required field `amount`"),
        (b'{"amount":1}', "type", "$", "missing required field `id`"),
        (b'{"id":"a","amount":"1"}', "type", "$.amount", "Expected `float`, got `str`"),
        (b'{"id":"a","amount":"NaN"}', "type", "$.amount", "Expected `float`, got `str`"),
        (b'{"id":"a","amount":true}', "type", "$.amount", "Expected `float`, got `bool`"),
        (b'{"id":"a","amount":null}', "type", "$.amount", "Expected `float`, got `null`"),
        (b'{"id":"a","amount":[1]}', "type", "$.amount", "Expected `float`, got `array`"),
        (b'{"id":"a","amount":1,"count":1.5}', "type", "$.count", "Expected `int`, got `float`"),
        (b'{"id":"a","amount":1,"is_fraud":1}', "type", "$.is_fraud", "Expected `bool | null`"),
        (b'{"id":7,"amount":1}', "type", "$.id", "Expected `str`, got `int`"),
        (b'{"id":"","amount":1}', "type", "$.id", "length >= 1"),
        (b'{"id":"a","amount":NaN}', "json", "$", "expected JSON, got NaN, which is no JSON number"),
        (
            b'{"id":"a","amount":Infinity}',
            "json",
            "$",
            "expected JSON, got Infinity, which is no JSON number",
        ),
        (
            b'{"id":"a","amount":-Infinity}',
            "json",
            "$",
            "expected JSON, got -Infinity, which is no JSON number",
        ),
        (b'{"id":"a","amount":1e400}', "type", "$.amount", "out of range"),
        (b'{"id":"a","amount":1e300}', "type", "$.amount", "< 1000000000000.0"),
        (b'{"id":"a","amount":-1e12}', "type", "$.amount", "> -1000000000000.0"),
        (b'{"id":"a","amount":36893488147419103232}', "type", "$.amount", "< 1000000000000.0"),
        (b'{"id":"a","amount":1,"count":36893488147419103232}', "type", "$.count", "<= 999999999999"),
        (b'{"id":"a","amount":1,"count":9223372036854775807}', "type", "$.count", "<= 999999999999"),
        (b'{"id":"a","amount":1,"shop":"\xff\xfe"}', "utf8", "$", "got byte 0xff at 29"),
        (b'{"id":"a","amount":1,"junk":"\xff\xfe"}', "utf8", "$", "got byte 0xff at 29"),
        (b'{"id":"a","amount":1,"shop":"\\ud800"}', "json", "$", "half of a surrogate pair"),
        (b'{"id":"a","amount":1,"shop":"\\uDC00 and on"}', "json", "$", "half of a surrogate pair"),
        (b'{"id":"a","amount":1,"shop":"\\ud83d\\u0041"}', "json", "$", "half of a surrogate pair"),
        (b'{"id":"a","amount":1,"shop":"a\nb"}', "json", "$", "at character 30: invalid control character"),
        (b'{"id":"a","amount":1,"junk":%s}' % (b"1" * 5_000), "json", "$", "expected JSON, got "),
    ],
)
def test_a_bad_record_is_refused_with_reason_path_and_sentence(
    value: bytes, reason: str, path: str, sentence: str
) -> None:
    refusal = refusal_of(value)

    assert (refusal.reason, refusal.path) == (reason, path)
    assert sentence in str(refusal)


@pytest.mark.parametrize("depth", [65, 66, 200, 900])
def test_depth_beyond_the_limit_is_refused_with_both_numbers(depth: int) -> None:
    refusal = refusal_of(nested(depth))

    assert (refusal.reason, refusal.path) == ("depth", "$")
    assert str(refusal) == f"expected at most 64 levels, got {depth}"


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_depth_beyond_the_stack_is_refused_as_depth(depth: int) -> None:
    refusal = refusal_of(nested(depth))

    assert refusal.reason == "depth"
    # Pythons differ in how deep their parsers go before they give up; our own count says the rest.
    assert re.search(f"nested too deeply|at most 64 levels, got {depth}", str(refusal))


def test_depth_at_the_limit_is_taken() -> None:
    assert DECODER.parse(nested(64))[0] == "a"


def test_brackets_in_strings_are_no_depth() -> None:
    text = json.dumps({"id": "a", "amount": 1, "junk": '["{' * 200 + "\\"})

    assert DECODER.parse(text.encode())[0] == "a"


def test_a_string_of_900_kib_is_refused_by_the_length_of_its_field() -> None:
    refusal = refusal_of(b'{"id":"a","amount":1,"shop":"%s"}' % (b"x" * (900 << 10)))

    assert (refusal.reason, refusal.path) == ("type", "$.shop")
    assert "length <= 65536" in str(refusal)


def test_an_id_of_257_characters_is_refused() -> None:
    refusal = refusal_of(b'{"id":"%s","amount":1}' % (b"x" * 257))

    assert (refusal.reason, refusal.path) == ("type", "$.id")
    assert "length <= 256" in str(refusal)


def test_a_record_above_the_size_limit_is_refused_before_it_is_read() -> None:
    refusal = refusal_of(b"\xff" * ((1 << 20) + 1))

    assert (refusal.reason, refusal.path) == ("size", "$")
    assert str(refusal) == "expected at most 1048576 bytes, got 1048577"


def test_a_record_of_exactly_the_size_limit_is_taken() -> None:
    value = b'{"id":"a","amount":1}'
    padded = value + b" " * ((1 << 20) - len(value))

    assert DECODER.parse(padded)[0] == "a"


def test_more_than_10_000_keys_are_refused() -> None:
    record = {"id": "a", "amount": 1, **{f"k{i}": i for i in range(9_999)}}

    refusal = refusal_of(json.dumps(record).encode())

    assert (refusal.reason, refusal.path) == ("keys", "$")
    assert str(refusal) == "expected at most 10000 keys, got 10001"


def test_10_000_keys_are_taken() -> None:
    record = {"id": "a", "amount": 1, **{f"k{i}": i for i in range(9_998)}}

    assert DECODER.parse(json.dumps(record).encode())[0] == "a"


def test_limits_can_be_set() -> None:
    limits = Limits(size_bytes=200, depth=2, keys=3, number_abs=10, string_length=5)
    decoder = EventDecoder(Payment, target="is_fraud", limits=limits)

    reasons = [
        refusal_of(value, decoder).reason
        for value in [
            b'{"id":"a","amount":1}' + b" " * 200,
            b'{"id":"a","amount":1,"junk":[[]]}',
            b'{"id":"a","amount":1,"x":1,"y":1}',
            b'{"id":"a","amount":10}',
            b'{"id":"a","amount":1,"shop":"abcdef"}',
        ]
    ]

    assert reasons == ["size", "depth", "keys", "type", "type"]
