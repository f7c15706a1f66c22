"""Guarded models go on from a snapshot bit for bit, by partition and by key; factories are not in it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from headrace.drift import Drift, attach, guarded_factories
from headrace.errors import SnapshotError
from headrace.fold import Fold
from headrace.models.digest import digest
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.naming import missing_classes
from tests import folding
from tests.unit.headrace.drift.worlds import (
    bayes,
    flipping,
    guarded,
    hoeffding,
    live,
    logistic,
    numbers,
    regression,
)

POLICIES = ("alarm", "reset", "background", "window", "boost")


def restored(model: Any, fresh: Any) -> Any:
    return attach(pickling.loads(pickling.dumps(model), Allowed()), fresh)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("build", [logistic, hoeffding, regression])
def test_a_guard_goes_on_from_snapshots_as_if_there_had_been_none(policy: Any, build: Any) -> None:
    if policy == "boost" and build is hoeffding:
        build = logistic
    world = numbers if build is regression else flipping
    events = list(world(1_600, 800))
    make = guarded(build, Drift(policy, cooldown=100, patience=200, window=100))
    whole, broken = make(), make()
    wanted = live(whole, events)

    chance = random.Random(repr((policy, build.__name__)))
    cuts = sorted({*chance.sample(range(1_600), 8), 820, 840, 900})
    found = live(broken, events[: cuts[0]])
    for begin, end in zip(cuts, [*cuts[1:], 1_600], strict=True):
        broken = restored(broken, make())
        more = live(broken, events[begin:end], begin)
        found.said.extend(more.said)
        found.alarms.extend(more.alarms)

    assert found == wanted
    assert wanted.alarms
    assert digest(broken) == digest(whole)


def test_a_question_is_remembered_over_a_snapshot() -> None:
    """Another object with the same values is the same event: after a restore there is no other."""
    make = guarded(hoeffding, Drift())
    one, other = make(), make()
    for x, y in flipping(60, 10**9):
        for model in (one, other):
            model.predict_proba_one(x)
            model.learn_one(x, y)
    x = {"a": 0.5, "b": 0.1}
    one.predict_proba_one(x)
    other.predict_proba_one(x)

    other = restored(other, make())
    one.learn_one(dict(x), True)
    other.learn_one(dict(x), True)

    assert digest(one) == digest(other)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_snapshot_holds_nothing_that_is_not_on_the_list(policy: Any) -> None:
    model = guarded(logistic, Drift(policy))()
    live(model, flipping(900, 800))

    assert missing_classes(model, Allowed()) == []


def test_guards_of_other_models_or_declarations_are_refused() -> None:
    saved = guarded(bayes, Drift("reset"))()

    for other in (guarded(logistic, Drift("reset")), guarded(bayes, Drift("reset", cooldown=5))):
        with pytest.raises(SnapshotError, match="another"):
            restored(saved, other())
    assert restored(bayes(), bayes()) is not None


def test_another_declaration_has_another_fingerprint() -> None:
    fingerprints = {digest(guarded(bayes, Drift("reset", cooldown=n))()) for n in (1, 2, 3)}

    assert len(fingerprints) == 3


def pipeline(policy: Any, scope: Any) -> Any:
    """Return a pipeline whose models are guarded, as `drift=` of the declaration makes them."""
    made = folding.declare({"linear": logistic, "bayes": bayes}, scope=scope)
    samples = made.fresh_models()
    made.models = guarded_factories(made.models, samples, Drift(policy, cooldown=50, patience=100))
    return made


def records(n: int, keys: int) -> list[folding.Kept]:
    rows = folding.events(n)
    for i, row in enumerate(rows):
        row["y"] = row["y"] != (i >= n // 2)
    log = folding.log(rows)
    return [kept._replace(key=f"k{i % keys}".encode()) for i, kept in enumerate(log)]


@pytest.mark.parametrize("scope", ["partition", "key"])
@pytest.mark.parametrize("policy", ["reset", "background"])
def test_a_fold_of_guarded_models_restores_to_the_same_bytes(scope: Any, policy: Any) -> None:
    made, log = pipeline(policy, scope), records(1_200, 2)
    fold, out, _ = folding.run(made, log)

    again, later = Fold(made, "t.events", 3), folding.Out()
    again.step_chunk(log[:700], later.emit, later.refuse)
    capture = again.capture(whole=True, at_once=True)
    capture.advance(float("inf"))
    body = capture.body()
    capture.close(written=False)
    third = Fold(made, "t.events", 3)
    third.restore(capture.next_offset, [pickling.loads(body, Allowed())])
    third.step_chunk(log[700:], later.emit, later.refuse)

    assert later.raw == out.raw
    assert third.digest() == fold.digest()
