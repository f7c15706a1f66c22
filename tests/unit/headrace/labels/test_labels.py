"""Labels that could not work are refused where they are declared; what is left open is as the target."""

from __future__ import annotations

from typing import Any

import pytest

from headrace import DeclarationError, Labels
from headrace.labels.declaration import check_labels


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("labels", {"topic": "no topic"}),
        ("labels", {"topic": None}),
        ("event_id", {"event_id": ""}),
        ("event_id", {"event_id": None}),
        ("label", {"label": 7}),
        ("label", {"label": "id"}),
        ("label_type", {"label_type": list}),
        ("label_type", {"label_type": "bool"}),
        ("key", {"key": ""}),
        ("time", {"time": 3}),
        ("wait_s", {"wait_s": 0}),
        ("wait_s", {"wait_s": float("nan")}),
        ("wait_s", {"wait_s": float("inf")}),
        ("wait_s", {"wait_s": True}),
        ("wait_s", {"wait_s": "1 day"}),
        ("expire", {"expire": None}),
        ("expire", {"expire": float("nan")}),
        ("expire", {"expire": "no", "label_type": bool}),
        ("expire", {"expire": True, "label_type": int}),
        ("expire", {"expire": "negative", "label_type": str}),
        ("corrections", {"corrections": "forget"}),
        ("max_waiting", {"max_waiting": 0}),
        ("max_waiting", {"max_waiting": 1e6}),
        ("max_bytes", {"max_bytes": 100}),
        ("partitions", {"partitions": 0}),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as caught:
        Labels(**{"topic": "chargebacks", **options})

    assert caught.value.argument == argument
    assert "  fix  " in str(caught.value)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [({bool}, bool), ({int}, int), ({float}, float), ({int, float}, float), ({str}, str)],
)
def test_the_label_is_named_and_typed_as_the_target(kinds: set[type], expected: type) -> None:
    labels = check_labels(Labels("chargebacks"), "is_fraud", kinds, "classification")

    assert (labels.label, labels.label_type) == ("is_fraud", expected)


def test_a_label_may_have_another_name_than_the_target() -> None:
    labels = check_labels(Labels("chargebacks", label="stolen"), "is_fraud", {bool}, "classification")

    assert labels.label == "stolen"


@pytest.mark.parametrize(
    ("argument", "options", "target", "kinds", "task"),
    [
        ("labels", None, "y", {bool}, "classification"),
        ("labels", {}, "y", {bool}, "clustering"),
        ("target", {}, None, set(), "classification"),
        ("label_type", {}, "y", {int, str}, "classification"),
        ("label_type", {"label_type": bool}, "y", {str}, "classification"),
        ("label_type", {"label_type": float}, "y", {int}, "regression"),
        ("expire", {"expire": "negative"}, "y", {str}, "classification"),
        ("expire", {"expire": "negative"}, "y", {float}, "regression"),
        ("expire", {"expire": False}, "y", {float}, "regression"),
        ("expire", {"expire": 0.5}, "y", {int}, "regression"),
    ],
    ids=str,
)
def test_labels_that_do_not_suit_the_pipeline_are_refused(
    argument: str, options: Any, target: str | None, kinds: set[type], task: Any
) -> None:
    labels = "chargebacks" if options is None else Labels("chargebacks", **options)

    with pytest.raises(DeclarationError) as caught:
        check_labels(labels, target, kinds, task)

    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("expire", "kind", "taught"),
    [
        ("drop", bool, None),
        ("negative", bool, False),
        ("negative", int, 0),
        (True, bool, True),
        (3, float, 3.0),
        ("never", str, "never"),
    ],
)
def test_what_an_event_without_label_teaches(expire: Any, kind: Any, taught: Any) -> None:
    labels = check_labels(Labels("l", expire=expire), "y", {kind}, "classification")

    assert labels.taught == taught
    assert type(labels.taught) is type(taught)
