"""How uncertain an answer is: 0 is certain, 1 knows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log2
from typing import Literal, TypeAlias

from headrace.models.labels import text_of
from schemas.results import Answer

Strategy: TypeAlias = Literal["margin", "entropy", "disagreement", "random"]
Measure: TypeAlias = Callable[[Answer, Mapping[str, Answer]], float]


def margin(answer: Answer, answers: Mapping[str, Answer]) -> float:
    """Return 1 less the gap between the two most probable labels (Scheffer, Decomain and Wrobel 2001)."""
    shares = answer.probability
    if not shares:
        return 1.0 if answer.prediction is None else 0.0
    if len(shares) == 1:
        (only,) = shares.values()
        return 1.0 - only
    second, first = sorted(shares.values())[-2:]
    return 1.0 - (first - second)


def entropy(answer: Answer, answers: Mapping[str, Answer]) -> float:
    """Return the entropy of the probabilities above 0, by its maximum: that of river's `EntropySampler`."""
    shares = answer.probability
    if not shares:
        return 1.0 if answer.prediction is None else 0.0
    likely = [share for share in shares.values() if share > 0.0]
    if len(likely) < 2:
        return 0.0
    return -sum(share * log2(share) for share in likely) / log2(len(likely))


def disagreement(answer: Answer, answers: Mapping[str, Answer]) -> float:
    """Return how far models differ (query by committee: Seung, Opper and Sompolinsky 1992).

    Of labels with probabilities it is the widest gap between two models in the probability of a label; of
    labels without, the share of models that are against the most frequent one; of numbers the gap, which has
    their unit.
    """
    said = [one for one in answers.values() if one.prediction is not None]
    if len(said) < 2:
        return 0.0 if said else 1.0
    shares = [one.probability for one in said if one.probability]
    if len(shares) == len(said):
        labels = dict.fromkeys(label for one in shares for label in one)
        gaps = ([one.get(label, 0.0) for one in shares] for label in labels)
        return max(max(gap) - min(gap) for gap in gaps)
    numbers = [one.prediction for one in said if isinstance(one.prediction, float)]
    if len(numbers) == len(said):
        return max(numbers) - min(numbers)
    texts = [text_of(one.prediction) for one in said]
    return 1.0 - max(map(texts.count, texts)) / len(texts)


MEASURES: Mapping[Strategy, Measure] = {"margin": margin, "entropy": entropy, "disagreement": disagreement}
