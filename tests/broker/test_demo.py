"""`headrace demo` from outside: its books, its commands, and its end, whenever and however that comes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil
import pytest

from tests.broker import workers as w

pytestmark = [pytest.mark.broker, pytest.mark.slow]

MARK = "DEMO_UNDER_TEST"


class Running:
    """One `headrace demo` in a session of its own, with all its descendants and its temporary folder.

    Whatever it starts inherits an environment variable, by which it is found even when its parent is gone.
    """

    def __init__(
        self, folder: Path, arguments: tuple[str, ...], bootstrap: str | None, **options: Any
    ) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self._mark = uuid.uuid4().hex
        env = w.environment(bootstrap or "") | {MARK: self._mark, "TMPDIR": str(self.temporary)}
        if bootstrap is None:
            del env["HEADRACE_BOOTSTRAP"]
        self._out, self._err = folder / f"{self._mark}.out", folder / f"{self._mark}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "headrace", "demo", *arguments],
                cwd=folder,
                env=env,
                start_new_session=True,
                **({"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err} | options),
            )

    def stdout(self) -> str:
        return self._out.read_text()

    def stderr(self) -> str:
        return self._err.read_text()

    def family(self) -> list[psutil.Process]:
        """Return every process that lives and descends from the demo, itself included."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def members(self, word: str) -> list[psutil.Process]:
        """Return those of the family that have *word* in their command line."""
        found = []
        for process in self.family():
            try:
                if word in process.cmdline():
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        return w.until(lambda: condition() or self._ended(), what, 60.0)

    def _ended(self) -> None:
        assert self.process.poll() is None, f"it ended early:\n{self.stdout()}\n{self.stderr()}"

    def says(self, text: str) -> None:
        self.until(lambda: text in self.stdout(), f"it says {text!r}")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal to its process group, as a terminal does, and return its exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(30)

    def left_nothing(self) -> bool:
        return not self.family() and not list(self.temporary.iterdir())

    def close(self) -> None:
        for process in self.family():
            process.kill()
        self.process.wait()


class OnTerminal(Running):
    """The same, before a terminal of 100 columns."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], bootstrap: str | None) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (30, 100))
        self._shown = b""
        super().__init__(
            folder,
            arguments,
            bootstrap,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def stdout(self) -> str:
        while select.select([self._master], [], [], 0)[0]:
            try:
                self._shown += os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                break
        return self._shown.decode(errors="replace")

    def press_ctrl_c(self) -> int:
        os.write(self._master, b"\x03")
        w.until(lambda: self.stdout() and self.process.poll() is not None, "it ends")
        return self.process.wait(1)

    def close(self) -> None:
        super().close()
        os.close(self._master)


Start = Callable[..., Running]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Start]:
    """Starts demos; without ``bootstrap`` each has a Kafka of its own."""
    started: list[Running] = []

    def start(*arguments: str, bootstrap: str | None = None, terminal: bool = False) -> Running:
        kind = OnTerminal if terminal else Running
        started.append(kind(tmp_path, arguments, bootstrap))
        return started[-1]

    yield start
    for running in started:
        running.close()


def summary(running: Running) -> dict[str, Any]:
    assert running.process.wait(90) == 0, running.stderr()
    found: dict[str, Any] = json.loads(running.stdout())
    return found


def test_a_run_with_a_kafka_of_its_own_balances_beats_the_baseline_and_leaves_nothing(demo: Start) -> None:
    running = demo("--events", "4000", "--json")
    found = summary(running)

    assert found["exact"]
    assert found["events"] == found["predictions"] + found["dead_letters"] == 4_002
    assert {letters["reason"]: letters["n"] for letters in found["letters"]} == {"type": 1, "json": 1}
    assert found["figures"]["all"]["accuracy"] > found["figures"]["all"]["majority_accuracy"] + 0.05
    assert found["figures"]["all"]["roc_auc"] > 0.8
    assert sorted(p for share in found["workers"] for p in share["partitions"]) == [0, 1, 2, 3]
    assert found["learned_before"] == found["restarts"] == 0
    assert "exact" in running.stderr()
    assert running.left_nothing()


def test_a_killed_worker_is_started_again_and_the_books_balance(demo: Start, bootstrap: str) -> None:
    n_before = n_records(bootstrap, "flights.predictions")
    running = demo("--events", "8000", "--json", bootstrap=bootstrap)
    running.until(lambda: n_records(bootstrap, "flights.predictions") > n_before + 1_000, "it streams")
    running.members("worker")[0].kill()

    found = summary(running)

    assert found["exact"]
    assert found["wrong"] == []
    assert found["restarts"] == 1
    assert found["events"] == found["predictions"] + found["dead_letters"] == 8_004
    assert "was ended by SIGKILL; starts again in 0.5 s" in running.stderr()
    assert running.left_nothing()


def test_ctrl_c_while_kafka_is_prepared_leaves_nothing(demo: Start) -> None:
    running = demo()
    running.until(lambda: running.members("kafka.tools.StorageTool"), "its storage is formatted")
    assert running.interrupt() == 130
    assert running.left_nothing()


def test_sigterm_while_kafka_starts_leaves_nothing(demo: Start) -> None:
    running = demo()
    running.until(lambda: running.members("kafka.Kafka"), "it starts")
    assert running.interrupt(signal.SIGTERM) == 143
    assert running.left_nothing()


def test_ctrl_c_while_workers_start_leaves_nothing(demo: Start, bootstrap: str) -> None:
    running = demo(bootstrap=bootstrap)
    running.until(lambda: len(running.members("worker")) == 2, "two workers start")
    assert running.interrupt() == 130
    assert running.left_nothing()


def test_ctrl_c_before_a_terminal_while_it_streams_leaves_nothing(demo: Start) -> None:
    running = demo(terminal=True)
    assert isinstance(running, OnTerminal)
    running.says("majority baseline")
    assert running.press_ctrl_c() == 130
    shown = running.stdout()
    assert "stopped; nothing is left running" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "the cursor is shown again"
    assert "Traceback" not in shown
    assert running.left_nothing()


def test_sigterm_while_it_streams_leaves_nothing(demo: Start, bootstrap: str) -> None:
    n_before = n_records(bootstrap, "flights.predictions")
    running = demo(bootstrap=bootstrap)
    running.until(lambda: n_records(bootstrap, "flights.predictions") > n_before, "it streams")
    assert running.interrupt(signal.SIGTERM) == 143
    assert "Traceback" not in running.stderr()
    assert running.left_nothing()


def test_a_second_demo_on_the_same_kafka_goes_on_and_stays_for_the_commands_it_names(
    demo: Start, bootstrap: str
) -> None:
    if not n_records(bootstrap, "flights.departures"):
        assert summary(demo("--events", "300", "--json", bootstrap=bootstrap))["exact"]
    n_before = n_records(bootstrap, "flights.departures")

    running = demo("--events", "1", "--json", "--keep", bootstrap=bootstrap)
    running.until(lambda: "Ctrl-C ends them" in running.stderr(), "it stays up")

    found = json.loads(running.stdout())
    assert found["exact"]
    assert (found["events"], found["predictions"], found["learned_before"]) == (1, 1, n_before)
    w.until(
        lambda: n_answers(bootstrap) > n_before and len(answered(bootstrap)) == n_before + 1,
        "each record of the log has its answer",
    )
    n_predictions = n_records(bootstrap, "flights.predictions")
    *others, tail = (command for command in commands(running.stderr()) if "kcat" not in command)
    answers = outputs(others)
    w.until(lambda: n_records(bootstrap, "flights.predictions") > n_predictions, "my flight is predicted")
    answers |= outputs([tail])
    assert '"event_id":"mine/1"' in answers[tail]
    assert any("2 workers" in answer for answer in answers.values())
    assert running.interrupt() == 130
    assert "stopped; nothing is left running" in running.stderr()
    assert running.left_nothing()


def commands(shown: str) -> list[str]:
    """Return the commands that the demo names at its end."""
    lines = shown.partition("\nTry")[2].splitlines()
    found = [text.strip() for text in lines if text.startswith("  ") and not text.startswith("  #")]
    assert len(found) >= 5
    return found


def outputs(shell_commands: list[str]) -> dict[str, str]:
    """Run commands as typed, all at once; return what each prints."""
    running = {
        command: subprocess.Popen(
            ["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for command in shell_commands
    }
    found = {command: process.communicate(timeout=30)[0].decode() for command, process in running.items()}
    assert {command: process.returncode for command, process in running.items()} == dict.fromkeys(found, 0)
    return found


def answered(bootstrap: str) -> set[tuple[int, int]]:
    """Return partition and offset of every record that has a prediction or a dead letter."""
    messages = [
        m for topic in ("flights.predictions", "flights.dead") for m in w.consume(bootstrap, topic, 4)
    ]
    sources = [json.loads(m.value())["source"] for m in messages]
    return {(source["partition"], source["offset"]) for source in sources}


def n_answers(bootstrap: str) -> int:
    return n_records(bootstrap, "flights.predictions") + n_records(bootstrap, "flights.dead")


def n_records(bootstrap: str, topic: str) -> int:
    """Return how many records *topic* has, 0 if there is no such topic."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "judge"})
    try:
        found = consumer.list_topics(timeout=10).topics.get(topic)
        tps = [confluent_kafka.TopicPartition(topic, p) for p in (found.partitions if found else ())]
        return sum(consumer.get_watermark_offsets(tp, timeout=10)[1] for tp in tps)
    except confluent_kafka.KafkaException:  # it is being created
        return 0
    finally:
        consumer.close()
