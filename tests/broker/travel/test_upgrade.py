"""Another version of a pipeline brought to where the running one stands, on a real Kafka."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from streams.topics import snapshots_topic
from tests.broker import workers as w
from tests.broker.travel.past_runs import (
    OTHER,
    SGD,
    Ask,
    PastRun,
    Run,
    delete_before,
    events,
    fold_of,
    write_other,
)

pytestmark = pytest.mark.broker

NOW = ("--follow", "0s")


@pytest.fixture
def second(answered: PastRun, tmp_path: Path) -> PastRun:
    """Version 2 of the pipeline in ``other.py``; version 1 has answered 302 records."""
    write_other(tmp_path, answered.name, SGD, OTHER)
    return PastRun(answered.bootstrap, answered.name, "other.py")


def prepared(second: PastRun) -> list[tuple[str, int, str]]:
    """Return slot, offset and digest of the states that were written down for version 2, in order."""
    topic = snapshots_topic(second.name)
    found = []
    for message in w.consume(second.bootstrap, topic, 1):
        slot = (message.key() or b"").decode().rpartition("/")[2]
        if slot.startswith("shadow-"):
            header, states = second.sealing.load([message.value() or b""])
            fold = fold_of(second, [])
            fold.restore(header.next_offset, states)
            found.append((slot, header.next_offset, fold.digest()))
    return found


def test_its_state_is_that_of_a_fold_from_the_beginning(ask: Ask, answered: PastRun, second: PastRun) -> None:
    told = ask("upgrade", "other.py", *NOW, "--compare", "100")

    assert prepared(second) == [("shadow-0.v2", 302, fold_of(second, answered.values).digest())]
    zero, one = told["partitions"]
    assert (zero["version"], zero["committed"], zero["prepared"], zero["behind"]) == (1, 302, 302, 0)
    assert (zero["learned_from"], zero["began"]) == (0, "")
    assert one["prepared"] is None
    assert told["pipeline"] == f"{answered.name}@2"


def test_the_answers_of_both_are_compared_on_the_same_events(
    ask: Ask, answered: PastRun, second: PastRun
) -> None:
    told = ask("upgrade", "other.py", *NOW, "--compare", "100")

    ours = {r["source"]["offset"]: r for r in answered.results(f"{answered.name}-v2")}
    theirs = {r["source"]["offset"]: r for r in answered.results()}
    assert sorted(ours) == [*range(202, 302)]
    assert {r["pipeline"] for r in ours.values()} == {f"{answered.name}@2"}
    labels = {i: json.loads(v or b"{}").get("y") for i, v in enumerate(answered.values) if i >= 202}
    compared = told["compared"]
    assert (compared["both"], compared["labelled"]) == (100, 100)
    for side, said in (("a", theirs), ("b", ours)):
        right = sum(said[i]["prediction"] == labels[i] for i in labels) / 100
        assert compared["score"][side]["accuracy"] == pytest.approx(right)
    same = sum(theirs[i]["prediction"] == ours[i]["prediction"] for i in labels) / 100
    assert compared["equal_predictions"] == pytest.approx(same)


def test_the_running_version_is_left_alone(ask: Ask, answered: PastRun, second: PastRun) -> None:
    before = [
        w.end_offsets(answered.bootstrap, f"{answered.name}.{k}", 2) for k in ("predictions", "decisions")
    ]
    ask("upgrade", "other.py", *NOW)

    after = [
        w.end_offsets(answered.bootstrap, f"{answered.name}.{k}", 2) for k in ("predictions", "decisions")
    ]
    assert after == before
    states = {line["slot"]: line["state"] for line in ask("snapshot", "ls", "pipe.py")}
    assert states == {"live-0": "ok", "shadow-0.v2": "other_version"}


def test_a_second_time_it_goes_on_from_its_own_state(ask: Ask, answered: PastRun, second: PastRun) -> None:
    ask("upgrade", "other.py", *NOW)
    answered.feed(events(50, 7))

    told = ask("upgrade", "other.py", *NOW, "--compare", "20")

    assert told["partitions"][0]["began"].endswith(".0.302")
    assert prepared(second)[-1] == ("shadow-1.v2", 352, fold_of(second, answered.values).digest())
    assert [r["source"]["offset"] for r in answered.results(f"{answered.name}-v2")] == [*range(332, 352)]
    assert told["compared"]["both"] == 20


def test_other_models_under_the_same_version_begin_anew(
    ask: Ask, answered: PastRun, second: PastRun, tmp_path: Path
) -> None:
    ask("upgrade", "other.py", *NOW)
    write_other(tmp_path, answered.name, SGD, "linear_model.LogisticRegression(l2=0.2)")
    (tmp_path / "other.py").rename(tmp_path / "third.py")
    third = PastRun(answered.bootstrap, answered.name, "third.py")

    told = ask("upgrade", "third.py", *NOW, "--compare", "10")

    assert told["partitions"][0]["began"] == ""
    assert prepared(third)[-1][2] == fold_of(third, answered.values).digest()
    assert told["compared"]["both"] == 10


def test_retention_has_deleted_the_beginning(ask: Ask, answered: PastRun, second: PastRun) -> None:
    delete_before(answered, 120)
    told = ask("upgrade", "other.py", *NOW)

    assert told["partitions"][0]["learned_from"] == 120
    assert told["notes"] == [
        f"partition 0: {answered.name}@2 learns from offset 120 on: retention has deleted what was before"
    ]
    expected = fold_of(second, answered.values, without=range(120)).digest()
    assert prepared(second)[-1][1:] == (302, expected)


def test_what_the_running_version_unlearned_the_new_one_does_not_learn(
    ask: Ask, answered: PastRun, second: PastRun
) -> None:
    kept = fold_of(answered, answered.values, without=[100, 101])
    answered.fold, live = kept, answered.fold
    blob = answered.blob()
    answered.fold = live
    answered.decide("pin-a.0", blob, "unlearn", ((100, 101),))
    answered.feed(events(10, 5))

    told, name = ask("upgrade", "other.py", *NOW), answered.name

    assert told["notes"] == [
        f"partition 0: {name}@1 has unlearned 100 to 101: {name}@2 does not learn them either"
    ]
    expected = fold_of(second, answered.values, without=[100, 101]).digest()
    assert prepared(second)[-1][1:] == (312, expected)


def test_what_is_unlearned_afterwards_makes_the_prepared_state_void(
    ask: Ask, answered: PastRun, second: PastRun
) -> None:
    ask("upgrade", "other.py", *NOW)
    answered.decide("pin-a.0", answered.blob(), "unlearn", ((100, 101),))
    assert ask("upgrade", "other.py", "--status")["partitions"][0]["prepared"] is None

    told = ask("upgrade", "other.py", *NOW)

    assert told["partitions"][0]["began"] == ""
    assert prepared(second)[-1][2] == fold_of(second, answered.values, without=[100, 101]).digest()


def test_a_rollback_of_the_running_version_is_told_and_not_followed(
    ask: Ask, answered: PastRun, second: PastRun
) -> None:
    answered.decide("pin-a.0", answered.blob(), "rollback")
    answered.feed(events(10, 5))

    told = ask("upgrade", "other.py", *NOW)

    name = answered.name
    assert told["notes"] == [f"partition 0: {name}@1: rollback at offset 302 is not for {name}@2"]
    assert prepared(second)[-1][2] == fold_of(second, answered.values).digest()
    assert "other_version" in [
        e["fault"] for e in ask("model", "history", "other.py") if e["kind"] == "rollback"
    ]


def test_the_version_of_before_goes_on_from_where_it_was(
    ask: Ask, answered: PastRun, second: PastRun
) -> None:
    ask("upgrade", "other.py", *NOW)
    second.values, second.fold = answered.values, fold_of(second, answered.values)
    second.own()
    second.feed(events(40, 9))

    status = ask("upgrade", "other.py", "--status")["partitions"][0]
    assert (status["version"], status["before"], status["since"]) == (2, 1, 302)

    told = ask("upgrade", "pipe.py", *NOW)

    assert told["partitions"][0]["began"].endswith(".200")
    assert told["partitions"][0]["prepared"] == 342
    assert w.end_offsets(answered.bootstrap, f"{answered.name}-v1.predictions", 2) > 0


def refusal(run: Run, *argv: str) -> str:
    result = run("upgrade", *argv, *NOW)
    assert result.exit_code == 1, result.output
    return result.output


def test_the_version_is_not_raised(run: Run, answered: PastRun, tmp_path: Path) -> None:
    write_other(tmp_path, answered.name, SGD, OTHER, version=1)
    assert "the same version, 1" in refusal(run, "other.py")
    assert "version=2 in other.py" in refusal(run, "other.py")


def test_the_version_runs_already(run: Run, second: PastRun) -> None:
    assert "@1 answers all" in refusal(run, "pipe.py")
    second.own()
    assert "@2 answers all" in refusal(run, "other.py")


def test_models_that_are_the_same_are_told(ask: Ask, answered: PastRun, tmp_path: Path, name: str) -> None:
    write_other(tmp_path, name, 'features=["a", "b"]', 'features=["a"]')
    told = ask("upgrade", "other.py", *NOW)
    assert told["notes"] == [f"the models are those of {name}@1: only what is around them differs"]


def test_nothing_was_answered_yet(run: Run, name: str) -> None:
    text = refusal(run, "pipe.py")
    assert "has answered anything yet" in text
    assert "headrace run pipe.py" in text


def test_there_is_no_log(run: Run, tmp_path: Path) -> None:
    w.write_pipeline(tmp_path, f"none{os.getpid()}")
    result = run("upgrade", "pipe.py", *NOW)
    assert result.exit_code == 4
    assert "does not exist" in result.output


def test_people_are_told_what_to_do_next(run: Run, second: PastRun) -> None:
    result = run("upgrade", "other.py", *NOW)
    assert result.exit_code == 0, result.output
    for expected in (
        "To switch:",
        "kill -HUP",
        "headrace upgrade other.py --status",
        "To go back:",
        "accuracy",
    ):
        assert expected in result.output
