"""Several topics of events: one log, one fold."""

from __future__ import annotations

from typing import Any

import pytest
from river import naive_bayes

import headrace as hr
from agents.pipeline_topics import topic_specs
from headrace.testing import Harness
from tests.declaring import Payment, declare, fault_of

SHOP = hr.Topic("shop", Payment, key="id", partitions=2)
TILL = hr.Topic("till", Payment, partitions=6)


def payment(i: int) -> dict[str, Any]:
    return {"id": f"p{i}", "amount": float(i * 37 % 101), "is_fraud": i % 3 == 0}


def test_events_of_all_topics_are_one_fold_in_the_order_of_the_log() -> None:
    merged, single = Harness(declare(source=[SHOP, TILL])), Harness(declare(source=SHOP))
    for i in range(60):
        merged.send(payment(i), topic="till" if i % 4 == 0 else None)
        single.send(payment(i))

    assert [p.get("probability") for p in merged.predictions] == [
        p.get("probability") for p in single.predictions
    ]
    origins = [(p["origin"]["topic"], p["origin"]["offset"]) for p in merged.predictions]
    assert origins[:6] == [("till", 0), ("shop", 0), ("shop", 1), ("shop", 2), ("till", 1), ("shop", 3)]
    assert merged.fold.step == 60


def test_a_restored_fold_goes_on_where_each_source_was() -> None:
    undisturbed, part = (Harness(declare(source=[SHOP, TILL])) for _ in range(2))
    for i in range(80):
        undisturbed.send(payment(i), topic=("till", "shop")[i % 2])
    for i in range(40):
        part.send(payment(i), topic=("till", "shop")[i % 2])
    heir = Harness(declare(source=[SHOP, TILL]))
    heir.restore(part.snapshot())
    heir.seek(part.inlet_offsets())
    for i in range(40, 80):
        heir.send(payment(i), topic=("till", "shop")[i % 2])

    assert heir.digest() == undisturbed.digest()
    assert part.predictions + heir.predictions == undisturbed.predictions


def test_the_log_has_as_many_partitions_as_the_largest_source_and_each_topic_its_own() -> None:
    pipeline = declare(source=[SHOP, TILL])

    partitions = {spec.name: spec.partitions for spec in topic_specs(pipeline)}

    assert (pipeline.log.name, pipeline.log.partitions) == ("fraud.log", 6)
    assert {name: partitions[name] for name in ("shop", "till", "fraud.log", "fraud.predictions")} == {
        "shop": 2,
        "till": 6,
        "fraud.log": 6,
        "fraud.predictions": 6,
    }


class Refund(hr.Event):
    amount: float
    is_fraud: bool | None = None


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([], "at least one topic is needed"),
        ([SHOP, "till"], "expected headrace.Topic, got str"),
        ([SHOP, hr.Topic("refunds", Refund)], "'refunds' and 'shop' have not the same type of events"),
        ([SHOP, hr.Topic("till", Payment, time="age")], "not the same time"),
        ([SHOP, SHOP], "topic 'shop' is declared twice"),
        ([SHOP, hr.Topic("till", Payment, key="land")], "Payment has no field 'land'"),
    ],
)
def test_sources_that_make_no_log_are_refused(source: Any, said: str) -> None:
    assert said in fault_of(source=source).what


def test_a_test_cannot_send_to_a_topic_that_is_none_of_them() -> None:
    harness = Harness(hr.Pipeline("f", source=SHOP, models=naive_bayes.GaussianNB, target="is_fraud"))

    with pytest.raises(hr.HeadraceError, match="'till' is no topic of events"):
        harness.send(payment(1), topic="till")


def test_the_key_of_an_event_is_the_field_that_its_own_topic_names() -> None:
    pipeline = declare(source=[TILL, SHOP], scope="key")
    harness = Harness(pipeline)
    harness.send(payment(1), topic="shop")

    assert harness.dead == []
    assert harness.fold.keys_held == 1
