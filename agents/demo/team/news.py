"""What the pipeline itself tells of its models: circuits that open and close, and who became champion."""

from __future__ import annotations

from headrace.tasks.contest import COMBINED
from schemas.alerts import AlertEvent
from schemas.contest import ContestEvent

CLOSED = "closed"
_WORST_FIRST = ("open", "half_open")


class News:
    """Events on the topics of alerts and of the contest, each once, in the order in which they are read.

    Attributes
    ----------
    circuits, contest
        The events.
    wrong
        A sentence for each that was told twice, and not alike.
    n_twice
        How many were told twice with the same bytes.
    """

    def __init__(self) -> None:
        self.circuits: list[AlertEvent] = []
        self.contest: list[ContestEvent] = []
        self.wrong: list[str] = []
        self.n_twice = 0
        self._seen: dict[str, int] = {}

    def alerted(self, event: AlertEvent, value: bytes) -> None:
        """Take in a change of a circuit."""
        if event.circuit is not None and self._is_new(event.id, value):
            self.circuits.append(event)

    def contested(self, event: ContestEvent, value: bytes) -> None:
        """Take in a change in who answers."""
        if self._is_new(event.id, value):
            self.contest.append(event)

    def circuit(self) -> str:
        """Return the state of the circuit, the worst of all partitions."""
        newest = {event.source.partition: event.circuit for event in self.circuits}
        return next((state for state in _WORST_FIRST if state in newest.values()), CLOSED)

    def champions(self) -> dict[int, str]:
        """Return the champion of each partition where that has changed."""
        newest: dict[int, str] = {}
        for event in self.contest:
            newest[event.source.partition] = event.champion
        return {partition: name for partition, name in newest.items() if name != COMBINED}

    def _is_new(self, name: str, value: bytes) -> bool:
        if name not in self._seen:
            self._seen[name] = hash(value)
            return True
        if self._seen[name] == hash(value):
            self.n_twice += 1
        else:
            self.wrong.append(f"{name} was told twice, and not alike")
        return False
