"""Who looks on sees what the models get, and changes nothing."""

from __future__ import annotations

from typing import Any

from river import base, linear_model

from headrace import Window
from headrace.fold import Fold
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.witness import Witness
from tests.folding import Out, declare, events, linear, log


class Failing(linear_model.LogisticRegression):
    """Cannot learn."""

    def learn_one(self, x: dict[base.typing.FeatureName, Any], y: Any, w: float = 1.0) -> None:
        raise ValueError("too tired")


def watched(witness: Witness, n: int = 30, **options: Any) -> tuple[Fold, Out]:
    """Return a fold of *n* events, the last of which was looked at."""
    fold, out = Fold(declare(**options), "t.events", 3, witness=witness), Out()
    records = log(events(n))
    fold.step_chunk(records[:-1], out.emit, out.refuse)
    witness.looks = True
    fold.step_chunk(records[-1:], out.emit, out.refuse)
    return fold, out


def test_answers_and_state_are_those_of_a_fold_that_nobody_looks_at() -> None:
    fold, out = watched(Witness())
    alone, silent = Fold(declare(), "t.events", 3), Out()
    alone.step_chunk(log(events(30)), silent.emit, silent.refuse)

    assert out.raw == silent.raw
    assert fold.digest() == alone.digest()


def test_each_model_is_seen_with_what_it_was_asked_and_taught() -> None:
    witness = Witness()
    watched(witness, models={"one": linear, "two": linear})

    given = {name: events(30)[-1][name] for name in ("a", "b")}
    taught = witness.take_taught()
    assert witness.take_asked() == {"one": given, "two": given}
    assert {name: (lesson.features, lesson.label) for name, lesson in taught.items()} == {
        name: (given, events(30)[-1]["y"]) for name in ("one", "two")
    }
    assert (witness.take_asked(), witness.take_taught()) == ({}, {})


def test_features_are_those_after_the_transformer() -> None:
    witness = Witness()
    watched(witness, transform=lambda: Window("a", how="max"))

    highest = max(event["a"] for event in events(30)[:-1])
    assert [*witness.take_asked().values()] == [{"a_max": highest}]
    assert [lesson.features for lesson in witness.take_taught().values()] == [{"a_max": highest}]


def test_models_of_a_key_are_seen_too() -> None:
    witness = Witness()
    watched(witness, scope="key")

    assert [*witness.take_asked().values()] == [{name: events(30)[-1][name] for name in ("a", "b")}]


def test_restored_models_are_seen_too() -> None:
    witness = Witness()
    fold, _ = watched(witness)
    capture = fold.capture(whole=True, at_once=True)
    capture.advance(1.0)
    body = capture.body()
    capture.close(written=True)
    restored = Fold(declare(), "t.events", 3, witness=witness)
    restored.restore(30, [pickling.loads(body, Allowed())])
    witness.take_asked()
    restored.step_chunk(log(events(31))[30:])

    assert witness.take_asked() != {}


def test_a_model_that_cannot_learn_says_why_and_the_fold_goes_on() -> None:
    witness = Witness()
    fold, out = watched(witness, models={"tired": Failing, "well": linear})

    errors = {name: lesson.error for name, lesson in witness.take_taught().items()}
    assert errors == {"tired": "ValueError: too tired", "well": None}
    assert fold.step == 30
    assert out.results[-1]["models"]["tired"]["error"] == "learn: ValueError: too tired"


def test_nothing_is_noted_before_it_looks() -> None:
    witness = Witness()
    Fold(declare(), "t.events", 3, witness=witness).step_chunk(log(events(5)))

    assert (witness.take_asked(), witness.take_taught()) == ({}, {})
