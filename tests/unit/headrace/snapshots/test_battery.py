"""Every estimator that registration accepts goes on to the bit after a snapshot, in another process."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from headrace.snapshots import battery
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.catalogue import examples, say
from headrace.snapshots.naming import missing_classes
from headrace.snapshots.table import COMMAND

PAGE = (Path(__file__).parents[4] / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (\w+) \| (.*) \|$", PAGE.partition("\nRefused")[0], re.MULTILINE))
TASKS = {name: row.split(" | ")[0] for name, row in ROWS.items() if name != "model"}
REPLAY = {name: row.split(" | ")[1] for name, row in ROWS.items() if name != "model"}

HASHED = {name for name, where in REPLAY.items() if where == "same seed"}
"""Those whose own results depend on the hash seed, which workers therefore fix."""

SLOW = {"AMFClassifier", "AMFRegressor"}

EVENTS = 100
SNAPSHOTS = 2


def test_there_are_as_many_as_there_should_be() -> None:
    assert len(examples()) >= 80
    assert {example.task for example in examples().values()} == {
        "anomaly",
        "classification",
        "clustering",
        "regression",
    }


def test_the_page_of_models_is_of_this_river_and_has_them_all() -> None:
    assert f"river {version('river')} " in PAGE
    assert COMMAND in PAGE
    assert {name: example.task for name, example in examples().items()} == TASKS


def test_few_depend_on_the_hash_seed_and_none_is_inexact() -> None:
    assert sorted(HASHED) == ["CluStream", "STREAMKMeans"]
    assert set(REPLAY.values()) == {"any", "same seed"}


@pytest.mark.slow
def test_all_but_two_answer_and_learn() -> None:
    n_faults = {}
    for name in examples().keys() - SLOW:
        said = say(examples()[name], examples()[name].factory(), 60)
        n_faults[name] = sum(answer.endswith("Error") for answer in said)

    assert {name for name, n in n_faults.items() if n > 1} == {"ISOUPTreeRegressor", "ODAC"}


def test_a_fresh_model_of_each_misses_nothing() -> None:
    allowed = Allowed()

    assert {name: missing_classes(example.factory(), allowed) for name, example in examples().items()} == {
        name: [] for name in examples()
    }


@pytest.mark.slow
@pytest.mark.timeout(1_800)  # three processes, 90 models
def test_all_go_on_to_the_bit_in_another_process(tmp_path: Path) -> None:
    file, anywhere = tmp_path / "trials.json", sorted(examples().keys() - HASHED)
    battery.record(file, battery.WORKERS_SEED, EVENTS, SNAPSHOTS)

    assert battery.replay(file, battery.OTHER_SEED, anywhere) == dict.fromkeys(anywhere, True)
    assert battery.replay(file, battery.WORKERS_SEED, sorted(HASHED)) == dict.fromkeys(HASHED, True)


def test_a_restore_that_goes_astray_is_noticed() -> None:
    (one, other) = battery.recorded(["HoeffdingTreeClassifier"], EVENTS, 2)

    assert battery.replayed(one)
    assert not battery.replayed(msgspec.structs.replace(one, body=other.body))
