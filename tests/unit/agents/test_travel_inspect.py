"""An account of one event: which folds tell it, what is seen on the way, how it reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.project import ProjectError, only_target
from agents.travel import find, watching
from agents.travel.account import Account, LabelTold, Learned, accounts
from agents.travel.account_lines import letter_lines, lines
from agents.travel.inquiry import Asked, Found
from agents.travel.passage import Orders, Passage
from agents.travel.watching import Sight, Taught, Visit, Watcher
from headrace import Labels, Pipeline, Topic
from headrace.fold import Fold
from headrace.settings import Settings
from headrace.witness import Witness
from schemas import Answer, DeadLetter, Fault, LabelStatus, Prediction, Source
from tests.folding import Kept, Reading, declare, events, linear
from tests.folding import log as listed
from tests.unit.agents.test_travel_lineage import past, snapshot

# Folds


def ways(offsets: Sequence[int], **options: Any) -> list[tuple[str, int, int, tuple[int, ...]]]:
    """Return where each fold begins and ends, of a partition with snapshots at 100, 200 and 300."""
    found, lost = watching.visits(
        past([snapshot(f"live-{n}", n * 100) for n in (1, 2, 3)]), offsets, **options
    )
    assert not lost
    return [(visit.began, visit.passage.start, visit.passage.stop, visit.offsets) for visit in found]


def test_each_fold_begins_with_the_nearest_state_before() -> None:
    assert ways([250, 40]) == [("", 0, 41, (40,)), ("0.200.200", 200, 251, (250,))]


def test_places_with_no_state_between_them_share_a_fold() -> None:
    assert ways([210, 290]) == [("0.200.200", 200, 291, (210, 290))]
    assert ways([299, 301]) == [("0.200.200", 200, 300, (299,)), ("0.300.300", 300, 302, (301,))]


def test_an_event_that_gave_up_is_followed_up_to_what_is_committed() -> None:
    assert ways([210], open_ended=[210]) == [("0.200.200", 200, 1_000, (210,))]


def test_a_place_that_no_state_leads_to_says_why() -> None:
    found, lost = watching.visits(past([snapshot("live-1", 100)], start=90), [95, 105])

    assert [visit.offsets for visit in found] == [(105,)]
    assert "the log begins at 90" in lost[95]


# What is seen


def logged(kind: str, offset: int, source: int, value: dict[str, Any], at_s: float) -> Kept:
    """Return a record of a merged log, one topic for each kind."""
    data = json.dumps(value)
    record = {
        "kind": kind,
        "source": {"topic": f"t.{kind}", "partition": 0, "offset": source},
        "after": -1 if source == 0 else source - 1,
        "timestamp_ms": int(at_s * 1000),
    }
    return Kept(offset, json.dumps(record)[:-1].encode() + b', "data": ' + data.encode() + b"}")


def late(**options: Any) -> Pipeline:
    """Declare a pipeline whose labels come later."""
    labels = Labels("t.label", **{"wait_s": 100.0, **options})
    return Pipeline("t", source=Topic("t.event", Reading), labels=labels, target="y", models=linear)


def story() -> list[Kept]:
    """Return a log: e0 gets its label, e1 none, e2 brings it, and another label comes for e0."""
    found: list[tuple[str, dict[str, Any], float]] = [
        ("event", {"id": "e0", "a": 1.0, "b": 2.0}, 10),
        ("event", {"id": "e1", "a": 3.0, "b": 4.0}, 20),
        ("event", {"id": "e2", "a": 5.0, "b": 6.0, "y": True}, 30),
        ("label", {"id": "e0", "y": True}, 40),
        ("label", {"id": "e0", "y": False}, 50),
        ("event", {"id": "e3", "a": 7.0, "b": 8.0}, 125),
        ("event", {"id": "e4", "a": 9.0, "b": 1.0}, 126),
    ]
    numbers = {"event": 0, "label": 0}
    records = []
    for offset, (kind, value, at_s) in enumerate(found):
        records.append(logged(kind, offset, numbers[kind], value, at_s))
        numbers[kind] += 1
    return records


async def seen(
    pipeline: Pipeline, records: Sequence[Kept], offsets: Sequence[int], *, until_ended: bool = False
) -> dict[int, Sight]:
    witness = Witness()
    fold = Fold(pipeline, pipeline.log.name, 0, witness=witness)
    watcher = Watcher(fold, witness, Visit(Passage(0, 0, len(records)), tuple(offsets), "", until_ended))
    for i in range(0, len(records), 3):
        try:
            await watcher.step_chunk(records[i : i + 3])
        except watching.AllEndedError:
            break
    await watcher.finish()
    return watcher.sights


async def test_an_event_that_brings_its_label_is_seen_asked_and_taught() -> None:
    records = listed(events(20))

    sights = await seen(declare(), records, [7, 12])

    assert [*sights] == [7, 12]
    for offset, sight in sights.items():
        event = events(20)[offset]
        assert [*sight.features.values()] == [{"a": event["a"], "b": event["b"]}]
        assert (sight.step, json.loads(sight.result)["event_id"]) == (offset, event["id"])
        lesson = sight.lessons[""]
        assert (lesson.offset, lesson.step, lesson.label) == (offset, offset, event["y"])
        assert lesson.features == sight.features


async def test_a_label_that_comes_later_teaches_the_features_of_then() -> None:
    sights = await seen(late(corrections="relearn"), story(), [0, 3, 4])

    first, second = sights[0].statuses
    assert [(s.state, s.source.offset) for s in (first, second)] == [("joined", 3), ("corrected", 4)]
    assert [(one.offset, one.step, one.label) for one in sights[0].lessons.values()] == [
        (3, 1, True),
        (4, 2, False),
    ]
    assert all(one.features == sights[0].features for one in sights[0].lessons.values())


async def test_an_event_without_label_is_followed_until_it_gives_up() -> None:
    sights = await seen(late(expire="negative"), story(), [1], until_ended=True)

    [status] = sights[1].statuses
    assert (status.state, status.event_offset) == ("expired", 1)
    lesson = sights[1].lessons[status.id]
    assert (lesson.offset, lesson.label, lesson.features) == (5, False, sights[1].features)


async def test_what_others_teach_is_not_taken_for_the_lesson_of_an_event() -> None:
    sights = await seen(late(), story(), [1], until_ended=True)

    [status] = sights[1].statuses
    assert status.state == "expired"
    assert sights[1].lessons == {}


async def test_a_record_that_cannot_become_an_event_is_seen_refused() -> None:
    records = listed([*events(3), b"no json"])

    sights = await seen(declare(), records, [3])

    assert json.loads(sights[3].letter)["error"]["type"] == "json"
    assert sights[3].result == b""


# What was published


def letter(value: bytes, topic: str = "t.event") -> DeadLetter:
    fault = Fault("json", "$", "expected JSON")
    return DeadLetter("l", "t@1", Source(topic, 0, 9), 0, fault, value_b64=base64.b64encode(value).decode())


@pytest.mark.parametrize(
    ("value", "event_id", "is_it"),
    [
        (b'{"id": "x1", "a": "no number"}', "x1", True),
        (b'{"id": "x11", "b": "x1"}', "x1", False),
        (b'{"id": 17}', "17", True),
        (b'{"a": NaN, "id" : "x1"}', "x1", True),
        (b'{"id": "x1", "a": ', "x1", True),
        (b'{"id": 171, "a": NaN}', "17", False),
        (b'{"id": "a.b", "c": NaN}', "axb", False),
        (b"\xff\xfe", "x1", False),
        (b"[1]", "1", False),
        (b'{"id": ["x1"]}', "x1", False),
    ],
)
def test_a_dead_letter_is_known_by_the_id_in_its_value(value: bytes, event_id: str, is_it: bool) -> None:
    assert find.names(letter(value), "id", event_id) is is_it


def test_a_letter_without_its_value_is_of_no_event() -> None:
    assert not find.names(msgspec.structs.replace(letter(b""), value_b64=None), "id", "x1")


def test_results_are_found_by_their_id_whatever_else_they_hold() -> None:
    found = find.Traces()
    take = find.takers_of(late(), "17")["result"]

    place = Source("t.log", 0, 4)
    results = [Prediction("i", event_id, "t@1", 0, place, True) for event_id in ("17", 17, "171", "x")]
    for result in results:
        take(msgspec.json.encode(result), found)

    assert [msgspec.json.decode(value)["event_id"] for value in found.results] == ["17", 17]


@pytest.mark.parametrize("event_id", ["17", 17, -3, 'a"b', "a.b", "é", "[x]"])
def test_what_is_published_of_an_event_mentions_it_and_no_other(event_id: str | int) -> None:
    place = Source("t.log", 0, 4)
    said = (
        Prediction("i", event_id, "t@1", 0, place, True),
        LabelStatus("i", event_id, "joined", "t@1", place),
    )

    values = [msgspec.json.encode(one) for one in said]
    assert [find.mention(str(event_id)).search(value) is not None for value in values] == [True, True]
    assert [find.mention(f"{event_id}1").search(value) for value in values] == [None, None]
    assert find.mention("axb").search(values[0]) is None


def test_letters_of_labels_are_known_by_the_field_that_names_their_event() -> None:
    found = find.Traces()
    take = find.takers_of(late(event_id="payment"), "x1")["letter"]

    for value, topic in ((b'{"payment": "x1"', "t.label"), (b'{"payment": "x1"', "t.event")):
        take(msgspec.json.encode(letter(value + b"}", topic)), found)

    assert [one.source.topic for one in found.letters] == ["t.label"]


def test_states_of_labels_are_found_by_the_id_of_their_event() -> None:
    found = find.Traces()
    take = find.takers_of(late(), 'a"b')["status"]

    for event_id in ('a"b', "a", None):
        take(msgspec.json.encode(LabelStatus("i", event_id, "joined", "t@1", Source("t.log", 0, 1))), found)

    assert [status.event_id for status in found.statuses] == ['a"b']


# How it reads


def account(**other: Any) -> Account:
    shares = {"true": 0.75, "false": 0.25}
    answers = {"linear": Answer(True, shares), "tree": Answer(error="predict: ValueError: x")}
    place = Source("t.log", 3, 911)
    result = Prediction("i", "x1", "t@1", 41, place, True, shares, models=answers)
    learned = Learned(1_204, True, 1_180, 1_181, same_features=True, errors={})
    told = LabelTold(
        "joined", True, Source("t.log", 3, 1_204), Source("t.label", 0, 55), 93_600.0, learned=learned
    )
    fields: dict[str, Any] = {
        "source": place,
        "origin": Source("t.event", 0, 7),
        "key": "JFK",
        "timestamp_ms": 1_700_000_000_123,
        "event_s": 1_700_000_000.0,
        "event": '{"id":"x1"}',
        "features": {"linear": {"a": 1.5, "wind": "high"}, "tree": {"a": 1.5, "wind": "high"}},
        "step": 41,
        "published": result,
        "refolded": result,
        "letter": None,
        "identical": True,
        "from_snapshot": "3.1.800",
        "why_not": None,
        "labels": [told],
        "waits": False,
        "taken_out": False,
    }
    return Account(**fields | other)


def text(told: Account) -> str:
    return "\n".join(f"{name}|{said}" for name, said in lines(told, "t@1"))


def test_an_account_reads_from_the_record_to_what_was_learned() -> None:
    assert text(account()).splitlines() == [
        "log|t.log[3]@911",
        "source|t.event[0]@7",
        "time|2023-11-14 22:13:20.123 UTC",
        "event time|2023-11-14 22:13:20.000 UTC",
        "key|JFK",
        'event|{"id":"x1"}',
        "features|of linear, tree",
        "|  a     1.5",
        '|  wind  "high"',
        "answer|after 41 events learned",
        "|  linear    true  true 0.7500  false 0.2500",
        "|  tree      -     predict: ValueError: x",
        "|  together  true  true 0.7500  false 0.2500",
        "refold|t@1, from snapshot 3.1.800, gives the bytes that were published",
        "label|true, joined, 26 h after the event, from t.log[3]@1204 (t.label[0]@55)",
        "learned|at offset 1204, step 1,180 -> 1,181, the features it was answered with",
    ]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"event": None}, "event|gone: retention has deleted the record"),
        ({"event": "x" * 900}, "event|" + "x" * 500 + " ..."),
        ({"identical": False}, "refold|t@1, from snapshot 3.1.800, GIVES OTHER BYTES"),
        ({"from_snapshot": ""}, "refold|t@1, from the log's beginning, gives"),
        ({"identical": None, "why_not": "gone"}, "refold|not compared: gone"),
        (
            {"identical": None, "published": None},
            "refold|from snapshot 3.1.800; nothing is published",
        ),
        ({"labels": [], "waits": True}, "label|none yet: the event waits for it"),
        ({"taken_out": True}, "since then|a decision took it out of the models"),
        ({"labels": [LabelTold("not needed")]}, "label|not needed: the models learn without"),
        (
            {"labels": [LabelTold("expired", False, Source("t.log", 3, 911), reason="no_label")]},
            "label|expired (no_label), false",
        ),
        (
            {"labels": [LabelTold("duplicate", False, Source("t.log", 3, 950), conflicts=True)]},
            "label|false, duplicate, unlike the one before, from t.log[3]@950",
        ),
        ({"event_s": 1e300}, "event time|1e+300 s since 1970"),
    ],
)
def test_an_account_says_what_is_special(other: dict[str, Any], said: str) -> None:
    assert said in text(account(**other))


def test_models_that_got_different_features_are_told_apart() -> None:
    features = {"one": {"a": 1}, "two": {"a": 2}, "three": {"a": 1}}

    told = [line for line in text(account(features=features)).splitlines() if line.startswith("features")]

    assert told == ["features|of one, three", "features|of two"]


def test_other_features_than_those_answered_with_are_cried_out() -> None:
    learned = Learned(5, True, 1, 2, same_features=False, errors={"tree": "ValueError: x"})

    told = text(account(labels=[LabelTold("joined", True, learned=learned)]))

    assert "learned|at offset 5, step 1 -> 2, OTHER FEATURES" in told
    assert "|  tree could not: ValueError: x" in told


def test_a_lesson_is_told_where_the_answer_cannot_be_had_any_more() -> None:
    status = LabelStatus("s", "x1", "joined", "t@1", Source("t.log", 0, 9), True, 4.0, 5)
    pipeline = late()
    found = Found(
        pipeline,
        Orders("t", pipeline.log.name, Settings()),
        Asked("t", "x1"),
        find.Traces(statuses=[status]),
        {0: past([])},
        {(0, 5): []},
        [],
        {},
        {(0, 5): "the log begins at 7"},
    )
    sight = Sight(0, 9, 3, lessons={"s": Taught(9, True, 3, {"model": {"a": 1.0}}, {})})

    [told] = accounts(found, [sight])

    assert (told.why_not, told.refolded, told.waits) == ("the log begins at 7", None, False)
    assert [label.learned for label in told.labels] == [Learned(9, True, 3, 4, None, {})]
    assert "learned|at offset 9, step 3 -> 4\n" in text(told) + "\n"


def test_a_letter_says_why_where_and_under_which_id() -> None:
    assert [*letter_lines(letter(b"{"))] == [
        ("refused", "json at $: expected JSON"),
        ("stands at", "t.event[0]@9   1970-01-01 00:00:00.000 UTC"),
        ("letter", "l"),
    ]


# Which pipeline


def test_the_only_pipeline_of_a_project_needs_no_name(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    for name in ("__init__.py", "fraud.py"):
        (folder / name).touch()

    assert only_target(tmp_path) == "pipelines.fraud"
    (folder / "spam.py").touch()
    with pytest.raises(ProjectError, match=r"pipelines\.fraud, pipelines\.spam"):
        only_target(tmp_path)


def test_a_folder_that_is_no_project_has_no_pipeline_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="has none"):
        only_target(tmp_path)
