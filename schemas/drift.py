"""Alarms of drift, on the topic ``<p>.drift``. Fields are only ever added."""

from __future__ import annotations

import msgspec

from schemas.results import Source


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signal over ``n`` events: its mean, or the share of each category."""

    n: int
    mean: float | None = None
    shares: dict[str, float] | None = None


class Alarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something has changed: what, by how much, and what was done.

    ``id`` is made of pipeline, topic, partition, offset, model, signal and action: a duplicate has the same
    id and the same bytes. ``signal`` is ``error``, ``prediction``, ``label`` or ``feature:NAME``. ``model``
    is absent where the signal is not of one model. ``action`` is ``none``, ``reset``, ``training``,
    ``replaced``, ``refolded`` or ``boosted``. ``text`` says all of it in a sentence.
    """

    id: str
    pipeline: str
    source: Source
    model_step: int
    signal: str
    detector: str
    policy: str
    action: str
    before: Sample
    after: Sample
    text: str
    model: str | None = None
