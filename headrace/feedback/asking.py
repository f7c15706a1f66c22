"""Active learning: which events are worth a label, within a budget that is kept and spent."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isfinite
from typing import Any, get_args

import msgspec

from headrace.errors import DeclarationError, SnapshotError
from headrace.feedback.chance import draw
from headrace.feedback.checks import checked_whole
from headrace.feedback.uncertainty import MEASURES, Strategy
from headrace.topic import checked_name
from schemas.questions import Question
from schemas.results import Answer, Source, result_id

STEP = "ask"
"""Step of a question, as its id carries it."""

COMPARED = 256
"""How many uncertainties before an event say how uncertain it is: the smallest share is 1/256."""

_AIM = 4
"""Questions saved up when just the budget's share of events passes; two more, and twice as many do."""

_WINDOW = 10_000
_LEAST_QUESTIONS = 200
_LONGEST_WINDOW = 1_000_000
_SPARED = 4
"""Of the questions of a window so many are not aimed at, and at most a fiftieth: it varies how many come. If
the aim were the bound, the bound would choose the events."""


@dataclass(frozen=True)
class AskFor:
    """Which events to ask a label for.

    Parameters
    ----------
    labels
        The topic that takes the labels, or its declaration; a question names it.
    budget
        Share of the events: ``"5%"`` or ``0.05``.
    strategy
        What makes an event worth a label: ``"margin"`` and ``"entropy"`` read the probabilities of the
        answer, ``"disagreement"`` compares models, ``"random"`` draws.
    seed
        Of the strategy ``"random"``.
    window
        Of so many events in a row, never more than the budget's share is asked for. Default 10,000, or as
        many as allow for 200 questions.

    Raises
    ------
    DeclarationError
        If an argument cannot be used.

    """

    labels: Any = None
    budget: str | float = "5%"
    strategy: Strategy = "margin"
    seed: int = 1
    window: int | None = None

    def __post_init__(self) -> None:
        share = _share(self.budget)
        if self.strategy not in get_args(Strategy):
            raise DeclarationError(
                "ask.strategy",
                f"expected one of {', '.join(get_args(Strategy))}, got {self.strategy!r}",
                fix="strategy='margin'",
            )
        checked_whole("ask.seed", self.seed, 0, (1 << 63) - 1)
        if self.window is not None:
            checked_whole("ask.window", self.window, 1, _LONGEST_WINDOW)
            if share * self.window < 1:
                raise DeclarationError(
                    "ask.window",
                    f"{self.window} events are too few for one question",
                    why=f"the budget is one question in {ceil(1 / share):,} events",
                    fix=f"window={max(_WINDOW, ceil(_LEAST_QUESTIONS / share))}, or leave it out",
                )
        if self.labels is not None:
            checked_name("ask.labels", self.topic)

    @property
    def topic(self) -> str | None:
        """The topic that takes the labels."""
        found: str | None = getattr(self.labels, "topic", self.labels)
        return found

    @property
    def most(self) -> tuple[int, int]:
        """How many questions there are at most, in how many events in a row."""
        share = _share(self.budget)
        window = self.window or max(_WINDOW, ceil(_LEAST_QUESTIONS / share))
        return int(share * window), window


class _State(msgspec.Struct, forbid_unknown_fields=True):
    n_events: int
    n_asked: int
    asked_at: list[int]
    seen: list[float]


class Asker:
    """Decides for each event in turn whether it is worth a question; deterministic.

    An event is compared with the 256 before it, and asked for if it is among the least certain ones. How
    large a share that is follows from what is saved of the budget: with 4 questions it is the budget's own
    share, with 2 more it is doubled, with ``4 + 2 * log2(1 / budget)`` all pass. So, whatever the answers
    are, of the first n events at most the budget's share is asked for, and of any window; and of n events
    never less than 0.98 of it, less what lets all pass and 2.

    Parameters
    ----------
    declared
        What to ask for.
    pipeline, topic, partition
        Whose answers these are, and of which log: ids of questions carry them.

    """

    def __init__(self, declared: AskFor, pipeline: str, topic: str, partition: int) -> None:
        self.declared = declared
        self._pipeline, self._topic, self._partition = pipeline, topic, partition
        self._most, self._window = declared.most
        self._aim = self._most - (min(_SPARED, self._most // 50) if self._most < self._window else 0)
        self._measure = MEASURES.get(declared.strategy)
        self._n_events = 0
        self._n_asked = 0
        self._asked_at: deque[int] = deque(maxlen=self._most)
        self._take_seen([])

    @property
    def n_events(self) -> int:
        """How many events were considered."""
        return self._n_events

    @property
    def n_asked(self) -> int:
        """How many of them were asked for."""
        return self._n_asked

    def consider(
        self, event_id: str | int, answer: Answer, answers: Mapping[str, Answer] | None, offset: int
    ) -> Question | None:
        """Return a question if the event is worth one.

        Parameters
        ----------
        event_id
            Of the event; it should have no label yet.
        answer
            The answer that was published.
        answers
            Each model's own, if there are several.
        offset
            Of the event in the log.

        """
        if self._measure is None:
            uncertainty = draw(self.declared.seed, self._n_events)
        else:
            uncertainty = self._measure(answer, answers or {})
        rank = self._rank(uncertainty)
        self._n_events = n = self._n_events + 1
        saved = self._aim * n - self._n_asked * self._window  # in questions, times the window
        if saved < self._window or rank < self._threshold(saved / self._window):
            return None
        asked_at = self._asked_at
        if len(asked_at) == self._most and n - asked_at[0] < self._window:
            return None
        asked_at.append(n)
        self._n_asked += 1
        return self._question(event_id, answer, (uncertainty, rank), offset)

    def state(self) -> Any:
        """Return the state as plain values."""
        return msgspec.to_builtins(
            _State(self._n_events, self._n_asked, list(self._asked_at), list(self._seen))
        )

    def restore(self, state: Any) -> None:
        """Become what `state` returned.

        Raises
        ------
        SnapshotError
            If it is no such state.

        """
        try:
            found = msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise SnapshotError(
                "state", "the snapshot holds no state of questions", why=str(error)
            ) from error
        self._n_events, self._n_asked = found.n_events, found.n_asked
        self._asked_at = deque(found.asked_at, maxlen=self._most)
        self._take_seen(found.seen)

    def _take_seen(self, seen: list[float]) -> None:
        self._seen: deque[float] = deque(seen)
        self._sorted = sorted(seen)

    def _rank(self, uncertainty: float) -> float:
        """Return the share of those before that are more certain, equal ones by half; then take it in."""
        if not isfinite(uncertainty):
            uncertainty = 1.0
        ordered, seen = self._sorted, self._seen
        n = len(ordered)
        at = bisect_left(ordered, uncertainty)
        rank = (at + bisect_right(ordered, uncertainty, at)) / (2 * n) if n else 0.5
        seen.append(uncertainty)
        ordered.insert(at, uncertainty)
        if n == COMPARED:
            del ordered[bisect_left(ordered, seen.popleft())]
        return rank

    def _threshold(self, saved: float) -> float:
        """Return the least rank that is asked for, with *saved* questions saved up."""
        return float(1.0 - self._aim / self._window * 2.0 ** ((saved - _AIM) / 2.0))

    def _question(
        self, event_id: str | int, answer: Answer, found: tuple[float, float], offset: int
    ) -> Question:
        uncertainty, rank = found
        source = Source(self._topic, self._partition, offset)
        by = self.declared.strategy
        by_chance = self._measure is None
        return Question(
            result_id(self._pipeline, source, STEP),
            event_id,
            self._pipeline,
            "drawn by chance"
            if by_chance
            else f"less certain ({by}) than {rank:.0%} of the answers before it",
            None if by_chance else uncertainty,
            answer.prediction,
            source,
            self.declared.topic,
        )


def _share(budget: str | float) -> Fraction:
    """Return *budget* as an exact share of the events."""
    try:
        if isinstance(budget, str):
            share = Fraction(budget.strip().removesuffix("%")) / (100 if budget.strip().endswith("%") else 1)
        else:
            share = Fraction(str(budget))
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if isinstance(budget, bool) or not Fraction(1, 100_000) <= share <= 1:
        raise DeclarationError(
            "ask.budget",
            f"expected a share of the events, from one in 100,000 to all, got {budget!r}",
            fix="budget='5%' or budget=0.05",
        )
    return share
