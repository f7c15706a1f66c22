"""The story tells what a summary holds, and hides nothing that went wrong."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.text import Text

from agents.demo import story, telling
from agents.demo.board import Carrier
from agents.demo.chaos import Kill
from agents.demo.outcome import Letters, Share
from agents.demo.panel import WIDTH_MAX
from agents.demo.proof import Proof
from agents.demo.summary import Labels, Measured, Period, Summary

FIRST = Measured(1_000, 0.8, 0.723, 0.806, 0.277)
LAST = Measured(5_000, 0.914, 0.7, 0.951, 0.3)
ALL = Measured(57_499, 0.903, 0.768, 0.918, 0.232)
JANUARY = Measured(26_398, 0.889, 0.773, 0.911, 0.227)
FEBRUARY = Measured(23_611, 0.907, 0.771, 0.921, 0.229)
LABELS = Labels(57_499, {"joined": 57_499}, True, 0, 2_200, 301, 0, 10_080.0)


def summary(**changes: Any) -> Summary:
    found = Summary(
        bootstrap="127.0.0.1:9092",
        first_day=date(2013, 1, 1),
        last_day=date(2013, 3, 9),
        flights=60_000,
        events=60_030,
        predictions=60_000,
        dead_letters=30,
        answered_exactly=True,
        exact=True,
        duplicates=0,
        duplicate_letters=0,
        wrong=[],
        foreign=0,
        learned_before=0,
        restarts=0,
        elapsed_s=13.8,
        events_per_s=4_352.4,
        letters=[Letters("type", 26, "$.distance: Expected `float`, got `str`"), Letters("json", 4, "cut")],
        figures={"first": FIRST, "last": LAST, "all": ALL},
        workers=[Share(1, [0, 1], 20_388), Share(2, [2, 3], 39_642)],
        labels=LABELS,
        periods=[
            Period("month", date(2013, 1, 1), JANUARY),
            Period("month", date(2013, 2, 1), FEBRUARY),
        ],
        carriers=[Carrier("HA", 1_200, 0.955, 0.93), Carrier("EV", 9_800, 0.861, 0.71)],
    )
    return msgspec.structs.replace(found, **changes)


def told(found: Summary, *, width: int = 80, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False)
    with console.capture() as captured:
        story.tell(console, found)
    return Text.from_ansi(captured.get()).plain


def proven(found: Summary, proof: Proof) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    with console.capture() as captured:
        telling.tell_proof(console, found, proof)
    return captured.get()


def test_it_says_what_happened_how_good_it_was_and_that_the_books_balance() -> None:
    text = told(summary())
    for expected in (
        "60,000 flights of Jan 1 to Mar 9, 2013",
        "30 broken records",
        "4,352 events/s for 13.8 s",
        "half of them within 2.8 hours of event time",
        "2,501 flights never arrived: predicted, not learned",
        "worker 1 held partitions 0, 1 with 20,388 events",
        "60,030 departures in = 60,000 predictions + 30 dead letters   exact",
        "57,499 arrivals in = 57,499 joined   exact",
        "HA is predicted best, 95.5% of 1,200 (baseline 93.0%), EV worst, 86.1% of 9,800",
        "$.distance: Expected `float`, got `str`",
    ):
        assert expected in text
    rows = [row.rsplit(maxsplit=5) for row in text.splitlines() if row.rstrip()[-4:-3] == "."]
    assert [[row[0].strip(), *row[1:]] for row in rows] == [
        ["the first", "1,000", "27.7%", "80.0%", "72.3%", "0.806"],
        ["January", "26,398", "22.7%", "88.9%", "77.3%", "0.911"],
        ["February", "23,611", "22.9%", "90.7%", "77.1%", "0.921"],
        ["the last", "5,000", "30.0%", "91.4%", "70.0%", "0.951"],
        ["all", "57,499", "23.2%", "90.3%", "76.8%", "0.918"],
    ]


def test_a_short_stream_is_told_by_weeks() -> None:
    weeks = [Period("week", date(2013, 1, day), JANUARY) for day in (1, 8)]
    text = told(summary(periods=weeks))
    assert "week of Jan 1 " in text
    assert "week of Jan 8 " in text
    assert "January" not in text
    assert "week of" not in told(summary(periods=weeks[:1])), "all says the same"


def test_it_does_not_hide_how_the_flights_are_told_apart() -> None:
    text = told(summary())
    assert "by how much it left late" in text
    assert "a record of its own when it arrived" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_on_a_terminal_it_wraps(width: int) -> None:
    lines = told(summary(), width=width, terminal=True).splitlines()
    prose = [text for text in lines if " in = " not in text]  # the books stay on one line
    assert max(len(text.rstrip()) for text in prose) <= min(width, WIDTH_MAX)


def test_for_programs_each_sentence_and_each_row_is_a_line() -> None:
    found = summary(letters=[Letters("json", 30, "a reason that is longer than the eighty columns " * 2)])
    lines = told(found, width=80).splitlines()
    assert not [text for text in lines if text != text.rstrip()]
    assert next(text for text in lines if "30  json" in text).count("a reason that") == 2


def test_books_that_do_not_balance_are_called_so() -> None:
    wrong = ["t[0]@7 was answered twice, and not alike"]
    text = told(summary(exact=False, answered_exactly=False, predictions=59_999, wrong=wrong))
    assert "59,999 predictions + 30 dead letters   DOES NOT BALANCE" in text
    assert "57,499 joined   exact" in text
    assert "wrong: t[0]@7 was answered twice, and not alike" in text


def test_arrivals_that_do_not_balance_are_called_so() -> None:
    labels = msgspec.structs.replace(LABELS, states={"joined": 57_000, "duplicate": 498}, exact=False)
    text = told(summary(exact=False, labels=labels))
    assert "30 dead letters   exact" in text
    assert "57,499 arrivals in = 498 duplicate + 57,000 joined   DOES NOT BALANCE" in text


def test_duplicates_restarts_strangers_and_earlier_runs_are_told() -> None:
    text = told(summary(duplicates=12, restarts=1, foreign=1, learned_before=9_006))
    assert "12 answers came twice, byte for byte the same" in text
    assert "A worker died and was started again once" in text
    assert "Not counted: answers to 1 departure of another program" in text
    assert "The topic held 9,006 departures before" in text


def test_kills_are_told_one_by_one_and_not_as_deaths() -> None:
    kills = [Kill(1, [0, 2], [1_214, 659], 1_168, 6.94), Kill(2, [1, 3], [5_002, 0], 12, 7.2)]
    text = told(summary(kills=kills, restarts=2))
    assert "The kills" in text
    rows = [row.split() for row in text.splitlines() if " s" in row and row.split()[0] in {"1", "2"}]
    assert rows == [
        ["1", "1", "0,", "2", "1214,", "659", "1,168", "6.9", "s"],
        ["2", "2", "1,", "3", "5002,", "0", "12", "7.2", "s"],
    ]
    assert "died" not in text
    assert "A worker died and was started again once" in told(summary(kills=kills, restarts=3))


def test_the_proof_counts_what_was_lost_and_what_came_twice() -> None:
    found = summary(
        predictions=59_998,
        duplicates=1_200,
        labels=msgspec.structs.replace(LABELS, states={"joined": 57_498}, duplicates=4),
        wrong=["t[0]@7 was answered twice, and not alike"],
    )
    text = proven(found, Proof(partitions=4, records=60_030, beyond=0, skipped=[], different=[]))
    assert "lost 3, duplicates with the same bytes 1,204, with other bytes 1" in text
    assert "60,030 records folded again, state of 4 partitions" in text
    assert "bit-identical" in text
    assert "Not compared" not in text


def test_a_proof_that_fails_says_where_and_what_was_not_compared() -> None:
    sentence = "partition 3 is what it should be at offset 7 and not any more at 9"
    text = proven(summary(), Proof(4, 60_030, beyond=12, skipped=[2], different=[sentence]))
    assert "NOT THE SAME" in text
    assert "bit-identical" not in text
    for expected in (sentence, "12 records after the newest snapshots", "partitions without a snapshot (2)"):
        assert expected in text


def test_one_flight_is_told_in_the_singular() -> None:
    text = told(
        summary(
            last_day=date(2013, 1, 1),
            flights=1,
            events=1,
            predictions=1,
            dead_letters=0,
            letters=[],
            figures={name: Measured(1, 1.0, 1.0, None, 0.0) for name in ("first", "last", "all")},
            workers=[Share(1, [0, 1], 1), Share(2, [], 0)],
            labels=Labels(1, {"joined": 1}, True, 0, 0, 0, 0, 13_620.0),
            periods=[Period("week", date(2013, 1, 1), Measured(1, 1.0, 1.0, None, 0.0))],
            carriers=[],
        )
    )
    assert "1 flight of Jan 1, 2013" in text
    assert "1 departure in = 1 prediction + 0 dead letters   exact" in text
    assert "1 arrival in = 1 joined   exact" in text
    assert "worker 2 held none" in text
    assert len([row for row in text.splitlines() if "100.0%" in row]) == 1


def test_without_a_landed_flight_there_is_no_table() -> None:
    labels = Labels(0, {}, True, 0, 0, 1, 0, None)
    text = told(summary(figures={}, labels=labels, periods=[], carriers=[]))
    assert "No flight of these has landed" in text
    assert "1 flight never arrived" in text
    assert "0 arrivals in = 0 ends   exact" in text


def test_flights_that_were_there_before_are_not_scored_again() -> None:
    labels = Labels(1, {"duplicate": 1}, True, 0, 0, 0, 0, None)
    text = told(summary(figures={}, labels=labels, periods=[], carriers=[], learned_before=1))
    assert "The topics held the same flights" in text
    assert "has landed" not in text
    assert "1 arrival in = 1 duplicate   exact" in text


def test_the_summary_survives_json() -> None:
    found = summary(kills=[Kill(1, [0], [7], 3, 6.5)], proof=Proof(4, 60_030, 0, [], []))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Summary) == found
