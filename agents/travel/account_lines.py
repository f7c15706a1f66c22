"""The account of an event as lines for people: a word of what it is about, and what there is to say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeAlias

from agents.travel.account import Account, LabelTold, Learned
from agents.travel.options import ago
from schemas import Answer, DeadLetter, Prediction, Source

Line: TypeAlias = tuple[str, str]

_SHOWN_LABELS = 5
_SHOWN_CHARACTERS = 500


def lines(account: Account, pipeline: str) -> Iterator[Line]:
    """Yield what there is to say of *account*; *pipeline* is the name and version that folds now."""
    yield "log", place(account.source)
    if account.origin is not None:
        yield "source", place(account.origin)
    yield from _times(account)
    if account.key is not None:
        yield "key", account.key
    event = "gone: retention has deleted the record" if account.event is None else account.event
    yield "event", event if len(event) <= _SHOWN_CHARACTERS else f"{event[:_SHOWN_CHARACTERS]} ..."
    yield from _features(account.features)
    said = account.published or account.refolded
    if said is not None:
        yield from _answers(said)
    if account.letter is not None:
        yield from letter_lines(account.letter)
    yield from _refold(account, pipeline)
    yield from _labels(account)
    if account.taken_out:
        yield "since then", "a decision took it out of the models: headrace model history"


def letter_lines(letter: DeadLetter) -> Iterator[Line]:
    """Yield why a record could not become an event, and where it stands."""
    yield "refused", f"{letter.error.type} at {letter.error.path}: {letter.error.message}"
    yield "stands at", f"{place(letter.source)}   {_time(letter.timestamp_ms / 1000)}"
    yield "letter", letter.id


def place(source: Source) -> str:
    """Return where a record stands."""
    return f"{source.topic}[{source.partition}]@{source.offset}"


def _times(account: Account) -> Iterator[Line]:
    record_s = None if account.timestamp_ms is None else account.timestamp_ms / 1000
    if record_s is not None:
        yield "time", _time(record_s)
    if account.event_s is not None and account.event_s != record_s:
        yield "event time", _time(account.event_s)


def _time(time_s: float) -> str:
    try:
        at = datetime.fromtimestamp(time_s, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_s} s since 1970"
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03} UTC"


def _features(features: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    ordered = sorted(features, key=lambda name: (repr(features[name]), [*features].index(name)))
    for given, same in groupby(ordered, key=features.__getitem__):
        yield "features", f"of {', '.join(same)}"
        yield from (("", f"  {line}") for line in _aligned([(n, _json(v)) for n, v in given.items()]))


def _answers(said: Prediction) -> Iterator[Line]:
    yield "answer", f"after {said.model_step:,} events learned"
    together = Answer(said.prediction, said.probability, said.score, said.error)
    answers = {**(said.models or {}), "together" if said.models else "": together}
    rows = [(name, *_said(answer)) for name, answer in answers.items()]
    yield from (("", f"  {line.strip() if not said.models else line}") for line in _aligned(rows))


def _said(answer: Answer) -> tuple[str, str]:
    parts = [] if answer.score is None else [f"score {answer.score:.6g}"]
    ranked = sorted((answer.probability or {}).items(), key=lambda one: -one[1])
    parts += [f"{label} {p:.4f}" for label, p in ranked[:_SHOWN_LABELS]]
    parts += [f"and {len(ranked) - _SHOWN_LABELS} more"] if ranked[_SHOWN_LABELS:] else []
    parts += [] if answer.error is None else [answer.error]
    return "-" if answer.prediction is None else _json(answer.prediction), "  ".join(parts)


def _refold(account: Account, pipeline: str) -> Iterator[Line]:
    if account.why_not is not None:
        yield "refold", f"not compared: {account.why_not}"
    if account.from_snapshot is None:
        return
    began = f"snapshot {account.from_snapshot}" if account.from_snapshot else "the log's beginning"
    if account.identical is not None:
        verdict = "gives the bytes that were published" if account.identical else "GIVES OTHER BYTES"
        yield "refold", f"{pipeline}, from {began}, {verdict}"
        if not account.identical and account.refolded is not None:
            yield from _answers(account.refolded)
    elif account.refolded is None and account.letter is None:
        yield "refold", f"from {began}: the record is a copy of one before, or a tombstone; it is passed over"
    elif account.published is None:
        yield "refold", f"from {began}; nothing is published"


def _labels(account: Account) -> Iterator[Line]:
    for label in account.labels:
        yield label.about, _label(label, account.source)
        if label.learned is not None:
            yield from _learned(label.learned)
    if account.waits:
        yield "label", "none yet: the event waits for it"
    if account.waits_for_feedback:
        yield "feedback", "none yet: the answer waits for it"


def _label(told: LabelTold, event: Source) -> str:
    if told.state == "not needed":
        return "not needed: the models learn without"
    words = [told.state.replace("_", " ") + (f" ({told.reason})" if told.reason is not None else "")]
    if told.label is not None:
        words.insert(len(words) if told.state == "expired" else 0, _json(told.label))
    if told.conflicts:
        words.append("unlike the one before")
    if told.delay_s is not None:
        words.append(f"{ago(abs(told.delay_s))} {'before' if told.delay_s < 0 else 'after'} the event")
    if told.source is not None and told.source != event:
        origin = "" if told.origin is None else f" ({place(told.origin)})"
        words.append(f"from {place(told.source)}{origin}")
    return ", ".join(words)


def _learned(learned: Learned) -> Iterator[Line]:
    said = f"at offset {learned.offset}, step {learned.step_before:,} -> {learned.step_after:,}"
    if learned.same_features is not None:
        said += ", the features it was answered with" if learned.same_features else ", OTHER FEATURES"
    yield "learned", said
    yield from (("", f"  {name} could not: {error}") for name, error in learned.errors.items())


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
