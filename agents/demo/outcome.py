"""What came of a scene as data, as far as it is the same for all: the books of events and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from agents.demo.chaos import Kill
from agents.demo.ledger import Ledger
from agents.demo.moment import WorkerLine
from agents.demo.panel import complaint
from agents.demo.proof import Proof


class Share(msgspec.Struct, frozen=True):
    """What a worker had in the end: partitions, and the records of this run in them."""

    worker: int
    partitions: list[int]
    events: int


class Letters(msgspec.Struct, frozen=True):
    """Dead letters of one reason."""

    reason: str
    n: int
    example: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a scene, as ``--json`` prints it.

    ``events`` equal ``predictions`` + ``dead_letters`` where ``answered_exactly``; ``exact`` says that all
    other books balance as well. ``duplicates`` are answers that came twice with the same bytes,
    ``duplicate_letters`` the dead letters among them; ``wrong`` says in sentences what should not be.
    ``foreign`` counts events of other programs answered meanwhile, ``learned_before`` those that the topic
    held already. ``kills`` and ``proof`` are those of ``--chaos``.
    """

    bootstrap: str
    events: int
    predictions: int
    dead_letters: int
    answered_exactly: bool
    exact: bool
    duplicates: int
    duplicate_letters: int
    wrong: list[str]
    foreign: int
    learned_before: int
    restarts: int
    elapsed_s: float
    events_per_s: float
    letters: list[Letters]
    workers: list[Share]
    kills: list[Kill] = []
    proof: Proof | None = None

    @property
    def lost(self) -> int:
        """Records that something should have come of, and did not."""
        return self.events - self.predictions - self.dead_letters

    @property
    def n_twice(self) -> int:
        """Everything that was told twice with the same bytes."""
        return self.duplicates


class Ran(NamedTuple):
    """What is known of a run beside its books."""

    bootstrap: str
    learned_before: int
    restarts: int
    elapsed_s: float
    workers: Sequence[WorkerLine]
    kills: Sequence[Kill] = ()


def common(ledger: Ledger, ran: Ran) -> dict[str, Any]:
    """Return the fields of an `Outcome` but ``exact``, as *ledger* and *ran* tell them."""
    return {
        "bootstrap": ran.bootstrap,
        "events": ledger.sent,
        "predictions": ledger.predicted,
        "dead_letters": ledger.dead,
        "answered_exactly": ledger.balances,
        "duplicates": ledger.duplicates,
        "duplicate_letters": ledger.duplicate_letters,
        "wrong": ledger.wrong,
        "foreign": ledger.foreign,
        "learned_before": ran.learned_before,
        "restarts": ran.restarts,
        "elapsed_s": round(ran.elapsed_s, 2),
        "events_per_s": round(ledger.done / ran.elapsed_s, 1) if ran.elapsed_s else 0.0,
        "letters": [
            Letters(reason, n, complaint(ledger.letters[reason]))
            for reason, n in ledger.reasons.most_common()
        ],
        "workers": [Share(w.number, list(w.partitions or ()), w.done) for w in ran.workers],
        "kills": list(ran.kills),
    }
