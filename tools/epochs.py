"""The owners of one partition, as its decisions topic names them, and which decisions count."""

from __future__ import annotations

import json

from tools.ledger import Ledger


class Epochs:
    """Reads the decisions of one partition in order and notes in *ledger* what is wrong with them.

    A decision counts if its epoch is that of the newest owner before it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._newest = -1
        self._frontier = -1
        self._acts_at = -1
        self._carried_out: set[str] = set()

    def read(self, offset: int, value: bytes | None) -> None:
        """Take in the record at *offset* of the decisions topic."""
        try:
            record = json.loads(value or b"")
            kind = record["kind"]
            if kind == "epoch":
                self._owner(offset, int(record["frontier"]))
            elif kind == "decision":
                self._decision(str(record["id"]), int(record["epoch"]), int(record["at"]))
            else:
                self._ledger.counts["commands_refused"] += 1
        except (ValueError, KeyError, TypeError):
            self._ledger.counts["journal_unreadable"] += 1

    def _owner(self, offset: int, frontier: int) -> None:
        self._ledger.counts["epochs"] += 1
        if frontier < self._frontier:
            self._ledger.found("frontier_back", frontier)
        self._newest, self._frontier = offset, max(frontier, self._frontier)

    def _decision(self, command: str, epoch: int, acts_at: int) -> None:
        if epoch != self._newest:
            self._ledger.counts["decisions_void"] += 1
            return
        self._ledger.counts["decisions"] += 1
        if acts_at < self._acts_at:
            self._ledger.found("decision_disorder", acts_at)
        if command in self._carried_out:
            self._ledger.found("command_twice", acts_at)
        self._carried_out.add(command)
        self._acts_at = max(acts_at, self._acts_at)
