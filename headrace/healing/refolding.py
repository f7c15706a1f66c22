"""Learning again from a checkpoint, one event after the other, without those that ruin the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from river import base

from headrace.errors import SnapshotError
from headrace.healing.lessons import Lesson, Making, can_answer, can_learn, unpacked
from headrace.models.verbs import Verbs
from headrace.snapshots import pickling

_BLOCK = 16
"""Lessons between two copies of the model on the way: one that ruins it costs about so many again."""

_ASKED = 8
"""Of the newest events, those that the healed model must be able to answer."""

_MOST_LEFT_OUT = 0.25
"""A model that most events ruin is not poisoned by some of them: it is not worth the time."""


class Refolded(NamedTuple):
    """A model that learned again, what it learned, as bytes, and how many lessons were left out."""

    model: base.Estimator
    kept: list[bytes]
    n_left_out: int


class _Hopeless(Exception):  # noqa: N818 - no error: another checkpoint may do
    """No healthy model comes of it."""


def refolded(start: bytes | None, blobs: Sequence[bytes], making: Making) -> Refolded | None:
    """Return the model that *start*, ``None``: a fresh one, becomes by the lessons *blobs* without poison.

    Each event is asked before it is learned, as in the fold, so that the state is that of a fold in which
    the events left out never were. ``None``: it cannot be made healthy.
    """
    try:
        return _Refolding(start, making).run(blobs)
    except (SnapshotError, _Hopeless):
        return None


class _Refolding:
    """The model on its way: ``_good`` is a copy that was healthy, ``_block`` what it has learned since."""

    def __init__(self, start: bytes | None, making: Making) -> None:
        self._making = making
        model = making.build() if start is None else making.read(start)
        self._verbs: Verbs = making.bind(model)
        self._good = pickling.pickled(model)
        self._kept: list[bytes] = []
        self._block: list[bytes] = []

    def run(self, blobs: Sequence[bytes]) -> Refolded:
        if not self._making.is_sound(self._verbs.model):
            raise _Hopeless
        most = 1 + int(_MOST_LEFT_OUT * len(blobs))
        for n, blob in enumerate(blobs, 1):
            self._learn(blob)
            if n - len(self._kept) - len(self._block) > most:
                raise _Hopeless
        if not self._answers_newest():
            self._go_back_to(self._block[:-1])
            if not self._answers_newest():
                raise _Hopeless
        kept = self._kept + self._block
        return Refolded(self._verbs.model, kept, len(blobs) - len(kept))

    def _learn(self, blob: bytes) -> None:
        """Take a lesson in, or leave it out."""
        lesson = self._lesson(blob)
        if not self._can_answer(lesson):
            return
        if len(self._block) >= _BLOCK:
            self._good = pickling.pickled(self._verbs.model)
            self._kept += self._block
            self._block = []
        if can_learn(self._verbs, lesson) and self._making.is_sound(self._verbs.model):
            self._block.append(blob)
        else:
            self._go_back_to(self._block)

    def _can_answer(self, lesson: Lesson) -> bool:
        """Return whether *lesson* can be answered, if need be without the lesson before."""
        if can_answer(self._verbs, lesson):
            return True
        block = self._block
        self._go_back_to(block[:-1])
        if block and can_answer(self._verbs, lesson):
            return True
        self._go_back_to(block)
        return False

    def _go_back_to(self, block: list[bytes]) -> None:
        """Become the copy again that was healthy, and learn *block*."""
        self._verbs = self._making.bind(self._making.read(self._good))
        for blob in block:
            lesson = self._lesson(blob)
            if not (can_answer(self._verbs, lesson) and can_learn(self._verbs, lesson)):
                raise _Hopeless  # it did before: the model is not deterministic
        self._block = block

    def _answers_newest(self) -> bool:
        """Return whether a copy of the model answers the newest events: asking may change a model."""
        copy = self._making.bind(self._making.read(pickling.pickled(self._verbs.model)))
        newest = (self._kept + self._block)[-_ASKED:]
        return all(can_answer(copy, self._lesson(blob)) for blob in newest)

    def _lesson(self, blob: bytes) -> Lesson:
        return unpacked(blob, self._making.allowed)
