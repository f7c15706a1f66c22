"""Tallies: what is kept of the events of one stretch, so that metrics have values there.

Each is added to in order of the events, one number at a time, as river does: how the events are cut into
batches changes no bit. Tallies of stretches that follow one another can be joined.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import numpy as np

from headrace.scores.batch import BINS, Batch
from headrace.scores.kinds import Gauge

MOST_PAIRS = 10_000
_MOST_SAMPLES = 10_000
_OTHER, _WRONG = "(other)", "(wrong)"


class Tally(Protocol):
    """One kind of count or sum over a stretch of events."""

    def add(self, batch: Batch) -> None:
        """Count the events of *batch*, which follow those before."""
        ...

    def join(self, later: Any) -> None:
        """Count what *later* did, of the same kind."""
        ...

    def state(self) -> Any:
        """Return it as builtins (a dear metric: as itself)."""
        ...

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        ...


class Confusion:
    """How often each label met each answer, in the order in which they first did.

    No more than `MOST_PAIRS` pairs are told apart; later ones count as right or wrong only.
    """

    def __init__(self) -> None:
        self.pairs: dict[tuple[Any, Any], int] = {}

    def add(self, batch: Batch) -> None:
        """Count the labels of *batch* with their answers."""
        self._count(batch.pairs.items())

    def join(self, later: Confusion) -> None:
        """Count what *later* did."""
        self._count(later.pairs.items())

    def _count(self, counted: Iterable[tuple[tuple[Any, Any], int]]) -> None:
        pairs = self.pairs
        for pair, n in counted:
            if pair in pairs or len(pairs) < MOST_PAIRS:
                pairs[pair] = pairs.get(pair, 0) + n
            else:
                beyond = (_OTHER, _OTHER if pair[0] == pair[1] else _WRONG)
                pairs[beyond] = pairs.get(beyond, 0) + n

    def state(self) -> list[Any]:
        """Return it as builtins."""
        return [(y, said, n) for (y, said), n in self.pairs.items()]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.pairs = {(y, said): n for y, said, n in state}


class Loss:
    """Mean of a loss, as ``river.stats.Mean`` keeps it (West 1979); ``failed`` had no finite loss."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.n = 0.0
        self.mean = 0.0
        self.failed = 0

    def add(self, batch: Batch) -> None:
        """Take in the losses of *batch*."""
        losses, failed = batch.losses(self._index)
        n, mean = self.n, self.mean
        for loss in losses:
            n += 1.0
            mean += (1.0 / n) * (loss - mean)
        self.n, self.mean = n, mean
        self.failed += failed

    def join(self, later: Loss) -> None:
        """Take in what *later* did."""
        self.failed += later.failed
        if later.n:
            n = self.n + later.n
            self.mean += (later.n / n) * (later.mean - self.mean)
            self.n = n

    def state(self) -> list[Any]:
        """Return it as builtins."""
        return [self.n, self.mean, self.failed]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.n, self.mean, self.failed = state


class Roc:
    """How many negative and positive events had a number between each two thresholds."""

    def __init__(self, index: int, n_thresholds: int) -> None:
        self._index = index
        self.counts = [0] * (2 * (n_thresholds + 1))

    @property
    def outside(self) -> int:
        """How many numbers were no probabilities: the curve means nothing then."""
        return sum(self.counts[:2]) + sum(self.counts[-2:])

    def add(self, batch: Batch) -> None:
        """Sort the numbers of *batch* in."""
        self.counts = [a + b for a, b in zip(self.counts, batch.roc(self._index), strict=True)]

    def join(self, later: Roc) -> None:
        """Count what *later* did."""
        self.counts = [a + b for a, b in zip(self.counts, later.counts, strict=True)]

    def state(self) -> list[Any]:
        """Return it as builtins."""
        return list(self.counts)

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.counts = list(state)


class Moments:
    """What ``river.metrics.R2`` keeps: variance of the labels (Welford 1962) and squared errors."""

    def __init__(self) -> None:
        self.n = self.mean = self.squares = self.residual = 0.0

    def add(self, batch: Batch) -> None:
        """Take in labels and numbers of *batch*."""
        n, mean, squares, residual = self.n, self.mean, self.squares, self.residual
        for y, said in batch.numbers:
            n += 1.0
            before = mean
            mean += (1.0 / n) * (y - mean)
            squares += (y - before) * (y - mean)
            residual += (y - said) * (y - said)
        self.n, self.mean, self.squares, self.residual = n, mean, squares, residual

    def join(self, later: Moments) -> None:
        """Take in what *later* did (Chan, Golub and LeVeque 1983)."""
        if later.n:
            n, apart = self.n + later.n, later.mean - self.mean
            self.squares += later.squares + apart * apart * self.n * later.n / n
            self.mean += apart * later.n / n
            self.residual += later.residual
            self.n = n

    def state(self) -> list[Any]:
        """Return it as builtins."""
        return [self.n, self.mean, self.squares, self.residual]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.n, self.mean, self.squares, self.residual = state


class Reliability:
    """Of each tenth of the probabilities: how many, their sum, how many came true."""

    def __init__(self) -> None:
        self.counts = [0] * BINS
        self.sums = np.zeros(BINS)
        self.hits = [0] * BINS

    def add(self, batch: Batch) -> None:
        """Sort the probabilities of *batch* in."""
        bins, p, counts, hits = batch.reliability
        np.add.at(self.sums, bins, p)  # one by one, unlike a sum
        self.counts = [a + b for a, b in zip(self.counts, counts, strict=True)]
        self.hits = [a + b for a, b in zip(self.hits, hits, strict=True)]

    def join(self, later: Reliability) -> None:
        """Count what *later* did."""
        self.sums += later.sums
        self.counts = [a + b for a, b in zip(self.counts, later.counts, strict=True)]
        self.hits = [a + b for a, b in zip(self.hits, later.hits, strict=True)]

    def state(self) -> list[Any]:
        """Return it as builtins."""
        return [self.counts, self.sums.tolist(), self.hits]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        counts, sums, hits = state
        self.counts, self.sums, self.hits = list(counts), np.array(sums), list(hits)


class Dear:
    """A metric that keeps what only itself knows, told of sampled events.

    Some of river's change inside when they are asked. So they are asked at events that do not depend on who
    wants to know, `settle`, and their copies at others.
    """

    def __init__(self, index: int, gauge: Gauge) -> None:
        self._index = index
        self.metric: Any = gauge.factory()
        self.n = 0
        self.failed = 0
        self._settled: tuple[int, float | None] = (-1, None)

    def settle(self) -> None:
        """Ask the metric itself."""
        self._settled = self.n, asked(self.metric)

    @property
    def value(self) -> float | None:
        """What the metric says now, ``None`` if it fails."""
        n, value = self._settled
        return value if n == self.n else asked(pickle.loads(pickle.dumps(self.metric)))  # noqa: S301 - our own

    def add(self, batch: Batch) -> None:
        """Tell the metric of the sampled events of *batch*."""
        self._tell(batch.samples(self._index))

    def _tell(self, samples: Sequence[tuple[Any, Any]]) -> None:
        for y, said in samples:
            try:
                self.metric.update(y, said)
            except Exception:  # noqa: BLE001 - a metric may be a user's own, and must not stop the fold
                self.failed += 1
            else:
                self.n += 1

    def join(self, later: Kept) -> None:
        """Tell the metric of what *later* kept."""
        self._tell(later.samples)

    def state(self) -> list[Any]:
        """Return the metric itself with its counts."""
        return [self.n, self.failed, self.metric]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.n, self.failed, self.metric = state
        self._settled = (-1, None)


def asked(metric: Any) -> float | None:
    """Return the value of *metric*, ``None`` if it fails: it may be a user's own."""
    try:
        return cast("float", metric.get())
    except Exception:  # noqa: BLE001 - without a value it is left out
        return None


class Kept:
    """The sampled events of a pane, for a metric that cannot be joined: the first `_MOST_SAMPLES`."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.samples: list[tuple[Any, Any]] = []

    def add(self, batch: Batch) -> None:
        """Keep the sampled events of *batch*."""
        self.samples += batch.samples(self._index)[: _MOST_SAMPLES - len(self.samples)]

    def join(self, later: Kept) -> None:
        """Keep what *later* kept."""
        self.samples += later.samples

    def state(self) -> list[Any]:
        """Return it as builtins."""
        return list(self.samples)

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.samples = list(state)
