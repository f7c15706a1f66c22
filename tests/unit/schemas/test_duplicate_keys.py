"""A key that comes twice is refused; a record without one is not. Checked against Python's own parser."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import Event, EventDecoder, Limits, Refusal


class Reading(Event):
    """Required, optional, nullable, made by a factory, free: every way a field can be absent."""

    x: float
    n: int = 0
    tag: str = ""
    unit: str = msgspec.field(default_factory=lambda: "kW")
    mood: Literal["good", "bad"] = "good"
    weight: float = math.nan
    lamp: bool | None = None
    label: float | None = None
    more: dict[str, float] = msgspec.field(default_factory=dict)


LIMITS = Limits(size_bytes=400, depth=3, keys=14, number_abs=100, string_length=6, free_features=3)
DECODER = EventDecoder(Reading, target="label", limits=LIMITS)
PLAIN = EventDecoder(Reading, target="label")


def reason_for(value: bytes) -> str | None:
    try:
        PLAIN.parse(value)
    except Refusal as refusal:
        return refusal.reason
    return None


@pytest.mark.parametrize(
    "value",
    [
        b'{"id":"a","id":"b","x":1}',
        b'{"id":"a","x":1,"x":1}',
        b'{"id":"a","x":1,"x":2}',
        b'{"id":"a","x":1,"x":2,"n":5}',
        b'{"id":"a","x":1,"n":0,"n":0}',
        b'{"id":"a","x":1,"n":5,"n":0}',
        b'{"id":"a","x":1,"lamp":null,"lamp":true}',
        b'{"id":"a","x":1,"label":1,"label":null}',
        b'{"id":"a","x":1,"unit":"W","unit":"W"}',
        b'{"id":"a","x":1,"y":1,"y":2}',
        b'{"id":"a","x":1,"y":{"z":1,"z":2}}',
        b'{"id":"a","x":1,"y":[{"z":1},{"z":1,"q":0,"z":2}]}',
        b'{"id":"a","x":1,"more":{"p":1,"p":2}}',
        b'{"id":"a","x":1,"more":{},"more":{"p":2}}',
        b'{"id":"a","x":1,"more":{"p":2},"more":{}}',
        b'{"id":"a","x":1,"\\u0078":2}',
        b'{"id":"a","\\u0078":1,"x":2}',
        b'{"id":"a","x":1,"more":{"a":1,"\\u0061":2}}',
        b'{"id":"a","x":1,"y":{"\\u00e9":1,"\xc3\xa9":2}}',
        b'{"id":"a","x":1,"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}',
        b'{"id":"a","x" : 1, "x"\t:\n2}',
        b'{"id":"a:\\":","x":1,"x":2}',
        b'{"id":"a","a:b":1,"x":1,"a:b":2}',
        b'{"id":"a","\\"":1,"x":1,"\\"":2}',
        b'{"id":"a","\\\\":1,"x":1,"\\\\":2}',
        b'{"id":"a","x":1,"":1,"":2}',
    ],
)
def test_a_key_that_comes_twice_is_refused(value: bytes) -> None:
    assert reason_for(value) == "duplicate_key"


@pytest.mark.parametrize(
    "value",
    [
        b'{"id":"a","x":1}',
        b'{"id" : "a" , "x"\n:\t1}',
        b'{"id":"a:b","x":1,"tag":"\\":\\":"}',
        b'{"id":"a","x":1,"tag":"{\\"x\\":1,\\"x\\":2}"}',
        b'{"id":"a","x":1,"a:b":1,"a":2}',
        b'{"id":"a","x":1,"y":[{"x":1},{"x":1}]}',
        b'{"id":"a","x":1,"y":{"x":1}}',
        b'{"id":"a","x":1,"X":2,"\\u0058\\u0058":2}',
        b'{"id":"a","x":1,"more":{"p":1,"q":1}}',
        b'{"id":"a","x":1,"tag":"x","y":"\\\\"}',
    ],
)
def test_keys_that_only_look_alike_are_taken(value: bytes) -> None:
    assert reason_for(value) is None


@pytest.mark.parametrize("absent", [name for name in Reading.__struct_fields__ if name != "id"])
def test_an_absent_field_does_not_hide_a_doubled_one(absent: str) -> None:
    given = {"x": 1, "n": 5, "tag": "t", "unit": "W", "mood": "bad", "weight": 1, "lamp": True}
    given |= {"label": 3.0, "more": {"p": 1}}
    kept = {"id": "a", **{k: v for k, v in given.items() if k != absent or k == "x"}}
    whole = json.dumps(kept)

    assert reason_for(whole.encode()) is None
    for name, content in kept.items():
        doubled = whole[:-1] + f', "{name}": {json.dumps(content)}}}'
        assert reason_for(doubled.encode()) == "duplicate_key"


def test_the_refusal_names_the_key() -> None:
    with pytest.raises(Refusal, match="key 'x' comes twice in one object"):
        PLAIN.parse(b'{"id":"a","x":1,"x":2}')


def test_quotes_and_colons_in_a_string_are_no_keys() -> None:
    text = json.dumps({"id": "a", "x": 1, "tag": '":' * 20_000})

    assert reason_for(text.encode()) is None


# What follows writes JSON token by token, since json.dumps can write no key twice.

SPACES = st.sampled_from(["", "", "", " ", "\n", "\t "])
NAMES = st.sampled_from([*Reading.__struct_fields__, "y", "a:b", '"', "\\", "", "é", "{"])
TEXTS = st.sampled_from(["", "a", ":", '":', '{"x":1}', "\\", '\\"', "[[", "é", "good", "bad", "abcdefg"])
NUMBERS = st.sampled_from(["0", "1", "-1.5", "99", "100", "1e2", "0.0", "1e300", "1e400", "5" * 20, "NaN"])


@st.composite
def written_texts(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> str:
    text = draw(texts)
    if draw(st.integers(0, 4)) == 0:
        return '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


@st.composite
def written_objects(draw: st.DrawFn, names: st.SearchStrategy[str], values: Any) -> str:
    members = [
        f"{draw(SPACES)}{draw(written_texts(names))}{draw(SPACES)}:{draw(SPACES)}{draw(values)}"
        for _ in range(draw(st.integers(0, 3)))
    ]
    return "{" + f"{draw(SPACES)},".join(members) + draw(SPACES) + "}"


SCALARS = st.one_of(NUMBERS, written_texts(), st.sampled_from(["null", "true", "false"]))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        written_objects(NAMES, inner), st.lists(inner, max_size=2).map(lambda v: f"[{','.join(v)}]")
    ),
    max_leaves=6,
)
FITTING = {
    "id": written_texts(st.sampled_from(["a", '":', "é"])),
    "x": st.sampled_from(["0", "-1.5", "99"]),
    "n": st.sampled_from(["0", "7"]),
    "tag": written_texts(st.sampled_from(["", "a", '":', "\\"])),
    "unit": st.sampled_from(['"kW"', '"W"']),
    "mood": st.sampled_from(['"good"', '"bad"']),
    "weight": st.sampled_from(["0", "1.5"]),
    "lamp": st.sampled_from(["null", "true", "false"]),
    "label": st.sampled_from(["null", "2.5"]),
    "more": written_objects(st.sampled_from(["p", "q", "r", "s", "label"]), st.sampled_from(["1", "2.5"])),
}


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Mostly right: required fields, some optional ones, now and then a twin, a stranger or a wrong value."""
    names = ["id", "x", *draw(st.lists(st.sampled_from([*FITTING]), max_size=6, unique=True))]
    names += draw(st.sampled_from([[], [], [], ["x"], ["tag"], ["y"], ["y", "y"], ["more"]]))
    names = [name for i, name in enumerate(names) if i < 2 or name not in ("id", "x") or i > 7]
    members = []
    for name in draw(st.permutations(names)):
        fits = name in FITTING and draw(st.integers(0, 19)) > 0
        content = draw(FITTING[name] if fits else ANYTHING)
        key = draw(written_texts(st.just(name)))
        members.append(f"{draw(SPACES)}{key}{draw(SPACES)}:{draw(SPACES)}{content}{draw(SPACES)}")
    return ("{" + ",".join(members) + "}").encode()


class UnfitError(Exception):
    """The independent checker refuses."""


def walk(value: Any, depth: int = 1) -> Iterator[tuple[Any, int]]:
    yield value, depth
    if isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from walk(inner, depth + isinstance(inner, list | dict))


def checked(value: bytes) -> dict[str, Any]:
    """Parse with the standard library and check every rule the slow and obvious way."""
    n_keys = 0

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal n_keys
        n_keys += len(pairs)
        if len({name for name, _ in pairs}) < len(pairs):
            raise UnfitError("twice")
        return dict(pairs)

    def constant(name: str) -> None:
        raise UnfitError(name)

    record: Any = json.loads(value, object_pairs_hook=unique, parse_constant=constant)
    too_big = len(value) > LIMITS.size_bytes or n_keys > LIMITS.keys
    if too_big or not isinstance(record, dict):
        raise UnfitError("size, keys or kind")
    for part, depth in walk(record):
        if depth > LIMITS.depth or (isinstance(part, float) and math.isinf(part)):
            raise UnfitError("depth or infinite")
    return record


def number(value: Any, kinds: tuple[type, ...] = (int, float)) -> bool:
    return type(value) in kinds and abs(value) < LIMITS.number_abs


def text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LIMITS.string_length


RULES = {
    "id": lambda v: isinstance(v, str) and 1 <= len(v) <= 256,
    "x": number,
    "n": lambda v: number(v) and v == int(v),
    "tag": text,
    "unit": text,
    "mood": lambda v: v in ("good", "bad") and isinstance(v, str),
    "weight": number,
    "lamp": lambda v: v is None or isinstance(v, bool),
    "label": lambda v: v is None or number(v),
    "more": lambda v: (
        isinstance(v, dict)
        and len(v) <= LIMITS.free_features
        and all(map(number, v.values()))
        and not {"", *RULES} & {*v}
    ),
}


def expected(value: bytes) -> tuple[Any, dict[str, Any], Any] | None:
    """Return what the decoder should return, ``None`` if it should refuse."""
    try:
        record = checked(value)
    except (UnfitError, ValueError):
        return None
    known = {name: record[name] for name in RULES if name in record}
    if not {"id", "x"} <= {*known} or not all(RULES[n](v) for n, v in known.items()):
        return None
    defaults = {"n": 0, "tag": "", "unit": "kW", "mood": "good", "weight": math.nan}
    whole = {"id": None, "x": None, **defaults, "lamp": None, **known}
    event_id, label, free = whole.pop("id"), whole.pop("label", None), whole.pop("more", {})
    features = {name: whole[name] for name in RULES if whole.get(name) is not None}
    return event_id, features | dict(sorted(free.items())), label


def outcome(value: bytes) -> tuple[Any, dict[str, Any], Any] | Refusal:
    try:
        return DECODER.parse(value)
    except Refusal as refusal:
        return refusal


@settings(max_examples=250, deadline=None)
@given(records())
def test_a_record_is_taken_exactly_when_an_independent_checker_takes_it(value: bytes) -> None:
    found = outcome(value)

    wanted = expected(value)

    if wanted is None:
        assert isinstance(found, Refusal)
        assert found.reason in {"size", "json", "type", "depth", "keys", "duplicate_key"}
        assert str(found)
    else:
        assert found == wanted
        assert [*found[1]] == [*wanted[1]]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode), ANYTHING.map(str.encode)))
def test_no_bytes_at_all_provoke_anything_but_a_refusal(value: bytes) -> None:
    assert str(outcome(value))
