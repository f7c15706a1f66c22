"""Members weighted by what they have lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, isfinite, log, sqrt
from typing import Any, ClassVar, Literal, TypeAlias

from headrace.errors import DeclarationError
from headrace.models.combine import Says, mean_of, vote
from headrace.models.combine_options import checked_quorum, written
from headrace.models.combining.combiner import Combiner, checked_memory, require_labels
from headrace.models.combining.losses import Losses, LossName, checked_loss, checked_span
from headrace.models.verbs import Task
from schemas.results import Answer

Rule: TypeAlias = Literal["hedge", "ewa", "decay"]

_LOSSES: dict[Rule, tuple[LossName, LossName]] = {
    "hedge": ("zero_one", "absolute"),
    "ewa": ("brier", "squared"),
    "decay": ("zero_one", "absolute"),
}
_EWA_RATE = 0.5
"""The squared loss of what lies between 0 and 1 is exp-concave up to this rate."""

_DECAY_MEMORY = 1_000
_LEAST_LOSS = 1e-9
_LEAST_WEIGHT = 1e-100
"""Of the best member's; a lone member so bad still has a weight to divide by."""


class Weighted:
    """The members' weighted mean, or weighted soft vote, where the weights follow from their losses.

    Parameters
    ----------
    rule
        ``"hedge"``: weights shrink by ``exp(-rate * loss)`` with each loss (Freund and Schapire 1997). With
        losses from 0 to 1 and *n* members, the mean loss of the members under the weights, summed over *T*
        events, stays within ``2 * sqrt(T / 2 * ln(n)) + sqrt(ln(n) / 8)`` of that of the best member, and
        with ``rate=sqrt(8 * ln(n) / T)`` within ``sqrt(T / 2 * ln(n))``.

        ``"ewa"``: the same with a loss that is exp-concave, the exponentially weighted average forecaster:
        the loss of the *combined answer* stays within ``ln(n) / rate`` of that of the best member, however
        many events there are (Cesa-Bianchi and Lugosi 2006, proposition 3.1).

        ``"decay"``: a weight is the odds of being right, ``(1 - loss) / loss``, by the mean of the latest
        losses. It keeps all members in play and follows changes; nothing is promised of its regret.
    rate
        How fast weights follow losses. Default: ``sqrt(8 * ln(n) / t)`` at the t-th event for hedge, 0.5
        for ewa. Decay has none.
    memory
        Over about how many events losses count; older ones fade. ``None``: all, and 1,000 for decay. What
        is promised holds with all.
    loss
        ``"zero_one"`` or ``"brier"`` of classifiers, ``"absolute"`` or ``"squared"`` of regressors, scaled to
        0 to 1. Default: the first of the two; the second for ewa.
    span
        Lowest and highest number that labels of a regression can be. Without it errors are measured by the
        usual one, and no loss counts more than four of these; what is promised holds with a span.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    Notes
    -----
    A member that did not answer is charged the weighted mean loss of those that did, as a sleeping expert
    (Freund et al. 1997): that leaves its weight among theirs as it was.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"label", "number"})

    def __init__(
        self,
        rule: Rule = "hedge",
        *,
        rate: float | None = None,
        memory: int | None = None,
        loss: LossName | None = None,
        span: tuple[float, float] | None = None,
        quorum: int | None = None,
    ) -> None:
        if rule not in _LOSSES:
            raise DeclarationError(
                "combine.rule", f"expected {', '.join(map(repr, _LOSSES))}, got {rule!r}", fix="rule='hedge'"
            )
        self.rule: Rule = rule
        self.rate = _checked_rate(rate, rule)
        self.memory = checked_memory(memory)
        self.loss = loss
        self.span = checked_span(span)
        self.quorum = checked_quorum(quorum)

    def fresh(self, names: Sequence[str], task: Task) -> WeightedCombiner:
        """Return a combiner that has learned nothing."""
        require_labels(self, task)
        return WeightedCombiner(names, task, self)

    def __repr__(self) -> str:
        options = {name: getattr(self, name) for name in ("rate", "memory", "loss", "span", "quorum")}
        return written("Weighted", self.rule, **options)


class WeightedCombiner(Combiner):
    """Members' losses and the weights they make; `Weighted` makes it."""

    def __init__(self, names: Sequence[str], task: Task, declared: Weighted) -> None:
        super().__init__(names, declared.quorum)
        self.task = task
        self.rule: Rule = declared.rule
        self.rate = declared.rate
        self.memory = declared.memory
        self.losses = Losses(checked_loss(declared.loss, _LOSSES[declared.rule], task), declared.span)
        self.n_learned = 0
        start = 0.5 if self.rule == "decay" else 0.0
        self._lost = dict.fromkeys(self.names, start)  # decay: mean; otherwise sum, less that of the best
        self._n_lost = dict.fromkeys(self.names, 0)
        self._weights = dict.fromkeys(self.names, 1.0 / len(self.names))
        self._factors: dict[str, float] = {}

    def weights(self) -> dict[str, float]:
        """Return the weights, 1 in all."""
        return self._heard(self.names)

    def set_weight(self, name: str, value: float) -> None:
        """Let *name* count *value* times what it has earned, from now on: an order; 1 takes it back.

        What it earns goes on to be measured as if nothing had been said.
        """
        self._factors[name] = value

    def combined(
        self, said: Mapping[str, Answer], x: Mapping[Any, Any]
    ) -> tuple[Answer, Mapping[str, float]]:
        """Return the weighted vote or mean."""
        parts = self._heard(said)
        if self.task == "classification":
            return vote(said, parts, "soft"), parts
        numbers = [float(a.prediction) for a in said.values()]  # type: ignore[arg-type] # of regressors
        return Answer(mean_of(numbers, [*parts.values()])), parts

    def learned(self, said: Mapping[str, Answer], x: Mapping[Any, Any], y: Any) -> None:
        """Charge each member its loss."""
        losses = self.losses.of(said, y)
        self.n_learned += 1
        if self.rule == "decay":
            self._average(losses)
        else:
            self._charge(losses)
        self._weights = _shares({name: self._weight(lost) for name, lost in self._lost.items()})

    def _average(self, losses: Mapping[str, float]) -> None:
        """Take *losses* into each member's mean, which begins as if it had been right once and wrong once."""
        memory = self.memory or _DECAY_MEMORY
        for name, loss in losses.items():
            self._n_lost[name] = n = min(self._n_lost[name] + 1, memory)
            self._lost[name] += (loss - self._lost[name]) / min(n + 2, memory)

    def _charge(self, losses: Mapping[str, float]) -> None:
        """Add *losses* to the sums, of which only the distance from the least matters."""
        parts = self._among(losses)
        asleep = sum(parts[name] * loss for name, loss in losses.items())
        keep = 1.0 if self.memory is None else 1.0 - 1.0 / self.memory
        lost = {name: keep * before + losses.get(name, asleep) for name, before in self._lost.items()}
        least = min(lost.values())
        self._lost = {name: total - least for name, total in lost.items()}

    def _weight(self, lost: float) -> float:
        if self.rule == "decay":
            lost = min(max(lost, _LEAST_LOSS), 1.0 - _LEAST_LOSS)
            return (1.0 - lost) / lost
        return max(exp(-self._rate_now() * lost), _LEAST_WEIGHT)

    def _rate_now(self) -> float:
        if self.rate is not None:
            return self.rate
        if self.rule == "ewa":
            return _EWA_RATE
        n = self.n_learned + 1 if self.memory is None else min(self.n_learned + 1, self.memory)
        return sqrt(8.0 * log(len(self.names)) / n)

    def _among(self, some: Iterable[str]) -> dict[str, float]:
        """Return what *some* members have earned, 1 in all."""
        return _shares({name: self._weights[name] for name in some})

    def _heard(self, some: Iterable[str]) -> dict[str, float]:
        """Return the weights of *some* members, 1 in all; what they have earned if none is to count."""
        earned = self._among(some)
        if not self._factors:
            return earned
        weights = {name: weight * self._factors.get(name, 1.0) for name, weight in earned.items()}
        return _shares(weights) if any(weights.values()) else earned


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _checked_rate(rate: object, rule: Rule) -> float | None:
    if rate is None:
        return None
    if rule == "decay":
        raise DeclarationError("combine.rate", "decay has no rate", fix="memory=1_000, the events it spans")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not isfinite(rate) or rate <= 0:
        raise DeclarationError(
            "combine.rate",
            f"expected a number above 0, got {rate!r}",
            fix="leave it out: see headrace.Weighted",
        )
    return float(rate)
