"""The demo's books notice every loss, every doubling and every answer in the wrong place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from agents.demo.ledger import Ledger
from schemas import DeadLetter, Fault, Source

TOPIC = "flights.departures"


class Stored(NamedTuple):
    """What Kafka answers to a record."""

    partition: int
    offset: int


@pytest.fixture
def ledger() -> Ledger:
    """The books of a run that starts at offset 10 of partition 0 and at 0 of partition 1."""
    return Ledger(TOPIC, {0: 10, 1: 0})


def send(ledger: Ledger, *places: tuple[int, int]) -> None:
    async def acknowledge() -> None:
        for place in places:
            future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
            future.set_result(Stored(*place))
            ledger.on_ack(future)
            ledger.note_refusal(future)

    ledger.sent += len(places)
    asyncio.run(acknowledge())


def predict(ledger: Ledger, *places: tuple[int, int]) -> list[bool]:
    return [ledger.answered(Source(TOPIC, p, o), p, b"{%d}" % o) for p, o in places]


def letter(partition: int, offset: int, reason: str) -> DeadLetter:
    source = Source(TOPIC, partition, offset)
    return DeadLetter(f"{offset}", "flights@1", source, 0, Fault(reason, "$", f"it is {reason}"))


def refuse(ledger: Ledger, letters: Iterable[DeadLetter]) -> None:
    for one in letters:
        ledger.answered(one.source, one.source.partition, b"dead", one)


def test_one_answer_for_each_record_balances(ledger: Ledger) -> None:
    send(ledger, (0, 10), (0, 11), (1, 0))

    assert predict(ledger, (0, 10), (1, 0)) == [True, True]
    refuse(ledger, [letter(0, 11, "type")])

    assert (ledger.acked, ledger.predicted, ledger.dead, ledger.done) == (3, 2, 1, 3)
    assert ledger.waiting == 0
    assert ledger.balances


def test_a_lost_answer_is_missed(ledger: Ledger) -> None:
    send(ledger, (0, 10), (0, 11))
    predict(ledger, (0, 10))

    assert ledger.waiting == 1
    assert ledger.lag(0) == 1
    assert not ledger.balances


def test_a_record_that_kafka_never_confirmed_is_missed(ledger: Ledger) -> None:
    send(ledger, (0, 10))
    ledger.sent += 1
    predict(ledger, (0, 10))

    assert not ledger.balances


def test_an_equal_duplicate_is_counted_and_does_no_harm(ledger: Ledger) -> None:
    send(ledger, (0, 10))

    assert predict(ledger, (0, 10), (0, 10)) == [True, False]

    assert (ledger.predicted, ledger.duplicates) == (1, 1)
    assert ledger.balances


def test_a_dead_letter_that_came_again_is_told_apart(ledger: Ledger) -> None:
    send(ledger, (0, 10), (0, 11))
    predict(ledger, (0, 10), (0, 10))
    refuse(ledger, [letter(0, 11, "type"), letter(0, 11, "type")])

    assert (ledger.duplicates, ledger.duplicate_letters) == (2, 1)
    assert ledger.balances


def test_a_duplicate_does_not_hide_a_loss(ledger: Ledger) -> None:
    send(ledger, (0, 10), (0, 11))
    predict(ledger, (0, 10), (0, 10))

    assert ledger.waiting == 1
    assert not ledger.balances


def test_a_duplicate_with_other_bytes_is_wrong(ledger: Ledger) -> None:
    send(ledger, (0, 10))
    ledger.answered(Source(TOPIC, 0, 10), 0, b"0.7")
    ledger.answered(Source(TOPIC, 0, 10), 0, b"0.8")

    assert ledger.wrong == ["flights.departures[0]@10 was answered twice, and not alike"]
    assert not ledger.balances


def test_a_record_with_both_a_prediction_and_a_dead_letter_is_wrong(ledger: Ledger) -> None:
    send(ledger, (0, 10))
    predict(ledger, (0, 10))
    refuse(ledger, [letter(0, 10, "type")])

    assert len(ledger.wrong) == 1
    assert not ledger.balances


@pytest.mark.parametrize(
    ("source", "partition"),
    [
        pytest.param(Source(TOPIC, 0, 10), 1, id="another partition than the record's"),
        pytest.param(Source(TOPIC, 7, 10), 7, id="a partition that the source does not have"),
        pytest.param(Source("flights.other", 0, 10), 0, id="another topic"),
    ],
)
def test_an_answer_in_the_wrong_place_is_wrong(ledger: Ledger, source: Source, partition: int) -> None:
    send(ledger, (0, 10))
    predict(ledger, (0, 10))

    assert not ledger.answered(source, partition, b"{}")

    assert f"{source.topic}[{source.partition}]@10 was answered in partition {partition}" in ledger.wrong
    assert not ledger.balances


def test_answers_to_records_before_the_run_do_not_count(ledger: Ledger) -> None:
    assert predict(ledger, (0, 9)) == [False]
    assert (ledger.done, ledger.foreign, ledger.balances) == (0, 0, True)


def test_an_answer_may_come_before_the_acknowledgement(ledger: Ledger) -> None:
    predict(ledger, (0, 10))
    refuse(ledger, [letter(1, 0, "json")])
    assert ledger.done == 0

    send(ledger, (0, 10), (1, 0))

    assert (ledger.predicted, ledger.dead, ledger.waiting, ledger.foreign) == (1, 1, 0, 0)
    assert ledger.balances


def test_records_of_another_program_are_told_apart(ledger: Ledger) -> None:
    send(ledger, (0, 11))
    predict(ledger, (0, 10), (0, 11))
    refuse(ledger, [letter(1, 0, "json")])

    assert ledger.foreign == 2
    assert (ledger.predicted, ledger.dead) == (1, 0)
    assert ledger.balances


def test_dead_letters_are_counted_by_reason_and_the_latest_stands_last(ledger: Ledger) -> None:
    send(ledger, (0, 10), (0, 11), (0, 12))
    letters = [letter(0, 10, "type"), letter(0, 11, "json"), letter(0, 12, "type")]
    refuse(ledger, letters)

    assert ledger.reasons == {"type": 2, "json": 1}
    assert list(ledger.letters.values()) == [letters[1], letters[2]]


def test_lag_and_done_are_kept_by_partition(ledger: Ledger) -> None:
    send(ledger, (0, 10), (0, 11), (1, 0))
    predict(ledger, (0, 11))

    assert [ledger.done_in(p) for p in (0, 1)] == [1, 0]
    assert [ledger.lag(p) for p in (0, 1)] == [1, 1]


async def test_a_refusal_by_kafka_is_kept(ledger: Ledger) -> None:
    future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
    future.set_exception(OSError("disk full"))
    ledger.on_ack(future)
    ledger.note_refusal(future)

    assert str(ledger.error) == "disk full"
    assert ledger.acked == 0
