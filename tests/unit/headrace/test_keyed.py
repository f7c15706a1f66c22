"""Models by key: each learns from its own events; which are held follows from the log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import naive_bayes

from headrace.fold import Fold
from tests.declaring import fault_of
from tests.folding import Kept, Out, declare, events, linear, log, run

PIPELINE = declare(scope="key", max_keys=3)


def keyed(keys: list[bytes | None]) -> list[Kept]:
    return [record._replace(key=key) for record, key in zip(log(events(len(keys))), keys, strict=True)]


def test_each_key_has_the_model_that_a_log_of_its_own_would_give() -> None:
    keys: list[bytes | None] = [b"a", b"b", b"a", b"", b"b", b"a"] * 20
    records = keyed(keys)

    _, out, _ = run(PIPELINE, records)

    for key in {*keys}:
        own = [record for record in records if record.key == key]
        _, alone, _ = run(declare(), own)
        found = [result["probability"] for result, k in zip(out.results, keys, strict=True) if k == key]
        assert found == [result["probability"] for result in alone.results]


def test_several_models_combine_by_key() -> None:
    models = {"linear": linear, "bayes": naive_bayes.GaussianNB}
    records = keyed([b"a", b"b"] * 30)

    _, out, _ = run(declare(models, scope="key"), records)
    _, alone, _ = run(declare(models), records[1::2])

    assert [result["models"] for result in out.results[1::2]] == [r["models"] for r in alone.results]
    assert [result["prediction"] for result in out.results[1::2]] == [r["prediction"] for r in alone.results]


def test_step_counts_the_events_of_the_partition() -> None:
    fold, out, counts = run(PIPELINE, keyed([b"a", b"b", b"c"] * 4))

    assert [result["model_step"] for result in out.results] == list(range(12))
    assert fold.step == sum(c.learned for c in counts) == 12


def test_a_record_without_key_is_a_dead_letter_and_changes_nothing() -> None:
    records = keyed([b"a", None, b"b"])

    fold, out, counts = run(PIPELINE, records)
    without, _, _ = run(PIPELINE, [records[0], records[2]])

    (letter,) = out.dead
    assert letter["error"]["type"] == "key"
    assert "expected a key" in letter["error"]["message"]
    assert counts[0].dead == {"key": 1}
    assert fold.next_offset == 3
    assert fold.keys_held == 2
    assert fold.step == without.step


@pytest.mark.parametrize("value", [b"{", b"", None])
def test_what_is_no_event_does_not_count_as_use(value: bytes | None) -> None:
    records = keyed([b"a", b"b", b"c"])
    bad = Kept(3, value, b"a")
    last = keyed([b"a", b"b", b"c", b"x", b"d"])[4]

    fold, _, _ = run(PIPELINE, [*records, bad, last])
    plain, _, _ = run(PIPELINE, [*records, last])

    assert fold.digest() == plain.digest()
    assert fold.keys_evicted == 1


class Reference:
    """Says which keys are held, the plainest way."""

    def __init__(self, max_keys: int) -> None:
        self.max_keys, self.held, self.evicted = max_keys, [], 0  # type: ignore[var-annotated]

    def use(self, key: bytes) -> bool:
        """Return whether *key* starts afresh."""
        is_new = key not in self.held
        if not is_new:
            self.held.remove(key)
        self.held.append(key)
        if len(self.held) > self.max_keys:
            self.held.pop(0)
            self.evicted += 1
        return is_new


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), max_size=60), st.integers(1, 5))
def test_the_key_used_least_recently_gives_way_and_starts_afresh(keys: list[Any], max_keys: int) -> None:
    pipeline, reference = declare(scope="key", max_keys=max_keys), Reference(max_keys)

    fold, out, counts = run(pipeline, keyed(keys))

    afresh = [reference.use(key) for key in keys]
    untaught = [result["probability"] == {"false": 0.5, "true": 0.5} for result in out.results]
    assert untaught == afresh
    assert fold.keys_held == len(reference.held)
    assert fold.keys_evicted == sum(c.evicted for c in counts) == reference.evicted


@pytest.mark.parametrize("other", [[b"a", b"b", b"a"], [b"b", b"a", b"b"], [b"a", b"b", b"c"]])
def test_the_digest_covers_keys_and_their_order_of_use(other: list[bytes | None]) -> None:
    same = log(events(1) * 3)
    digests = set()
    for keys in ([b"a", b"a", b"b"], other):
        fold, _, _ = run(PIPELINE, [r._replace(key=k) for r, k in zip(same, keys, strict=True)])
        digests.add(fold.digest())

    assert len(digests) == 2


def test_counts_of_a_partition_without_keys() -> None:
    fold, _, counts = run(declare(), keyed([b"a", b"b"]))

    assert (fold.keys_held, fold.keys_evicted, counts[0].evicted) == (None, 0, 0)


def test_two_folds_share_nothing() -> None:
    one, other = (Fold(PIPELINE, "t.events", n) for n in range(2))
    before, out = other.digest(), Out()

    one.step_chunk(keyed([b"a", b"b"]), out.emit, out.refuse)

    assert other.digest() == before


@pytest.mark.parametrize(
    ("arguments", "argument", "says"),
    [
        ({"scope": "user"}, "scope", "expected 'partition' or 'key', got 'user'"),
        ({"scope": "key", "max_keys": 0}, "max_keys", "from 1 to"),
        ({"scope": "key", "max_keys": 10_000_000}, "max_keys", "from 1 to"),
        ({"scope": "key", "max_keys": 10.0}, "max_keys", "got 10.0"),
        ({"scope": "key", "max_keys": True}, "max_keys", "got True"),
        ({"max_keys": 10}, "max_keys", "only models by key are bounded"),
    ],
    ids=["scope", "none", "many", "float", "bool", "partition"],
)
def test_a_wrong_scope_is_refused(arguments: dict[str, Any], argument: str, says: str) -> None:
    fault = fault_of(**arguments)

    assert fault.argument == argument
    assert says in fault.what
    assert fault.fix
