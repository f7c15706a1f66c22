"""What is drawn of a pipeline: its topics, features and steps, and the topics that chain several."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from river import anomaly, linear_model, metrics, naive_bayes, preprocessing

import headrace as hr
from agents.cli import cli
from agents.drawing.drawing import Drawing, Node
from agents.drawing.pipelines import drawn
from tests.declaring import SOURCE, declare


class Sale(hr.Event):
    country: str
    amount: float
    is_fraud: bool | None = None


class Country(hr.Event):
    country: str
    risk: float


def linear() -> preprocessing.StandardScaler:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def pairs(drawing: Drawing, kind: str = "flow") -> set[tuple[str, str]]:
    """Return the edges of a kind as titles of their ends."""
    titles = {node.id: node.title for node in drawing.nodes}
    return {(titles[edge.start], titles[edge.end]) for edge in drawing.edges if edge.kind == kind}


def node(drawing: Drawing, title: str) -> Node:
    [found] = [node for node in drawing.nodes if node.title == title]
    return found


def cascade() -> hr.Pipeline:
    return declare(
        models={
            "odd": hr.Step(lambda: anomaly.HalfSpaceTrees(seed=1), inputs=["amount"]),
            "cheap": linear,
            "dear": hr.Step(
                naive_bayes.GaussianNB,
                inputs=["features", "odd.score"],
                when="cheap.confidence < 0.9 and age > 3",
            ),
            "last": hr.Step(naive_bayes.GaussianNB, inputs=["cheap.probability"], after=["dear"]),
        },
        combine=hr.Last(),
    )


def test_one_model_is_drawn_between_its_source_and_its_answers() -> None:
    drawing = drawn([declare()])
    assert [*drawing.frames.values()] == ["fraud@1"]
    assert pairs(drawing) == {
        ("payments", "features"),
        ("features", "model"),
        ("model", "fraud.predictions"),
    }
    assert node(drawing, "payments").lines == ("Payment",)
    assert node(drawing, "features").lines == ("amount, age",)
    assert node(drawing, "model").lines == ("GaussianNB",)


def test_steps_are_drawn_with_what_reaches_them_and_what_they_wait_for() -> None:
    drawing = drawn([cascade()])
    assert pairs(drawing) == {
        ("payments", "features"),
        ("features", "odd"),
        ("features", "cheap"),
        ("features", "dear"),
        ("odd", "dear"),
        ("cheap", "last"),
        ("dear", "Last()"),
        ("last", "Last()"),
        ("Last()", "fraud.predictions"),
    }
    assert pairs(drawing, "order") == {("cheap", "dear"), ("dear", "last")}
    assert node(drawing, "dear").lines == (
        "GaussianNB",
        "of features, odd.score",
        "when cheap.confidence < 0.9 and age > 3",
    )
    assert node(drawing, "cheap").lines == ("StandardScaler | LogisticRegression",)


def test_a_condition_in_python_is_called_by_its_name() -> None:
    def is_large(features: object, answers: object) -> bool:
        return True

    drawing = drawn([declare(models={"a": linear, "b": hr.Step(naive_bayes.GaussianNB, when=is_large)})])
    assert node(drawing, "b").lines == ("GaussianNB", "when is_large")


def test_a_challenger_is_drawn_beside_the_models_and_may_give_the_answer() -> None:
    drawing = drawn(
        [declare(challengers={"new": linear}, canary=hr.Canary(steps=(0.1, 1.0)), labels=hr.Labels("truth"))]
    )
    assert [(n.title, n.kind) for n in drawing.nodes if n.kind in ("step", "challenger")] == [
        ("model", "step"),
        ("new", "challenger"),
    ]
    assert node(drawing, "new").lines == ("challenger", "StandardScaler | LogisticRegression")
    assert {("features", "new"), ("model", "answer"), ("answer", "fraud.predictions")} <= pairs(drawing)
    assert pairs(drawing, "order") == {("new", "answer")}
    assert node(drawing, "answer").lines == (
        "or of the challenger that has won",
        "canary: 0.1, 1 of the keys",
    )


def test_what_stands_in_for_a_step_is_drawn_with_it() -> None:
    backup = [naive_bayes.GaussianNB, "other", hr.LastGood(), False]
    models = {"other": linear, "main": hr.Step(linear, backup=backup)}
    drawing = drawn([declare(models=models, combine=hr.Last(), fallback=True)])
    assert node(drawing, "main-backup").kind == "backup"
    assert node(drawing, "main-backup").lines == ("backup of main", "GaussianNB")
    assert node(drawing, "main").lines[1:] == ("else its last good state, False",)
    assert node(drawing, "Last()").lines == ("else True",)
    assert pairs(drawing, "stand_in") == {("main-backup", "main"), ("other", "main")}
    assert ("features", "main-backup") in pairs(drawing)


def test_tasks_go_to_workers_outside_and_their_answers_come_back_to_the_log() -> None:
    verdict = hr.External("verdicts", deadline_s=60, when="linear.confidence < 0.8")
    drawing = drawn([declare(models={"linear": linear, "verdict": verdict}, combine=hr.Last())])
    assert node(drawing, "verdict").lines == ("within 60 s", "when linear.confidence < 0.8")
    assert {
        ("verdict", "fraud.tasks"),
        ("fraud.tasks", "workers"),
        ("workers", "verdicts"),
        ("verdicts", "fraud.log"),
        ("verdict", "Last()"),
    } <= pairs(drawing)
    assert ("Last()", "fraud.tasks") not in pairs(drawing)


def test_a_route_says_how_many_it_asks() -> None:
    drawing = drawn([declare(models={"a": linear, "b": linear}, route=hr.Route("thompson"))])
    assert node(drawing, "Vote('soft')").lines == ("of 1 of them, chosen by thompson",)


def test_all_topics_of_a_log_lead_to_it_and_facts_are_in_one_box() -> None:
    source = hr.Topic("payments", Sale, key="country")
    lookup = hr.Lookup(hr.Topic("countries", Country, key="country"), key="country", fields=["risk"])
    drawing = drawn(
        [
            declare(
                source=source,
                labels=hr.Labels("chargebacks"),
                lookups=[lookup],
                key="country",
                metrics=[metrics.Accuracy],
            )
        ]
    )
    found = pairs(drawing)
    assert {start for start, end in found if end == "fraud.log"} == {"payments", "chargebacks", "countries"}
    assert ("fraud.log", "features") in found
    assert {end for start, end in found if start == "model"} == {"fraud.predictions", "facts"}
    assert node(drawing, "facts").lines == ("fraud.labels.status", "fraud.metrics", "fraud.alerts")
    assert node(drawing, "features").lines == ("country, amount, risk",)


def test_more_features_than_fit_are_counted_and_made_ones_not_named() -> None:
    names = [f"f{i}" for i in range(7)]
    wide = hr.Topic("wide", type("Wide", (hr.Event,), {"__annotations__": dict.fromkeys(names, float)}))
    drawing = drawn([declare(source=wide, target=None, models=lambda: anomaly.HalfSpaceTrees(seed=1))])
    assert node(drawing, "features").lines == ("f0, f1, f2, f3 and 3 more",)
    drawing = drawn([declare(transform=preprocessing.StandardScaler)])
    assert node(drawing, "features").lines == ("made by transform",)


def test_a_topic_that_one_writes_and_another_reads_joins_them() -> None:
    first = declare(metrics=[metrics.Accuracy])
    second = declare(
        name="watch",
        source=hr.predictions_of(first),
        target=None,
        models=lambda: anomaly.HalfSpaceTrees(seed=1),
    )
    third = declare(name="third", source=SOURCE)
    for order in ([first, second, third], [third, second, first]):
        drawing = drawn(order)
        assert [n.title for n in drawing.nodes].count("fraud.predictions") == 1
        assert [n.title for n in drawing.nodes].count("payments") == 1
        titles = {n.id: (n.title, drawing.frames.get(n.frame or "")) for n in drawing.nodes}
        edges = {(titles[e.start], titles[e.end]) for e in drawing.edges}
        assert (("fraud.predictions", None), ("features", "watch@1")) in edges
        assert (("model", "fraud@1"), ("fraud.predictions", None)) in edges
        assert (("payments", None), ("features", "third@1")) in edges


PACKAGE = {
    "__init__.py": "",
    "first.py": """
import headrace as hr
from river import naive_bayes


class Payment(hr.Event):
    amount: float
    is_fraud: bool | None = None


pipeline = hr.Pipeline(
    "first", source=hr.Topic("payments", Payment), target="is_fraud", models=naive_bayes.GaussianNB
)
""",
    "second.py": """
import headrace as hr
from river import anomaly

from drawn_package import first

pipeline = hr.Pipeline(
    "second", source=hr.predictions_of(first.pipeline), models=lambda: anomaly.HalfSpaceTrees(seed=1)
)
""",
    "settings.py": "answer = 42\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pipelines of a package, and a module that is none; its folder is the current one."""
    folder = tmp_path / "drawn_package"
    folder.mkdir()
    for name, text in PACKAGE.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def graph(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["graph", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_draws_a_package_as_mermaid_svg_and_dot(package: Path) -> None:
    text = graph("drawn_package")
    assert text.startswith("flowchart TB\n")
    assert all(f'"{name}@1"' in text for name in ("first", "second"))
    assert text.count("<b>first.predictions</b>") == 1
    assert text == graph("drawn_package.first", "drawn_package.second")
    assert graph("drawn_package", "--format", "dot").startswith("digraph {\n")
    ElementTree.fromstring(graph("drawn_package", "--format", "svg"))  # noqa: S314 - our own


def test_the_command_writes_a_file_in_the_form_of_its_ending(package: Path, tmp_path: Path) -> None:
    assert graph("drawn_package.first", "--out", "first.svg") == ""
    assert (tmp_path / "first.svg").read_text("utf-8") == graph("drawn_package.first", "--format", "svg")
    assert graph("drawn_package.first:pipeline", "--out", "first.md") == ""
    assert (tmp_path / "first.md").read_text("utf-8") == graph("drawn_package.first")


def test_a_target_without_a_pipeline_is_an_error(package: Path) -> None:
    result = CliRunner().invoke(cli, ["graph", "drawn_package.settings"], standalone_mode=True)
    assert result.exit_code == 2
    assert "drawn_package.settings holds no pipeline" in result.output
