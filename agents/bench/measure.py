"""One call of the command: all measurements of a plan, in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from agents.bench import variants
from agents.bench.latency import latency
from agents.bench.measured import Findings
from agents.bench.plan import Contestant, Plan, order
from agents.bench.processes import ContestantError
from agents.bench.scaling import scaling
from agents.bench.stage import Stage
from agents.bench.throughput import run, split
from agents.bench.variants import VARIANTS

T = TypeVar("T")
Tell = Callable[[str], None]
"""Told what is measured next."""


class Measurement:
    """Measures what *plan* asks for; a contestant that fails is left out from then on, with its reason."""

    def __init__(self, stage: Stage, plan: Plan, tell: Tell) -> None:
        self.stage = stage
        self.plan = plan
        self.findings = Findings()
        self._tell = tell

    def everything(self) -> Findings:
        """Return all findings."""
        for model in self.plan.models:
            self._throughput(model)
        for number in range(self.plan.latency_rounds):
            for rate in self.plan.rates:
                for contestant in self.plan.timed:
                    self._latency(contestant, rate, number)
        for number in range(self.plan.scaling_rounds):
            for contestant in self.plan.timed:
                for workers in (1, 2):
                    self._scaling(contestant, number, workers)
        if self.plan.variant_rounds and self.plan.n_splits:
            self._variants()
        return self.findings

    def _throughput(self, model: str) -> None:
        source, n_events = self.stage.name(model, "events"), self.plan.events_of(model)
        with self.stage.topics(source):
            self.stage.fill(source, n_events)
            for number in range(self.plan.rounds):
                place = f"{model}, round {number + 1}: "
                for contestant in order(self.plan.contestants, number):
                    measure = partial(
                        run,
                        self.stage,
                        contestant,
                        model=model,
                        number=number,
                        source=source,
                        n_events=n_events,
                    )
                    self._note(contestant.name, place + contestant.name, measure, self.findings.runs)
                if self.plan.n_splits:
                    measure_split = partial(split, self.stage, model=model, number=number, n_events=n_events)
                    self._note("headrace", place + "headrace's parts", measure_split, self.findings.splits)

    def _latency(self, contestant: Contestant, rate: int, number: int) -> None:
        measure = partial(
            latency,
            self.stage,
            contestant,
            rate,
            number=number,
            seconds=self.plan.rate_s,
            skip_s=self.plan.skip_s,
        )
        doing = f"latency at {rate:,} events/s, round {number + 1}: {contestant.name}"
        self._note(contestant.name, doing, measure, self.findings.latencies)

    def _scaling(self, contestant: Contestant, number: int, workers: int) -> None:
        n_events = self.plan.events_of("lr")
        measure = partial(scaling, self.stage, contestant, number=number, workers=workers, n_events=n_events)
        doing = f"{workers} workers, round {number + 1}: {contestant.name}"
        self._note(contestant.name, doing, measure, self.findings.scalings)

    def _variants(self) -> None:
        source, n_events = self.stage.name("variants"), self.plan.events_of("lr")
        with self.stage.topics(source):
            self.stage.fill(source, n_events)
            for number in range(self.plan.variant_rounds):
                start = number % len(VARIANTS)
                for variant in (*VARIANTS[start:], *VARIANTS[:start]):
                    measure = partial(
                        variants.run, self.stage, variant, number=number, source=source, n_events=n_events
                    )
                    doing = f"round {number + 1}: {variant.name}"
                    self._note(variant.name, doing, measure, self.findings.variants)

    def _note(self, name: str, doing: str, measure: Callable[[], T], into: list[T]) -> None:
        """Put what *measure* finds into a list, or the reason why it cannot among the failures."""
        self._tell(doing)
        if name in self.findings.failures:
            return
        try:
            into.append(measure())
        except ContestantError as error:
            self.findings.failures[name] = f"{doing}: {error}"
