"""A run: workers, a feed, a watch; what is done to them; and the judgement at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from headrace.loading import load_pipeline
from tools import check
from tools.chaos import project, reference
from tools.chaos.faultlog import Fault, FaultLog
from tools.chaos.feed import Feed
from tools.chaos.fleet import Fleet
from tools.chaos.project import Project
from tools.chaos.watch import Watch
from tools.ledger import Log
from tools.reading import Reader

POLL_S = 0.05
ASK_EVERY_S = 1.0
FLOW_S = 300.0
"""Results have to flow again, on every partition, within so long after a fault; seconds, if there is time."""

DRAIN_S = 600.0


class Setting(NamedTuple):
    """Where and how; *direct* is the address that no proxy lies before.

    ``session_s`` is the session timeout of the workers; ``snapshot_s`` and ``transaction_s`` are how often
    they write states down and commit transactions; ``rate`` is in records per second; ``mutant`` is a bug to
    seed.
    """

    bootstrap: str
    direct: str
    folder: Path
    seed: int
    delivery: str = "at_least_once"
    workers: int = 3
    partitions: int = 8
    session_s: float = 2.0
    snapshot_s: float = 1.0
    transaction_s: float = 0.3
    rate: float = 200.0
    mutant: str = ""


class Arena:
    """A pipeline at work, and the means to disturb it."""

    def __init__(self, setting: Setting, name: str) -> None:
        self.setting = setting
        self.project: Project = project.write(setting.folder, name, setting.partitions)
        self.settings = _settings(setting)
        project.run("topics", "create", str(self.project.path), settings=self.settings)
        self.faults = FaultLog(setting.folder / "faults.jsonl")
        self.fleet = Fleet([str(self.project.path)], self.settings, setting.folder)
        exactly_once = setting.delivery == "exactly_once"
        n, direct = setting.partitions, setting.direct
        self.watch = Watch(direct, f"{name}.predictions", n, committed_only=exactly_once)
        self.feed = Feed(direct, self.project.source, n, seed=setting.seed, rate=setting.rate)

    def until(self, condition: Callable[[], Any], what: str, deadline_s: float = FLOW_S) -> None:
        """Return once *condition* holds; workers that ended are started again meanwhile."""
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {deadline_s:.0f} s: {what}\n{self.fleet.log_tail()}")
            self.fleet.check()
            time.sleep(POLL_S)
        self.fleet.check()

    def pause(self, seconds: float) -> None:
        """Let things go on for a while."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, "time passes", seconds + FLOW_S)

    def until_flowing(self, fault: Fault | None = None, deadline_s: float = FLOW_S) -> None:
        """Return once every partition gives results, those that *fault* hit from another owner."""
        if fault is not None:
            self.until(lambda: self._moved(fault), "the partitions have another owner", deadline_s)
        since = time.time()
        self.until(lambda: self.watch.flows_since(since), "results flow on every partition", deadline_s)

    def _moved(self, fault: Fault) -> bool:
        """Whether the partitions of the worker that *fault* hit were given to others since."""
        owners = [self.fleet.owner(partition) for partition in fault.partitions]
        return all(line is not None and line.pid != fault.pid and line.at > fault.at for line in owners)

    def until_all_work(self) -> None:
        """Return once every worker holds partitions."""
        self.until(
            lambda: all(self.fleet.partitions(slot) for slot in self.fleet.wanted),
            "all workers hold partitions",
        )

    def until_held(self, slot: int) -> None:
        """Return once the worker in *slot* holds partitions."""
        pid = self.fleet.pid(slot)

        def holds() -> bool:
            if any(one.pid == pid for one in self.fleet.ended):
                raise RuntimeError(f"worker {slot} (pid {pid}) ended before it held partitions")
            return bool(self.fleet.partitions(slot))

        self.until(holds, f"worker {slot} holds partitions")

    def until_drained(self) -> None:
        """Return once all that was sent is committed."""
        reader, n = Reader(self.setting.direct), self.setting.partitions

        asked_at = 0.0

        def is_done() -> bool:
            nonlocal asked_at
            if time.monotonic() < asked_at + ASK_EVERY_S:
                return False
            asked_at = time.monotonic()
            frontiers = reader.frontiers(self.project.name, self.project.source, n)
            return frontiers == reader.ends(self.project.source, n)

        self.until(is_done, "all records are done", DRAIN_S)

    def judgement(self, *, is_decided: bool = False) -> dict[str, Any]:
        """Stop the feed, let the workers finish, stop them, and compare with the log folded again.

        If an operator has decided something, that fold is ``headrace verify``, which follows decisions; its
        verdicts are in the report as ``verified``.
        """
        self.feed.stop()
        self.until_drained()
        self.fleet.stop()
        reader, name = Reader(self.setting.direct), self.project.name
        expected = None if is_decided else self.setting.folder / "expected.jsonl"
        if expected is not None:
            reference.write(load_pipeline(str(self.project.path)), reader, expected)
        report = check.judge(
            reader,
            Log(name, self.project.source, "y"),
            check.Topics(
                self.project.source, f"{name}.predictions", f"{name}.dead", f"{name}.decisions", name
            ),
            exactly_once=self.setting.delivery == "exactly_once",
            expected=expected,
        )
        if is_decided:
            report["verified"] = json.loads(self.command("verify", "--json"))
        (self.setting.folder / "report.json").write_text(json.dumps(report, indent=2))
        return report

    def command(self, *words: str) -> str:
        """Run ``headrace`` with *words* and the pipeline after the command's name; return what it said."""
        n = 2 if words[0] == "model" else 1
        settings = self.settings | {"HEADRACE_BOOTSTRAP": self.setting.direct}
        return project.run(*words[:n], str(self.project.path), *words[n:], settings=settings)


def _settings(setting: Setting) -> dict[str, str]:
    settings = {
        "HEADRACE_BOOTSTRAP": setting.bootstrap,
        "HEADRACE_SESSION_TIMEOUT_S": str(setting.session_s),
        "HEADRACE_DELIVERY": setting.delivery,
        "HEADRACE_SNAPSHOT_INTERVAL_S": str(setting.snapshot_s),
        "HEADRACE_TRANSACTION_INTERVAL_S": str(setting.transaction_s),
        "HEADRACE_DATA_DIR": str(setting.folder / "data"),
    }
    return settings | ({"HEADRACE_MUTANT": setting.mutant} if setting.mutant else {})


@contextmanager
def arena(setting: Setting, name: str) -> Iterator[Arena]:
    """Yield a pipeline at work, results flowing; all its processes end with the body."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        made = Arena(setting, name)
        made.watch.start()
        stack.callback(made.watch.stop)
        made.feed.start()
        stack.callback(made.feed.abandon)
        stack.callback(made.fleet.stop)
        for slot in range(1, setting.workers + 1):
            made.fleet.start(slot)
        made.until_all_work()
        made.until_flowing()
        yield made
