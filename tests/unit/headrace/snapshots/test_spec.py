"""A snapshot is taken only for the pipeline, partition, declaration and versions it was made for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Literal

import pytest
from river import forest, linear_model, naive_bayes, preprocessing, tree

from headrace.errors import SnapshotError
from headrace.snapshots.spec import require, spec_hashes
from schemas.snapshots import SnapshotHeader
from tests.unit.headrace.snapshots.sealing import HEADER, header


def check(found: SnapshotHeader, versions: Literal["exact", "any"] = "exact") -> None:
    require(
        found,
        pipeline="flights",
        version=1,
        topic="flights",
        partition=0,
        models={"tree": "b2", "linear": "a1"},
        scope="partition",
        versions=versions,
    )


def test_a_snapshot_of_ones_own_is_taken() -> None:
    check(HEADER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"topic": "other"}, "foreign"),
        ({"partition": 1}, "foreign"),
        ({"pipeline": "other"}, "foreign"),
        ({"version": 2}, "other_version"),
        ({"scope": "key"}, "other_declaration"),
        ({"models": {"linear": "a1"}}, "other_declaration"),
        ({"models": {"linear": "a1", "tree": "b3"}}, "other_declaration"),
        ({"models": {"linear": "a1", "wood": "b2"}}, "other_declaration"),
        ({"river": "0.25.0"}, "other_versions"),
        ({"python": "3.10.1"}, "other_versions"),
    ],
    ids=str,
)
def test_another_one_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        check(header(**change))

    assert caught.value.reason == reason
    assert str(next(iter(change.values())) if reason == "foreign" else "expected") in caught.value.why


def test_other_versions_are_taken_on_request() -> None:
    check(header(river="0.25.0", python="3.10.1"), versions="any")


def test_a_patch_of_python_and_another_headrace_do_not_matter() -> None:
    major, minor, _ = HEADER.python.split(".")

    check(header(python=f"{major}.{minor}.99", headrace="9.9"))


def models(**options: Any) -> dict[str, Any]:
    return {
        "linear": preprocessing.StandardScaler() | linear_model.LogisticRegression(l2=options.get("l2", 0.0)),
        "tree": tree.HoeffdingTreeClassifier(grace_period=options.get("grace_period", 50)),
        "forest": forest.ARFClassifier(n_models=2, seed=options.get("seed", 7)),
        "bayes": naive_bayes.GaussianNB(),  # type: ignore[no-untyped-call] # so it is
    }


@pytest.mark.parametrize(
    ("option", "model"), [("l2", "linear"), ("grace_period", "tree"), ("seed", "forest")]
)
def test_a_changed_argument_changes_the_hash_of_its_model_only(option: str, model: str) -> None:
    one, other = spec_hashes(models()), spec_hashes(models(**{option: 1}))

    assert {name for name in one if one[name] != other[name]} == {model}


def test_hashes_do_not_depend_on_the_process_or_its_hash_seed() -> None:
    script = "from tests.unit.headrace.snapshots.test_spec import *; print(spec_hashes(models()))"

    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.strip() == str(spec_hashes(models()))
