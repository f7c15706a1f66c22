"""What a model can be restored from: copies of it while it was healthy, and what it has learned since."""

from __future__ import annotations

from typing import Any, NamedTuple

from river import base

from headrace.errors import SnapshotError
from headrace.healing.lessons import Lesson, Making, can_answer, packed, unpacked
from headrace.healing.refolding import refolded
from headrace.snapshots import pickling
from headrace.tasks.breaker import Breaker

_ASKED = 8
"""Of the newest events, those that a model must answer to be worth a checkpoint."""

_MOST_SPANS = 2
"""A poison that shows late is in the newest checkpoint: then the one before serves."""


class Healed(NamedTuple):
    """A model that took the place of a poisoned one, and a sentence of how it came to be."""

    model: base.Estimator
    text: str


class _Span(NamedTuple):
    """A checkpoint, ``None``: the fresh model, and the lessons from there to the next one, as bytes."""

    start: bytes | None
    lessons: list[bytes]


class Keeper:
    """Keeps checkpoints of one model and what it learned since the older of them; bounded by their distance.

    Parameters
    ----------
    declared
        How often a checkpoint is taken.
    making
        How the model is built, read and bound.
    """

    def __init__(self, declared: Breaker, making: Making) -> None:
        self._every = declared.checkpoint_every
        self._check_every = declared.check_every
        self._making = making
        self._spans = [_Span(None, [])]
        self._frozen: base.Estimator | None = None

    def learned(self, model: base.Estimator, x: dict[Any, Any], y: Any, weight: float = 1.0) -> str | None:
        """Take in that *model* was taught; return what is wrong with it, if it was looked at and is ill."""
        lessons = self._spans[-1].lessons
        if (blob := packed(Lesson(x, y, weight), self._making.allowed)) is not None:
            lessons.append(blob)
        n = len(lessons)
        if n % self._check_every == 0 and (poison := self._making.poison(model)) is not None:
            return poison
        return self._checkpoint(model) if n >= self._every else None

    def heal(self) -> Healed:
        """Return the model as of the newest checkpoint that it can be made healthy from.

        What was learned since is learned again without what ruined it; if no checkpoint leads to a healthy
        model, a fresh one begins.
        """
        for i in reversed(range(len(self._spans))):
            lessons = [blob for span in self._spans[i:] for blob in span.lessons]
            start = self._spans[i].start
            found = refolded(start, lessons, self._making)
            if found is None:
                continue
            n_again = len(found.kept)
            self._spans = [_Span(start, found.kept)] if n_again <= _MOST_SPANS * self._every else []
            self._begin_span(found.model)
            origin = "a fresh model" if start is None else "its last healthy checkpoint"
            return Healed(
                found.model, f"{origin} learned {n_again:,} events again, {found.n_left_out:,} were left out"
            )
        return self.start_afresh(self._making.build(), "no checkpoint was healthy: a fresh model begins")

    def start_afresh(self, model: base.Estimator, text: str = "") -> Healed:
        """Forget what was kept: *model* has another past."""
        self._spans = [_Span(None, [])]
        self._begin_span(model)
        return Healed(model, text)

    def frozen(self) -> base.Estimator | None:
        """Return the model as of the newest checkpoint, ``None`` before the first."""
        start = self._spans[-1].start
        if self._frozen is None and start is not None:
            self._frozen = self._making.read(start)
        return self._frozen

    def thaw(self) -> None:
        """Let go what `frozen` returned."""
        self._frozen = None

    def state(self) -> dict[str, Any]:
        """Return what is written down."""
        frozen = None if self._frozen is None else pickling.pickled(self._frozen)
        return {"spans": [[span.start, list(span.lessons)] for span in self._spans], "frozen": frozen}

    def digested(self) -> dict[str, Any]:
        """Return what counts in a digest: models, whose bytes depend on where their parts came from."""
        starts = [None if span.start is None else self._making.read(span.start) for span in self._spans]
        lessons = [list(span.lessons) for span in self._spans]
        return {"starts": starts, "lessons": lessons, "frozen": self._frozen}

    def restore(self, state: Any) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is something else.
        """
        try:
            spans = [_Span(start, list(lessons)) for start, lessons in state["spans"]]
            frozen = state["frozen"]
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("circuits", "the snapshot holds no checkpoints", why=repr(error)) from error
        self._spans = spans
        self._frozen = None if frozen is None else self._making.read(frozen)

    def _checkpoint(self, model: base.Estimator) -> str | None:
        """Keep a copy of *model*, if it is healthy; else return what is wrong."""
        if (poison := self._making.poison(model)) is not None:
            return poison
        try:
            body = pickling.pickled(model)
            copy = self._making.bind(self._making.read(body))  # asking may change a model
        except SnapshotError:
            self._spans = [_Span(None, [])]  # too big to be kept: it can only begin afresh
            return None
        newest = [unpacked(blob, self._making.allowed) for blob in self._spans[-1].lessons[-_ASKED:]]
        if not any(can_answer(copy, lesson) for lesson in newest):
            return "no answer to any of the events learned last"
        self._spans = [*self._spans, _Span(body, [])][-_MOST_SPANS:]
        return None

    def _begin_span(self, model: base.Estimator) -> None:
        try:
            self._spans.append(_Span(pickling.pickled(model), []))
        except SnapshotError:
            self._spans = [_Span(None, [])]
