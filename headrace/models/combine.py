"""How the answers of several models become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from statistics import median_high, median_low
from typing import ClassVar, Literal, Protocol, TypeAlias

from headrace.errors import DeclarationError
from headrace.models.combine_options import checked_quorum, checked_weights, short_of, written
from headrace.models.labels import label_of, text_of
from schemas.results import Answer

Says: TypeAlias = Literal["label", "number", "score", "cluster"]
"""What an answer consists of: a classifier's label or a detector's verdict, a regressor's number ..."""


class Combine(Protocol):
    """Turns the answers of several models into one; members that failed are not among them.

    Must be pure: the same answers always give the same one. A class may name in ``reads`` which of `Says` it
    makes use of; a pipeline whose models say none of it is then refused. So is one with fewer members than
    ``quorum``, with others than ``weights`` names, or without the feature ``by``, where a class has these.
    What learns how to combine is in `headrace.models.combining`.
    """

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the final answer; *answers* are in the order in which the models run."""
        ...


class First:
    """The answer of the first model to run that has one.

    Parameters
    ----------
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"label", "number", "score", "cluster"})
    _place = 0

    def __init__(self, *, quorum: int | None = None) -> None:
        self.quorum = checked_quorum(quorum)

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the one answer of those that say anything."""
        said = {name: a for name, a in answers.items() if a.prediction is not None or a.score is not None}
        short = short_of(self.quorum, said)
        if short is not None or not said:
            return short or Answer()
        name, answer = [*said.items()][self._place]
        return Answer(answer.prediction, answer.probability, answer.score, by=name)

    def __repr__(self) -> str:
        return written("First", quorum=self.quorum)


class Last(First):
    """The answer of the last model to run that has one: the dear one of a cascade, if it was asked."""

    _place = -1

    def __repr__(self) -> str:
        return written("Last", quorum=self.quorum)


class Only:
    """The answer of the one member, where there is one and nothing else was declared."""

    reads: ClassVar[frozenset[Says]] = frozenset({"label", "number", "score"})

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return what it says, if it does."""
        for answer in answers.values():
            return Answer(answer.prediction, answer.probability, answer.score)
        return Answer()

    def __repr__(self) -> str:
        return written("Only")


class Vote:
    """Vote of classifiers, or of anomaly detectors with a threshold; ties go to the label seen first.

    Parameters
    ----------
    mode
        ``"hard"`` counts each model's label; ``"soft"`` takes the mean of their probabilities, where a model
        without probabilities counts as certain of its label.
    weights
        How much each member counts, by name; by default all count the same.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"label"})

    def __init__(
        self,
        mode: Literal["hard", "soft"] = "soft",
        *,
        weights: Mapping[str, float] | None = None,
        quorum: int | None = None,
    ) -> None:
        if mode not in ("hard", "soft"):
            raise ValueError(f"mode: expected 'hard' or 'soft', got {mode!r}")
        self.mode: Literal["hard", "soft"] = mode
        self.weights = checked_weights(weights)
        self.quorum = checked_quorum(quorum)

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the winning label with each label's share; one that no model put first can win."""
        voters = {name: a for name, a in answers.items() if a.prediction is not None}
        short = None if self.quorum is None else short_of(self.quorum, voters)
        return short or vote(voters, self.weights, self.mode)

    def __repr__(self) -> str:
        return written("Vote", self.mode, weights=self.weights, quorum=self.quorum)


class Mean:
    """Mean of the predictions of regressors, or of the scores of anomaly detectors.

    Parameters
    ----------
    weights
        How much each member counts, by name; by default all count the same.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"number", "score"})

    def __init__(self, *, weights: Mapping[str, float] | None = None, quorum: int | None = None) -> None:
        self.weights = checked_weights(weights)
        self.quorum = checked_quorum(quorum)

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the arithmetic mean over the models that answered."""
        weights = self.weights

        def mean(values: Mapping[str, float]) -> float:
            return mean_of([*values.values()], [weights[name] for name in values] if weights else None)

        return _centred(answers, self.quorum, mean)

    def __repr__(self) -> str:
        return written("Mean", weights=self.weights, quorum=self.quorum)


class Median:
    """Median of the predictions of regressors, or of the scores of anomaly detectors.

    Fewer than half of the members can be wrong by any amount, and it stays among what the others say.

    Parameters
    ----------
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"number", "score"})

    def __init__(self, *, quorum: int | None = None) -> None:
        self.quorum = checked_quorum(quorum)

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the median over the models that answered; of an even number, between the middle two."""
        return _centred(
            answers,
            self.quorum,
            lambda values: mean_of([median_low(values.values()), median_high(values.values())]),
        )

    def __repr__(self) -> str:
        return written("Median", quorum=self.quorum)


class TrimmedMean:
    """Mean without the lowest and the highest answers, of regressors or of anomaly detectors' scores.

    Parameters
    ----------
    share
        Of the answers, how many are left out at each end, rounded down: below 0.5, so that some are left.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"number", "score"})

    def __init__(self, share: float = 0.2, *, quorum: int | None = None) -> None:
        if not isinstance(share, int | float) or not 0.0 <= share < 0.5:
            raise DeclarationError(
                "combine.share",
                f"expected a share from 0 to below 0.5, got {share!r}",
                why="so many answers are left out at each end, and some must be left",
                fix="headrace.TrimmedMean(0.2), or headrace.Median()",
            )
        self.share = float(share)
        self.quorum = checked_quorum(quorum)

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the mean over what is left of the models that answered."""

        def mean(values: Mapping[str, float]) -> float:
            n_cut = int(self.share * len(values))
            return mean_of(sorted(values.values())[n_cut : len(values) - n_cut])

        return _centred(answers, self.quorum, mean)

    def __repr__(self) -> str:
        return written("TrimmedMean", self.share, quorum=self.quorum)


def vote(
    voters: Mapping[str, Answer], weights: Mapping[str, float] | None, mode: Literal["hard", "soft"]
) -> Answer:
    """Return the label that *voters*, each with a label, give the most of their *weights*, with each's share.

    ``None`` as *weights*: each has one vote.
    """
    if not voters:
        return Answer()
    total = len(voters) if weights is None else sum(weights[name] for name in voters)
    shares: dict[str, float] = {}
    for name, voter in voters.items():
        weight = 1.0 if weights is None else weights[name]
        soft = voter.probability if mode == "soft" else None
        for label, share in (soft or {text_of(voter.prediction): 1.0}).items():
            shares[label] = shares.get(label, 0.0) + share * weight / total
    winner = max(shares, key=shares.__getitem__)
    for voter in voters.values():
        if text_of(voter.prediction) == winner:
            return Answer(voter.prediction, shares)
    return Answer(label_of(winner, [voter.prediction for voter in voters.values()]), shares)


def mean_of(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Return the mean of *values*, at least one; *weights* are above 0, ``None``: all the same."""
    weights = [1.0] * len(values) if weights is None else weights
    total = sum(weights)
    mean = sum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    if isfinite(mean):
        return mean
    # The sum of huge numbers is beyond a float, their mean is not.
    mean = sum(value * (weight / total) for value, weight in zip(values, weights, strict=True))
    return min(max(mean, min(values)), max(values))


def _centred(
    answers: Mapping[str, Answer], quorum: int | None, centre: Callable[[Mapping[str, float]], float]
) -> Answer:
    """Return the *centre* of the numbers and that of the scores in *answers*, where there are any."""
    numbers = {name: a.prediction for name, a in answers.items() if isinstance(a.prediction, float)}
    scores = {name: a.score for name, a in answers.items() if a.score is not None}
    short = short_of(quorum, {**numbers, **scores})
    return short or Answer(centre(numbers) if numbers else None, score=centre(scores) if scores else None)
