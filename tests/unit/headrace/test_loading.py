"""From what a user types after the command to the pipeline: found, or a clear reason why not."""

from __future__ import annotations

import json
import pickle
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.errors import DeclarationError, TargetError
from headrace.loading import load_module, load_pipeline

ONE = """
from __future__ import annotations

import headrace as hr
from river import base, naive_bayes


class Payment(hr.Event):
    amount: float
    is_fraud: bool | None = None


class Mine(base.Classifier):
    def learn_one(self, x, y): ...


pipeline = hr.Pipeline(
    "fraud",
    source=hr.Topic("payments", Payment),
    target="is_fraud",
    models=naive_bayes.GaussianNB,
)
"""
TWO = f"""{ONE}
other = hr.Pipeline(
    "other", source=pipeline.source, target="is_fraud", models=naive_bayes.GaussianNB
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield an empty folder to work in; what a test imports from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        if any(place and Path(place).is_relative_to(tmp_path) for place in places):
            del sys.modules[name]


def write(path: Path, text: str = ONE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fault_of(target: str) -> TargetError:
    with pytest.raises(TargetError) as caught:
        load_pipeline(target)
    return caught.value


@pytest.mark.parametrize(
    "target",
    [
        "lines.fraud",
        "lines.fraud:pipeline",
        "lines/fraud.py",
        "./lines/fraud.py",
        "lines/fraud.py:pipeline",
    ],
)
def test_a_module_or_a_file_names_its_pipeline(folder: Path, target: str) -> None:
    write(folder / "lines" / "fraud.py")

    assert load_pipeline(target).name == "fraud"


def test_a_file_may_be_anywhere(folder: Path) -> None:
    path = write(folder / "far" / "away" / "fraud.py")

    assert load_pipeline(str(path)).name == "fraud"


def test_a_file_may_import_its_neighbours(folder: Path) -> None:
    write(folder / "far" / "payment_events.py")
    write(folder / "far" / "fraud_entry.py", "from payment_events import pipeline")

    assert load_pipeline("far/fraud_entry.py").name == "fraud"


def test_a_pipeline_under_two_names_is_one(folder: Path) -> None:
    write(folder / "twice.py", ONE + "again = pipeline\n")

    assert load_pipeline("twice").name == "fraud"


def test_of_several_pipelines_one_is_named(folder: Path) -> None:
    write(folder / "several.py", TWO)

    assert load_pipeline("several:other").name == "other"
    assert load_pipeline("several.py:pipeline").name == "fraud"

    fault = fault_of("several")
    assert fault.what == "several holds 2 pipelines, expected one"
    assert fault.why == "it has other, pipeline"
    assert fault.fix == "several:NAME"


@pytest.mark.parametrize("target", ["several:nope", "several.py:nope", "several:Payment"])
def test_a_name_that_is_no_pipeline_is_answered_with_those_there_are(folder: Path, target: str) -> None:
    write(folder / "several.py", TWO)

    fault = fault_of(target)

    assert "has no pipeline" in fault.what
    assert fault.why == "it has other, pipeline"
    assert fault.fix


def test_a_module_without_a_pipeline_says_how_to_make_one(folder: Path) -> None:
    write(folder / "empty.py", "x = 1")

    fault = fault_of("empty")

    assert fault.what == "empty holds 0 pipelines, expected one"
    assert fault.why == "it has none"
    assert "headrace.Pipeline(" in fault.fix


@pytest.mark.parametrize(
    "target", ["nowhere", "nowhere.fraud", "lines.nowhere", "lines/fraud", "nowhere:pipeline"]
)
def test_an_unknown_module_says_where_was_looked(folder: Path, target: str) -> None:
    write(folder / "lines" / "fraud.py")

    fault = fault_of(target)

    assert fault.what == f"there is no module {target.partition(':')[0]!r}"
    assert str(folder) in fault.why
    assert "path/to/file.py" in fault.fix


@pytest.mark.parametrize("target", ["nowhere.py", "lines/nowhere.py:pipeline"])
def test_a_file_that_is_missing_is_named(folder: Path, target: str) -> None:
    fault = fault_of(target)

    assert fault.what == f"there is no file {target.partition(':')[0]}"
    assert fault.fix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import not_installed_at_all", "No module named 'not_installed_at_all'"),
        ("def broken(:", "SyntaxError"),
        ("from .events import Payment", "ImportError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("target", ["broken_line.py", "broken_line"])
def test_a_module_that_cannot_be_imported_says_why(folder: Path, text: str, why: str, target: str) -> None:
    write(folder / "broken_line.py", text)

    fault = fault_of(target)

    assert fault.what == f"{target} cannot be imported"
    assert why in fault.why
    assert "traceback" in fault.fix
    assert fault.__cause__ is not None


@pytest.mark.parametrize("target", ["", ":pipeline", "..", ".py"])
def test_what_names_nothing_leads_nowhere(folder: Path, target: str) -> None:
    assert fault_of(target).exit_code == 2


@pytest.mark.parametrize("target", ["wrong_line.py", "wrong_line"])
def test_the_faults_of_a_declaration_come_through(folder: Path, target: str) -> None:
    write(folder / "wrong_line.py", ONE.replace('"fraud"', '"not a topic"'))

    with pytest.raises(DeclarationError, match="'not a topic' is not valid") as caught:
        load_pipeline(target)
    assert caught.value.argument == "name"


def test_a_file_that_failed_can_be_mended(folder: Path) -> None:
    path = write(folder / "mended.py", "1 / 0")
    fault_of("mended.py")

    write(path, ONE + "# mended\n")

    assert load_pipeline("mended.py").name == "fraud"


def test_a_file_is_read_once(folder: Path) -> None:
    write(folder / "once.py")

    assert load_pipeline("once.py") is load_pipeline("once.py")


def test_a_file_and_a_module_are_the_same_module(folder: Path) -> None:
    write(folder / "same_line.py")

    assert load_pipeline("same_line.py") is load_pipeline("same_line")


@pytest.mark.parametrize("stem", ["json", "statistics", "river", "headrace", "wsgiref", "sys"])
def test_a_file_named_like_a_module_takes_nothing_from_it(folder: Path, stem: str) -> None:
    write(folder / "lines" / f"{stem}.py")
    before = dict(sys.modules)

    module, _ = load_module(f"lines/{stem}.py")

    assert module.__name__ == f"{stem}_file"
    assert module.pipeline.name == "fraud"
    assert {name: sys.modules.get(name) for name in before} == before
    assert sys.modules["json"] is json
    assert sys.modules["statistics"] is statistics
    assert load_module(f"lines/{stem}.py")[0] is module


def test_files_of_one_name_do_not_mix(folder: Path) -> None:
    names = ["one", "two", "three"]
    for name in names:
        write(folder / name / "twin.py", ONE.replace('"fraud"', f'"{name}"'))

    assert [load_pipeline(f"{name}/twin.py").name for name in names] == names


@pytest.mark.parametrize(
    "file", ["lines/plain_line.py", "lines/json.py", "lines/with.dots.py", "lines/a-b.py"]
)
def test_a_class_of_the_file_can_be_pickled(folder: Path, file: str) -> None:
    write(folder / file)

    module, _ = load_module(file)

    mine = pickle.loads(pickle.dumps(module.Mine()))  # noqa: S301 - our own bytes
    assert type(mine) is module.Mine
