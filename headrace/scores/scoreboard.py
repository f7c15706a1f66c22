"""The scoreboard of a partition: takes labels with the answers given before, says how good they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from headrace.errors import SnapshotError
from headrace.scores.baselines import baselines_of
from headrace.scores.batch import Batch, Reader, Said
from headrace.scores.cells import Track
from headrace.scores.declaration import Metrics
from headrace.scores.plan import Plan
from headrace.scores.reports import COMBINED, Party, scores_of
from headrace.scores.segments import Segments
from headrace.scores.values import failed_of
from schemas.metrics import MetricsReport
from schemas.results import Answer, Source, result_id

STEP = "metrics"
"""Name of the step that ids of reports carry."""

_MOST_WAITING = 500
"""Events that wait to be counted together; more are not cheaper, and take longer at once."""


class Scoreboard:
    """Prequential scores of the models of one partition, of their combination and of baselines.

    What it holds is bounded, and depends on the updates only, not on when it was asked for anything.

    Parameters
    ----------
    plan
        What `checked_metrics` returned.
    model_names
        Names of the models. With several, their combination is scored as well.
    pipeline
        Name and version, as ids of reports carry them: ``fraud@1``.
    topic, partition
        The log partition.

    """

    def __init__(
        self,
        plan: Plan,
        model_names: Sequence[str],
        *,
        pipeline: str = "",
        topic: str = "",
        partition: int = 0,
    ) -> None:
        self.plan = plan
        self.n = 0
        self._pipeline, self._topic, self._partition = pipeline, topic, partition
        self._reader = Reader(plan)
        self._names = list(model_names)
        declared: Metrics = plan.declared
        self._by, self._every = declared.by, declared.every
        self._segments = Segments(declared.segments)
        self._baselines = baselines_of(plan.task, declared.positive)
        self._parties = [Party(name, "model") for name in self._names]
        self._parties += [Party(COMBINED, "combination")] if len(self._names) > 1 else []
        self._parties += [Party(baseline.name, "baseline") for baseline in self._baselines]
        self._tracks: dict[str | None, list[Track]] = {None: self._new_tracks()}
        self._newest_s: list[int | None] = [None] * len(plan.panes)
        self._spans = [int(pane.span) for pane in plan.panes if not pane.of_time] + [self._every]
        self._waiting: list[tuple[Any, ...]] = []
        self._room = self._room_left()

    def update(
        self,
        y: Any,
        answers: Mapping[str, Answer] | None,
        final: Answer,
        x: Mapping[Any, Any],
        time_s: float | None = None,
    ) -> bool:
        """Score the answers to one event; return whether a report is due.

        Parameters
        ----------
        y
            The label; an event without one (``None``) is not scored.
        answers
            What each model answered, by name; ``None`` if there is only one.
        final
            What their combination, or the only model, answered.
        x
            The features, for the segment.
        time_s
            Event time, seconds since 1970, for windows of event time.

        """
        if y is None:
            return False
        waiting = self._waiting
        waiting.append((y, answers, final, x.get(self._by) if self._by is not None else None, time_s))
        if len(waiting) < self._room:
            return False
        self._count()
        if self.n % self._every:
            return False
        for tracks in self._tracks.values():
            for track in tracks:
                track.overall.settle()
        return True

    def report(self, offset: int, time_s: float | None = None) -> MetricsReport:
        """Return how good the answers were up to now, after the record at *offset* was folded."""
        self._count()
        plan, source = self.plan, Source(self._topic, self._partition, offset)
        return MetricsReport(
            id=result_id(
                self._pipeline, source, f"{STEP}.{self.n}"
            ),  # labels may end together, at one offset
            pipeline=self._pipeline,
            source=source,
            n=self.n,
            scores=[
                score
                for segment, tracks in self._tracks.items()
                for score in scores_of(self._reader, self._parties, tracks, self._newest(), segment)
            ],
            time_s=time_s,
            by=self._by,
            sampled=[] if plan.declared.exact else [g.name for g in plan.gauges if g.kind == "other"],
            sample_every=plan.sample_every,
            failed=self._failed(),
        )

    def state(self) -> dict[str, Any]:
        """Return all it knows: builtins, and dear metrics as themselves: pickle it at once, as models."""
        self._count()
        return {
            "made_for": self._made_for(),
            "n": self.n,
            "newest_s": list(self._newest_s),
            "segments": self._segments.state(),
            "baselines": [baseline.state() for baseline in self._baselines],
            "tracks": [(name, [track.state() for track in tracks]) for name, tracks in self._tracks.items()],
        }

    def restore(self, state: Any) -> None:
        """Become what `state` was said of.

        Raises
        ------
        SnapshotError
            If that is a scoreboard of other metrics or models.

        """
        found = state.get("made_for") if isinstance(state, dict) else None
        if found != self._made_for():
            raise SnapshotError(
                "scores",
                "the snapshot holds scores of other metrics than the pipeline declares",
                why=f"expected {self._made_for()}, found {found}",
                fix="raise the pipeline's version when its metrics change",
            )
        self.n = state["n"]
        self._newest_s = list(state["newest_s"])
        self._segments.restore(state["segments"])
        for baseline, said in zip(self._baselines, state["baselines"], strict=True):
            baseline.restore(said)
        self._tracks = {}
        for name, tracks in state["tracks"]:
            made = self._tracks[name] = self._new_tracks()
            for track, said in zip(made, tracks, strict=True):
                track.restore(said)
        self._waiting = []
        self._room = self._room_left()

    def _made_for(self) -> list[Any]:
        return [*self.plan.fingerprint, self._names]

    def _failed(self) -> dict[str, int]:
        failed: dict[str, int] = {}
        for track in self._tracks[None]:
            for name, n in failed_of(self._reader, track.overall).items():
                failed[name] = failed.get(name, 0) + n
        return failed

    def _new_tracks(self) -> list[Track]:
        return [Track(self._reader, is_baseline=party.kind == "baseline") for party in self._parties]

    def _room_left(self) -> int:
        """Return how many events fit before a pane or a report ends."""
        return min(_MOST_WAITING, *(span - self.n % span for span in self._spans))

    def _newest(self) -> list[int | None]:
        """Return the number of the newest pane of each kind, ``None`` if there is none."""
        last = (self.n - 1) if self.n else None
        return [
            newest if pane.of_time else None if last is None else last // int(pane.span)
            for pane, newest in zip(self.plan.panes, self._newest_s, strict=True)
        ]

    def _count(self) -> None:
        """Count the events that wait."""
        rows, self._waiting = self._waiting, []
        if not rows:
            return
        ys, answers, finals, fields, times = (list(column) for column in zip(*rows, strict=True))
        places = range(self.n, self.n + len(rows))
        self.n += len(rows)
        self._room = self._room_left()
        self._keep_time(times)
        batches = [Batch(self._reader, ys, said, places) for said in self._said(ys, answers, finals)]
        self._add(None, batches, times)
        if self._by is not None:
            for segment, chosen in self._segments.rows(fields).items():
                self._add(segment, [batch.at(chosen) for batch in batches], [times[i] for i in chosen])

    def _said(self, ys: list[Any], answers: list[Any], finals: list[Answer]) -> list[Said]:
        reader = self._reader
        of_final = reader.said(finals)
        by_model = [reader.said_by(name, answers) for name in self._names] if len(self._names) > 1 else []
        return [*by_model, of_final, *(baseline.said(ys) for baseline in self._baselines)]

    def _add(self, segment: str | None, batches: list[Batch], times: list[float | None]) -> None:
        if segment not in self._tracks:
            self._tracks[segment] = self._new_tracks()
        rows = self._rows_by_pane(times)
        newest = self._newest()
        for track, batch in zip(self._tracks[segment], batches, strict=True):
            track.add(batch, rows)
            track.forget(newest)

    def _rows_by_pane(self, times: list[float | None]) -> dict[int, dict[int, list[int] | None]]:
        """Return, for each kind of panes, which rows belong to which pane; ``None`` stands for all rows."""
        found: dict[int, dict[int, list[int] | None]] = {}
        for kind, pane in enumerate(self.plan.panes):
            newest = self._newest()[kind]
            if not pane.of_time:
                found[kind] = {} if newest is None else {newest: None}
            elif newest is not None:
                found[kind] = _rows_by_time(times, pane.span, newest - pane.held)
        return found

    def _keep_time(self, times: list[float | None]) -> None:
        known = [time_s for time_s in times if time_s is not None and isfinite(time_s)]
        if len(known) < len(times):
            times[:] = [time_s if time_s is not None and isfinite(time_s) else None for time_s in times]
        if known:
            latest = max(known)
            for kind, pane in enumerate(self.plan.panes):
                if pane.of_time:
                    number, before = int(latest // pane.span), self._newest_s[kind]
                    self._newest_s[kind] = number if before is None else max(number, before)


def _rows_by_time(times: list[float | None], span: float, too_old: int) -> dict[int, list[int] | None]:
    numbers = [None if time_s is None else int(time_s // span) for time_s in times]
    distinct = dict.fromkeys(numbers)
    if len(distinct) == 1 and numbers[0] is not None:
        return {numbers[0]: None} if numbers[0] > too_old else {}
    wanted = [number for number in distinct if number is not None and number > too_old]
    return {number: [i for i, found in enumerate(numbers) if found == number] for number in wanted}
