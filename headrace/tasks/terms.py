"""The parts of a condition at work: closures that read features and answers and never raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from schemas.results import Answer

Value: TypeAlias = bool | int | float | str | None
Term: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Answer]], Value]
"""What part of a condition is worth, given the features of the event and the answers of the steps so far."""
Test: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Answer]], bool]

_SCALARS = frozenset({bool, int, float, str, type(None)})


def constant(value: Value) -> Term:
    """Return the term that is always *value*."""
    return lambda features, answers: value


def feature(name: str) -> Term:
    """Return the term that reads a feature; ``None`` if the event has none that is a number, text or bool."""

    def read(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        value = features.get(name)
        return value if value.__class__ in _SCALARS else _plain(value)

    return read


def part(step: str, name: str) -> Term:
    """Return the term that reads a part of the answer of *step*; ``None`` without one."""

    def read(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        value: Value = getattr(answers.get(step), name, None)
        return value

    return read


def probability(step: str, label: str) -> Term:
    """Return the term that reads the probability that *step* gives to *label*; ``None`` without one."""

    def read(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        answer = answers.get(step)
        shares = None if answer is None else answer.probability
        return None if shares is None else shares.get(label)

    return read


def confidence(step: str) -> Term:
    """Return the term that reads the highest probability that *step* gives; ``None`` without one."""

    def read(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        answer = answers.get(step)
        return max(answer.probability.values()) if answer is not None and answer.probability else None

    return read


def calculation(calculate: Callable[[Any, Any], Any], left: Term, right: Term) -> Term:
    """Return the term of two numbers; ``None`` if one is no number, or the result is none."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        a, b = left(features, answers), right(features, answers)
        if a is None or b is None or a.__class__ is str or b.__class__ is str:
            return None
        try:
            value: Value = calculate(a, b)
        except ArithmeticError:
            return None
        return value

    return run


def signed(sign: Callable[[Any], Any], of: Term) -> Term:
    """Return the term of a number with a sign; ``None`` if it is no number."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        a = of(features, answers)
        value: Value = None if a is None or a.__class__ is str else sign(a)
        return value

    return run


def comparison(compare: Callable[[Any, Any], bool], left: Term, right: Term) -> Term:
    """Return the term that compares two values; ``False`` if one is absent or they have no order."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        a, b = left(features, answers), right(features, answers)
        if a is None or b is None:
            return False
        try:
            return compare(a, b)
        except TypeError:
            return False

    return run


def comparison_with(compare: Callable[[Any, Any], bool], left: Term, literal: Value) -> Term:
    """Return what `comparison` with a `constant` does, in less time: most conditions are one."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        a = left(features, answers)
        try:
            return a is not None and compare(a, literal)
        except TypeError:
            return False

    return run


def chain(first: Term, rest: Sequence[tuple[Callable[[Any, Any], bool], Term]]) -> Term:
    """Return the term of ``a < b <= c``: each with its neighbour, the middle read once."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        a = first(features, answers)
        for compare, right in rest:
            b = right(features, answers)
            try:
                if a is None or b is None or not compare(a, b):
                    return False
            except TypeError:
                return False
            a = b
        return True

    return run


def membership(of: Term, among: Sequence[Value], *, inside: bool) -> Term:
    """Return whether a value is one of *among*, or is not; ``False`` if it is absent."""
    values = frozenset(among)

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        value = of(features, answers)
        return value is not None and (value in values) is inside

    return run


def absence(of: Term, *, absent: bool) -> Term:
    """Return whether a value is absent, or is not."""
    return lambda features, answers: (of(features, answers) is None) is absent


def negation(of: Term) -> Term:
    """Return the opposite of a truth; what is absent counts as false."""
    return lambda features, answers: not of(features, answers)


def conjunction(terms: Sequence[Term]) -> Term:
    """Return the term of ``and``: the first value that is not true, else the last."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        value: Value = None
        for term in terms:
            value = term(features, answers)
            if not value:
                return value
        return value

    return run


def disjunction(terms: Sequence[Term]) -> Term:
    """Return the term of ``or``: the first value that is true, else the last."""

    def run(features: Mapping[str, Any], answers: Mapping[str, Answer]) -> Value:
        value: Value = None
        for term in terms:
            value = term(features, answers)
            if value:
                return value
        return value

    return run


def truth(of: Term) -> Test:
    """Return whether a value is true."""
    return lambda features, answers: True if of(features, answers) else False  # noqa: SIM210 - bool is slower


def _plain(value: object) -> Value:
    """Return what a scalar of numpy holds; anything else counts as absent."""
    held: Value = value.item() if isinstance(value, np.generic) else None
    return held if held.__class__ in _SCALARS else None
