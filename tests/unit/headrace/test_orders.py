"""Orders to single models: who is asked, who is taught, and that a restored fold obeys them too."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from river import naive_bayes, tree

import headrace as hr
from headrace import Pipeline
from headrace.errors import OrderError, SnapshotError
from headrace.fold import Fold
from headrace.models.digest import digest
from headrace.testing import Harness
from tests.folding import Out, declare, events, linear, log, run
from tests.snapshotting import Shelf, Snapshot, chain, restore

RECORDS = log(events(160))


def three() -> Pipeline:
    return declare({"bayes": naive_bayes.GaussianNB, "linear": linear, "tree": tree.HoeffdingTreeClassifier})


def graph() -> Pipeline:
    return declare(
        {
            "bayes": naive_bayes.GaussianNB,
            "linear": hr.Step(linear, inputs=["features", "bayes.probability"]),
            "tree": hr.Step(tree.HoeffdingTreeClassifier),
        }
    )


PIPELINES = {"plain": three, "graph": graph, "one": declare}
ORDERS = {
    "freeze": ["freeze"], "disable": ["disable"], "reset": ["reset"], "freeze and thaw": ["freeze", "thaw"],
    "disable and enable": ["disable", "enable"], "all": ["freeze", "disable", "reset"],
}  # fmt: skip


def folded(pipeline: Pipeline, orders: dict[int, list[tuple[str, str]]], chunk: int = 40) -> tuple[Fold, Out]:
    """Return a fold of all records, with *orders* carried out before those offsets."""
    fold, out = Fold(pipeline, "t.events", 3), Out()
    ends = sorted({*orders, *range(0, len(RECORDS) + 1, chunk), len(RECORDS)})
    for end in ends:
        fold.step_chunk([r for r in RECORDS if r.offset < end], out.emit, out.refuse)
        for action, model in orders.get(end, []):
            fold.order(action, model)
    return fold, out


def state_in(snapshot: Snapshot) -> Any:
    return chain(snapshot)[-1]


def late(models: Any) -> Harness:
    """Return a harness whose labels come later."""
    event = msgspec.defstruct(
        "Asked",
        [("at", float), ("a", float), ("b", float), ("y", bool | None, None)],
        bases=(hr.Event,),
        kw_only=True,
    )
    return Harness(
        Pipeline(
            "late",
            source=hr.Topic("asked", event, time="at"),
            labels=hr.Labels("answers", time="at"),
            target="y",
            models=models,
        )
    )


def digests(fold: Fold) -> dict[str, str]:
    return {name: digest(model) for name, model in fold.models.items()}


@pytest.mark.parametrize("kind", PIPELINES)
@pytest.mark.parametrize("name", ORDERS)
def test_a_fold_restored_after_an_order_goes_on_as_the_one_that_got_it(kind: str, name: str) -> None:
    pipeline = PIPELINES[kind]()
    model = pipeline.steps.members[0]
    if kind == "one" and "disable" in ORDERS[name]:
        return  # refused: see below
    given = {50: [(action, model) for action in ORDERS[name]]}
    calm, expected = folded(pipeline, given)

    fold, out = Fold(pipeline, "t.events", 3), Out()
    fold.step_chunk(RECORDS[:50], out.emit, out.refuse)
    for action, which in given[50]:
        fold.order(action, which)
    fold.step_chunk(RECORDS[50:90], out.emit, out.refuse)
    other = Fold(pipeline, "t.events", 3)
    restore(other, Shelf().take(fold))
    assert other.digest() == fold.digest()
    other.step_chunk(RECORDS, out.emit, out.refuse)

    assert out.raw == expected.raw
    assert other.digest() == calm.digest()
    assert other.standings() == calm.standings()


@pytest.mark.parametrize("kind", ["plain", "graph", "one"])
def test_a_frozen_model_answers_and_learns_nothing_until_it_is_thawed(kind: str) -> None:
    name = "model" if kind == "one" else "linear"
    pipeline = PIPELINES[kind]()
    before, _, _ = run(pipeline, RECORDS[:50])
    frozen, out = folded(pipeline, {50: [("freeze", name)]})
    thawed, _ = folded(pipeline, {50: [("freeze", name)], 100: [("thaw", name)]})

    assert digests(frozen)[name] == digests(before)[name] != digests(thawed)[name]
    assert all(result["prediction"] is not None for result in out.results[60:])
    if kind != "one":
        field = "steps" if kind == "graph" else "models"
        assert all("prediction" in result[field][name] for result in out.results[60:])
        assert digests(frozen)["bayes"] == digests(run(pipeline, RECORDS)[0])["bayes"]
    assert frozen.step == 160, "labels seen, by whoever learns"


@pytest.mark.parametrize("kind", ["plain", "graph"])
def test_a_disabled_model_is_left_out_and_the_results_say_so(kind: str) -> None:
    pipeline = PIPELINES[kind]()
    before, _, _ = run(pipeline, RECORDS[:50])
    fold, out = folded(pipeline, {50: [("disable", "tree")], 120: [("enable", "tree")]})
    field = "steps" if kind == "graph" else "models"

    said = [result[field]["tree"] for result in out.results]
    assert [one.get("status") == "skipped" for one in said] == [50 <= i < 120 for i in range(160)]
    assert said[60]["why"] == "an operator has disabled it"
    assert list(out.results[60][field]) == ["bayes", "linear", "tree"]
    stays, _ = folded(pipeline, {50: [("disable", "tree")]})
    assert digests(stays)["tree"] == digests(before)["tree"]
    assert digests(fold)["tree"] != digests(stays)["tree"]


def test_the_combination_is_of_those_that_are_left() -> None:
    two = declare({"bayes": naive_bayes.GaussianNB, "linear": linear})
    _, alone, _ = run(declare({"linear": linear}), RECORDS)
    _, out = folded(two, {0: [("disable", "bayes")]})

    assert [r["probability"] for r in out.results] == [r["probability"] for r in alone.results]


def test_a_model_that_was_reset_is_as_one_that_begins_there() -> None:
    fold, _ = folded(three(), {60: [("reset", "linear")]})
    fresh = Fold(three(), "t.events", 3)
    fresh.step_chunk(RECORDS[60:], None, None)

    found, calm = digests(fold), digests(run(three(), RECORDS)[0])
    assert found["linear"] == digests(fresh)["linear"] != calm["linear"]
    assert (found["bayes"], found["tree"]) == (calm["bayes"], calm["tree"])


def test_orders_stay_where_models_are_rolled_back() -> None:
    pipeline = three()
    old, _, _ = run(pipeline, RECORDS[:30])
    pinned = Shelf().take(old)
    fold, out = folded(pipeline, {50: [("freeze", "linear")]})
    harness_state = Fold(pipeline, "t.events", 3)
    restore(harness_state, pinned)

    from_pin = [state_in(pinned)]
    fold.adopt_models(from_pin)
    then = digests(fold)
    fold.step_chunk(log(events(200))[160:], out.emit, out.refuse)

    assert then == digests(harness_state)
    assert digests(fold)["linear"] == then["linear"]
    assert digests(fold)["tree"] != then["tree"]
    assert [one.name for one in fold.standings() if one.is_frozen] == ["linear"]


def test_without_orders_a_snapshot_is_as_it_was_before_there_were_any() -> None:
    fold, _ = folded(three(), {50: [("freeze", "tree")], 60: [("thaw", "tree")]})

    assert set(state_in(Shelf().take(fold))) == {"step", "models"}
    fold.order("freeze", "tree")
    assert state_in(Shelf().take(fold))["parts"]["orders"] == {"frozen": ["tree"], "disabled": []}


def test_orders_hold_for_the_models_of_all_keys_and_come_back_from_a_chain_of_snapshots() -> None:
    pipeline = declare({"bayes": naive_bayes.GaussianNB, "linear": linear}, scope="key")
    records = [record._replace(key=b"k%d" % (record.offset % 7)) for record in RECORDS]
    calm, given = Fold(pipeline, "t.events", 3), Fold(pipeline, "t.events", 3)
    shelf, expected, out = Shelf(), Out(), Out()
    orders = {40: "freeze", 60: "disable", 100: "thaw", 120: "enable"}
    for start in range(0, 160, 10):
        chunk = records[start : start + 10]
        for fold in (calm, given):
            if start in orders:
                fold.order(orders[start], "bayes")
        calm.step_chunk(chunk, expected.emit, expected.refuse)
        given.step_chunk(chunk, out.emit, out.refuse)
        shelf.take(given)
        given = Fold(pipeline, "t.events", 3)
        assert shelf.last is not None
        restore(given, shelf.last)
        assert given.digest() == calm.digest(), start

    assert out.raw == expected.raw
    plain, _, _ = run(pipeline, records)
    assert given.digest() != plain.digest()
    with pytest.raises(OrderError, match="each key has one of its own"):
        given.order("reset", "linear")


@pytest.mark.parametrize(
    ("action", "model", "message"),
    [
        ("freeze", "other", "there is no model 'other'"),
        ("freeze", "combine", "there is no model 'combine'"),
        ("thaw", "linear", "nothing to thaw"),
        ("enable", "linear", "not disabled"),
        ("freeze", "tree", "frozen already"),
        ("disable", "bayes", "disabled already"),
        ("weight", "linear", "weights cannot be set"),
        ("promote", "linear", "nobody to promote"),
        ("demote", "", "nobody to promote"),
        ("rollback", "linear", "a fold cannot 'rollback'"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(action: str, model: str, message: str) -> None:
    fold, _ = folded(three(), {50: [("freeze", "tree"), ("disable", "bayes")]})
    before = fold.digest()

    with pytest.raises(OrderError, match=message):
        fold.require_possible(action, model, 1.0)
    with pytest.raises(OrderError, match=message):
        fold.order(action, model, 1.0)
    assert fold.digest() == before


def test_the_last_model_that_answers_cannot_be_disabled() -> None:
    fold, _ = folded(three(), {50: [("disable", "tree"), ("disable", "bayes")]})
    with pytest.raises(OrderError, match="last one that answers"):
        fold.order("disable", "linear")
    single, _ = folded(declare(), {})
    with pytest.raises(OrderError, match="last one that answers"):
        single.order("disable", "model")


def test_with_a_fallback_the_last_model_can_be_disabled_and_the_fallback_answers() -> None:
    fold, out = folded(declare(fallback=False), {50: [("disable", "model")], 100: [("enable", "model")]})

    assert [result.get("by") == "fallback" for result in out.results] == [50 <= i < 100 for i in range(160)]
    assert {result["prediction"] for result in out.results[50:100]} == {False}
    assert fold.step == 160


def test_a_challenger_is_promoted_and_demoted_by_order_and_a_restored_fold_knows() -> None:
    pipeline = declare(linear, challengers={"bayes": naive_bayes.GaussianNB})
    given = {50: [("promote", "bayes")], 100: [("demote", "")]}
    fold, out = folded(pipeline, given)
    part, early = folded(pipeline, {50: given[50]})
    other = Fold(pipeline, "t.events", 3)
    restore(other, Shelf().take(part))

    assert [r.get("by") == "bayes" for r in out.results] == [50 <= i < 100 for i in range(160)]
    assert other.digest() == part.digest() != fold.digest()
    with pytest.raises(OrderError, match="champion already"):
        other.require_possible("promote", "bayes")
    assert other.digest() == part.digest()
    assert early.results[-1]["by"] == "bayes"


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan"), None, 1e7])
def test_a_weight_that_is_none_is_refused(weight: float | None) -> None:
    with pytest.raises(OrderError, match="expected a weight from 0"):
        Fold(three(), "t.events", 3).order("weight", "linear", weight)


def test_late_labels_do_not_teach_a_model_that_is_frozen_when_they_come() -> None:
    for models in (
        {"bayes": naive_bayes.GaussianNB, "linear": linear},
        {"bayes": naive_bayes.GaussianNB, "linear": hr.Step(linear)},
    ):
        harness = late(models)
        for i in range(20):
            harness.send({"id": f"e{i}", "at": float(i), "a": float(i), "b": 0.5})
        harness.fold.order("freeze", "linear")
        before = digests(harness.fold)
        for i in range(20):
            harness.label({"id": f"e{i}", "at": 20.0, "y": i % 2 == 0})
        after = digests(harness.fold)
        assert after["linear"] == before["linear"]
        assert after["bayes"] != before["bayes"]


@pytest.mark.parametrize("state", [{"frozen": 1}, {"frozen": [], "disabled": [], "more": 1}, []])
def test_orders_that_cannot_be_read_are_refused(state: Any) -> None:
    fold, _ = folded(three(), {})
    body = state_in(Shelf().take(fold)) | {"parts": {"orders": state}}

    with pytest.raises(SnapshotError, match="orders cannot be read"):
        Fold(three(), "t.events", 3).restore(160, [body])


def test_a_weight_counts_beside_what_a_member_has_earned_and_is_restored() -> None:
    models = {"bayes": naive_bayes.GaussianNB, "tree": tree.HoeffdingTreeClassifier}
    pipeline = declare(models, combine=hr.Weighted())
    fold, out = folded(pipeline, {})
    earned = {one.name: one.weight or 0.0 for one in fold.standings()}

    fold.order("weight", "tree", 3.0)

    total = earned["bayes"] + 3.0 * earned["tree"]
    assert [one.weight for one in fold.standings()] == pytest.approx(
        [earned["bayes"] / total, 3.0 * earned["tree"] / total]
    )
    other = Fold(pipeline, "t.events", 3)
    restore(other, Shelf().take(fold))
    assert other.digest() == fold.digest()

    fold.order("weight", "tree", 0.0)
    more = [record for record in log(events(200)) if record.offset >= 160]
    fold.step_chunk(more, out.emit, out.refuse)
    for result in out.results[160:]:
        assert result["probability"] == pytest.approx(result["models"]["bayes"]["probability"])

    fold.order("weight", "bayes", 0.0)  # nobody would count: then each counts what it has earned
    assert sum(one.weight or 0.0 for one in fold.standings()) == pytest.approx(1.0)


def test_how_models_stand_says_role_and_circuit() -> None:
    step = hr.Step(linear, breaker=hr.Breaker())
    stacked = hr.Step(naive_bayes.GaussianNB, inputs=["low.probability"])
    pipeline = declare(
        {"low": step, "top": stacked}, challengers={"rival": naive_bayes.GaussianNB, "other": linear}
    )
    fold, _ = folded(pipeline, {50: [("promote", "rival")]})

    found = {one.name: (one.role, one.state, one.circuit) for one in fold.standings()}
    assert found == {
        "low": ("step", "works", "closed"),
        "top": ("member", "works", None),
        "rival": ("champion", "works", None),
        "other": ("challenger", "works", None),
    }
    fold.order("open", "low", 5.0)
    assert fold.standings()[0].state == "circuit open"
