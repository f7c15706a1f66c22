"""A row joins as of the event's time: as a search through all updates that ever came would find it."""

from __future__ import annotations

import json
from math import inf
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace import Lookup, Topic
from headrace.features.table import MAX_VERSIONS, LookupTable
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from schemas import Refusal


class Weather(msgspec.Struct):
    airport: str
    wind: float | None = None
    sky: str | None = None


TOPIC = Topic("weather", Weather)


def table(**options: Any) -> LookupTable:
    return LookupTable(Lookup(TOPIC, **{"key": "airport", "on": "origin", **options}))


class Put(NamedTuple):
    """An update."""

    key: str
    at_s: int
    row: tuple[Any, ...] | None


class Ask(NamedTuple):
    """An event."""

    key: str
    at_s: int


keys = st.sampled_from(["jfk", "lga"])
rows = st.tuples(
    st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.sampled_from(["clear", "fog"]))
)
puts = st.builds(Put, keys, st.integers(0, 60), rows)
deletions = st.builds(Put, keys, st.integers(0, 60), st.one_of(st.none(), rows))
asks = st.builds(Ask, keys, st.integers(0, 60))


def naive(done: list[Put], ask: Ask) -> dict[str, Any]:
    """Return what joins: of all updates up to its time the newest, of those the one that came last."""
    fitting = [
        (put.at_s, i, put.row) for i, put in enumerate(done) if put.key == ask.key and put.at_s <= ask.at_s
    ]
    row = max(fitting)[2] if fitting else None
    pairs = zip(("wind", "sky"), row or (None, None), strict=True)
    return {name: value for name, value in pairs if value is not None}


def joined(made: LookupTable, ask: Ask) -> dict[str, Any]:
    x: dict[str, Any] = {"origin": ask.key, "hour": 5}
    made.join(x, ask.at_s)
    assert (x.pop("origin"), x.pop("hour")) == (ask.key, 5)
    return x


@settings(max_examples=60)
@given(st.lists(st.one_of(puts, asks), max_size=60), st.sampled_from([0, 10, 1000]))
def test_finds_what_a_search_through_all_updates_finds(log: list[Put | Ask], lateness_s: int):
    made, done, now_s = table(), [], -inf
    for entry in log:
        if isinstance(entry, Put):
            made.update(entry.key, entry.at_s, entry.row, watermark_s=now_s - lateness_s)
            done.append(entry)
        else:
            now_s = max(now_s, entry.at_s)
            if entry.at_s >= now_s - lateness_s:
                assert joined(made, entry) == naive(done, entry)


@settings(max_examples=60)
@given(st.lists(st.one_of(deletions, asks), max_size=60), st.sampled_from([0, 10, 1000]))
def test_deleted_rows_are_gone_from_then_on(log: list[Put | Ask], lateness_s: int):
    made, done, now_s = table(), [], -inf
    for entry in log:
        if isinstance(entry, Put):
            if entry.at_s >= now_s - lateness_s:
                made.update(entry.key, entry.at_s, entry.row, watermark_s=now_s - lateness_s)
                done.append(entry)
        else:
            now_s = max(now_s, entry.at_s)
            if entry.at_s >= now_s - lateness_s:
                assert joined(made, entry) == naive(done, entry)


@given(st.lists(deletions, max_size=40), st.lists(asks, max_size=10), st.booleans())
@settings(max_examples=30)
def test_goes_on_from_its_state(updates: list[Put], events: list[Ask], as_json: bool):
    made, restored = table(max_rows=7), table(max_rows=7)
    for put in updates[:20]:
        made.update(*put)
    kept = json.loads(json.dumps(made.state())) if as_json else loads(dumps(made.state()), Allowed())
    restored.restore(kept)
    for put in updates[20:]:
        made.update(*put)
        restored.update(*put)
    assert restored.state() == made.state()
    assert [joined(restored, ask) for ask in events] == [joined(made, ask) for ask in events]
    assert restored.n_rows == made.n_rows


def test_of_versions_behind_the_watermark_only_the_newest_is_kept():
    made = table()
    for at_s in range(100):
        made.update("jfk", at_s, (at_s, None), watermark_s=at_s - 10)
    assert made.n_rows == 11
    assert joined(made, Ask("jfk", 89)) == {"wind": 89}
    assert joined(made, Ask("jfk", 88)) == {}


def test_a_deleted_row_behind_the_watermark_takes_no_room():
    made = table()
    made.update("jfk", 5, (1, None), watermark_s=0)
    made.update("jfk", 6, None, watermark_s=0)
    assert joined(made, Ask("jfk", 5)) == {"wind": 1}
    made.update("jfk", 7, None, watermark_s=8)
    assert (made.n_rows, len(made)) == (0, 0)


def test_beyond_its_rows_the_key_updated_the_longest_ago_is_forgotten():
    made = table(max_rows=3)
    for n, key in enumerate(("jfk", "lga", "ewr", "jfk")):
        made.update(key, n, (n, None))
    assert made.evicted == 1
    assert [joined(made, Ask(key, 9)) for key in ("jfk", "lga", "ewr")] == [{"wind": 3}, {}, {"wind": 2}]
    assert made.missed == 1


@given(st.lists(deletions, max_size=60), st.integers(1, 5))
@settings(max_examples=30)
def test_it_never_holds_more_rows_than_it_may(updates: list[Put], most: int):
    made = table(max_rows=most)
    for put in updates:
        made.update(*put)
        assert made.n_rows == sum(len(times) for times, _ in made.state()["rows"].values()) <= most


def test_one_hot_row_does_not_drive_out_the_others():
    made = table()
    made.update("lga", 0, (1, None))
    for at_s in range(MAX_VERSIONS + 5):
        made.update("jfk", at_s, (at_s, None))
    assert (made.n_rows, made.evicted) == (MAX_VERSIONS + 1, 5)
    assert joined(made, Ask("lga", 9)) == {"wind": 1}


def test_an_update_from_2099_harms_no_other():
    made = table()
    made.update("jfk", 4_070_908_800, (9, None), watermark_s=0)
    made.update("jfk", 10, (1, None), watermark_s=0)
    assert joined(made, Ask("jfk", 20)) == {"wind": 1}


def test_what_is_missing_stays_away_by_default():
    made = table()
    made.update("jfk", 0, (None, "fog"))
    assert joined(made, Ask("jfk", 0)) == {"sky": "fog"}
    assert joined(made, Ask("lga", 0)) == {}


def test_a_number_can_stand_for_what_is_missing():
    made = table(missing=-1, fields=["wind"], prefix="origin_")
    made.update("jfk", 0, (None,))
    assert joined(made, Ask("jfk", 0)) == joined(made, Ask("lga", 0)) == {"origin_wind": -1}
    assert made.missed == 1


def test_an_event_without_row_can_be_a_dead_letter():
    made = table(missing="dead")
    made.update("jfk", 5, (3, None))
    assert joined(made, Ask("jfk", 5)) == {"wind": 3}
    for x in ({"origin": "lga"}, {"origin": None}, {}):
        with pytest.raises(Refusal, match=r"a row of weather") as caught:
            made.join(x, 9)
        assert (caught.value.reason, caught.value.path) == ("lookup", "$.origin")


def test_rows_may_be_named_by_several_fields():
    made = LookupTable(Lookup(TOPIC, key=("airport", "sky"), on=("origin", "seen")))
    made.update(("jfk", "fog"), 0, (7,))
    x = {"origin": "jfk", "seen": "fog"}
    made.join(x, 1)
    assert x == {"origin": "jfk", "seen": "fog", "wind": 7}
