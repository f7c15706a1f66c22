"""`headrace demo` as a process with all that descends from it."""

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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil

from tests.broker import workers as w

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
        return w.until(lambda: condition() or self._ended(), what, 240.0)

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


@contextmanager
def demos(folder: Path) -> Iterator[Start]:
    """Yield a function that starts demos; without ``bootstrap`` each has a Kafka of its own."""
    started: list[Running] = []

    def start(*arguments: str, bootstrap: str | None = None, terminal: bool = False) -> Running:
        kind = OnTerminal if terminal else Running
        started.append(kind(folder, arguments, bootstrap))
        return started[-1]

    try:
        yield start
    finally:
        for running in started:
            running.close()


def summary(running: Running, limit_s: float = 300.0) -> dict[str, Any]:
    """Return what came of the flights."""
    found: dict[str, Any] = summaries(running, limit_s)["flights"]
    return found


def summaries(running: Running, limit_s: float = 300.0) -> dict[str, Any]:
    """Return what came of each scene."""
    assert running.process.wait(limit_s) == 0, running.stderr()
    found: dict[str, Any] = json.loads(running.stdout())
    return found


def n_records(bootstrap: str, topic: str) -> int:
    """Return how many records *topic* has, 0 if there is no such topic."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "judge"})
    try:
        found = consumer.list_topics(timeout=60).topics.get(topic)
        tps = [confluent_kafka.TopicPartition(topic, p) for p in (found.partitions if found else ())]
        return sum(consumer.get_watermark_offsets(tp, timeout=60)[1] for tp in tps)
    except confluent_kafka.KafkaException:  # it is being created
        return 0
    finally:
        consumer.close()
