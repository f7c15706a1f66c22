"""When a step works: a small language of conditions over features and the answers of other steps.

It is read with Python's grammar and means what Python means, with four differences. A feature that an event
does not have, and an answer that a step did not give, is ``None``. What compares or calculates with ``None``,
or with values of kinds that do not go together, is false or again ``None``; ``x is None`` asks for it. A
division by zero is ``None``. And there is nothing else: no calls, no indexes, no powers, no other attributes.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeAlias

from headrace.errors import DeclarationError
from headrace.tasks import terms
from headrace.tasks.terms import Term, Test, Value

Kind: TypeAlias = type[str] | type[float]

PARTS = ("prediction", "probability", "score", "confidence", "status")
"""What a condition may ask of a step; confidence is the highest of its probabilities."""

MOST_CHARACTERS = 1_000
MOST_DEPTH = 30
_MOST_NUMBER = 1 << 64

_CALCULATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Mod: operator.mod,
    }
)
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = MappingProxyType(
    {
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }
)
_SIGNS: Mapping[type[ast.unaryop], Callable[[Any], Any]] = MappingProxyType(
    {ast.USub: operator.neg, ast.UAdd: operator.pos}
)
_A_VALUE = "a feature, an answer as in step.prediction, a number, a text, True or False"


@dataclass(frozen=True)
class Condition:
    """A condition that was read.

    Attributes
    ----------
    text
        As it was written.
    features
        Names of the features it reads.
    kinds
        What it takes features for, by pairs of a name and ``str`` or ``float``: they are compared with a text
        or with a number, or calculated with.
    parts
        What it reads of the answers of steps, by pairs of the name of a step and one of `PARTS`.
    holds
        Says of the features of an event and the answers so far whether it holds; never raises.

    """

    text: str
    features: frozenset[str]
    kinds: frozenset[tuple[str, Kind]]
    parts: frozenset[tuple[str, str]]
    holds: Test = field(repr=False, compare=False)

    @property
    def steps(self) -> frozenset[str]:
        """Names of the steps whose answers it reads."""
        return frozenset(step for step, _ in self.parts)


def parse(text: str, argument: str = "when") -> Condition:
    """Return the condition that *text* writes down.

    Parameters
    ----------
    text
        Such as ``"lang == 'de'"`` or ``"cheap.confidence < 0.9 and amount > 100"``.
    argument
        What the user gave it as; errors name it.

    Raises
    ------
    DeclarationError
        If it is no condition; the message says where, what was expected and what came.

    Examples
    --------
    >>> from schemas import Answer
    >>> condition = parse("cheap.confidence < 0.9 and amount > 100")
    >>> condition.holds({"amount": 250.0}, {"cheap": Answer("yes", {"yes": 0.6, "no": 0.4})})
    True
    >>> condition.holds({"amount": 250.0}, {})
    False

    """
    if not isinstance(text, str) or not 0 < len(text.strip()) <= MOST_CHARACTERS:
        raise DeclarationError(
            argument,
            f"expected a condition of 1 to {MOST_CHARACTERS:,} characters, got {str(text)[:40]!r}",
            fix=f'{argument}="amount > 100", or a function of features and answers',
        )
    written = text.strip()
    try:
        tree = ast.parse(written, mode="eval")
    except SyntaxError as error:
        raise _refused(argument, written, (error.offset or 1) - 1, why=error.msg) from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise _refused(argument, written, 0, why=f"it cannot be read: {error}") from None
    reading = _Reading(argument, written)
    term = reading.term(tree.body)
    features, kinds, parts = frozenset(reading.features), frozenset(reading.kinds), frozenset(reading.parts)
    return Condition(text, features, kinds, parts, terms.truth(term))


class _Reading:
    """One pass over a tree of Python's grammar, that takes what is allowed and refuses all else."""

    def __init__(self, argument: str, text: str) -> None:
        self.argument = argument
        self.text = text
        self.features: set[str] = set()
        self.kinds: set[tuple[str, Kind]] = set()
        self.parts: set[tuple[str, str]] = set()

    def term(self, node: ast.expr, depth: int = 0) -> Term:
        """Return what *node* is worth at work."""
        if depth > MOST_DEPTH:
            raise self._refuse(node, f"expected at most {MOST_DEPTH} levels of brackets and operators")
        read = _READERS.get(type(node))
        if read is None:
            raise self._refuse(node, f"expected {_A_VALUE}")
        return read(self, node, depth + 1)

    def constant(self, node: ast.Constant, depth: int) -> Term:
        """Read a literal."""
        return terms.constant(self._literal(node, "a number, a text, True or False"))

    def name(self, node: ast.Name, depth: int) -> Term:
        """Read the name of a feature."""
        self.features.add(node.id)
        return terms.feature(node.id)

    def attribute(self, node: ast.Attribute, depth: int) -> Term:
        """Read a part of a step's answer."""
        step = self._step(node)
        if node.attr == "probability":
            raise self._refuse(node, f"expected a label, as in {step}.probability['true']")
        return terms.confidence(step) if node.attr == "confidence" else terms.part(step, node.attr)

    def subscript(self, node: ast.Subscript, depth: int) -> Term:
        """Read the probability of a label."""
        of = node.value
        if not isinstance(of, ast.Attribute) or of.attr != "probability":
            raise self._refuse(
                node, "expected an index of a probability only, as in step.probability['true']"
            )
        label = self._literal(node.slice, "a label, as in step.probability['true']")
        text = str(label).lower() if isinstance(label, bool) else str(label)
        return terms.probability(self._step(of), text)

    def calculation(self, node: ast.BinOp, depth: int) -> Term:
        """Read an operator between numbers."""
        calculate = _CALCULATIONS.get(type(node.op))
        if calculate is None:
            raise self._refuse(node, "expected one of the operators + - * / %")
        self._note(float, node.left, node.right)
        return terms.calculation(calculate, self.term(node.left, depth), self.term(node.right, depth))

    def unary(self, node: ast.UnaryOp, depth: int) -> Term:
        """Read a sign, or ``not``."""
        if isinstance(node.op, ast.Not):
            return terms.negation(self.term(node.operand, depth))
        if type(node.op) not in _SIGNS:
            raise self._refuse(node, "expected one of the signs + - or not")
        self._note(float, node.operand)
        return terms.signed(_SIGNS[type(node.op)], self.term(node.operand, depth))

    def junction(self, node: ast.BoolOp, depth: int) -> Term:
        """Read ``and`` or ``or``."""
        joined = terms.conjunction if isinstance(node.op, ast.And) else terms.disjunction
        return joined([self.term(each, depth) for each in node.values])

    def comparison(self, node: ast.Compare, depth: int) -> Term:
        """Read one comparison or a chain of them."""
        first, ops = self.term(node.left, depth), node.ops
        if isinstance(ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn):
            return self._test(node, first)
        if wrong := [op for op in ops if type(op) not in _COMPARISONS]:
            at = node.comparators[ops.index(wrong[0])]
            raise self._refuse(at, "expected is and in outside of chains: put them in brackets")
        for one, other in pairwise([node.left, *node.comparators]):
            self._note_compared(one, other)
        compare, *_ = compares = [_COMPARISONS[type(op)] for op in ops]
        rights = [self.term(right, depth) for right in node.comparators]
        if len(rights) > 1:
            return terms.chain(first, [*zip(compares, rights, strict=True)])
        if isinstance(node.comparators[0], ast.Constant):
            return terms.comparison_with(compare, first, node.comparators[0].value)  # type: ignore[arg-type]
        return terms.comparison(compare, first, rights[0])

    def _test(self, node: ast.Compare, of: Term) -> Term:
        """Read ``is None``, ``in (...)`` and their opposites."""
        op, right = node.ops[0], node.comparators[0]
        if len(node.ops) > 1:
            raise self._refuse(right, "expected is and in outside of chains: put them in brackets")
        if isinstance(op, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                raise self._refuse(right, "expected None after is; == compares values")
            return terms.absence(of, absent=isinstance(op, ast.Is))
        if not isinstance(right, ast.Tuple | ast.List | ast.Set):
            raise self._refuse(right, "expected a list of literals after in, as in ('DE', 'FR')")
        among = [self._literal(each, "a number, a text, True or False") for each in right.elts]
        for each in right.elts:
            self._note_compared(node.left, each)
        return terms.membership(of, among, inside=isinstance(op, ast.In))

    def _note_compared(self, one: ast.expr, other: ast.expr) -> None:
        """Note what a comparison with a literal or a calculation takes a feature for."""
        for known, compared in ((one, other), (other, one)):
            if isinstance(known, ast.Constant | ast.BinOp | ast.UnaryOp):
                self._note(str if isinstance(getattr(known, "value", 0), str) else float, compared)

    def _note(self, kind: Kind, *nodes: ast.expr) -> None:
        """Note that those of *nodes* that are features are taken for this kind."""
        self.kinds |= {(node.id, kind) for node in nodes if isinstance(node, ast.Name)}

    def _step(self, node: ast.Attribute) -> str:
        if not isinstance(node.value, ast.Name):
            raise self._refuse(node, "expected the name of a step before the dot")
        if node.attr not in PARTS:
            raise self._refuse(node, f"expected one of {', '.join(PARTS)} after the dot")
        self.parts.add((node.value.id, node.attr))
        return node.value.id

    def _literal(self, node: ast.expr, expected: str) -> Value:
        """Return the value of a literal, perhaps with a minus."""
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
        value = inner.value if isinstance(inner, ast.Constant) else None
        if isinstance(inner, ast.Constant) and value is None:
            raise self._refuse(node, f"expected {expected}; what is absent is asked for by is None")
        if isinstance(value, int | float):
            if abs(value) > _MOST_NUMBER:
                raise self._refuse(node, f"expected a number of at most {_MOST_NUMBER:,}")
            return -value if negative else value
        if negative or not isinstance(value, str):
            raise self._refuse(node, f"expected {expected}")
        return value

    def _refuse(self, node: ast.expr, why: str) -> DeclarationError:
        came = ast.get_source_segment(self.text, node) or ""
        shown = came if len(came) <= 60 else f"{came[:57]}..."
        lines = self.text.encode().splitlines(keepends=True)[: node.lineno]
        before = b"".join([*lines[:-1], lines[-1][: node.col_offset]])
        return _refused(self.argument, self.text, len(before.decode()), why=f"{why}; got {shown}")


def _refused(argument: str, text: str, at: int, *, why: str) -> DeclarationError:
    return DeclarationError(
        argument,
        f"{text!r} is no condition: see character {at + 1}",
        why=why,
        fix="correct it, or give a function: lambda features, answers: ...",
    )


_READERS: Mapping[type[ast.expr], Callable[[_Reading, Any, int], Term]] = MappingProxyType(
    {
        ast.Constant: _Reading.constant,
        ast.Name: _Reading.name,
        ast.Attribute: _Reading.attribute,
        ast.Subscript: _Reading.subscript,
        ast.BinOp: _Reading.calculation,
        ast.UnaryOp: _Reading.unary,
        ast.BoolOp: _Reading.junction,
        ast.Compare: _Reading.comparison,
    }
)
