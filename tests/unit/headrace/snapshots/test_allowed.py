"""A snapshot names only what is on the list for this version of river, and what the user adds by name."""

from __future__ import annotations

import importlib
import operator
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import pytest
from river import compose, feature_extraction, linear_model, naive_bayes, preprocessing

from headrace.errors import SettingsError, SnapshotError
from headrace.models.digest import digest
from headrace.snapshots import catalogue, classes
from headrace.snapshots.allowed import LIST, Allowed, listed
from headrace.snapshots.naming import missing_classes
from headrace.snapshots.pickling import dumps, loads
from tests.unit.headrace.snapshots import mymodels

HERE = mymodels.__name__
MAJORITY = [f"{HERE}.Majority", f"{HERE}.Majority.Count"]


def text() -> str:
    return files("headrace.snapshots").joinpath(LIST).read_text(encoding="utf-8")


def test_the_list_is_for_the_river_in_use() -> None:
    assert text().splitlines()[0] == f"# river {version('river')}; made by: {classes.COMMAND}"


@pytest.mark.slow
def test_the_list_is_what_this_river_gives() -> None:
    ours, rivers = ({*made.splitlines()} for made in (text(), classes.generated()))

    assert rivers - ours == set(), f"new in river: judge them, then {classes.COMMAND}"
    assert ours - rivers == set(), f"gone from river: {classes.COMMAND}"


def test_everything_on_the_list_is_there_and_a_class_is_defined_where_it_says() -> None:
    for module, name in listed().globals:
        if module.startswith("numpy.core."):  # numpy 1
            continue
        found = operator.attrgetter(name)(importlib.import_module(module))
        assert callable(found)
        if isinstance(found, type) and module.startswith("river."):
            assert (found.__module__, found.__qualname__) == (module, name)


def test_nothing_on_the_list_reads_files_runs_code_or_looks_up_names() -> None:
    ours = {module.partition(".")[0] for module, _ in listed().globals}
    builtins = {name for module, name in listed().globals if module == "builtins"}

    assert ours <= {
        "builtins", "collections", "copy", "datetime", "decimal", "functools", "headrace", "math", "numpy",
        "operator", "random", "river", "statistics", "uuid",
    }  # fmt: skip
    assert builtins.isdisjoint(
        {
            "eval",
            "exec",
            "compile",
            "open",
            "getattr",
            "setattr",
            "type",
            "object",
            "bytearray",
            "vars",
            "map",
        }
    )
    assert ("operator", "attrgetter") not in listed().globals
    assert ("operator", "methodcaller") not in listed().globals
    assert not any(module.startswith(catalogue.OUTSIDE) for module, _ in listed().globals)


def restored(model: Any, *extra: str) -> Any:
    return loads(dumps(model), Allowed(extra))


def taught(model: Any) -> Any:
    for i in range(20):
        model.learn_one({"a": float(i % 3)}, i % 3 == 0)
    return model


def test_a_class_of_the_users_own_is_refused_until_it_is_named() -> None:
    with pytest.raises(SnapshotError, match=rf"{HERE}\.Majority") as caught:
        restored(taught(mymodels.Majority()))
    assert caught.value.reason == "class"

    model = restored(taught(mymodels.Majority()), *MAJORITY)

    assert digest(taught(model)) == digest(taught(taught(mymodels.Majority())))


def test_a_function_of_the_users_own_can_be_named_too() -> None:
    model = restored(taught(mymodels.with_function()), f"{HERE}.doubled")

    assert model["doubled"].func is mymodels.doubled


@pytest.mark.parametrize(
    "path", ["", "Majority", "my models.Majority", "mymodels.", ".Majority", "a.b()", "a.*"]
)
def test_what_is_no_name_of_a_class_is_refused_at_once(path: str) -> None:
    with pytest.raises(SettingsError, match="snapshot_classes"):
        Allowed([path])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (HERE, "alias"),
        (HERE, "base.Classifier"),
        (HERE, "linear_model.LogisticRegression"),
        (HERE, "Majority.learn_one.__globals__"),
        (HERE, "constant"),
        (HERE, "absent"),
        ("tests.no_such_module", "Model"),
        ("os", "system"),
    ],
)
def test_a_name_serves_only_where_it_is_defined(module: str, name: str) -> None:
    allowed = Allowed([f"{module}.{name}"])

    with pytest.raises(SnapshotError) as caught:
        allowed.resolve(module, name)
    assert caught.value.reason == "class"


def test_a_name_can_not_be_cut_elsewhere() -> None:
    allowed = Allowed(MAJORITY)
    package, _, module = HERE.rpartition(".")

    with pytest.raises(SnapshotError):
        allowed.resolve(package, f"{module}.Majority")
    assert allowed.resolve(HERE, "Majority.Count") is mymodels.Majority.Count


def test_methods_of_the_users_own_class_can_be_held_and_those_of_python_cannot() -> None:
    bound = Allowed(MAJORITY).resolve("builtins", "getattr")
    model = mymodels.Majority()

    assert bound(model, "counted") == model.counted
    for name in ("__init__", "__reduce_ex__", "counts", "absent"):
        with pytest.raises(SnapshotError):
            bound(model, name)


def test_a_method_on_the_list_is_bound_to_its_object_whatever_the_object_holds() -> None:
    bound = Allowed().resolve("builtins", "getattr")
    model = linear_model.PAClassifier()
    vars(model)["_calc_tau_1"] = print

    assert bound(model, "_calc_tau_1").__func__ is linear_model.PAClassifier._calc_tau_1
    assert bound(str, "lower") is str.lower


MODELS: dict[str, Any] = {
    "linear": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "passive": lambda: linear_model.PAClassifier(mode=2),
    "words": lambda: feature_extraction.TFIDF(on="text") | naive_bayes.MultinomialNB(),
    "select": lambda: compose.Select("a") | preprocessing.MinMaxScaler() | linear_model.Perceptron(),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_rivers_misses_nothing(name: str) -> None:
    assert missing_classes(MODELS[name](), Allowed()) == []


def test_what_a_model_misses_is_named_as_the_setting_takes_it() -> None:
    model = taught(compose.FuncTransformer(mymodels.doubled) | mymodels.Majority())

    missing = missing_classes(model, Allowed())

    assert missing == sorted([*MAJORITY, f"{HERE}.doubled"])
    assert missing_classes(model, Allowed(missing)) == []
    assert digest(restored(model, *missing)) == digest(model)


@pytest.mark.parametrize("name", ["alias", "constant", "absent"])
def test_naming_something_else_does_not_help(name: str) -> None:
    assert missing_classes(mymodels.Majority(), Allowed([f"{HERE}.{name}"])) == [f"{HERE}.Majority"]
