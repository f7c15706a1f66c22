"""What reaches the model of an event: which fields, in which order, within which bounds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest

from schemas import Event, EventDecoder, Limits, Refusal


class Trip(Event):
    """Fields that sort differently from how they are declared."""

    zone: str
    distance: float
    ago: int = 0
    late: bool | None = None
    fare: float | None = None


class Sensor(Event):
    """One fixed feature, then whatever the device measures."""

    unit: str = "K"
    readings: dict[str, float] = msgspec.field(default_factory=dict)
    alarm: bool | None = None


def parse(record: dict[str, Any], decoder: EventDecoder) -> tuple[Any, dict[str, Any], Any]:
    return decoder.parse(json.dumps(record).encode())


def refusal_of(record: dict[str, Any], decoder: EventDecoder) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(record, decoder)
    return caught.value


def test_id_features_and_label_come_apart() -> None:
    record = {"id": "t1", "zone": "A", "distance": 2.5, "ago": 3, "late": True, "fare": 7.0}

    event_id, features, label = parse(record, EventDecoder(Trip, target="fare"))

    assert event_id == "t1"
    assert features == {"zone": "A", "distance": 2.5, "ago": 3, "late": True}
    assert label == 7.0


def test_features_come_in_schema_order_whatever_their_order_in_the_record() -> None:
    record = {"late": False, "ago": 3, "distance": 2.5, "id": "t1", "zone": "A"}

    _, features, _ = parse(record, EventDecoder(Trip))

    assert list(features) == ["zone", "distance", "ago", "late"]


def test_unknown_fields_are_ignored() -> None:
    record = {"id": "t1", "zone": "A", "distance": 2.5, "more": {"nested": [1, {"deep": None}]}}

    assert parse(record, EventDecoder(Trip))[1] == {"zone": "A", "distance": 2.5, "ago": 0}


@pytest.mark.parametrize("record", [{}, {"late": None}, {"late": None, "fare": None}])
def test_none_means_absent(record: dict[str, Any]) -> None:
    full = {"id": "t1", "zone": "A", "distance": 2.5, **record}

    _, features, label = parse(full, EventDecoder(Trip, target="fare"))

    assert features == {"zone": "A", "distance": 2.5, "ago": 0}
    assert label is None


def test_only_the_named_features_reach_the_model_in_schema_order() -> None:
    decoder = EventDecoder(Trip, target="fare", features=["late", "zone"])
    record = {"id": "t1", "zone": "A", "distance": 2.5, "late": True, "fare": 1.0}

    assert parse(record, decoder) == ("t1", {"zone": "A", "late": True}, 1.0)
    assert list(parse(record, decoder)[1]) == ["zone", "late"]


def test_a_dropped_field_is_checked_all_the_same() -> None:
    decoder = EventDecoder(Trip, features=["zone"])

    refusal = refusal_of({"id": "t1", "zone": "A", "distance": "far"}, decoder)

    assert refusal.path == "$.distance"


def test_free_features_come_last_and_sorted_by_name() -> None:
    record = {"readings": {"z": 1, "a": 2.5, "m": 3}, "id": "s1", "unit": "F"}

    _, features, _ = parse(record, EventDecoder(Sensor))

    assert list(features.items()) == [("unit", "F"), ("a", 2.5), ("m", 3.0), ("z", 1.0)]


@pytest.mark.parametrize("record", [{}, {"readings": {}}])
def test_no_free_features_are_none(record: dict[str, Any]) -> None:
    assert parse({"id": "s1", **record}, EventDecoder(Sensor))[1] == {"unit": "K"}


def test_free_features_may_be_declared_as_absent() -> None:
    class Loose(Event):
        more: dict[str, float | None] | None = None

    decoder = EventDecoder(Loose)

    assert parse({"id": "a"}, decoder)[1] == {}
    assert parse({"id": "a", "more": None}, decoder)[1] == {}
    assert parse({"id": "a", "more": {"b": 1, "a": None}}, decoder)[1] == {"b": 1.0}


def test_free_features_that_are_not_named_do_not_reach_the_model() -> None:
    decoder = EventDecoder(Sensor, features=["unit"])

    assert parse({"id": "s1", "readings": {"a": 1}}, decoder)[1] == {"unit": "K"}


def test_1_000_free_features_are_taken_and_1_001_refused() -> None:
    decoder = EventDecoder(Sensor)
    readings = {f"r{i}": i for i in range(1_000)}

    assert len(parse({"id": "s1", "readings": readings}, decoder)[1]) == 1_001
    refusal = refusal_of({"id": "s1", "readings": {**readings, "one more": 1}}, decoder)
    assert (refusal.reason, refusal.path) == ("type", "$.readings")
    assert "length <= 1000" in str(refusal)


@pytest.mark.parametrize("name", ["id", "unit", "alarm", "readings"])
def test_a_free_feature_cannot_take_the_name_of_a_field(name: str) -> None:
    refusal = refusal_of({"id": "s1", "readings": {name: 1}}, EventDecoder(Sensor, target="alarm"))

    assert (refusal.reason, refusal.path) == ("duplicate_key", "$.readings")
    assert str(refusal) == f"{name!r} is a field already"


def test_two_groups_of_free_features_cannot_share_a_name() -> None:
    class Pair(Event):
        left: dict[str, float] = msgspec.field(default_factory=dict)
        right: dict[str, float] = msgspec.field(default_factory=dict)

    refusal = refusal_of({"id": "a", "left": {"x": 1}, "right": {"x": 2}}, EventDecoder(Pair))

    assert (refusal.reason, refusal.path) == ("duplicate_key", "$.right")


@pytest.mark.parametrize(
    ("readings", "path"),
    [({"a": 1e300}, "$.readings[...]"), ({"a": "1"}, "$.readings[...]"), ({"": 1}, "$.readings")],
)
def test_free_features_keep_the_limits(readings: dict[str, Any], path: str) -> None:
    refusal = refusal_of({"id": "s1", "readings": readings}, EventDecoder(Sensor))

    assert (refusal.reason, refusal.path) == ("type", path)
    assert "`key`" not in str(refusal)


class Bounded(Event):
    """Bounds of its own next to fields without."""

    wide: Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)] = 0.0
    percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    long: Annotated[str, msgspec.Meta(max_length=100_000)] = ""
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$")] = "A"
    filled: Annotated[str, msgspec.Meta(min_length=2)] = "ab"
    half: Annotated[float, msgspec.Meta(description="in euro")] = 0.0
    some: Annotated[dict[str, float], msgspec.Meta(max_length=2)] = msgspec.field(default_factory=dict)
    colour: Literal["red", "blue"] = "red"


@pytest.mark.parametrize(
    "given",
    [{"wide": 1e15}, {"wide": -1e15}, {"percent": 100}, {"long": "x" * 100_000}, {"code": "ABC"}],
)
def test_bounds_of_a_field_take_the_place_of_the_limits(given: dict[str, Any]) -> None:
    assert parse({"id": "a", **given}, EventDecoder(Bounded))[1].items() >= given.items()


@pytest.mark.parametrize(
    ("given", "path", "sentence"),
    [
        ({"wide": 1.1e15}, "$.wide", "<= 1000000000000000.0"),
        ({"percent": 101}, "$.percent", "<= 100"),
        ({"percent": -1}, "$.percent", ">= 0"),
        ({"long": "x" * 100_001}, "$.long", "length <= 100000"),
        ({"code": "abc"}, "$.code", "matching regex '^[A-Z]+$'"),
        ({"code": "A" * 65_537}, "$.code", "length <= 65536"),
        ({"filled": "a"}, "$.filled", "length >= 2"),
        ({"half": 1e13}, "$.half", "< 1000000000000.0"),
        ({"some": {"a": 1, "b": 1, "c": 1}}, "$.some", "length <= 2"),
        ({"some": {"a": 1e13}}, "$.some[...]", "< 1000000000000.0"),
        ({"colour": "green"}, "$.colour", "Invalid enum value 'green'"),
    ],
)
def test_a_value_beyond_its_bounds_is_refused(given: dict[str, Any], path: str, sentence: str) -> None:
    refusal = refusal_of({"id": "a", **given}, EventDecoder(Bounded))

    assert (refusal.reason, refusal.path) == ("type", path)
    assert sentence in str(refusal)


@pytest.mark.parametrize(
    "hint", [Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(gt=0)] | None]
)
def test_a_whole_number_has_64_bits_whatever_bounds_its_field_sets(hint: Any) -> None:
    decoder = EventDecoder(msgspec.defstruct("Counted", [("n", hint)], bases=(Event,), kw_only=True))

    assert parse({"id": "a", "n": 2**63 - 1}, decoder)[1] == {"n": 2**63 - 1}
    assert refusal_of({"id": "a", "n": 2**63}, decoder).path == "$.n"
    assert refusal_of({"id": "a", "n": 10**400}, decoder).path in ("$", "$.n")


def test_an_id_may_be_any_integer_of_64_bits() -> None:
    class Numbered(Event):
        id: int  # type: ignore[assignment]

    decoder = EventDecoder(Numbered)

    assert parse({"id": 2**63 - 1}, decoder)[0] == 2**63 - 1
    assert refusal_of({"id": 2**63}, decoder).path == "$.id"


@pytest.mark.parametrize("event_id", ["", "x" * 257, 2**63])
def test_an_id_of_either_kind_keeps_the_limits_of_both(event_id: str | int) -> None:
    class Either(Event):
        id: int | str  # type: ignore[assignment]

    assert refusal_of({"id": event_id}, EventDecoder(Either)).path == "$.id"


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (list[float], "list[float]"),
        (complex, "complex"),
        (dict, "dict"),
        (dict[int, float], "free features need str names"),
        (dict[str, dict[str, float]], "dict[str, dict[str, float]]"),
        (dict[str, float] | float, "dict[str, float] | float"),
        (Any, "Any"),
    ],
)
def test_a_field_no_model_can_take_is_an_error_that_names_it(hint: Any, said: str) -> None:
    event_type = msgspec.defstruct("Odd", [("id", str), ("odd", hint)])

    with pytest.raises(TypeError, match="field 'odd'") as caught:
        EventDecoder(event_type)

    assert said in str(caught.value)


@pytest.mark.parametrize("hint", [float, bool, str | None, dict[str, float]])
def test_an_id_is_text_or_an_integer(hint: Any) -> None:
    event_type = msgspec.defstruct("Odd", [("id", hint), ("x", float)])

    with pytest.raises(TypeError, match="field 'id' has type"):
        EventDecoder(event_type)


@pytest.mark.parametrize(
    "struct",
    [
        msgspec.defstruct("Odd", [("id", str), ("my_x", float)], rename="camel"),
        msgspec.defstruct("Odd", [("id", str), ("my_x", float, msgspec.field(name="x"))]),
    ],
)
def test_a_renamed_field_is_an_error(struct: type[msgspec.Struct]) -> None:
    with pytest.raises(TypeError, match="field 'my_x' is renamed"):
        EventDecoder(struct)


def test_any_struct_with_an_id_will_do() -> None:
    struct = msgspec.defstruct("Plain", [("id", str), ("x", float)], frozen=True, kw_only=True)

    assert parse({"x": 1, "id": "a"}, EventDecoder(struct)) == ("a", {"x": 1.0}, None)


def test_a_limit_on_keys_counts_free_features_too() -> None:
    decoder = EventDecoder(Sensor, limits=Limits(keys=4))

    assert parse({"id": "s1", "readings": {"a": 1, "b": 2}}, decoder)[0] == "s1"
    assert refusal_of({"id": "s1", "readings": {"a": 1, "b": 2, "c": 3}}, decoder).reason == "keys"
