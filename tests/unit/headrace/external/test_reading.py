"""What a worker outside has written becomes an answer, or is refused with a sentence; several become one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.errors import DeclarationError
from headrace.external.outcomes import Errand, Reply
from headrace.external.quorum import answer_of
from headrace.external.reading import AnswerFault, AnswerReader
from headrace.intake.murmur2 import key_to, partition_of
from headrace.models.combine import First
from headrace.steps.external import External
from schemas.results import Answer


def read(record: Any, gives: Any = "classification", labels: Any = (bool,), **options: Any) -> Reply:
    reader = AnswerReader(External("t", gives=gives, **options), {str}, {*labels})
    return reader.read(record if isinstance(record, bytes) else json.dumps(record).encode()).reply


def why_not(record: Any, **options: Any) -> tuple[str, Any]:
    with pytest.raises(AnswerFault) as caught:
        read(record, **options)
    return str(caught.value), caught.value.event_id


def test_a_label_a_number_a_score_and_a_failure_are_answers() -> None:
    says = {"event_id": "a", "worker": "w", "of": "no interest"}

    assert read({**says, "prediction": True}) == Reply("w", True, None, None, None)
    assert read({**says, "prediction": 3}, labels=(float,)) == Reply("w", 3.0, None, None, None)
    assert read({**says, "prediction": 3}, gives="regression") == Reply("w", 3.0, None, None, None)
    assert read({**says, "score": 0.5}, gives="anomaly") == Reply("w", None, None, 0.5, None)
    assert read({**says, "error": "x" * 9_000}) == Reply("w", None, None, None, "x" * 500)
    assert read({**says, "error": ""}).error == "error"


def test_the_likeliest_label_is_the_prediction_of_one_who_names_none() -> None:
    assert read({"event_id": "a", "probability": {"false": 0.3, "true": 0.7}}).prediction is True
    assert read({"event_id": "a", "probability": {"b": 0.5, "a": 0.5}}, labels=(str,)).prediction == "b"
    assert read({"event_id": "a", "probability": {"1": 0.3, "2": 0.7}}, labels=(int,)).prediction == 2


def test_what_is_no_answer_is_refused_with_the_id_of_its_event_if_that_can_be_read() -> None:
    assert why_not(b"not json")[1] is None
    assert why_not({"prediction": True}) == ("Object missing required field `event_id`", None)
    assert why_not({"event_id": 1, "prediction": True}) == ("event_id: expected str, got int 1", None)
    assert why_not({"event_id": "a"}) == ("prediction: expected bool, got nothing", "a")
    assert why_not({"event_id": "a", "prediction": "yes"}) == (
        "prediction: expected bool, got str 'yes'",
        "a",
    )
    assert why_not({"event_id": "a", "prediction": {}})[1] == "a"
    assert why_not({"event_id": "a", "prediction": True, "worker": "w" * 201})[1] == "a"
    assert why_not({"event_id": "a", "probability": {"true": 1.5}})[1] == "a"
    assert why_not({"event_id": "a", "probability": {str(i): 0.0 for i in range(1_001)}})[1] == "a"
    assert why_not({"event_id": "a", "prediction": True}, gives="regression")[0].startswith("prediction: ")
    assert why_not({"event_id": "a", "score": None}, gives="anomaly") == (
        "score: expected a number, got nothing",
        "a",
    )
    assert why_not({"event_id": "a", "prediction": True}, workers=2)[0].startswith("worker: ")


def test_an_answer_that_results_could_not_carry_is_refused() -> None:
    def said(n: int) -> dict[str, Any]:
        return {"event_id": "a", "prediction": "x" * n}

    assert why_not(said(70_000), labels=(str,)) == ("expected at most 65,536 bytes, got 70,035", "a")
    assert read(said(65_000), labels=(str,)).prediction == "x" * 65_000


def test_several_answers_become_one() -> None:
    def said(*replies: Reply, gives: Any = "classification", **options: Any) -> Answer:
        step = External("t", gives=gives, quorum=len(replies), **options)
        return answer_of(Errand("ext", 0.0, [*replies], "answered"), step)

    votes = [Reply(w, label, None, None, None) for w, label in (("1", "a"), ("2", "b"), ("3", "b"))]
    sure = [Reply(w, True, {"true": p, "false": 1 - p}, None, None) for w, p in (("1", 0.5), ("2", 0.75))]
    numbers = [Reply(w, n, None, None, None) for w, n in (("1", 1.0), ("2", 4.0))]
    scores = [Reply(w, None, None, n, None) for w, n in (("1", 1.0), ("2", 4.0))]
    assert said(*votes).prediction == "b"
    assert said(votes[0], votes[1]).prediction == "a", "of equal shares the first"
    assert said(*sure).probability == {"true": 0.625, "false": 0.375}
    assert said(*numbers, gives="regression").prediction == 2.5
    assert said(*scores, gives="anomaly").score == 2.5
    assert said(*votes, combine=First()).prediction == "a"
    assert said(sure[0]) == Answer(True, {"true": 0.5, "false": 0.5})


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("answers", {"answers": "no topic"}),
        ("deadline_s", {"deadline_s": 0}),
        ("deadline_s", {"deadline_s": True}),
        ("quorum", {"quorum": 0}),
        ("workers", {"quorum": 3, "workers": 2}),
        ("gives", {"gives": "clustering"}),
        ("combine", {"combine": "vote"}),
        ("max_waiting", {"max_waiting": 0}),
        ("max_bytes", {"max_bytes": 10}),
        ("partitions", {"partitions": 0}),
    ],
)
def test_what_cannot_be_declared_names_the_argument(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=f"^{argument}: "):
        External(**{"answers": "t.answers", **options})


def test_there_is_a_key_to_each_partition() -> None:
    for n in (1, 2, 7, 64):
        assert [partition_of(key_to(partition, n), n) for partition in range(n)] == [*range(n)]
