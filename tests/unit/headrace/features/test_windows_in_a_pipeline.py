"""Windows and lookup tables where a pipeline reads its events: one set of features to answer and to learn."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from river import compose, feature_extraction, linear_model, preprocessing, stats

import headrace as hr
from headrace.errors import SnapshotError
from headrace.models.digest import digest
from headrace.reader import Reader
from headrace.testing import Harness
from schemas import Refusal
from tests.unit.headrace.features.past import Happened, over_time


class Payment(hr.Event):
    at: float
    country: str
    amount: float
    is_fraud: bool | None = None


class Rate(msgspec.Struct):
    country: str
    rate: float


def features() -> Any:
    return (
        hr.Window("amount", "country", "sum", size_s=60, parts=6)
        + hr.Window(how="since_last", by="country", name="since")
        + compose.Select("amount")
    )


def declare(**options: Any) -> hr.Pipeline:
    arguments: dict[str, Any] = {"transform": features, "models": model, "target": "is_fraud", **options}
    return hr.Pipeline("p", source=hr.Topic("payments", Payment, key="country", time="at"), **arguments)


def model() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def payment(i: int) -> dict[str, Any]:
    country = "de" if i % 3 else "it"
    return {
        "id": str(i),
        "at": 1.7e9 + i * 7,
        "country": country,
        "amount": i * 37 % 11,
        "is_fraud": i % 4 == 1,
    }


def test_the_models_get_what_the_windows_say_and_learn_from_the_same() -> None:
    events = [Happened(p["at"], p["country"], p["amount"]) for p in map(payment, range(60))]
    sums = over_time("sum", events, 60, 6)
    last: dict[str, float] = {}
    river = model()
    harness = Harness(declare())
    for i, event in enumerate(events):
        x = {"amount": float(event.value)}
        if event.key in last:
            x["since"] = event.at_s - last[event.key]
        x["amount_sum_60s_by_country"] = sums[i]
        last[event.key] = event.at_s
        expected = river.predict_proba_one(x)[True]
        river.learn_one(x, payment(i)["is_fraud"])
        harness.send(payment(i))
        assert harness.predictions[-1]["probability"]["true"] == expected
    assert harness.dead == []


@pytest.mark.parametrize("cut", [0, 1, 33])
def test_after_a_snapshot_the_windows_go_on_to_the_bit(cut: int) -> None:
    whole, part = Harness(declare()), Harness(declare())
    for i in range(60):
        if i == cut:
            part = Harness(declare()).restore(part.snapshot()) or part
        for harness in (whole, part):
            harness.send(payment(i))
    assert part.predictions[-20:] == whole.predictions[-20:]
    assert part.digest() == whole.digest()


def test_a_window_in_a_model_is_refused_with_where_it_belongs() -> None:
    with pytest.raises(hr.DeclarationError, match="is in a model") as caught:
        declare(transform=None, models={"m": lambda: hr.Window("amount") | linear_model.LogisticRegression()})
    assert caught.value.argument == "models['m']"
    assert "transform=" in caught.value.fix


@pytest.mark.parametrize("field", ["at", "is_fraud", "amont"])
def test_a_window_over_a_field_that_does_not_reach_it_is_refused(field: str) -> None:
    with pytest.raises(hr.DeclarationError, match=f"reads '{field}'") as caught:
        declare(transform=lambda: hr.Window(field) + compose.Select("amount"))
    assert caught.value.argument == "transform"


def test_rivers_target_aggregates_stay_in_the_model() -> None:
    def aggregated() -> Any:
        mean = feature_extraction.TargetAgg(by="country", how=stats.BayesianMean(prior=0.1, prior_weight=5))
        return (mean + compose.Select("amount")) | linear_model.LogisticRegression()

    harness, river = Harness(declare(transform=None, models=aggregated)), aggregated()
    for i in range(40):
        p = payment(i)
        x = {"country": p["country"], "amount": float(p["amount"])}
        expected = river.predict_proba_one(x)[True]
        river.learn_one(x, p["is_fraud"])
        harness.send(p)
        assert harness.predictions[-1]["probability"]["true"] == expected


RATES = hr.Lookup(hr.Topic("rates", Rate), key="country", missing="dead")


def reader(lookups: Any = (RATES,)) -> Reader:
    transform = lambda: hr.Window("rate", "country", "max", count=2) + compose.Select("amount", "rate")  # noqa: E731
    return Reader(None, keeps_time=False, transform=transform, lookups=lookups)


def put(made: Reader, country: str, rate: float | None, at_s: float, topic: str = "rates") -> None:
    value = None if rate is None else json.dumps({"country": country, "rate": rate}).encode()
    made.update(topic, country.encode(), value, int(at_s * 1000))


def test_windows_measure_what_a_lookup_has_joined() -> None:
    made = reader()
    put(made, "de", 2.0, 10)
    put(made, "de", 1.0, 20)
    put(made, "de", 9.0, 5, topic="others")
    read = [made.read({"country": "de", "amount": 5.0}, at_s * 1000) for at_s in (15, 25, 26)]
    assert [(x["rate"], x.get("rate_max_2_by_country")) for x in read] == [
        (2.0, None),
        (1.0, 2.0),
        (1.0, 2.0),
    ]


def test_an_event_without_row_changes_no_window() -> None:
    made = reader()
    with pytest.raises(Refusal, match="a row of rates"):
        made.read({"country": "de", "amount": 5.0}, 1000)
    put(made, "de", 2.0, 1)
    assert made.read({"country": "de", "amount": 5.0}, 1000) == {"amount": 5.0, "rate": 2.0}


def test_a_malformed_update_leaves_the_tables_as_they_were() -> None:
    made = reader([RATES, hr.Lookup(hr.Topic("rates", Rate), key="country", prefix="again_")])
    put(made, "de", 2.0, 1)
    before = digest(made.state()["tables"])
    for value in (b"{", b'{"country": "de"}', b'{"country": "de", "rate": "dear"}'):
        with pytest.raises(Refusal):
            made.update("rates", b"de", value, 2000)
    with pytest.raises(Refusal):
        put(made, "", None, 2)
    assert digest(made.state()["tables"]) == before
    put(made, "de", None, 3)
    assert made.tables is not None
    assert [table.n_rows for table in made.tables.tables] == [2, 2]


def test_a_reader_goes_on_from_its_state_and_refuses_that_of_other_lookups() -> None:
    made, restored = reader(), reader()
    put(made, "de", 2.0, 1)
    made.read({"country": "de", "amount": 5.0}, 2000)
    restored.restore(made.state())
    event = {"country": "de", "amount": 6.0}
    assert restored.read(dict(event), 3000) == {"rate_max_2_by_country": 2.0, "rate": 2.0, "amount": 6.0}
    with pytest.raises(SnapshotError, match="lookup tables"):
        reader([RATES, RATES]).restore(made.state())


def late_rates(**options: Any) -> hr.Pipeline:
    lookup = hr.Lookup(hr.Topic("rates", Dated, time=hr.EventTime("at", unit="ms")), key="country", **options)
    return declare(
        lookups=[lookup],
        transform=lambda: hr.Window("rate", "country", "mean", size_s=60) + compose.SelectType(float),
    )


class Dated(msgspec.Struct):
    country: str
    at: int
    rate: float


def rate(i: int) -> dict[str, Any]:
    return {"country": "de", "at": int((1.7e9 + i * 7 - 3) * 1000), "rate": float(i * 5 % 7)}


def test_rows_join_the_events_of_a_pipeline_as_of_their_time() -> None:
    harness, river = Harness(late_rates()), model()
    past: list[tuple[float, float]] = []
    for i in range(60):
        p = payment(i)
        x = {"amount": float(p["amount"])}
        if p["country"] == "de":
            x["rate"] = rate(i)["rate"]
            inside = [r for at, r in past if int(at // 2) > int(p["at"] // 2) - 30]
            if inside:
                x["rate_mean_60s_by_country"] = sum(inside) / len(inside)
            past.append((p["at"], rate(i)["rate"]))
        expected = river.predict_proba_one(x)[True]
        river.learn_one(x, p["is_fraud"])
        harness.row("rates", rate(i + 1))
        if i == 0:
            harness.row("rates", rate(0))
        harness.send(p)
        assert harness.predictions[-1]["probability"]["true"] == pytest.approx(expected, abs=1e-12)
    assert harness.dead == []


def test_with_lookups_a_pipeline_goes_on_from_a_snapshot_to_the_bit() -> None:
    whole, part = Harness(late_rates()), Harness(late_rates())
    for i in range(40):
        if i == 20:
            snapshot, offsets = part.snapshot(), part.inlet_offsets()
            part = Harness(late_rates())
            part.restore(snapshot)
            part.seek(offsets)
        for harness in (whole, part):
            harness.row("rates", rate(i))
            harness.send(payment(i))
    assert part.digest() == whole.digest()
    assert part.predictions == whole.predictions[20:]


def test_what_is_no_row_is_a_dead_letter_and_a_tombstone_deletes() -> None:
    harness = Harness(late_rates(missing="dead"))
    harness.row("rates", {**rate(0), "rate": "dear"})
    harness.row("rates", rate(0))
    harness.row("rates", None, key="it")
    harness.send({**payment(1), "at": 1.7e9})
    harness.row("rates", None, key="de", timestamp_ms=1_700_000_100_000)
    harness.send({**payment(2), "at": 1.7e9 + 99})
    harness.send({**payment(4), "at": 1.7e9 + 100})
    assert [letter["error"]["type"] for letter in harness.dead] == ["type", "lookup"]
    assert [result["event_id"] for result in harness.predictions] == ["1", "2"]


def test_a_wrong_lookup_is_refused_with_its_place() -> None:
    with pytest.raises(hr.DeclarationError, match="is to name the row") as caught:
        declare(lookups=[hr.Lookup(hr.Topic("rates", Dated), key="at", on="city")], transform=None)
    assert caught.value.argument == "lookups[0]"
    with pytest.raises(hr.DeclarationError, match="expected a list"):
        declare(lookups=RATES)
    with pytest.raises(hr.HeadraceError, match="looks nothing up"):
        Harness(declare()).row("rates", rate(0))
