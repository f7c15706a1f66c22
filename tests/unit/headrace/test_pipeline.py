"""A pipeline that would fail or be inexact later is refused when it is declared, with the remedy."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import pytest
from river import (
    active,
    anomaly,
    bandit,
    base,
    cluster,
    compose,
    ensemble,
    forest,
    linear_model,
    metrics,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    tree,
)

from headrace import DeclarationError, Event, First, Limits, Mean, Pipeline, Topic, Vote


class Payment(Event):
    amount: float
    age: float = 0.0
    is_fraud: bool | None = None


SOURCE = Topic("payments", Payment, key="id")


def declare(**arguments: Any) -> Pipeline:
    """Declare a valid pipeline but for *arguments*."""
    wanted: dict[str, Any] = {
        "name": "fraud",
        "source": SOURCE,
        "models": naive_bayes.GaussianNB,
        "target": "is_fraud",
    }
    wanted |= arguments
    return Pipeline(wanted.pop("name"), **wanted)


def fault_of(**arguments: Any) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        declare(**arguments)
    return caught.value


def source_of(*fields: Any, name: str = "payments", **options: Any) -> Topic:
    return Topic(name, msgspec.defstruct("Odd", [("id", str), ("is_fraud", bool), *fields]), **options)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "-a", ".", "..", "é", "a" * 201, "a\n", 3, None])
def test_a_name_that_is_no_topic_name_is_refused(name: Any) -> None:
    fault = fault_of(name=name)

    assert fault.argument == "name"
    assert repr(name) in fault.what
    assert "'fraud'" in fault.fix


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "0", "a" * 200])
def test_a_topic_name_is_a_name(name: str) -> None:
    assert declare(name=name).label == f"{name}@1"


def test_the_label_carries_the_version() -> None:
    assert declare(version=3).label == "fraud@3"


@pytest.mark.parametrize(
    ("source", "said", "fix"),
    [
        ("payments", "expected headrace.Topic, got str", "headrace.Topic("),
        (Topic("a b", Payment), "'a b' is not valid as a topic name", "for example"),
        (Topic("payments", dict), "must be a msgspec Struct, got <class 'dict'>", "headrace.Event"),  # type: ignore[arg-type]
        (Topic("payments", Payment("a", 1.0)), "must be a msgspec Struct", "headrace.Event"),  # type: ignore[arg-type]
        (Topic("payments", Payment, partitions=0), "partitions must be 1 to 10,000, got 0", "partitions=4"),
        (Topic("payments", Payment, partitions="4"), "partitions must be 1 to 10,000, got '4'", ""),  # type: ignore[arg-type]
        (Topic("payments", Payment, partitions=10_001), "partitions must be 1 to 10,000", ""),
        (Topic("payments", Payment, key="card"), "Payment has no field 'card'", "correct the name"),
        (Topic("payments", msgspec.defstruct("Odd", ["is_fraud"])), "Odd has no field 'id'", "add the field"),
        (source_of(("tags", list[str])), "event type Odd cannot be used", "change the field's type"),
        (source_of(("when", complex)), "event type Odd cannot be used", "leave the field out"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(source: Any, said: str, fix: str) -> None:
    fault = fault_of(source=source)

    assert fault.argument == "source"
    assert said in fault.what
    assert fix in fault.fix


def test_an_event_type_with_a_name_that_means_nothing_is_refused() -> None:
    local: Any = type("Local", (Event,), {"__annotations__": {"amount": "Nowhere"}, "__module__": __name__})

    fault = fault_of(source=Topic("payments", local), target=None)

    assert fault.argument == "source"
    assert "Nowhere" in fault.why


def test_a_field_of_the_wrong_type_is_named() -> None:
    assert "field 'tags' has type list[str]" in fault_of(source=source_of(("tags", list[str]))).why


@pytest.mark.parametrize(
    ("arguments", "argument", "said"),
    [
        ({"target": "fraud"}, "target", "Payment has no field 'fraud'"),
        ({"target": "id"}, "target", "'id'"),
        ({"target": None}, "target", "model 'model' learns from labels, and no target is named"),
        ({"features": ["amount", "colour"]}, "features", "Payment has no field 'colour'"),
        ({"features": ["amount", "is_fraud"]}, "features", "'is_fraud' is the target"),
        ({"features": ["id"]}, "features", "'id'"),
        ({"features": "amount"}, "features", "'amount'"),
        ({"features": 3}, "features", "expected a list of field names, got 3"),
        ({"features": [3]}, "features", "Payment has no field 3"),
        ({"target": 3}, "target", "Payment has no field 3"),
    ],
)
def test_a_target_or_feature_that_cannot_be_used_is_refused(
    arguments: dict[str, Any], argument: str, said: str
) -> None:
    fault = fault_of(**arguments)

    assert fault.argument == argument
    assert said in fault.what
    assert fault.fix


def test_features_may_be_any_list_of_names() -> None:
    assert declare(features=["amount"]).features == ("amount",)
    assert declare(features=("age", "amount")).features == ("age", "amount")
    assert declare().features is None


def test_a_missing_field_is_answered_with_those_there_are() -> None:
    fault = fault_of(target="fraud")

    assert fault.why == "its fields are id, amount, age, is_fraud"
    assert fault.fix == "add the field to Payment, or correct the name"


def test_free_features_are_no_label() -> None:
    source = Topic("payments", msgspec.defstruct("Odd", [("id", str), ("is_fraud", dict[str, float])]))

    assert fault_of(source=source).argument == "target"


def labelled(kind: Any) -> Topic:
    return Topic("payments", msgspec.defstruct("Odd", [("id", str), ("amount", float), ("y", kind)]))


@pytest.mark.parametrize("kind", [str, str | None, Literal["low", "high"], Literal["low", 1], int | str])
@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (linear_model.LinearRegression, "learns numbers"),
        (anomaly.GaussianScorer, "learns numbers"),
        (linear_model.LogisticRegression, "knows only True and False"),
        (lambda: preprocessing.StandardScaler() | linear_model.ALMAClassifier(), "knows only True and False"),
        (
            lambda: ensemble.BaggingClassifier(linear_model.LogisticRegression(), seed=7),
            "knows only True and False",
        ),
    ],
)
def test_a_text_is_no_label_for_a_model_that_cannot_learn_it(
    kind: Any, factory: Callable[[], Any], said: str
) -> None:
    fault = fault_of(source=labelled(kind), target="y", models=factory)

    assert fault.argument == "target"
    assert "'y' holds text" in fault.what
    assert said in fault.what
    assert fault.fix


@pytest.mark.parametrize("kind", [bool, int, float, bool | None, Literal[0, 1]])
@pytest.mark.parametrize("factory", [linear_model.LinearRegression, linear_model.LogisticRegression])
def test_a_number_is_a_label_for_any_model(kind: Any, factory: Callable[[], Any]) -> None:
    assert declare(source=labelled(kind), target="y", models=factory).target == "y"


@pytest.mark.parametrize(
    "factory",
    [
        naive_bayes.GaussianNB,
        tree.HoeffdingTreeClassifier,
        lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
        lambda: preprocessing.StandardScaler() | multiclass.OneVsOneClassifier(linear_model.Perceptron()),
        lambda: ensemble.AdaBoostClassifier(
            preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(), seed=7
        ),
        lambda: ensemble.VotingClassifier([naive_bayes.GaussianNB(), tree.HoeffdingTreeClassifier()]),
        lambda: model_selection.BanditClassifier(
            [naive_bayes.GaussianNB(), tree.HoeffdingTreeClassifier()],
            metric=metrics.Accuracy(),
            policy=bandit.EpsilonGreedy(epsilon=0.1, decay=0.0, seed=7),
        ),
    ],
)
def test_a_text_is_a_label_for_a_classifier_of_many_classes(factory: Callable[[], Any]) -> None:
    assert declare(source=labelled(str), target="y", models=factory).task == "classification"


@pytest.mark.parametrize(
    "models",
    [
        naive_bayes.GaussianNB(),
        preprocessing.StandardScaler() | naive_bayes.GaussianNB(),
        {"one": naive_bayes.GaussianNB()},
        {"one": preprocessing.StandardScaler() | naive_bayes.GaussianNB()},
        {"one": "GaussianNB"},
        {"one": None},
        None,
        [naive_bayes.GaussianNB],
        [],
        3,
        "GaussianNB",
    ],
)
def test_anything_but_a_factory_is_refused(models: Any) -> None:
    fault = fault_of(models=models)

    assert fault.argument in ("models", "models['one']")
    assert "expected a factory" in fault.what
    assert "lambda: ..." in fault.fix


@pytest.mark.parametrize("name", ["", "a b", "1", "é", "a" * 65, 1])
def test_a_model_needs_a_short_plain_name(name: Any) -> None:
    fault = fault_of(models={name: naive_bayes.GaussianNB})

    assert fault.argument == "models"
    assert f"{name!r} is not a valid model name" in fault.what


def test_no_model_at_all_is_refused() -> None:
    fault = fault_of(models={})

    assert fault.what == "models: at least one model is needed"
    assert fault.fix


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (lambda: 1 / 0, "the factory raised ZeroDivisionError: division by zero"),
        (lambda amount: amount, "the factory raised TypeError"),
        (lambda: None, "NoneType is no model"),
        (lambda: naive_bayes.GaussianNB, "is no model"),
        (preprocessing.StandardScaler, "StandardScaler is no model"),
        (dict, "dict is no model"),
        (compose.Pipeline, "Pipeline is no model"),
        (
            lambda: active.EntropySampler(linear_model.LogisticRegression(), seed=7),
            "EntropySampler is no model",
        ),
        (
            lambda: multioutput.ClassifierChain(linear_model.LogisticRegression()),
            "ClassifierChain is no model",
        ),
    ],
)
def test_a_factory_that_makes_no_model_is_refused(factory: Callable[..., Any], said: str) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert said in fault.what


ONE_MODEL = naive_bayes.GaussianNB()
ONE_SCALER = preprocessing.StandardScaler()
ONE_OPTIMIZER = optim.Adam()
ONE_UNION = compose.TransformerUnion(preprocessing.StandardScaler(), preprocessing.MinMaxScaler())
ONE_GENERATOR = random.Random(7)


class Lottery(base.Classifier):
    """A user's own model: draws from what it is given."""

    def __init__(self, chance: Any) -> None:
        self.chance = chance

    def learn_one(self, x: Any, y: Any) -> None: ...

    def predict_one(self, x: Any) -> Any:
        return self.chance.random() > 0.5


class Forgetful(base.Classifier):
    """A user's own model with a classic mistake: the default is one list for all."""

    def __init__(self, seen: list[Any] = []) -> None:  # noqa: B006 - the mistake
        self.seen = seen

    def learn_one(self, x: Any, y: Any) -> None:
        self.seen.append(y)


@pytest.mark.parametrize(
    "factory",
    [
        lambda: ONE_MODEL,
        lambda: ONE_SCALER | naive_bayes.GaussianNB(),
        lambda: ensemble.BaggingClassifier(ONE_MODEL, seed=7),
        lambda: ensemble.VotingClassifier([naive_bayes.GaussianNB(), ONE_MODEL]),
        lambda: linear_model.LogisticRegression(optimizer=ONE_OPTIMIZER),
        lambda: ONE_UNION | naive_bayes.GaussianNB(),
        lambda: Lottery(ONE_GENERATOR),
        Forgetful,
    ],
    ids=["model", "step", "wrapped", "member", "optimizer", "union", "generator", "default"],
)
def test_a_factory_that_gives_the_same_object_twice_is_refused(factory: Callable[[], Any]) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert "the same object twice" in fault.what
    assert fault.why.startswith("shared: ")
    assert fault.fix == "build every part inside the factory"


def test_a_part_given_to_a_union_is_not_shared_for_the_union_copies_it() -> None:
    pipeline = declare(
        models=lambda: (
            compose.TransformerUnion(ONE_SCALER, preprocessing.MinMaxScaler()) | naive_bayes.GaussianNB()
        )
    )
    one, other = (pipeline.fresh_models()["model"] for _ in range(2))

    one.learn_one({"amount": 3.0}, True)  # type: ignore[attr-defined]

    assert one["TransformerUnion"]["StandardScaler"].counts == {"amount": 1}  # type: ignore[index]
    assert other["TransformerUnion"]["StandardScaler"].counts == {}  # type: ignore[index]
    assert ONE_SCALER.counts == {}


def test_two_models_cannot_share_an_object() -> None:
    pool = itertools.cycle([naive_bayes.GaussianNB() for _ in range(2)])

    with pytest.raises(DeclarationError, match="same object"):
        declare(models={"one": lambda: next(pool), "two": lambda: next(pool)})


def test_two_models_cannot_share_a_part() -> None:
    pool = itertools.cycle([optim.Adam() for _ in range(2)])

    def factory() -> linear_model.LogisticRegression:
        return linear_model.LogisticRegression(optimizer=next(pool))

    fault = fault_of(models={"one": factory, "two": factory})

    assert fault.argument == "models['two']"
    assert "the same object as that of 'one'" in fault.what
    assert fault.why.startswith("shared: optimizer")


def test_one_factory_may_make_several_models() -> None:
    assert [*declare(models={"a": naive_bayes.GaussianNB, "b": naive_bayes.GaussianNB}).models] == ["a", "b"]


@pytest.mark.parametrize(
    ("factory", "place"),
    [
        (forest.ARFClassifier, "seed"),
        (forest.AMFClassifier, "seed"),
        (lambda: preprocessing.StandardScaler() | forest.ARFClassifier(), "steps.ARFClassifier.seed"),
        (lambda: ensemble.BaggingClassifier(naive_bayes.GaussianNB()), "seed"),
        (lambda: ensemble.BaggingClassifier(forest.ARFClassifier(), seed=7), "model.seed"),
        (
            lambda: ensemble.VotingClassifier([naive_bayes.GaussianNB(), forest.ARFClassifier()]),
            "data[1].seed",
        ),
        (
            lambda: linear_model.LogisticRegression(initializer=optim.initializers.Normal()),
            "initializer.seed",
        ),
        (
            lambda: (
                compose.TransformerUnion(preprocessing.FeatureHasher(), preprocessing.StandardScaler())
                | naive_bayes.GaussianNB()
            ),
            "FeatureHasher.seed",
        ),
        (
            lambda: model_selection.BanditClassifier(
                [naive_bayes.GaussianNB(), naive_bayes.GaussianNB()],
                metric=metrics.Accuracy(),
                policy=bandit.EpsilonGreedy(epsilon=0.1, decay=0.0),
            ),
            "policy.seed",
        ),
    ],
)
def test_a_model_with_any_part_unseeded_is_refused(factory: Callable[[], Any], place: str) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert fault.what.startswith("models['model']: not seeded: ")
    assert place in fault.what
    assert fault.fix == "seed=7 (any number)"


@pytest.mark.parametrize(
    "factory",
    [
        lambda: forest.ARFClassifier(seed=7),
        lambda: forest.AMFClassifier(seed=0),
        lambda: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), seed=7),
        lambda: neighbors.KNNClassifier(engine=neighbors.LazySearch(window_size=10)),
        lambda: neighbors.KNNClassifier(engine=neighbors.SWINN(seed=7)),
        tree.HoeffdingTreeClassifier,
        naive_bayes.GaussianNB,
    ],
)
def test_a_seeded_model_is_taken(factory: Callable[[], Any]) -> None:
    assert declare(models=factory).task == "classification"


@pytest.mark.parametrize(
    "factory",
    [
        neighbors.KNNClassifier,
        lambda: preprocessing.StandardScaler() | neighbors.KNNClassifier(),
        lambda: ensemble.BaggingClassifier(neighbors.KNNClassifier(), seed=7),
    ],
    ids=["alone", "in a pipeline", "in an ensemble"],
)
def test_nearest_neighbours_need_an_exact_engine(factory: Callable[[], Any]) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert "the nearest-neighbour engine is not reproducible" in fault.what
    assert fault.fix == "engine=neighbors.LazySearch(window_size=1000)"


@pytest.mark.parametrize(
    ("factory", "place"),
    [
        (lambda: Lottery(random.Random()), "chance"),
        (
            lambda: (
                preprocessing.StandardScaler()
                | linear_model.LogisticRegression(l2=random.SystemRandom().random())
            ),
            "steps.LogisticRegression",
        ),
        (lambda: forest.ARFClassifier(seed=random.SystemRandom().getrandbits(60)), "_rng"),
    ],
    ids=["generator", "parameter", "seed"],
)
def test_a_factory_whose_models_differ_is_refused(factory: Callable[[], Any], place: str) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert "the factory gives another model each time" in fault.what
    assert place in fault.what
    assert fault.why == "replay must give the same bits"


def test_a_lambda_inside_a_model_is_refused() -> None:
    fault = fault_of(models=lambda: compose.FuncTransformer(lambda x: x) | naive_bayes.GaussianNB())

    assert fault.argument == "models['model']"
    assert "cannot be pickled" in fault.what
    assert "lambda" in fault.why
    assert fault.fix == "use named functions instead of lambdas inside the model"


def test_models_of_two_tasks_are_refused() -> None:
    fault = fault_of(models={"yes": naive_bayes.GaussianNB, "much": linear_model.LinearRegression})

    assert fault.argument == "models"
    assert fault.why == "yes: classification, much: regression"
    assert fault.fix == "declare a pipeline for each task"


@pytest.mark.parametrize(
    ("combine", "fix"),
    [
        (Vote, "combine=Vote()"),
        (3, "combine=headrace.Vote('soft')"),
        ("soft", "combine=headrace.Vote('soft')"),
    ],
)
def test_a_combine_that_is_no_combine_is_refused(combine: Any, fix: str) -> None:
    fault = fault_of(combine=combine)

    assert fault.argument == "combine"
    assert fault.fix == fix


def trees() -> anomaly.HalfSpaceTrees:
    return anomaly.HalfSpaceTrees(seed=7)


@pytest.mark.parametrize(
    ("factory", "target", "combine", "fix"),
    [
        (naive_bayes.GaussianNB, "is_fraud", Mean(), "combine=headrace.Vote('soft')"),
        (linear_model.LinearRegression, "amount", Vote(), "combine=headrace.Mean()"),
        (trees, None, Vote("hard"), "combine=headrace.Mean()"),
        (lambda: cluster.KMeans(seed=7), None, Vote(), "combine=headrace.First()"),
        (lambda: cluster.KMeans(seed=7), None, Mean(), "combine=headrace.First()"),
    ],
)
def test_a_combine_that_can_never_answer_the_task_is_refused(
    factory: Callable[[], Any], target: str | None, combine: Any, fix: str
) -> None:
    fault = fault_of(models={"a": factory, "b": factory}, target=target, combine=combine)

    assert fault.argument == "combine"
    assert f"{combine!r} can never answer" in fault.what
    assert fault.fix == fix


def test_detectors_with_a_threshold_can_vote() -> None:
    def factory() -> anomaly.QuantileFilter:
        return anomaly.QuantileFilter(trees(), q=0.9)

    vote = Vote("hard")

    assert declare(models={"a": factory, "b": factory}, target=None, combine=vote).combine is vote


def test_a_combine_may_be_ones_own() -> None:
    def last(answers: Any) -> Any:
        return [*answers.values()][-1]

    assert declare(models={"a": naive_bayes.GaussianNB}, combine=last).combine is last


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", None, True])
def test_a_bad_version_is_refused(version: Any) -> None:
    fault = fault_of(version=version)

    assert fault.argument == "version"
    assert repr(version) in fault.what


def test_limits_are_limits() -> None:
    assert fault_of(limits={"size_bytes": 10}).argument == "limits"


@pytest.mark.parametrize(
    ("factory", "target", "task", "combine"),
    [
        (naive_bayes.GaussianNB, "is_fraud", "classification", Vote),
        (linear_model.LinearRegression, "amount", "regression", Mean),
        (lambda: anomaly.HalfSpaceTrees(seed=7), None, "anomaly", Mean),
        (anomaly.GaussianScorer, "amount", "anomaly", Mean),
        (lambda: cluster.KMeans(seed=7), None, "clustering", First),
    ],
)
def test_task_and_combine_follow_from_the_models(
    factory: Callable[[], base.Estimator], target: str | None, task: str, combine: type
) -> None:
    pipeline = declare(models=factory, target=target)

    assert pipeline.task == task
    assert isinstance(pipeline.combine, combine)


@pytest.mark.parametrize(
    "factory", [naive_bayes.GaussianNB, linear_model.LinearRegression, anomaly.GaussianScorer]
)
def test_a_model_that_learns_from_labels_needs_a_target(factory: Callable[[], Any]) -> None:
    fault = fault_of(models={"strict": factory}, target=None)

    assert fault.argument == "target"
    assert "model 'strict' learns from labels" in fault.what
    assert fault.fix.startswith("target='FIELD'")


def test_each_call_builds_fresh_models() -> None:
    pipeline = declare(models={"a": naive_bayes.GaussianNB, "b": naive_bayes.GaussianNB})

    one, other = pipeline.fresh_models(), pipeline.fresh_models()

    assert [*one] == ["a", "b"]
    assert len({id(model) for model in [*one.values(), *other.values()]}) == 4


def test_limits_reach_the_decoder() -> None:
    assert declare(limits=Limits(size_bytes=10)).decoder().limits.size_bytes == 10


def test_an_error_says_what_why_and_how_to_mend_it() -> None:
    lines = str(fault_of(models=forest.ARFClassifier)).split("\n")

    assert lines == [
        "models['model']: not seeded: seed",
        "  why  replay must give the same bits",
        "  fix  seed=7 (any number)",
    ]
    assert fault_of(models=forest.ARFClassifier).exit_code == 2
