"""What may be declared of any combination: a quorum, fixed weights; and how a declaration is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from headrace.errors import DeclarationError
from schemas.results import Answer

_MOST_WEIGHT = 1e12
"""So that a sum of weights stays far from what a float can hold."""


def short_of(quorum: int | None, said: Collection[str]) -> Answer | None:
    """Return an answer that says how many of the members *said* something, if they are no *quorum*."""
    if quorum is None or len(said) >= quorum:
        return None
    return Answer(error=f"quorum: {quorum} needed, {len(said)} answered ({', '.join(said) or 'none'})")


def checked_quorum(quorum: int | None) -> int | None:
    """Return *quorum* if it is a number of members, or ``None``."""
    if quorum is None or (isinstance(quorum, int) and not isinstance(quorum, bool) and quorum >= 1):
        return quorum
    raise DeclarationError(
        "combine.quorum",
        f"expected how many members have to answer, 1 or more, got {quorum!r}",
        fix="quorum=2, or leave it out: however few answer, there is an answer",
    )


def checked_weights(weights: Mapping[str, float] | None) -> dict[str, float] | None:
    """Return a copy of *weights* if each is above 0, or ``None``."""
    if weights is None:
        return None
    if not isinstance(weights, Mapping) or not weights:
        raise DeclarationError(
            "combine.weights",
            f"expected a weight for each member by name, got {weights!r}",
            fix="weights={'linear': 2, 'tree': 1}",
        )
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < _MOST_WEIGHT:
            raise DeclarationError(
                f"combine.weights[{name!r}]",
                f"expected a number above 0 and below {_MOST_WEIGHT:.0e}, got {weight!r}",
                fix="leave a model that shall not count out of models",
            )
    return {name: float(weight) for name, weight in weights.items()}


def written(kind: str, *arguments: object, **options: object) -> str:
    """Return a declaration as it is written, without the *options* that are ``None``."""
    given = [repr(each) for each in arguments]
    given += [f"{name}={value!r}" for name, value in options.items() if value is not None]
    return f"{kind}({', '.join(given)})"
