"""A pipeline goes from one version to another and back while events flow, on a real Kafka."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from tests.broker import running
from tests.broker import workers as w
from tests.broker.travel.past_runs import Run, runner, told

pytestmark = pytest.mark.broker

PARTITIONS = 2


class Feed:
    """Events, and now and then what is none, for as long as the block lasts."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.n = 0
        self._producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
        self._topic = topic
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._feed)

    @contextmanager
    def flowing(self) -> Iterator[Feed]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ends.set()
            self._thread.join()
            assert self._producer.flush(60) == 0

    def _feed(self) -> None:
        while not self._ends.wait(0.05):
            for value in [*running.events(self.n, self.n + 7), b"no json"]:
                self._producer.produce(self._topic, value, partition=self.n % PARTITIONS)
                self.n += 1
            self._producer.poll(0)


class Upgraded:
    """The pipeline in ``pipe.py``, its version 2 in ``two.py``, and commands about both."""

    def __init__(self, folder: Path, bootstrap: str, run: Run) -> None:
        self._run = run
        self.folder, self.bootstrap = folder, bootstrap
        self.name = w.create_pipeline(folder, bootstrap, partitions=PARTITIONS)
        text = (folder / "pipe.py").read_text().replace('target="y"', 'target="y", version=2')
        (folder / "two.py").write_text(text.replace("LogisticRegression()", "LogisticRegression(l2=0.1)"))

    def run(self, *argv: str) -> Any:
        return told(self._run(*argv, "--json"))

    def rows(self, target: str) -> Any:
        return self.run("upgrade", target, "--status")["partitions"]

    def switched(self, target: str, version: int) -> list[int]:
        """Wait until *version* answers everywhere; return since which offset, by partition."""

        def answers() -> Any:
            rows = self.rows(target)
            return rows if {row["version"] for row in rows} == {version} else None

        rows = w.until(answers, f"version {version} answers")
        return [row["since"] for row in rows]

    def said(self, kind: str) -> dict[int, dict[int, set[bytes]]]:
        """Return what was published, by partition and offset of the log."""
        found: dict[int, dict[int, set[bytes]]] = {p: {} for p in range(PARTITIONS)}
        for message in w.consume_committed(self.bootstrap, f"{self.name}.{kind}", PARTITIONS):
            value = message.value() or b""
            offset = json.loads(value)["source"]["offset"]
            found[message.partition()].setdefault(offset, set()).add(value)
        return found

    def both_ways(self, settings: dict[str, str]) -> tuple[int, list[int], list[int]]:
        """Go to version 2 and back while events flow; return how many there were, and where it switched."""
        topic = f"{self.name}.events"
        with (
            w.workers(self.folder, self.bootstrap) as start,
            Feed(self.bootstrap, topic).flowing() as feed,
        ):
            one = start("pipe.py", **settings)
            one.until_ready()
            w.until(lambda: min(row["committed"] for row in self.rows("two.py")) > 200, "there are answers")

            prepared = self.run("upgrade", "two.py", "--follow", "1s", "--compare", "1000")
            assert prepared["compared"]["both"] > 200
            assert all(row["prepared"] is not None for row in prepared["partitions"])
            two = self.replaced(one, start("two.py", **settings))
            there = self.switched("two.py", 2)
            assert two.events("partition_recovered")[0]["how"] == "snapshot"
            checked = self.run("verify", "two.py")
            assert {partition["began"] for partition in checked} == {""}

            self.run("upgrade", "pipe.py", "--follow", "0s", "--compare", "10")
            self.replaced(two, start("pipe.py", **settings))
            back = self.switched("pipe.py", 1)
        return feed.n, there, back

    def replaced(self, old: w.WorkerProcess, new: w.WorkerProcess) -> w.WorkerProcess:
        """Let both work side by side, then kill the old one."""
        new.until_ready()
        old.process.kill()
        return new

    def finish(self, settings: dict[str, str]) -> None:
        """Let a last worker answer what is left."""
        with w.workers(self.folder, self.bootstrap) as start:
            last = start("pipe.py", **settings)
            w.until(lambda: self.run("status", "pipe.py")["lag"] == 0, "all is answered")
            assert last.terminate() == 0


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
def test_there_and_back_while_events_flow_and_workers_are_killed(
    tmp_path: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch, delivery: str
) -> None:
    up = Upgraded(tmp_path, bootstrap, runner(tmp_path, bootstrap, monkeypatch))
    settings = {
        "HEADRACE_DELIVERY": delivery,
        "HEADRACE_SNAPSHOT_INTERVAL_S": "0.5",
        "HEADRACE_COMMIT_INTERVAL_S": "3",  # a worker that is killed leaves results that it has not committed
    }
    n, there, back = up.both_ways(settings)
    up.finish(settings)
    up.run("verify", "pipe.py")

    results, letters = up.said("predictions"), up.said("dead")
    assert sum(map(len, results.values())) + sum(map(len, letters.values())) == n
    for partition in range(PARTITIONS):
        said = results[partition] | letters[partition]
        assert len(said) == len(results[partition]) + len(letters[partition])
        assert sorted(said) == [*range(len(said))]
        assert Counter(len(values) for values in said.values()) == {1: len(said)}
        labels = [json.loads(next(iter(said[offset])))["pipeline"] for offset in sorted(said)]
        runs = [(label, len([*some])) for label, some in groupby(labels)]
        assert [label for label, _ in runs] == [f"{up.name}@{version}" for version in (1, 2, 1)]
        assert runs[0][1] == there[partition]
        assert runs[0][1] + runs[1][1] == back[partition]
