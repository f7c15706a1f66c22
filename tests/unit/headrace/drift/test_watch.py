"""Features, answers and labels whose distribution changes raise alarms that say how."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from headrace.drift import Drift, Raised, Watch, watch_of
from headrace.drift.watch import MOST_CATEGORIES
from headrace.errors import SnapshotError
from headrace.models.digest import digest
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from schemas import Answer

NAMES = {"m": None}


def watching(**arguments: Any) -> Watch:
    watch = watch_of(Drift("alarm", **arguments), NAMES)
    assert watch is not None
    return watch


def seen(watch: Watch, values: list[Any], name: str = "f", start: int = 0) -> list[tuple[int, Raised]]:
    found = []
    for i, value in enumerate(values, start):
        watch.see({name: value, "other": 1.0}, {"m": Answer(value)})
        watch.see_label(value)
        found += [(i, raised) for raised in watch.take_alarms()]
    return found


def gauss(n: int, mean: float, scale: float = 1.0, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [scale * chance.gauss(mean, 1.0) for _ in range(n)]


def words(n: int, weights: list[int], seed: int = 1) -> list[str]:
    return random.Random(seed).choices(["DE", "FR", "IT"], weights, k=n)


def test_nothing_is_watched_that_nobody_asked_for() -> None:
    assert watch_of(None, NAMES) is None
    assert watch_of(Drift(), NAMES) is None
    assert watch_of({"m": Drift()}, NAMES) is None


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_number_that_moves_raises_one_alarm_with_both_means(scale: float) -> None:
    values = gauss(1_500, 5.0, scale) + gauss(500, 7.0, scale)

    [(at, raised)] = seen(watching(features=["f"]), values)

    assert 1_500 <= at < 1_600
    assert raised.signal == "feature:f"
    assert raised.before.mean == pytest.approx(5.0 * scale, rel=0.05)
    assert raised.after.mean == pytest.approx(7.0 * scale, rel=0.05)
    assert "went from a mean of" in raised.text


def test_numbers_that_stay_raise_no_alarm_and_one_outlier_raises_none() -> None:
    values = gauss(5_000, 0.0)
    values[2_500] = 1e200

    assert seen(watching(features=["f"]), values) == []


def test_numbers_that_fall_raise_an_alarm_too() -> None:
    [(_, raised)] = seen(watching(features=["f"]), gauss(1_000, 0.0) + gauss(500, -2.0))

    assert raised.before.mean is not None
    assert raised.after.mean is not None
    assert raised.after.mean < raised.before.mean - 1.5


@pytest.mark.parametrize("detector", ["psi", "chi2"])
def test_categories_whose_shares_change_raise_an_alarm_with_both_shares(detector: str) -> None:
    values = words(1_000, [70, 20, 10]) + words(500, [10, 20, 70])

    [(at, raised)] = seen(watching(features=["f"], detectors={"categories": detector}), values)

    assert at == 1_499  # the end of the first window after the change
    assert raised.detector == detector
    assert raised.before.shares == {name: values[:500].count(name) / 500 for name in set(values)}
    assert raised.after.shares == {name: values[1_000:].count(name) / 500 for name in set(values)}
    assert "'IT'" in raised.text or "'DE'" in raised.text


def test_categories_that_stay_raise_no_alarm() -> None:
    assert seen(watching(features=["f"]), words(10_000, [70, 20, 10])) == []


def test_the_number_of_categories_is_bounded() -> None:
    watch = watching(features=["f"])

    assert seen(watch, [f"user-{i}" * 100 for i in range(20_000)]) == []  # no two are alike: that stays so
    signal = watch.signals["feature:f"]
    assert len(signal.current) <= MOST_CATEGORIES + 1  # type: ignore[union-attr]
    assert len(pickling.dumps(watch)) < 10_000


def test_answers_and_labels_are_watched_when_asked_for() -> None:
    values = [i % 10 == 0 for i in range(1_000)] + [i % 2 == 0 for i in range(500)]

    found = seen(watching(predictions=True, labels=True), values)

    assert {(raised.signal, raised.model) for _, raised in found} == {("prediction", "m"), ("label", "")}


def test_scores_of_a_detector_are_watched_as_numbers() -> None:
    watch = watching(predictions=True)
    found = []
    for score in gauss(1_000, 0.0) + gauss(500, 3.0):
        watch.see({}, {"m": Answer(score > 2, score=score)})
        found += watch.take_alarms()

    assert [raised.detector for raised in found] == ["adwin"]


def test_what_is_absent_or_failed_or_of_another_kind_is_passed_over() -> None:
    watch = watching(features=["f"], predictions=True, labels=True)
    seen(watch, gauss(100, 0.0))
    before = watch.n_seen

    watch.see({}, {"m": Answer(error="predict: ...")})
    watch.see({"f": "text"}, {})
    watch.see({"f": float("nan")}, {"other": Answer(1.0)})
    watch.see_label(None)

    assert watch.n_seen == before + 3
    assert watch.take_alarms() == []


def test_alarms_of_one_signal_keep_the_cooldown() -> None:
    values = [v for i in range(10) for v in gauss(300, 4.0 * (i % 2), seed=i)]

    calm = [at for at, _ in seen(watching(features=["f"], cooldown=1_000), values)]
    eager = [at for at, _ in seen(watching(features=["f"], cooldown=0), values)]

    assert len(calm) < len(eager)
    assert all(b - a >= 1_000 for a, b in itertools.pairwise(calm))


@pytest.mark.parametrize("at", [0, 1, 199, 200, 777, 1_501])
def test_a_watch_goes_on_from_a_snapshot_as_if_there_had_been_none(at: int) -> None:
    mixed: list[Any] = gauss(1_500, 0.0) + gauss(500, 2.0)
    whole, first = (watching(features=["f"], labels=True) for _ in range(2))
    wanted = seen(whole, mixed)

    found = seen(first, mixed[:at])
    restored = pickling.loads(pickling.dumps(first), Allowed())
    restored.attach(watching(features=["f"], labels=True))
    found += seen(restored, mixed[at:], start=at)

    assert found == wanted
    assert digest(restored) == digest(whole)


def test_a_watch_of_another_declaration_is_refused() -> None:
    with pytest.raises(SnapshotError, match="another drift declaration"):
        watching(features=["f"]).attach(watching(features=["g"]))
