"""A log that intake has merged, folded: each record once, also where the beginning was deleted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from river import naive_bayes

import headrace as hr
from headrace.fold import Fold
from headrace.testing import Harness
from tests.declaring import SOURCE

N = 40


def declare() -> hr.Pipeline:
    return hr.Pipeline(
        "fraud", source=SOURCE, target="is_fraud", models=naive_bayes.GaussianNB, labels=hr.Labels("l")
    )


class Log:
    """The records that a harness puts into the log."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        harness = Harness(declare())
        step = harness.fold.step_chunk

        def keeping(records: Any, *callbacks: Any) -> Any:
            self.records += records
            return step(records, *callbacks)

        harness.fold.step_chunk = keeping  # type: ignore[method-assign]
        for i in range(N):
            harness.send({"id": str(i), "amount": float(i % 7)})
            harness.label({"id": str(i), "is_fraud": i % 7 > 3})
        self.digest = harness.digest()


def folded(records: Any, start: int | None = None) -> tuple[Fold, Any]:
    fold = Fold(declare(), "fraud.log", 0)
    if start is not None:
        fold.next_offset = start
    return fold, fold.step_chunk(records)


def test_records_that_intake_wrote_again_are_folded_once() -> None:
    log = Log()
    again = [record._replace(offset=n) for n, record in enumerate(log.records[:30] + log.records)]

    fold, counts = folded(again)

    assert fold.step == N
    assert counts.filtered == 30


def test_a_record_ahead_of_one_that_has_yet_to_come_waits_for_its_owner_to_write_it_again() -> None:
    records = Log().records
    gap = [record for n, record in enumerate(records) if n != 4]
    log = [record._replace(offset=n) for n, record in enumerate([*gap, *records])]

    fold, _ = folded(log)

    assert fold.step == N


@pytest.mark.parametrize("told", [True, False])
def test_a_log_whose_beginning_was_deleted_is_folded_from_where_it_begins(told: bool) -> None:
    records = Log().records[20:]

    fold, counts = folded(records, 20 if told else None)

    assert counts.predicted == N - 10
    assert fold.step == N - 10


def test_somebody_elses_record_in_the_log_is_a_dead_letter() -> None:
    records = Log().records
    alien = [records[0]._replace(offset=0, value=b'{"id": "x"}')]
    after = [record._replace(offset=record.offset + 1) for record in records]

    fold, counts = folded([*alien, *after])

    assert counts.dead == {"log": 1}
    assert fold.step == N


def test_an_event_that_the_fold_refuses_can_be_sent_back_to_its_own_topic() -> None:
    source = hr.Topic("payments", SOURCE.event_type, key="id", time=hr.EventTime("age", late="dead"))
    pipeline = hr.Pipeline(
        "fraud", source=source, target="is_fraud", models=naive_bayes.GaussianNB, labels=hr.Labels("l")
    )
    harness = Harness(pipeline)
    event = {"id": "a", "amount": 1.0, "age": 50.0}

    harness.send({**event, "age": 100.0})
    harness.label({"id": "a", "is_fraud": True})
    harness.send(event)

    [letter] = harness.dead
    assert letter["error"]["type"] == "late"
    assert letter["source"] == {"topic": "payments", "partition": 0, "offset": 1}
    assert json.loads(base64.b64decode(letter["value_b64"])) == event
