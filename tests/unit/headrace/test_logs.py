"""What reaches standard error: one line per event, JSON where no person reads it, no floods."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from headrace import logs


class Screen:
    """What was written to standard error so far."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured
        self._text = ""

    def lines(self) -> list[str]:
        self._text += self._captured.readouterr().err
        return self._text.splitlines()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo what a test configures."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def screen(capsys: pytest.CaptureFixture[str]) -> Screen:
    return Screen(capsys)


def test_logs_are_json_lines_where_there_is_no_terminal(screen: Screen) -> None:
    logs.configure()

    structlog.get_logger("agents.worker").info("partition taken", topic="payments", partition=3)
    logging.getLogger("some.library").warning("it took %d s", 7)

    ours, theirs = screen.events()
    assert ours["event"] == "partition taken"
    assert (ours["topic"], ours["partition"], ours["level"]) == ("payments", 3, "info")
    assert ours["logger"] == "agents.worker"
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("it took 7 s", "warning", "some.library")


def test_logs_are_lines_for_people_on_a_terminal(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.configure()

    structlog.get_logger("agents.worker").info("partition taken", partition=3)

    (line,) = screen.lines()
    assert not line.startswith("{")
    assert "partition taken" in line


def test_json_can_be_had_on_a_terminal_too(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.configure(json_lines=True)

    structlog.get_logger("a").info("b")

    assert screen.events()[0]["event"] == "b"


def test_an_exception_is_in_the_line(screen: Screen) -> None:
    logs.configure()
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger("a").exception("it broke")
        logging.getLogger("b").exception("it broke")

    for event in screen.events():
        assert event["level"] == "error"
        assert "ZeroDivisionError: division by zero" in event["exception"]


@pytest.mark.parametrize(
    ("level", "shown"), [("debug", "diwe"), ("info", "iwe"), ("WARNING", "we"), ("error", "e")]
)
def test_the_level_bounds_what_is_shown(screen: Screen, level: str, shown: str) -> None:
    logs.configure(level)
    log = structlog.get_logger("agents.worker")

    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")

    assert "".join(event["event"] for event in screen.events()) == shown


def test_to_configure_twice_shows_nothing_twice(screen: Screen) -> None:
    logs.configure()
    logs.configure()

    logging.getLogger("a").warning("once")

    assert len(screen.lines()) == 1


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("headrace.logs.time.monotonic", found)
    return found


@pytest.mark.parametrize("library", ["aiokafka", "aiokafka.conn", "faust.transport", "mode.services"])
def test_a_flood_of_a_client_library_is_thinned_and_counted(
    screen: Screen, clock: Clock, library: str
) -> None:
    logs.configure()
    log = logging.getLogger(library)

    for i in range(500):
        log.error("broker %s is away", i)
    clock.now += logs.REPEAT_INTERVAL_S
    log.error("broker %s is away", 500)
    log.error("broker %s is away", 501)
    log.error("something else")

    assert [event["event"] for event in screen.events()] == [
        "broker 0 is away",
        "broker 500 is away (499 more like this)",
        "something else",
    ]


def test_the_chatter_of_client_libraries_is_left_out(screen: Screen) -> None:
    logs.configure("debug")

    for name in ("aiokafka.consumer", "faust", "mode.worker"):
        logging.getLogger(name).info("hello")
        logging.getLogger(name).debug("hello")

    assert not screen.lines()


@pytest.mark.parametrize("name", ["models.fraud", "modelling", "fausto", "pipelines.fraud", "agents.worker"])
def test_nothing_of_ours_or_the_users_is_held_back(screen: Screen, clock: Clock, name: str) -> None:
    logs.configure()

    for partition in range(3):
        logging.getLogger(name).info("hello")
        structlog.get_logger(name).warning("partition lost", partition=partition)

    events = screen.events()
    assert sum(event["event"] == "hello" for event in events) == 3
    assert [event["partition"] for event in events if "partition" in event] == [0, 1, 2]


def test_a_library_that_never_repeats_itself_does_not_fill_memory(screen: Screen, clock: Clock) -> None:
    repeats = logs.RepeatFilter()

    for i in range(3_000):
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, f"offset {i} is odd", None, None)
        assert repeats.filter(record)

    assert len(repeats._last) <= 1_000
