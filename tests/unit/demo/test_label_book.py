"""The book of arrivals notices every loss, every second end and every state in the wrong place."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.demo.label_book import LabelBook
from schemas import Source
from schemas.labels import LabelStatus

LOG = "flights.log"


@pytest.fixture
def book() -> LabelBook:
    """The book of a run that starts at offset 100 of partition 0 and at 0 of partition 1."""
    return LabelBook(LOG, {0: 100, 1: 0})


def status(flight: str, state: Any = "joined", offset: int = 100, **changes: Any) -> LabelStatus:
    partition = changes.pop("partition", 0)
    source = Source(changes.pop("topic", LOG), partition, offset)
    made = f"flights/{LOG}/{partition}/{offset}/labels.{state}"
    return LabelStatus(made, flight, state, "flights@1", source, True, **changes)


def tell(book: LabelBook, one: LabelStatus, *, partition: int | None = None) -> bool:
    found = one.source.partition if partition is None else partition
    return book.told(one, found, msgspec.json.encode(one))


def test_an_arrival_that_joined_balances(book: LabelBook) -> None:
    book.send("a")
    assert not book.balances
    assert tell(book, status("a", delay_s=60.0))
    assert (book.sent, book.ended, book.waiting, book.joined) == (1, 1, 0, 1)
    assert book.balances


@pytest.mark.parametrize("state", ["duplicate", "orphan_expired", "corrected", "invalid"])
def test_another_end_counts_and_teaches_nothing(book: LabelBook, state: str) -> None:
    book.send("a")
    assert not tell(book, status("a", state))
    assert book.states == {state: 1}
    assert book.balances


def test_a_label_that_came_first_is_early_and_ends_later(book: LabelBook) -> None:
    book.send("a")
    assert not tell(book, status("a", "orphan_kept", 100))
    assert (book.early, book.waiting) == (1, 1)
    assert tell(book, status("a", "joined", 100, event_offset=101, reason="label_first"))
    assert (book.early, book.waiting) == (1, 0)
    assert book.balances


def test_a_flight_without_label_expires_and_is_no_end_of_an_arrival(book: LabelBook) -> None:
    book.send("a")
    expired = status("gone", "expired", 105, event_offset=105, reason="no_label")
    tell(book, expired)
    tell(book, expired)
    assert (book.expired, book.waiting, book.duplicates) == (1, 1, 0)


def test_a_departure_told_twice_is_no_end_of_its_arrival(book: LabelBook) -> None:
    book.send("a")
    assert not tell(book, status("a", "duplicate", 105, event_offset=105, reason="event_waits"))
    assert book.waiting == 1


def test_an_equal_duplicate_is_counted_and_does_no_harm(book: LabelBook) -> None:
    book.send("a")
    assert [tell(book, status("a")), tell(book, status("a"))] == [True, False]
    assert (book.duplicates, book.joined) == (1, 1)
    assert book.balances


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(status("a", "duplicate", 102), id="the label was in the log twice"),
        pytest.param(status("a", delay_s=1.0), id="told again with other bytes"),
    ],
)
def test_a_second_end_is_wrong(book: LabelBook, second: LabelStatus) -> None:
    book.send("a")
    tell(book, status("a"))
    tell(book, second)
    assert book.wrong == [f"the arrival of a came to a second end: {second.state}"]
    assert not book.balances


@pytest.mark.parametrize(
    ("one", "partition"),
    [
        pytest.param(status("a"), 1, id="another partition than the label's"),
        pytest.param(status("a", partition=7), 7, id="a partition that the log does not have"),
        pytest.param(status("a", topic="other.log"), 0, id="another log"),
    ],
)
def test_a_state_in_the_wrong_place_is_wrong(book: LabelBook, one: LabelStatus, partition: int) -> None:
    book.send("a")
    assert not tell(book, one, partition=partition)
    assert len(book.wrong) == 1
    assert not book.balances


def test_states_of_before_the_run_and_of_another_program_do_not_count(book: LabelBook) -> None:
    book.send("a")
    assert not tell(book, status("a", offset=99))
    assert not tell(book, status("theirs"))
    assert (book.ended, book.waiting, book.wrong) == (0, 1, [])


def test_the_median_delay_is_that_of_the_joined(book: LabelBook) -> None:
    assert book.median_delay_s is None
    for offset, delay_s in enumerate([3_600.0, 7_200.0, 30_000.0], start=100):
        book.send(str(offset))
        tell(book, status(str(offset), offset=offset, delay_s=delay_s))
    assert book.median_delay_s == 7_200.0
