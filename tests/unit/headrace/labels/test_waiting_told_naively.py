"""Whatever comes in whatever order: the same is told as by a list that is searched from end to end."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.labelling import WAIT_S, Call, Driven, shown, waiter

CALLS = st.lists(
    st.builds(
        Call,
        st.sampled_from("abcdef"),
        st.sampled_from([None, None, True, False]),
        st.integers(0, 12).map(lambda n: n * WAIT_S / 4),
    ),
    max_size=60,
)
OPTIONS = st.fixed_dictionaries(
    {
        "corrections": st.sampled_from(["ignore", "relearn"]),
        "expire": st.sampled_from(["drop", "negative", True]),
        "max_waiting": st.sampled_from([1, 2, 3, 1000]),
    }
)


class Naive:
    """What the documentation says, as one list of dicts in order of arrival."""

    def __init__(self, corrections: str, expire: Any, max_waiting: int) -> None:
        self.relearns = corrections == "relearn"
        self.taught = {"drop": None, "negative": False, True: True}[expire]
        self.most = max_waiting
        self.items: list[dict[str, Any]] = []
        self.now_s = 0.0
        self.offset = -1

    def take(self, call: Call) -> list[tuple[Any, ...]]:
        self.offset += 1
        self.now_s = max(self.now_s, call.time_s)
        told: list[tuple[Any, ...]] = []
        while self.items and self.items[0]["since"] + WAIT_S < self.now_s:
            told += self.end(self.items[0], None)
            told += self.bound()
        known = next((item for item in self.items if item["id"] == call.event_id), None)
        told += self.event(call, known) if call.label is None else self.label(call, known)
        return told + self.bound()

    def event(self, call: Call, known: Any) -> list[tuple[Any, ...]]:
        me, at = call.event_id, self.offset
        if known and known["kind"] in ("event", "joined"):
            reason = "event_waits" if known["kind"] == "event" else "event_settled"
            return [("duplicate", me, None, at, at, None, False, reason, None)]
        if known:
            self.items.remove(known)
        if known and known["kind"] == "orphan":
            self.keep("joined", me, at, call.time_s, known["label"], whole=self.relearns)
            delay_s = known["time"] - call.time_s
            learned = self.learned(at)
            told = ("joined", me, known["label"], known["at"], at, delay_s, False, "label_first", learned)
            return [told]
        self.keep("event", me, at, call.time_s, None)
        return []

    def label(self, call: Call, known: Any) -> list[tuple[Any, ...]]:
        me, at, label = call.event_id, self.offset, call.label
        if not known:
            self.keep("orphan", me, at, call.time_s, label)
            return [("orphan_kept", me, label, at, None, None, False, None, None)]
        event_at, other = known["at"], known["label"] is not label
        delay_s = call.time_s - known["time"]
        if known["kind"] == "event":
            self.items.remove(known)
            self.keep("joined", me, event_at, known["time"], label, whole=self.relearns)
            return [("joined", me, label, at, event_at, delay_s, False, None, self.learned(event_at))]
        if known["kind"] == "orphan":
            if not (other and self.relearns):
                return [("duplicate", me, label, at, None, None, other, None, None)]
            self.items.remove(known)
            self.keep("orphan", me, at, call.time_s, label)
            return [
                ("corrected", me, known["label"], event_at, None, None, False, "replaced", None),
                ("orphan_kept", me, label, at, None, None, False, None, None),
            ]
        return self.again(call, known)

    def again(self, call: Call, known: Any) -> list[tuple[Any, ...]]:
        me, at, label = call.event_id, self.offset, call.label
        event_at, other = known["at"], known["label"] is not label
        delay_s = call.time_s - known["time"]
        if known["whole"] and other:
            self.items.remove(known)
            self.keep("joined", me, event_at, known["time"], label, whole=True)
            return [("corrected", me, label, at, event_at, delay_s, True, None, self.learned(event_at))]
        if known["kind"] == "expired":
            conflicts = known["label"] is not None and other
            return [("orphan_expired", me, label, at, event_at, None, conflicts, "event_expired", None)]
        return [("duplicate", me, label, at, event_at, None, other, None, None)]

    def end(self, item: dict[str, Any], reason: str | None) -> list[tuple[Any, ...]]:
        self.items.remove(item)
        me, at = item["id"], item["at"]
        if item["kind"] == "orphan":
            return [("orphan_expired", me, item["label"], at, None, None, False, reason or "no_event", None)]
        if item["kind"] != "event":
            return []
        taught = None if reason else self.taught
        self.keep("expired", me, at, item["time"], taught, whole=self.relearns and taught is not None)
        learned = None if taught is None else self.learned(at)
        return [("expired", me, taught, at, at, None, False, reason or "no_label", learned)]

    def bound(self) -> list[tuple[Any, ...]]:
        told: list[tuple[Any, ...]] = []
        for kinds in (("event",), ("orphan",), ("joined", "expired")):
            while len(held := [item for item in self.items if item["kind"] in kinds]) > self.most:
                told += self.end(held[0], "evicted")
        return told

    def keep(self, kind: str, me: str, at: int, time_s: float, label: Any, *, whole: bool = False) -> None:
        item = {"kind": kind, "id": me, "at": at, "time": time_s, "label": label, "whole": whole}
        self.items.append({**item, "since": self.now_s})

    def learned(self, at: int) -> tuple[int, dict[str, Any]]:
        return at, waiter(at).x


@given(CALLS, OPTIONS)
@example(
    [Call("a", None, 0.0), Call("b", None, 0.0)],
    {"corrections": "ignore", "expire": "drop", "max_waiting": 1},
)
def test_the_same_is_told_as_by_a_list_searched_from_end_to_end(calls: list[Call], options: Any) -> None:
    driven, naive = Driven(**options), Naive(**options)

    for call in calls:
        assert [*shown(driven.take(call))] == naive.take(call)

    kinds = [item["kind"] for item in naive.items]
    waiting = driven.waiting
    assert waiting.pending == kinds.count("event")
    assert waiting.orphans == kinds.count("orphan")
    assert waiting.settled == kinds.count("joined") + kinds.count("expired")


@given(CALLS, OPTIONS)
def test_each_label_has_one_end_or_is_still_kept(calls: list[Call], options: Any) -> None:
    driven = Driven(**options)
    said = [outcome for call in calls for outcome in driven.take(call)]

    ends = [o.offset for o in said if o.state not in ("orphan_kept", "expired") and o.label is not None]
    labels = [offset for offset, call in enumerate(calls) if call.label is not None]
    assert len({*ends}) == len(ends)
    assert {*ends} <= {*labels}
    assert len(labels) - len(ends) == driven.waiting.orphans
