"""A batch of events as one party answered them, column by column: what tallies read, made once for all.

A call for each event costs several times what a number costs, so events wait until there are some hundred.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import metrics

from headrace.models.labels import label_of
from headrace.scores.plan import Plan
from schemas.results import Answer, Label

BINS = 10
"""Of a calibration."""

_LEAST, _MOST = 1e-15, 1 - 1e-15  # as river clamps probabilities before it takes the logarithm
_NONE = Answer()


class Said(NamedTuple):
    """What a party said, event by event, ``None`` where it said nothing; empty columns are not needed.

    ``numbers`` are probabilities, of the positive label or of the one answered; scores; or values.
    """

    labels: list[Any]
    numbers: list[Any]
    shares: list[Any]

    def at(self, rows: Sequence[int]) -> Said:
        """Return what it said of some events."""
        return Said(*([column[i] for i in rows] if column else [] for column in self))


class Reader:
    """Turns answers into columns, and knows how the metrics of *plan* read them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.metrics: list[Any] = [gauge.factory() for gauge in plan.gauges]
        says = {gauge.says for gauge in plan.gauges}
        self._reads_labels = "label" in says or plan.task in ("classification", "clustering")
        self._reads_positive = "number" in says or plan.calibrates == "positive"
        self._reads_shares = "shares" in says
        self._labels: dict[str, Label] = {}

    def said(self, answers: Sequence[Answer]) -> Said:
        """Return *answers* as columns."""
        labels = [answer.prediction for answer in answers] if self._reads_labels else []
        shares = [self._shares(answer) for answer in answers] if self._reads_shares else []
        return Said(labels, self._numbers(answers), shares)

    def said_by(self, name: str, answers: Sequence[Mapping[str, Answer] | None]) -> Said:
        """Return what model *name* said, out of the answers of all."""
        return self.said([_NONE if given is None else given.get(name, _NONE) for given in answers])

    def _numbers(self, answers: Sequence[Answer]) -> list[Any]:
        task = self.plan.task
        if task == "regression":
            return [answer.prediction for answer in answers]
        if task == "anomaly":
            return [answer.score for answer in answers]
        given = [answer.probability for answer in answers]
        if self._reads_positive:
            text = self.plan.positive_text
            return [p.get(text, 0.0) if p else None for p in given]
        return [max(p.values()) if p else None for p in given] if self.plan.calibrates else []

    def _shares(self, answer: Answer) -> dict[Label, float] | None:
        if not answer.probability:
            return None
        return {self._label(text): p for text, p in answer.probability.items()}

    def _label(self, text: str) -> Label:
        if text in self._labels:
            return self._labels[text]
        label = label_of(text, self.plan.labels)
        if len(self._labels) < 10_000:
            self._labels[text] = label
        return label


class Batch:
    """Labels of some events and what one party said of them; *places* are their numbers among all events.

    A part of a batch takes from the whole what that has worked out.
    """

    def __init__(self, reader: Reader, ys: list[Any], said: Said, places: Sequence[int]) -> None:
        self._reader = reader
        self._positive = reader.plan.declared.positive
        self.ys = ys
        self.said = said
        self.places = places
        self._made: dict[str, Any] = {}
        self._whole: Batch | None = None
        self._rows: list[int] = []

    def at(self, rows: list[int]) -> Batch:
        """Return the batch of some of the events."""
        ys, places = self.ys, self.places
        part = Batch(self._reader, [ys[i] for i in rows], self.said.at(rows), [places[i] for i in rows])
        if None not in self.said.numbers:  # then what is worked out has a place for each event
            part._whole, part._rows = self, rows
        return part

    @property
    def missing(self) -> int:
        """How many events have no answer."""
        return (self.said.labels or self.said.numbers).count(None)

    @property
    def pairs(self) -> dict[tuple[Any, Any], int]:
        """How often each label met each answer, in the order in which they first did."""
        if "pairs" not in self._made:
            counted = Counter(zip(self.ys, self.said.labels, strict=True))
            for pair in [pair for pair in counted if pair[1] is None]:
                del counted[pair]
            self._made["pairs"] = counted
        made: dict[tuple[Any, Any], int] = self._made["pairs"]
        return made

    @property
    def numbers(self) -> list[tuple[Any, Any]]:
        """Labels with the numbers said of them."""
        if "numbers" not in self._made:
            self._made["numbers"] = _both(self.ys, self.said.numbers)
        made: list[tuple[Any, Any]] = self._made["numbers"]
        return made

    def losses(self, index: int) -> tuple[list[float], int]:
        """Return what metric *index* finds each answer loses, and how many of them it cannot tell."""
        name = f"losses {index}"
        if name not in self._made:
            self._made[name] = self._losses(index)
        made: tuple[list[float], int] = self._made[name]
        return made

    def _losses(self, index: int) -> tuple[list[float], int]:
        if self._whole is not None:
            losses, failed = self._whole.losses(index)
            if not failed:
                return [losses[i] for i in self._rows], 0
        metric = self._reader.metrics[index]
        if type(metric) is metrics.LogLoss:
            return self._log_losses(), 0
        if self._reader.plan.gauges[index].is_binary:
            positive = self._positive
            return _evaluated(metric, [(y == positive, said) for y, said in self.numbers])
        return _evaluated(metric, self.numbers)

    def roc(self, index: int) -> list[int]:
        """Return how many events lie between each two thresholds of metric *index*: negative, positive."""
        name = f"roc {index}"
        if name not in self._made:
            n = 2 * (len(self._reader.metrics[index].thresholds) + 1)
            self._made[name] = np.bincount(self._roc_codes(index), minlength=n).tolist()
        made: list[int] = self._made[name]
        return made

    def _roc_codes(self, index: int) -> NDArray[Any]:
        name = f"codes {index}"
        if name not in self._made:
            if self._whole is not None:
                self._made[name] = self._whole._roc_codes(index)[self._rows]  # noqa: SLF001 - its own kind
            else:
                positive, p = self._arrays
                thresholds = self._reader.metrics[index].thresholds
                self._made[name] = 2 * np.searchsorted(thresholds, p, side="left") + positive
        made: NDArray[Any] = self._made[name]
        return made

    @property
    def reliability(self) -> tuple[NDArray[Any], NDArray[Any], list[int], list[int]]:
        """The tenth of each probability, it, and of each tenth how many there are and how many came true."""
        if "reliability" not in self._made:
            bins, p, is_true = self._tenths
            codes = np.bincount(2 * bins + is_true, minlength=2 * BINS)
            hits = codes[1::2]
            self._made["reliability"] = bins, p, (codes[0::2] + hits).tolist(), hits.tolist()
        made: tuple[NDArray[Any], NDArray[Any], list[int], list[int]] = self._made["reliability"]
        return made

    @property
    def _tenths(self) -> tuple[NDArray[Any], ...]:
        """The tenth of each probability, it, and whether it came true."""
        if "tenths" not in self._made:
            if self._whole is not None:
                self._made["tenths"] = tuple(column[self._rows] for column in self._whole._tenths)  # noqa: SLF001
            else:
                is_true, p = self._arrays if self._reader.plan.calibrates == "positive" else self._answered
                self._made["tenths"] = np.clip((p * BINS).astype(np.int64), 0, BINS - 1), p, is_true
        made: tuple[NDArray[Any], ...] = self._made["tenths"]
        return made

    def samples(self, index: int) -> list[tuple[Any, Any]]:
        """Return what the dear metric *index* is told."""
        plan = self._reader.plan
        gauge = plan.gauges[index]
        column = {"label": self.said.labels, "number": self.said.numbers, "shares": self.said.shares}
        ys, said = self.ys, column[gauge.says]
        if not said:
            return []
        if plan.sample_every > 1:
            rows = [i for i, place in enumerate(self.places) if place % plan.sample_every == 0]
            ys, said = [ys[i] for i in rows], [said[i] for i in rows]
        pairs = _both(ys, said)
        if not gauge.is_binary:
            return pairs
        positive = self._positive
        if gauge.says == "label":
            return [(y == positive, answer == positive) for y, answer in pairs]
        return [(y == positive, p) for y, p in pairs]

    @property
    def _arrays(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which events are positive, and the probabilities that they are."""
        if "arrays" not in self._made:
            ys, said, positive = self.ys, self.said.numbers, self._positive
            if None in said:
                ys, said = [y for y, p in self.numbers], [p for y, p in self.numbers]
            is_positive = np.fromiter([y == positive for y in ys], np.bool_, len(ys))
            self._made["arrays"] = is_positive, np.array(said, np.float64)
        made: tuple[NDArray[np.bool_], NDArray[np.float64]] = self._made["arrays"]
        return made

    @property
    def _answered(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which answers came true, and the probabilities they were given with."""
        columns = zip(self.ys, self.said.labels, self.said.numbers, strict=True)
        known = [(y == label, p) for y, label, p in columns if p is not None]
        is_true = np.fromiter([right for right, _ in known], np.bool_, len(known))
        return is_true, np.array([p for _, p in known], np.float64)

    def _log_losses(self) -> list[float]:
        positive, p = self._arrays
        clamped = np.maximum(np.minimum(p, _MOST), _LEAST)
        of_truth = np.where(positive, clamped, 1 - clamped)
        return [-x for x in map(math.log, of_truth.tolist())]  # numpy's own differs in the last bit


def _both(ys: list[Any], said: list[Any]) -> list[tuple[Any, Any]]:
    if None in said:
        return [(y, answer) for y, answer in zip(ys, said, strict=True) if answer is not None]
    return list(zip(ys, said, strict=True))


def _evaluated(metric: Any, pairs: list[tuple[Any, Any]]) -> tuple[list[float], int]:
    """Return the losses that are finite numbers, and how many are not: huge answers have huge squares."""
    loss_of = metric._eval  # noqa: SLF001 - all that a mean of losses adds to the mean
    try:
        losses = [loss_of(y, said) for y, said in pairs]
        if math.isfinite(sum(losses)):
            return losses, 0
    except Exception:  # noqa: BLE001, S110 - one by one, then
        pass
    losses = []
    for y, said in pairs:
        try:
            loss = loss_of(y, said)
        except Exception:  # noqa: BLE001, S112 - it is counted
            continue
        if math.isfinite(loss):
            losses.append(loss)
    return losses, len(pairs) - len(losses)
