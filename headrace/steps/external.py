"""What a user declares of a step whose work is done outside the process."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, Self, TypeAlias, get_args

from river import base

from headrace.errors import DeclarationError
from headrace.models.combine import Combine
from headrace.steps.declaration import FEATURES, Step, When
from headrace.topic import checked_name

Gives: TypeAlias = Literal["classification", "regression", "anomaly"]

_MOST_S = 366 * 86_400.0
_MOST_WORKERS = 16
_MOST_WAITING = 1_000_000
_LEAST_BYTES = 65_536


def _no_model() -> base.Estimator:
    raise DeclarationError("models", "an external step has no model in the process")


class External(Step):
    """A step that somebody outside answers, in any language: tasks go out, answers come back.

    An event that needs it waits, and is answered as soon as the answers are there, or the deadline has
    passed; others go on meanwhile.

    Parameters
    ----------
    answers
        Topic of the answers. Tasks are published on ``<name>.tasks``.
    deadline_s
        How long an answer may take, in the log's time: as far as the events that come after have moved it.
    quorum
        How many workers have to answer.
    workers
        How many workers are asked: as soon as fewer than *quorum* of them can still answer, the step has
        failed. Default: *quorum*, so that none may fail.
    combine
        How several workers' answers become one. Default: the mean of numbers, scores or probabilities, or
        the label that most have given.
    gives
        What an answer is: ``"classification"``, ``"regression"`` or ``"anomaly"``. Default: as the models
        that are combined.
    inputs, when, after
        As of a `Step`: what reaches the workers, from which events, after which steps.
    max_waiting
        How many events wait at most for each partition, and how many that are done are remembered, so that
        a late answer is told from one that nobody asked for. One more, and the oldest gives way: its
        step has failed. Of several external steps the highest number counts for all.
    max_bytes
        What all of these take at most in memory, for each partition.
    partitions
        Number of partitions of the topic of answers when headrace creates it. Default: as the source.

    Raises
    ------
    DeclarationError
        If a value cannot be used; the message names the argument and the remedy.

    Examples
    --------
    >>> External("fraud.verdicts", deadline_s=60.0, when="linear.confidence < 0.8")
    External('fraud.verdicts', deadline_s=60.0, when='linear.confidence < 0.8')

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the topic is keyword-only
        self,
        answers: str,
        *,
        deadline_s: float = 30.0,
        quorum: int = 1,
        workers: int | None = None,
        combine: Combine | None = None,
        gives: Gives | None = None,
        inputs: Sequence[str] = (FEATURES,),
        when: When | None = None,
        after: Sequence[str] = (),
        max_waiting: int = 10_000,
        max_bytes: int = 64 << 20,
        partitions: int | None = None,
    ) -> None:
        super().__init__(_no_model, inputs=inputs, when=when, after=after)
        self.topic = checked_name("answers", answers)
        if type(deadline_s) not in (int, float) or not 0 < deadline_s <= _MOST_S:
            raise _wrong("deadline_s", deadline_s, "seconds, above 0 and at most a year", "30.0")
        self.wait_s = float(deadline_s)
        self.quorum = _whole("quorum", quorum, 1, _MOST_WORKERS)
        self.workers = quorum if workers is None else _whole("workers", workers, quorum, _MOST_WORKERS)
        if combine is not None and not callable(combine):
            raise _wrong("combine", combine, "Vote, Mean, First or a function", "headrace.Vote('hard')")
        self.combine = combine
        if gives is not None and gives not in get_args(Gives):
            raise _wrong("gives", gives, " or ".join(map(repr, get_args(Gives))), "'classification'")
        self.gives = gives
        self.max_waiting = _whole("max_waiting", max_waiting, 1, _MOST_WAITING)
        self.max_bytes = _whole("max_bytes", max_bytes, _LEAST_BYTES, 1 << 40)
        self.partitions = None if partitions is None else _whole("partitions", partitions, 1, 10_000)

    def giving(self, gives: Gives) -> Self:
        """Return the same step, whose answers are *gives*."""
        step = copy.copy(self)
        step.gives = gives
        return step

    @property
    def stated(self) -> str:
        """What the state of a fold depends on."""
        return (
            f"deadline_s={self.wait_s!r}, quorum={self.quorum}, workers={self.workers}, "
            f"max_waiting={self.max_waiting}, max_bytes={self.max_bytes}"
        )

    def __repr__(self) -> str:
        return f"External({self.topic!r}, deadline_s={self.wait_s!r}{self._shown()})"


def _whole(argument: str, number: object, least: int, most: int) -> int:
    if type(number) is not int or not least <= number <= most:
        raise _wrong(argument, number, f"a whole number from {least:,} to {most:,}", str(least))
    return number


def _wrong(argument: str, value: object, expected: str, example: str) -> DeclarationError:
    return DeclarationError(argument, f"expected {expected}, got {value!r}", fix=f"{argument}={example}")
