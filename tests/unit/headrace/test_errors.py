"""Errors say what, why and how to mend it, and the command line's exit code follows from their class."""

from __future__ import annotations

import pickle

import pytest

from headrace import errors
from headrace.errors import DeclarationError, HeadraceError


def test_an_error_prints_what_why_and_fix() -> None:
    error = HeadraceError("the topic is missing", why="nobody made it", fix="headrace topics create")

    assert str(error) == "the topic is missing\n  why  nobody made it\n  fix  headrace topics create"
    assert (error.what, error.why, error.fix) == (
        "the topic is missing",
        "nobody made it",
        "headrace topics create",
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (HeadraceError("a"), "a"),
        (HeadraceError("a", why="b"), "a\n  why  b"),
        (HeadraceError("a", fix="c"), "a\n  fix  c"),
    ],
)
def test_what_is_not_known_is_left_out(error: HeadraceError, text: str) -> None:
    assert str(error) == text


def test_a_declaration_error_names_the_argument() -> None:
    error = DeclarationError("target", "there is no such field", why="a", fix="b")

    assert error.argument == "target"
    assert str(error).startswith("target: there is no such field\n")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("HeadraceError", 1),
        ("DeclarationError", 2),
        ("TargetError", 2),
        ("SettingsError", 2),
        ("BrokerUnreachableError", 3),
        ("LocalKafkaError", 3),
        ("TopicError", 4),
    ],
)
def test_the_exit_code_tells_the_kind(kind: str, code: int) -> None:
    cls = getattr(errors, kind)

    assert cls.exit_code == code
    assert issubclass(cls, HeadraceError)


@pytest.mark.parametrize(
    "error",
    [HeadraceError("a", why="b", fix="c"), DeclarationError("target", "a", why="b", fix="c")],
)
def test_an_error_reaches_another_process_whole(error: HeadraceError) -> None:
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
    assert arrived.args == error.args
