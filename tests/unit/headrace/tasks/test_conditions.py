"""Conditions mean what Python means, save for what is absent; and nothing but the allowed is read."""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import DeclarationError
from headrace.tasks.conditions import MOST_CHARACTERS, parse
from schemas import Answer

SURE = Answer(True, {"true": 0.8, "false": 0.2})
FEATURES: dict[str, Any] = {"amount": 250.0, "count": 3, "lang": "de", "new": True}


def holds(text: str, features: dict[str, Any] | None = None, **answers: Answer) -> bool:
    return parse(text).holds(FEATURES if features is None else features, answers)


def refused(text: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "lang == 'de'",
        "lang in ('de', 'fr')",
        "lang not in ['en']",
        "new",
        "not (amount > 1000)",
        "100 < amount <= 250",
        "amount % 100 == 50 and amount / 2 + 1 - -1 == 127",
        "count in {-1, 3}",
        "(amount > 1e6 or count > 2) and new == True",
        "gone is None and lang is not None",
        "cheap.confidence < 0.9 and amount > 100",
        "cheap.probability['true'] >= 0.4",
        "cheap.probability[True] >= 0.4",
        "cheap.prediction == True",
        "cheap.score is None",
        "other.prediction is None and other.confidence is None and other.probability['x'] is None",
        "  (amount >\n 3)  ",
    ],
)
def test_what_holds(text: str) -> None:
    assert holds(text, cheap=SURE)
    assert not holds(f"not ({text})", cheap=SURE)


@pytest.mark.parametrize("operator_", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("other", ["3", "'de'", "count", "gone", "m.score"])
def test_a_comparison_with_what_is_absent_is_false(operator_: str, other: str) -> None:
    assert not holds(f"gone {operator_} {other}")
    assert not holds(f"{other} {operator_} gone")
    assert not holds(f"1 < 2 {operator_} gone")


@pytest.mark.parametrize(
    "text", ["gone in (1, 2)", "gone not in (1, 2)", "m.prediction not in ('a',)", "gone"]
)
def test_what_is_absent_is_in_no_list_and_not_true(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "amount / 0",
        "count % 0",
        "gone + 1",
        "1 - gone",
        "-gone",
        "-lang",
        "lang * 3",
        "lang + lang",
        "lang % 3",
    ],
)
def test_a_calculation_without_a_number_as_result_is_absent(text: str) -> None:
    assert holds(f"({text}) is None")


def test_kinds_without_an_order_compare_false_and_differ() -> None:
    assert not holds("lang < 3 or 3 < lang or lang == 3 or 1 < 2 < lang")
    assert holds("lang != 3")


def test_an_absent_value_has_a_substitute() -> None:
    assert holds("(gone or 5) > 4")


@pytest.mark.parametrize(
    "value", [[1], {"a": 1}, object(), b"de", 1j, np.datetime64("2026-01-01", "D"), np.ones(3)]
)
def test_a_feature_that_is_no_number_text_or_bool_is_absent(value: object) -> None:
    assert holds("x is None", {"x": value})


@pytest.mark.parametrize("value", [np.float64(3.0), np.int64(3), np.float32(3.0)])
def test_a_number_of_numpy_is_a_number(value: object) -> None:
    assert holds("x == 3 and x / 0 is None", {"x": value}) is True


def test_a_condition_says_what_it_reads() -> None:
    condition = parse("cheap.confidence < 0.9 and a + b > other.score and x is None")
    assert condition.features == {"a", "b", "x"}
    assert condition.steps == {"cheap", "other"}
    assert condition.parts == {("cheap", "confidence"), ("other", "score")}
    assert condition.text == "cheap.confidence < 0.9 and a + b > other.score and x is None"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("lang == 'de'", {("lang", str)}),
        ("'de' != lang", {("lang", str)}),
        ("1 < a <= b < 'x'", {("a", float), ("b", str)}),
        ("a % 3 == b and -c > d", {(name, float) for name in "abcd"}),
        ("new == True", {("new", float)}),
        ("lang in ('de', 'fr')", {("lang", str)}),
        ("n not in (1, -2)", {("n", float)}),
        ("a > -3 and b < c * 2", {("a", float), ("b", float), ("c", float)}),
        ("a == b or c or d is None", set()),
    ],
)
def test_a_condition_says_what_it_takes_features_for(text: str, kinds: set[Any]) -> None:
    assert parse(text).kinds == kinds


@pytest.mark.parametrize(
    ("text", "character", "came"),
    [
        ("len(lang) > 3", 1, "len(lang)"),
        ("amount > __import__('os').system('true')", 10, "__import__('os').system('true')"),
        ("().__class__", 1, "().__class__"),
        ("cheap.__class__", 1, "cheap.__class__"),
        ("cheap.prediction.real", 1, "cheap.prediction.real"),
        ("cheap.probability > 1", 1, "cheap.probability"),
        ("cheap.probability[lang] > 1", 19, "lang"),
        ("lang[0] == 'd'", 1, "lang[0]"),
        ("9 ** 9 ** 9 > 1", 1, "9 ** 9 ** 9"),
        ("1 << 1000000", 1, "1 << 1000000"),
        ("7 // 2", 1, "7 // 2"),
        ("~count", 1, "~count"),
        ("f'{lang}'", 1, "f'{lang}'"),
        ("b'de' == lang", 1, "b'de'"),
        ("1j", 1, "1j"),
        ("[x for x in lang]", 1, "[x for x in lang]"),
        ("lambda: 1", 1, "lambda: 1"),
        ("1 if new else 2", 1, "1 if new else 2"),
        ("(x := 3) > 2", 2, "x := 3"),
        ("(1, 2) == lang", 1, "(1, 2)"),
        ("lang in 'de'", 9, "'de'"),
        ("lang in ('de', other)", 16, "other"),
        ("lang in ('de', None)", 16, "None"),
        ("lang == None", 9, "None"),
        ("lang is 'de'", 9, "'de'"),
        ("1 < count is None", 14, "None"),
        ("'ö' == lang and len(lang)", 17, "len(lang)"),
        ("99999999999999999999999 > amount", 1, "99999999999999999999999"),
        ("1e999 > amount", 1, "1e999"),
        ("(amount >\n  len(lang))", 13, "len(lang)"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, character: int, came: str) -> None:
    said = refused(text)
    assert f"is no condition: see character {character}\n" in said
    assert f"; got {came}\n" in said


@pytest.mark.parametrize(
    "text", ["a = 3", "a >", "(" * 150, "(" * 999, "a && b", "import os", "a\0b", "a; b", "*a"]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    assert "is no condition: see character" in refused(text)


@pytest.mark.parametrize("text", ["", "  ", "a or " * 300 + "a", None, 3])
def test_what_is_empty_or_long_or_no_text_is_refused(text: Any) -> None:
    assert f"expected a condition of 1 to {MOST_CHARACTERS:,} characters" in refused(text)


@pytest.mark.parametrize(
    "text", ["not " * 200 + "a", "-" * 500 + "1", "1" + "+1" * 400, "(" * 80 + "1" + ")*1" * 80]
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert "levels of brackets and operators" in refused(text)


def test_the_error_names_the_argument() -> None:
    with pytest.raises(DeclarationError) as caught:
        parse("len(a)", argument="models.b.when")
    assert caught.value.argument == "models.b.when"


ALLOWED_NODES = (
    *(ast.Expression, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Constant, ast.Name, ast.Attribute),
    *(ast.Subscript, ast.Tuple, ast.List, ast.Set, ast.Load, ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    *(ast.Is, ast.IsNot, ast.In, ast.NotIn),
)

TOKENS = r"""
a b.score b.probability['x'] lang 1 2.5 'de' None True ( ) [ ] { } , . : = == != < > <= >= + - * / % ** //
@ & | ^ ~ << >> and or not in is if else lambda x: := len print __import__ __class__ f'{a}' b'1' 1j
... await yield for *a **b ; \ #
"""
tokens = st.sampled_from(TOKENS.split())


@given(st.lists(tokens, min_size=1, max_size=14).map(" ".join) | st.text(max_size=40))
def test_whatever_is_written_is_refused_or_consists_of_what_is_allowed(text: str) -> None:
    try:
        condition = parse(text)
    except DeclarationError:
        return
    found = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    assert all(isinstance(node, ALLOWED_NODES) for node in found)
    assert condition.holds(FEATURES, {}) in (True, False)


values = st.sampled_from(
    ["amount", "count", "new", "m.score", "m.prediction", "0", "1", "2.5", "True", "250"]
)
comparisons = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "and", "or"]), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        ),
        st.tuples(inner, comparisons, inner).map("({0[0]} {0[1]} {0[2]})".format),
        st.tuples(inner, comparisons, inner, comparisons, inner).map(
            "({0[0]} {0[1]} {0[2]} {0[3]} {0[4]})".format
        ),
        st.tuples(st.sampled_from(["-", "+", "not "]), inner).map("({0[0]}{0[1]})".format),
        st.tuples(inner, st.sampled_from(["in", "not in"])).map("({0[0]} {0[1]} (1, 2.5, -1))".format),
        st.tuples(inner, st.sampled_from(["is None", "is not None"])).map("((gone or {0[0]}) {0[1]})".format),
    )


@given(st.recursive(values, _larger, max_leaves=8))
def test_with_all_there_it_says_what_python_says(text: str) -> None:
    answer = Answer(2.0, score=0.5)
    known = {**FEATURES, "m": answer, "gone": None}
    expected = eval(text, {"__builtins__": {}}, known)  # noqa: S307 - made of the words above
    assert holds(text, m=answer) is bool(expected)


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.sampled_from(["/", "%"]))
def test_a_division_is_that_of_python(a: float, b: float, sign: str) -> None:
    apply = {"/": operator.truediv, "%": operator.mod}[sign]
    if b == 0.0:
        assert holds(f"(a {sign} b) is None", {"a": a, "b": b})
    elif not math.isnan(expected := apply(a, b)):
        assert holds(f"a {sign} b == c", {"a": a, "b": b, "c": expected})
