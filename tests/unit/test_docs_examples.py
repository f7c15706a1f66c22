"""The examples of README and how-to do what they say, each saved to a file as a reader would."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from agents.cli import cli
from headrace.loading import load_pipeline
from headrace.tasks.conditions import parse
from headrace.testing import Harness
from tests.pages import (
    BACKUPS,
    BANDIT,
    CANARY,
    CASCADE,
    CHAIN,
    DELAYED,
    DRIFT,
    ROUTE,
    STACKING,
    WINDOWS,
    WRITE,
    blocks,
    table,
    text_of,
)


def examples() -> dict[str, str]:
    """Return the Python examples by the path their first line names."""
    found = {}
    for page in (
        "README.md",
        WRITE,
        DELAYED,
        DRIFT,
        WINDOWS,
        BANDIT,
        CASCADE,
        CHAIN,
        STACKING,
        ROUTE,
        CANARY,
        BACKUPS,
    ):
        for block in blocks(page, "python"):
            first, _, _ = block.partition("\n")
            assert re.fullmatch(r"# (pipelines|tests)/\w+\.py", first), f"{page}: {first} names no file"
            found[first.removeprefix("# ")] = block
    return found


PIPELINES = [path for path in examples() if path.startswith("pipelines/")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All examples in files, as a reader would save them; the folder is the current one."""
    for path, text in examples().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")) or name == "pipelines":
            del sys.modules[name]


def payments(i: int) -> dict[str, Any]:
    return {"amount": 10.0 + 90 * (i % 2), "hour": i % 24, "country": "DE", "is_fraud": i % 2 == 1}


def houses(i: int) -> dict[str, Any]:
    return {"rooms": 3, "area_m2": 50.0 + i % 50, "heating": "gas", "price": 500.0 + 10 * (i % 50)}


def movements(i: int) -> dict[str, Any]:
    kinds = ("rest", "walk", "run")
    return {"speed": 4.0 * (i % 3) + i % 2 / 10, "pulse": 60.0 + 40 * (i % 3), "activity": kinds[i % 3]}


def readings(i: int) -> dict[str, Any]:
    return {"pump": "a", "values": {"pressure": 0.5 + (i % 7) / 100, "heat": 0.4 + (i % 5) / 100}}


def baskets(i: int) -> dict[str, Any]:
    return {"items": 1 + 50 * (i % 3), "total": 5.0 + 500 * (i % 3) + i % 2}


def boilers(i: int) -> dict[str, Any]:
    """Return a reading of one of five boilers."""
    return {"boiler": f"b{i % 5}", "water_c": 60.0 + i % 7, "bar": 1.5 + (i % 3) / 10}


def purchases(i: int) -> dict[str, Any]:
    """Return a purchase: each card buys every hour, and a stolen one every second at the end of the day."""
    day, n = divmod(i, 30)
    at_s = 86_400.0 * day + (3600.0 * n if n < 20 else 80_000.0 + n)
    return {
        "at": 1.7e9 + at_s,
        "card": f"c{day % 3}",
        "country": ("DE", "IT", "FR")[n % 3],
        "amount": 20.0 + i % 7 + 20 * (n > 20),
        "is_fraud": n > 20,
    }


def turning(i: int) -> dict[str, Any]:
    a = (i * 37 % 101 - 50) / 50
    return {"a": a, "b": i % 7 / 7, "is_bad": (a > 0) == (i < 300)}


def card_payments(i: int) -> dict[str, Any]:
    return {"amount": 10.0 + 90 * (i % 2), "hour": i % 24}


def departures(i: int) -> dict[str, Any]:
    return {"at": 1.7e9 + i, "origin": "JFK", "distance_km": 900.0 + i % 9, "is_late": i % 2 == 1}


def shop_visits(i: int) -> dict[str, Any]:
    return {"pages": 1 + i * 37 % 20, "minutes": i * 61 % 97 / 10, "buys": i * 37 % 20 > 9}


def rated(i: int) -> dict[str, Any]:
    a, b = i * 37 % 101 / 50, i * 61 % 97 / 50
    return {"a": a, "b": b, "good": a > b}


def plots(i: int) -> dict[str, Any]:
    """Return a plot whose harvest is good with much of the one or of the other."""
    rain, sun = i * 37 % 100, i * 61 % 97
    return {"rain_mm": float(rain), "sun_h": float(sun), "is_good": (rain > 50) != (sun > 48)}


def visits(i: int) -> dict[str, Any]:
    return {"at": 1.7e9 + i, "age": 20.0 + i * 37 % 60, "country": ("DE", "FR")[i % 2]}


def logins(i: int) -> dict[str, Any]:
    """Return a login: far away it is a thief, at home the owner; between, a thief comes by night."""
    hour = i * 7 % 24
    distance_km = (5.0, 5000.0, 1500.0)[i % 3] + i % 11
    return {
        "distance_km": distance_km,
        "hour": hour,
        "is_stolen": distance_km > 3000 or (distance_km > 1000 and hour < 12),
    }


def parcels(i: int) -> dict[str, Any]:
    country = ("DE", "AT", "FR")[i % 3]
    return {"country": country, "weight_kg": 1.0 + i % 5, "days": 1.0 + 2 * (i % 3) + i % 5 / 10}


def meters(i: int) -> dict[str, Any]:
    return {"volts": 230.0 + i % 5 + 90 * (i % 20 == 0), "amperes": 1.0 + i % 3, "is_broken": i % 20 == 0}


def answers(i: int) -> dict[str, Any]:
    """Return a result of the README's pipeline."""
    share = (i % 10) / 10
    return {
        "id": f"fraud/payments/0/{i}/predict",
        "event_id": str(i),
        "source": {"topic": "payments", "partition": 0, "offset": i},
        "prediction": share > 0.5,
        "probability": {"false": 1.0 - share, "true": share},
    }


def transfers(i: int) -> dict[str, Any]:
    """Return a transfer: neither small nor large ones are fraud, which no straight line tells apart."""
    amount = i * 37 % 101 * 10.0
    return {"account": f"a{i % 40}", "amount": amount, "hour": i % 24, "is_fraud": 300.0 < amount < 700.0}


def deliveries(i: int) -> dict[str, Any]:
    """Return a delivery that takes two minutes a kilometre."""
    return {"distance_km": 5.0 + i % 20, "weight_kg": 1.0 + i % 3, "minutes": 10.0 + 2.0 * (i % 20)}


EVENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "pipelines/fraud.py": payments,
    "pipelines/houses.py": houses,
    "pipelines/activity.py": movements,
    "pipelines/pumps.py": readings,
    "pipelines/boilers.py": boilers,
    "pipelines/shoppers.py": baskets,
    "pipelines/spending.py": purchases,
    "pipelines/departures.py": departures,
    "pipelines/chargebacks.py": card_payments,
    "pipelines/turning.py": turning,
    "pipelines/offers.py": visits,
    "pipelines/deliveries.py": deliveries,
    "pipelines/takeover.py": logins,
    "pipelines/parcels.py": parcels,
    "pipelines/meters.py": meters,
    "pipelines/watch.py": answers,
    "pipelines/review.py": answers,
    "pipelines/harvest.py": plots,
    "pipelines/visits.py": shop_visits,
    "pipelines/rates.py": rated,
    "pipelines/transfers.py": transfers,
}
N_EVENTS = 600


def fed(path: str) -> Harness:
    """Return a harness that the pipeline in *path* has folded its events in."""
    harness = Harness(load_pipeline(path))
    for i in range(N_EVENTS):
        harness.send({"id": str(i), **EVENTS[path](i)})
    return harness


@pytest.mark.parametrize("path", PIPELINES)
def test_example_answers_every_event_and_no_model_fails(path: str, project: Path) -> None:
    harness = fed(path)

    assert harness.dead == []
    assert len(harness.predictions) == N_EVENTS
    assert [p for p in harness.predictions if "error" in str(p.get("models"))] == []


@pytest.mark.parametrize("path", ["pipelines/fraud.py", "pipelines/activity.py", "pipelines/spending.py"])
def test_example_classifier_learns(path: str, project: Path) -> None:
    harness = fed(path)

    target = harness.pipeline.target
    right = [p["prediction"] == EVENTS[path](i)[target] for i, p in enumerate(harness.predictions)]
    assert sum(right[-100:]) >= 95


def test_example_cascade_asks_the_dear_model_where_the_cheap_one_is_not_sure(project: Path) -> None:
    last = fed("pipelines/takeover.py").predictions[-300:]

    asked = [p["steps"]["dear"]["status"] == "ok" for p in last]
    unsure = [max(p["steps"]["cheap"]["probability"].values()) < 0.9 for p in last]
    assert asked == unsure
    assert 0.1 < sum(asked) / 300 < 0.6
    assert [p["by"] == "dear" for p in last] == asked
    truth = [logins(int(p["event_id"]))["is_stolen"] for p in last]
    right = sum(p["prediction"] == y for p, y in zip(last, truth, strict=True))
    cheap = sum(p["steps"]["cheap"]["prediction"] == y for p, y in zip(last, truth, strict=True))
    assert right > cheap + 15


def test_result_of_a_cascade_has_the_fields_that_its_page_shows(project: Path) -> None:
    (shown,) = map(msgspec.json.decode, blocks(CASCADE, "json"))
    found = next(p for p in fed("pipelines/takeover.py").predictions if p.get("by") == "dear")

    assert [*shown] == [*found]
    assert {name: {*step} for name, step in shown["steps"].items()} == {
        name: {*step} for name, step in found["steps"].items()
    }


def test_example_of_segments_has_one_model_for_each(project: Path) -> None:
    for p in fed("pipelines/parcels.py").predictions[-9:]:
        country = parcels(int(p["event_id"]))["country"]
        assert p["by"] == {"DE": "home", "AT": "near", "FR": "abroad"}[country]


def test_example_of_inputs_is_what_river_says_with_the_score_as_a_feature(project: Path) -> None:
    harness = fed("pipelines/meters.py")
    models = harness.pipeline.fresh_models()
    odd, broken = models["odd"], models["broken"]

    for i, p in enumerate(harness.predictions):
        event = meters(i)
        label, x = event.pop("is_broken"), event
        score = odd.score_one(x)
        assert p["steps"]["odd"]["score"] == score
        said = broken.predict_proba_one({**x, "odd.score": score})
        assert p["probability"] == {"false": said[False], "true": said[True]}
        odd.learn_one(x)
        broken.learn_one({**x, "odd.score": score}, label)


def test_example_chain_watches_what_the_first_pipeline_says(project: Path) -> None:
    watch = Harness(load_pipeline("pipelines/watch.py"))
    for prediction in fed("pipelines/fraud.py").predictions:
        watch.send(msgspec.json.encode(prediction), key=prediction["event_id"])

    assert watch.dead == []
    assert watch.predictions[-1]["event_id"] == f"fraud/payments/0/{N_EVENTS - 1}/predict"
    assert watch.predictions[-1]["score"] > 0


def test_example_of_review_learns_what_people_say_of_a_result(project: Path) -> None:
    harness = Harness(load_pipeline("pipelines/review.py"))
    for i in range(N_EVENTS):
        harness.send(answers(i))
        harness.label({"id": answers(i)["id"], "is_overturned": 0.3 < i % 10 / 10 < 0.7}, key=str(i))

    assert {status["state"] for status in harness.labels} == {"joined"}
    assert harness.predictions[-1]["model_step"] == N_EVENTS - 1


def test_conditions_of_the_table_can_be_written() -> None:
    column = "` `".join(row[0] for row in table(CASCADE, "written"))
    written = [text for text in re.split(r"[ ,]*`[ ,]*", column) if re.search(r"\w", text)]
    whole = [text for text in written if text not in {"and", "or", "not", "not in", "brackets"}]
    assert [text for text in whole if parse(text).text] == whole
    assert len(whole) > 12


def test_example_of_delayed_labels_learns_when_they_come(project: Path) -> None:
    harness = Harness(load_pipeline("pipelines/chargebacks.py"))
    for i in range(N_EVENTS):
        harness.send({"id": f"p-{i}", **card_payments(i)})
        if i >= 50:
            harness.label({"payment": f"p-{i - 50}", "fraud": i % 2 == 1}, key=f"p-{i - 50}")

    right = [p["prediction"] == (i % 2 == 1) for i, p in enumerate(harness.predictions)]
    assert {status["state"] for status in harness.labels} == {"joined"}
    assert sum(right[-100:]) >= 95


def test_example_route_keeps_its_budget_and_example_halving_drops_the_worse(project: Path) -> None:
    visits_fold, rates_fold = fed("pipelines/visits.py").fold, fed("pipelines/rates.py")

    assert visits_fold.route is not None
    assert visits_fold.route.cost_us <= 200.0
    assert [step["status"] for step in rates_fold.predictions[-1]["steps"].values()].count("ok") == 2


def test_example_bandit_learns_what_its_choice_earned(project: Path) -> None:
    harness = Harness(load_pipeline("pipelines/offers.py"))
    for i in range(N_EVENTS):
        harness.send({"id": str(i), **visits(i)})
        is_old, chosen = visits(i)["age"] > 50, harness.predictions[-1]["prediction"]
        reward = float(is_old == (chosen == "mail"))
        harness.feedback({"event_id": str(i), "value": reward, "country": visits(i)["country"]})

    rewards = [remark["label"] for remark in harness.remarks]
    assert sum(rewards[-200:]) / 200 > 0.85, "a tenth is explored; chance would earn 0.5"
    assert harness.metrics[-1]["policy"]["logged"] == sum(rewards) / N_EVENTS


def test_example_challenger_goes_by_the_canary_to_the_top(project: Path) -> None:
    harness = fed("pipelines/transfers.py")
    (shown,) = map(msgspec.json.decode, blocks(CANARY, "json"))
    numbers = ("losses", "e_value")  # rounded on the page

    assert [(event["action"], event["share"]) for event in harness.contest] == [
        ("canary_started", 0.05),
        ("canary_grown", 0.2),
        ("canary_grown", 0.5),
        ("canary_grown", 1.0),
        ("promoted", 1.0),
    ]
    first = harness.contest[0]
    assert {**first, **dict.fromkeys(numbers)} == {**shown, **dict.fromkeys(numbers)}
    assert first["losses"] == pytest.approx(shown["losses"], rel=1e-3)
    assert first["e_value"] == pytest.approx(shown["e_value"], rel=1e-3)
    assert harness.predictions[-1]["by"] == "bayes"


def test_example_regression_learns(project: Path) -> None:
    last = fed("pipelines/houses.py").predictions[-50:]

    errors = [abs(p["prediction"] - houses(int(p["event_id"]))["price"]) for p in last]
    assert sum(errors) / len(errors) < 100  # always saying the mean would miss by 125


def test_example_detector_tells_the_odd_one(project: Path) -> None:
    harness = fed("pipelines/pumps.py")
    usual = harness.predictions[-1]

    harness.send({"id": "odd", "pump": "a", "values": {"pressure": 0.99, "heat": 0.99}})

    assert harness.predictions[-1]["prediction"] is True
    assert harness.predictions[-1]["score"] > usual["score"]


def test_example_clustering_keeps_groups_apart(project: Path) -> None:
    last = fed("pipelines/shoppers.py").predictions[-90:]

    assert all(type(p["prediction"]) is int for p in last)
    assert last[0]["prediction"] == last[3]["prediction"]


def test_example_with_a_backup_survives_a_label_that_ruins_the_model(project: Path) -> None:
    harness = fed("pipelines/deliveries.py")
    harness.send({"id": "typo", **deliveries(0), "minutes": 9e11})
    for i in range(300):
        harness.send({"id": f"after-{i}", **deliveries(i)})

    after = harness.predictions[N_EVENTS + 1 :]
    assert max(abs(p["prediction"] - deliveries(i)["minutes"]) for i, p in enumerate(after)) < 40
    assert [alert["circuit"] for alert in harness.alerts] == ["open", "half_open", "closed"]
    assert "1 were left out" in harness.alerts[0]["happened"]


@pytest.mark.parametrize("path", [path for path in examples() if path.startswith("tests/")])
def test_example_test_passes(path: str, project: Path) -> None:
    module: dict[str, Any] = {}
    exec(compile(examples()[path], path, "exec", dont_inherit=True), module)  # noqa: S102 - our own page

    tests = [function for name, function in module.items() if name.startswith("test_")]
    for function in tests:
        function()
    assert tests


def test_readme_pipeline_is_short_and_shown_by_the_command(project: Path) -> None:
    (block,) = blocks("README.md", "python")

    result = CliRunner().invoke(cli, ["show", "pipelines.fraud"])

    assert len([line for line in block.splitlines() if line.strip()]) <= 25
    assert result.exit_code == 0, result.output
    assert "fraud.predictions" in result.output


def test_show_tells_challengers_from_models(project: Path) -> None:
    result = CliRunner().invoke(cli, ["show", "pipelines.transfers", "--json"])

    models = msgspec.json.decode(result.output)["models"]
    assert {name: model["is_challenger"] for name, model in models.items()} == {"model": False, "bayes": True}


def test_readme_answer_is_what_the_pipeline_says(project: Path) -> None:
    """The events of the README's two commands, in the partition it shows."""
    page = text_of("README.md")
    (expected,) = map(msgspec.json.decode, blocks("README.md", "json"))
    harness = Harness(load_pipeline("pipelines/fraud.py"))

    for event in re.findall(r"^echo '(?:DE:)?(\{.*\})'", page, re.MULTILINE):
        harness.send(event.encode())

    answer = harness.predictions[-1]
    partition = expected["source"]["partition"]
    answer["source"]["partition"] = partition
    answer["id"] = answer["id"].replace("/0/", f"/{partition}/", 1)
    assert answer == expected


def test_reasons_of_dead_letters_are_documented(project: Path) -> None:
    harness = Harness(load_pipeline("pipelines/pumps.py"))
    many = ",".join(f'"k{i}":1' for i in range(20_000))
    for value in (
        b"",
        b'{"id":"\xff"}',
        b'{"id":1}',
        b'{"id":"' + b"x" * (2 << 20) + b'"}',
        b'{"id":"a","pump":"p","values":{},"more":' + b"[" * 100 + b"]" * 100 + b',"k":{"x":1}}',
        f'{{"id":"a","pump":"p","values":{{}},{many}}}'.encode(),
        b'{"id":"a","pump":"p","pump":"q","values":{}}',
    ):
        harness.send(value)
    harness.send(b'{"id":"a","pump":"p","values":{}}', key=b"k" * 70_000)

    found = {letter["error"]["type"] for letter in harness.dead}
    assert harness.predictions == []
    assert {reason for reason, *_ in table(WRITE, "reason")} == found
