"""The member that is best where the event belongs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, ClassVar

from headrace.errors import DeclarationError
from headrace.models.combine import Says
from headrace.models.combine_options import checked_quorum, written
from headrace.models.combining.combiner import Combiner, checked_memory, require_labels
from headrace.models.combining.losses import Losses, LossName, checked_loss, checked_span
from headrace.models.labels import text_of
from headrace.models.verbs import Task
from schemas.results import Answer

OTHER, NONE = "(other)", "(none)"
_LONGEST = 64
_MOST_REGIONS = 10_000
_MEMORY = 1_000
_PRIOR = 20.0
"""So many labels of a region count as much as what is known of all regions together."""


class Best:
    """The answer of the one member that has lost least lately in the region of the event.

    Dynamic selection by local accuracy (Woods, Kegelmeyer and Bowyer 1997), where regions are the values of a
    field. The loss of a member in a region is that of its labels there and, counting as 20 more, its mean
    loss everywhere: a region without labels goes to whoever is best overall.

    Parameters
    ----------
    by
        Field whose values are the regions. ``None``: there is one region.
    edges
        If the field holds numbers, where one region ends and the next begins, in rising order.
    regions
        How many values of *by* at most, first come, first served; the rest are one region, "(other)".
    memory
        Over about how many events of a region losses count; older ones fade.
    loss
        ``"zero_one"`` or ``"brier"`` of classifiers, ``"absolute"`` or ``"squared"`` of regressors. Default:
        the first of the two.
    span
        Lowest and highest number that labels of a regression can be. Without it errors are measured by the
        usual one, and no loss counts more than four of these.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"label", "number"})

    def __init__(  # noqa: PLR0913 - a declaration: all is keyword-only
        self,
        *,
        by: str | None = None,
        edges: Sequence[float] | None = None,
        regions: int = 1_000,
        memory: int = _MEMORY,
        loss: LossName | None = None,
        span: tuple[float, float] | None = None,
        quorum: int | None = None,
    ) -> None:
        if by is not None and (not isinstance(by, str) or not by):
            raise DeclarationError(
                "combine.by", f"expected the name of a field, got {by!r}", fix="by='country'"
            )
        self.by = by
        self.edges = _checked_edges(edges, by)
        self.regions = _checked_regions(regions)
        self.memory = checked_memory(memory) or _MEMORY
        self.loss = loss
        self.span = checked_span(span)
        self.quorum = checked_quorum(quorum)

    def fresh(self, names: Sequence[str], task: Task) -> BestCombiner:
        """Return a combiner that has learned nothing."""
        require_labels(self, task)
        return BestCombiner(names, task, self)

    def __repr__(self) -> str:
        options = {name: getattr(self, name) for name in ("by", "edges", "loss", "span", "quorum")}
        return written("Best", **options)


class Region:
    """Mean loss of each member over the latest labels of one region, and who was best at the last."""

    def __init__(self, names: Sequence[str]) -> None:
        self.leader = names[0]
        self.n = dict.fromkeys(names, 0)
        self.loss = dict.fromkeys(names, 0.0)

    def add(self, losses: Mapping[str, float], memory: int) -> None:
        """Take in the losses of one event."""
        for name, loss in losses.items():
            self.n[name] = n = min(self.n[name] + 1, memory)
            self.loss[name] += (loss - self.loss[name]) / n


class BestCombiner(Combiner):
    """Losses by region; `Best` makes it."""

    def __init__(self, names: Sequence[str], task: Task, declared: Best) -> None:
        super().__init__(names, declared.quorum)
        self.by = declared.by
        self.edges = declared.edges
        self.most = declared.regions
        self.memory = declared.memory
        self.losses = Losses(checked_loss(declared.loss, ("zero_one", "absolute"), task), declared.span)
        self.whole = Region(self.names)
        self.regions: dict[str, Region] = {}

    def weights(self) -> dict[str, float]:
        """Return in which part of the regions each member is the best."""
        leaders = [region.leader for region in self.regions.values()] or [self.whole.leader]
        return {name: leaders.count(name) / len(leaders) for name in self.names}

    def combined(
        self, said: Mapping[str, Answer], x: Mapping[Any, Any]
    ) -> tuple[Answer, Mapping[str, float]]:
        """Return the answer of the best that said something; of equal ones, the first declared."""
        region = self.regions.get(self._region_of(x)) if self.by is not None else None
        best = min(said, key=self._losses_in(region).__getitem__)
        answer = said[best]
        return Answer(answer.prediction, answer.probability, by=best), {best: 1.0}

    def learned(self, said: Mapping[str, Answer], x: Mapping[Any, Any], y: Any) -> None:
        """Take in each member's loss in the region of *x*."""
        losses = self.losses.of(said, y)
        self.whole.add(losses, self.memory)
        self.whole.leader = min(self.names, key=self._losses_in(None).__getitem__)
        if self.by is None:
            return
        name = self._region_of(x)
        if name not in self.regions:
            self.regions[name] = Region(self.names)
        region = self.regions[name]
        region.add(losses, self.memory)
        region.leader = min(self.names, key=self._losses_in(region).__getitem__)

    def _losses_in(self, region: Region | None) -> dict[str, float]:
        whole = self.whole
        # Who has never been measured counts as somebody who is wrong half the time.
        overall = {name: loss if whole.n[name] else 0.5 for name, loss in whole.loss.items()}
        if region is None:
            return overall
        return {
            name: (region.n[name] * loss + _PRIOR * overall[name]) / (region.n[name] + _PRIOR)
            for name, loss in region.loss.items()
        }

    def _region_of(self, x: Mapping[Any, Any]) -> str:
        value = x.get(self.by)
        if value is None:
            return NONE
        try:
            name = text_of(value) if self.edges is None else str(bisect_right(self.edges, value))
        except (TypeError, ValueError):
            return OTHER
        if name in self.regions:
            return name
        n_named = len(self.regions) - (OTHER in self.regions) - (NONE in self.regions)
        return OTHER if n_named >= self.most or len(name) > _LONGEST else name


def _checked_edges(edges: object, by: str | None) -> tuple[float, ...] | None:
    if edges is None:
        return None
    if by is None:
        raise DeclarationError(
            "combine.edges", "there is no field whose numbers they part", fix="by='FIELD', or leave it out"
        )
    is_list = isinstance(edges, Sequence) and not isinstance(edges, str | bytes)
    found = [*edges] if is_list else []  # type: ignore[misc] # is_list tells
    numbers = [e for e in found if isinstance(e, int | float) and not isinstance(e, bool) and isfinite(e)]
    if not found or numbers != sorted(set(found)) or len(found) > _MOST_REGIONS:
        raise DeclarationError(
            "combine.edges", f"expected numbers in rising order, got {edges!r}", fix="edges=(10, 100)"
        )
    return tuple(map(float, numbers))


def _checked_regions(regions: object) -> int:
    if isinstance(regions, int) and not isinstance(regions, bool) and 1 <= regions <= _MOST_REGIONS:
        return regions
    raise DeclarationError(
        "combine.regions",
        f"expected how many regions at most, 1 to {_MOST_REGIONS:,}, got {regions!r}",
        fix="regions=1_000",
    )
