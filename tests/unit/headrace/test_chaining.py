"""The results of one pipeline are the events of the next."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from river import anomaly, cluster, linear_model, naive_bayes, preprocessing

import headrace as hr
from headrace.testing import Harness
from tests.declaring import declare


class Payment(hr.Event):
    amount: float
    is_fraud: bool | None = None
    price: float | None = None
    kind: str | None = None


def upstream(**arguments: Any) -> hr.Pipeline:
    return declare(**{"source": hr.Topic("payments", Payment, key="id", partitions=3), **arguments})


def downstream(of: hr.Pipeline, **arguments: Any) -> hr.Pipeline:
    models = lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1)  # noqa: E731
    return declare(
        **{"name": "watch", "source": hr.predictions_of(of), "models": models, "target": None, **arguments}
    )


def chained(first: hr.Pipeline, second: hr.Pipeline, n: int = 40) -> tuple[Harness, Harness]:
    """Return both after *n* events, each result of the first sent to the second."""
    one, two = Harness(first), Harness(second)
    for i in range(n):
        one.send(Payment(f"e{i}", float(i % 7), is_fraud=i % 7 > 3, price=i % 7 * 2.0, kind="ab"[i % 2]))
    for prediction in one.predictions:
        two.send(msgspec.json.encode(prediction), key=prediction["event_id"])
    return one, two


def seen(second: hr.Pipeline, prediction: dict[str, Any]) -> dict[str, Any]:
    features: dict[str, Any]
    _, features, _ = second.decoder().parse(msgspec.json.encode(prediction))
    return features


def test_each_result_is_an_event_with_its_own_id() -> None:
    first = upstream()
    one, two = chained(first, downstream(first))

    assert two.dead == []
    assert [p["event_id"] for p in two.predictions] == [p["id"] for p in one.predictions]
    assert two.predictions[-1]["score"] is not None


def test_the_source_is_the_topic_of_results_with_as_many_partitions() -> None:
    source = hr.predictions_of(upstream())
    assert (source.name, source.partitions) == ("fraud.predictions", 3)


def test_a_classifier_gives_its_label_and_the_probability_of_each() -> None:
    first = upstream()
    one, two = chained(first, downstream(first))
    last = one.predictions[-1]

    assert seen(two.pipeline, last) == {
        "prediction": last["prediction"],
        "false": last["probability"]["false"],
        "true": last["probability"]["true"],
    }
    assert seen(two.pipeline, one.predictions[0]) == {}


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (
            {"target": "price", "models": linear_model.LinearRegression, "features": ["amount"]},
            {"prediction"},
        ),
        ({"target": "kind"}, {"prediction", "a", "b"}),
        ({"target": None, "models": lambda: anomaly.HalfSpaceTrees(seed=1)}, {"score"}),
        ({"target": None, "models": lambda: cluster.KMeans(seed=1), "features": ["amount"]}, {"prediction"}),
    ],
)
def test_other_kinds_of_models_give_what_they_say(arguments: dict[str, Any], names: set[str]) -> None:
    first = upstream(**arguments)
    one, two = chained(first, downstream(first))

    assert two.dead == []
    assert set(seen(two.pipeline, one.predictions[-1])) == names


def test_a_bandit_gives_its_choice_and_the_probability_of_each() -> None:
    first = upstream(
        target=None, models=hr.Bandit(["short", "long"]), feedback=hr.Feedback("rewards", "reward")
    )
    one, two = chained(first, downstream(first))

    assert two.dead == []
    assert set(seen(two.pipeline, one.predictions[-1])) == {"prediction", "short", "long"}


def test_models_by_key_have_the_keys_of_the_events() -> None:
    first = upstream()
    _, two = chained(first, downstream(first, scope="key"), n=5)
    assert len(two.predictions) == 5


def test_two_links_make_a_chain_of_three() -> None:
    first = upstream()
    second = downstream(first)
    third = downstream(second, name="third", models=naive_bayes.GaussianNB, target="prediction")
    assert third.source.name == "watch.predictions"
    _, two = chained(first, second)
    assert seen(downstream(second, name="third"), two.predictions[-1]).keys() == {"score"}


def test_anything_but_a_pipeline_is_refused() -> None:
    with pytest.raises(hr.DeclarationError, match=r"expected a headrace\.Pipeline, got str"):
        hr.predictions_of("fraud")  # type: ignore[arg-type]
