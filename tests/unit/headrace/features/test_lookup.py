"""A lookup that cannot join is refused where it is declared, an update that is no row where it is read."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from headrace import DeclarationError, Event, EventTime, Limits, Lookup, Topic
from headrace.features.lookup_checks import check_lookups
from headrace.features.rows import RowReader, Update
from schemas import Refusal


class Weather(msgspec.Struct):
    airport: str
    at: float
    wind: float | None = None
    sky: Literal["clear", "fog"] = "clear"


class Plane(Event):
    seats: int


class Odd(msgspec.Struct):
    airport: str
    free: dict[str, float]
    note: str


class Flight(Event):
    origin: str
    dest: str
    number: int
    free: dict[str, float] = msgspec.field(default_factory=dict)
    late: bool | None = None


WEATHER = Topic("weather", Weather)


def weather(**options: Any) -> Lookup:
    return Lookup(**{"topic": WEATHER, "key": "airport", "on": "origin", "as_of": "at", **options})


def test_all_fields_join_but_those_that_name_the_row_and_say_when():
    made = weather(prefix="origin_")
    assert made.names == ("origin_wind", "origin_sky")
    assert made.types() == {"origin_wind": {float}, "origin_sky": {str}}
    assert weather(on=None).event_keys == ("airport",)
    assert weather(fields=["sky"]).names == ("sky",)


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("topic", {"topic": "weather"}),
        ("topic", {"topic": Topic("no such", Weather)}),
        ("topic", {"topic": Topic("weather", dict)}),
        ("key", {"key": "airprt"}),
        ("key", {"key": 5}),
        ("key", {"key": ["airport", "airport"], "on": ["origin", "dest"]}),
        ("on", {"on": ("origin", "dest")}),
        ("on", {"key": [], "on": []}),
        ("on", {"on": ""}),
        ("fields", {"fields": ["winds"]}),
        ("fields", {"fields": []}),
        ("fields", {"topic": Topic("odd", Odd), "fields": ["free"], "as_of": None}),
        ("as_of", {"as_of": "time"}),
        ("as_of", {"as_of": "sky"}),
        ("as_of", {"as_of": 5}),
        ("as_of", {"topic": Topic("weather", Weather, time="time"), "as_of": None}),
        ("prefix", {"prefix": "1 x"}),
        ("missing", {"missing": "drop"}),
        ("missing", {"missing": None}),
        ("max_rows", {"max_rows": 0}),
        ("max_rows", {"max_rows": 1.5}),
    ],
)
def test_a_wrong_argument_is_named(argument: str, options: dict[str, Any]):
    with pytest.raises(DeclarationError) as caught:
        weather(**options)
    assert caught.value.argument == argument
    assert caught.value.fix


@pytest.mark.parametrize(
    ("said", "lookups", "features"),
    [
        ("expected headrace.Lookup", [WEATHER], None),
        ("'airport' is to name the row", [weather(on=None)], None),
        ("'origin' is to name the row", [weather()], ["dest"]),
        ("'id' is to name the row", [weather(on="id")], None),
        ("'late' is to name the row", [weather(on="late")], None),
        ("'free' is to name the row", [weather(on="free")], None),
        ("never be equal", [weather(on="number")], None),
        ("'wind' is a field of weather", [weather(), weather(on="dest")], None),
        ("'id' is a field of Flight", [Lookup(Topic("planes", Plane), key="seats", on="number")], None),
    ],
)
def test_a_lookup_that_cannot_join_these_events_is_refused(said: str, lookups: list[Any], features: Any):
    with pytest.raises(DeclarationError, match=said) as caught:
        check_lookups(lookups, Flight, features, "late")
    assert caught.value.argument == f"lookups[{len(lookups) - 1}]"
    assert caught.value.fix


def test_a_row_of_types_that_no_model_takes_is_refused():
    row = msgspec.defstruct("Row", [("airport", str), ("tags", list[str])])
    with pytest.raises(DeclarationError, match="'tags'"):
        check_lookups([Lookup(Topic("rows", row), key="airport", on="origin")], Flight, None)


def test_one_topic_may_be_looked_up_at_both_ends():
    check_lookups([weather(prefix="origin_"), weather(on="dest", prefix="dest_")], Flight, None, "late")


def test_an_update_is_read():
    read = RowReader(weather())
    value = b'{"airport": "jfk", "at": 12.5, "wind": 3, "more": [1]}'
    assert read.parse(value) == Update("jfk", 12.5, (3.0, "clear"))
    assert RowReader(weather(as_of=EventTime("at", unit="ms"))).parse(value).time_s == 0.0125
    assert RowReader(weather(topic=Topic("w", Weather, time="at"), as_of=None)).parse(value).time_s == 12.5
    assert RowReader(weather(as_of=None)).parse(value) == Update("jfk", None, (12.5, 3.0, "clear"))
    both = RowReader(weather(key=["airport", "sky"], on=["origin", "dest"]))
    assert both.parse(value) == Update(("jfk", "clear"), 12.5, (3.0,))


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("json", b""),
        ("json", b"{"),
        ("utf8", b'{"airport": "\xff"}'),
        ("type", b"[]"),
        ("type", b'{"airport": "jfk"}'),
        ("type", b'{"airport": 5, "at": 1}'),
        ("type", b'{"airport": "jfk", "at": null}'),
        ("type", b'{"airport": "jfk", "at": 1, "sky": "rain"}'),
        ("type", b'{"airport": "jfk", "at": 1, "wind": 1e300}'),
        ("json", b'{"airport": "jfk", "at": 1, "wind": NaN}'),
        ("size", b'{"airport": "' + b"j" * 300 + b'", "at": 1}'),
        ("depth", b'{"airport": "jfk", "at": 1, "x": ' + b"[" * 5000),
    ],
)
def test_a_malformed_update_is_refused(reason: str, value: bytes):
    limits = Limits(size_bytes=300 if reason == "size" else 65_536)
    with pytest.raises(Refusal) as caught:
        RowReader(weather(), limits).parse(value)
    assert caught.value.reason == reason


def test_a_row_must_be_named():
    row = msgspec.defstruct("Row", [("airport", str | None), ("wind", float)])
    with pytest.raises(Refusal, match="names the row") as caught:
        RowReader(Lookup(Topic("rows", row), key="airport")).parse(b'{"airport": null, "wind": 1}')
    assert caught.value.path == "$.airport"


def test_a_tombstone_deletes_the_row_that_its_key_names():
    assert RowReader(weather()).deletion(b"jfk") == Update("jfk", None, None)
    planes = Lookup(Topic("planes", Plane), key="seats", on="number", fields=["id"], prefix="plane_")
    assert RowReader(planes).deletion(b"12") == Update(12, None, None)
    for read, key in (
        (RowReader(weather()), None),
        (RowReader(weather()), b""),
        (RowReader(weather()), b"\xff"),
        (RowReader(planes), b"twelve"),
        (RowReader(weather(key=["airport", "sky"], on=["origin", "dest"])), b"jfk"),
    ):
        with pytest.raises(Refusal) as caught:
            read.deletion(key)
        assert caught.value.reason == "key"
