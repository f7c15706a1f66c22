"""One call of the command: all that a plan asks for, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agents.bench.flights import kills
from agents.bench.flights.kills import MortalWorker
from agents.bench.flights.measured import BARE, MODEL, OURS, Disturbed, Findings, Quality
from agents.bench.flights.pipelines import NAME_VARIABLE
from agents.bench.flights.plan import Plan
from agents.bench.flights.progress import n_sent
from agents.bench.measured import Run
from agents.bench.processes import Child, ContestantError
from agents.bench.stage import Stage
from agents.flights.pipeline import build
from agents.pipeline_topics import topic_specs

Tell = Callable[[str], None]
"""Told what is measured next."""

_COMMIT_S = "0.1"
"""Where a worker is killed, the feeder follows its commits: with one a second it would often wait."""

_POLL_S = 0.1
_HERE = "agents.bench.flights"


class Measurement:
    """Measures what *plan* asks for; what fails is left out, with its reason."""

    def __init__(self, stage: Stage, plan: Plan, tell: Tell) -> None:
        self.stage = stage
        self.plan = plan
        self.findings = Findings()
        self._tell = tell
        self._sent = n_sent(plan.flights)

    def everything(self) -> Findings:
        """Return all findings."""
        contestants = {BARE: self._bare, OURS: self._headrace}
        for number in range(self.plan.rounds):
            names = (BARE, OURS) if number % 2 == 0 else (OURS, BARE)
            for name in names:
                self._try(name, f"round {number + 1}: {name}", partial(contestants[name], number))
        self._try("no joins", "the bare loop without joins", self._without_joins)
        if self.plan.kills:
            self._try("kills", f"{self.plan.kills} kills, then a second fold", self._disturbed)
        return self.findings

    def _try(self, name: str, doing: str, measure: Callable[[], None]) -> None:
        self._tell(doing)
        if name in self.findings.failures:
            return
        try:
            measure()
        except ContestantError as error:
            self.findings.failures[name] = f"{doing}: {error}"

    def _bare(self, number: int) -> None:
        with self._child("bare") as child:
            said = child.answer()
        self.findings.runs.append(_run(BARE, number, said))
        if number == 0:
            self.findings.qualities.append(_quality(said, joins=True))

    def _without_joins(self) -> None:
        with self._child("bare", "--no-joins") as child:
            self.findings.qualities.append(_quality(child.answer(), joins=False))

    def _headrace(self, number: int) -> None:
        name, env = self._named("run", number)
        with (
            self.stage.existing(topic_specs(build(name))),
            self._child("worker", "--records", self.plan.n_logged(self._sent), env=env) as worker,
            self._child("feed", env=env) as feeder,
        ):
            while feeder.is_running():
                feeder.require_no_failure()
                worker.require_no_failure()
                time.sleep(_POLL_S)
            said = worker.answer()
        self.findings.runs.append(_run(OURS, number, said))
        self.findings.labels.append(said["labels"])
        self.findings.rss_mb.append(said["rss_mb"])

    def _disturbed(self) -> None:
        plan, bootstrap = self.plan, self.stage.bootstrap
        name, env = self._named("kills")
        env |= {"HEADRACE_INSTANCE_ID": name, "HEADRACE_COMMIT_INTERVAL_S": _COMMIT_S}
        moments = kills.moments(plan.kills, self._sent.total(), plan.seed)
        began = time.monotonic()
        with (
            self.stage.existing(topic_specs(build(name))),
            MortalWorker(bootstrap, env) as worker,
            self._child("feed", "--killed", env=env) as feeder,
        ):
            asyncio.run(kills.disturb(bootstrap, name, worker, feeder, moments))
            worker.stop()
            seconds = time.monotonic() - began
            ends = asyncio.run(kills.log_ends(bootstrap, name))
            verdicts = kills.verify(bootstrap, env, plan.deadline_s)
        self.findings.disturbed = Disturbed(
            kills=plan.kills,
            seed=plan.seed,
            seconds=seconds,
            partitions=len(ends),
            identical=kills.n_identical(verdicts, ends),
            states=sum(v["compared"] for v in verdicts),
            labels=sum(v["step"] for v in verdicts),
            again=sum(ends.values()) - plan.n_logged(self._sent),
        )

    def _named(self, *parts: object) -> tuple[str, dict[str, str]]:
        """Return the name of a pipeline, and the environment of its processes."""
        name = self.stage.name("flights", *parts)
        return name, {NAME_VARIABLE: name}

    def _child(self, module: str, *options: object, env: Mapping[str, str] | None = None) -> Child:
        common = ("--bootstrap", self.stage.bootstrap, "--flights", self.plan.flights)
        command = self.stage.ours(f"{_HERE}.{module}", *common, *options)
        return Child(command, deadline_s=self.plan.deadline_s, env=env or {})


def _run(contestant: str, number: int, said: Mapping[str, Any]) -> Run:
    return Run(
        MODEL,
        number,
        contestant,
        said["events"],
        said["seconds"],
        said["cpu_seconds"],
        said["peak_rss_mb"],
    )


def _quality(said: Mapping[str, Any], *, joins: bool) -> Quality:
    return Quality(joins, said["labels"], said["expired"], said["accuracy"], said["roc_auc"])
