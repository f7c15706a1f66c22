"""A circuit that remembers every call and looks at all of them: the quick one must agree with it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from headrace.tasks.breaker import Breaker

Call: TypeAlias = tuple[Any, ...]


class Phase(NamedTuple):
    """A state, why the circuit opened last, for how many events, and the calls since."""

    state: str
    reason: str | None
    rest: int
    calls: list[Call]

    def of(self, *kinds: str) -> list[Call]:
        return [call for call in self.calls if call[0] in kinds]


class SlowCircuit:
    def __init__(self, declared: Breaker) -> None:
        self.declared = declared
        self.phases = [Phase("closed", None, 0, [])]

    @property
    def now(self) -> Phase:
        return self.phases[-1]

    @property
    def n_opened(self) -> int:
        return [phase.state for phase in self.phases].count("open")

    def call(self, kind: str, *arguments: Any) -> None:
        now = self.now
        now.calls.append((kind, *arguments))
        if kind == "open":
            if now.state != "open":
                self._opens(arguments[0])
        elif now.state == "closed":
            self._while_closed(kind)
        elif now.state == "half_open":
            self._while_half_open(kind)
        elif len(now.of("arrived")) > now.rest:
            self._goes("half_open")

    def _while_closed(self, kind: str) -> None:
        declared, now = self.declared, self.now
        newest = now.of("succeeded", "failed")[-declared.of :]
        losses = now.of("lost")
        if kind == "failed" and len([call for call in newest if call[0] == "failed"]) >= declared.errors:
            self._opens(now.calls[-1][1])
        is_full = kind == "lost" and len(losses) % declared.window == 0 and len(losses) > declared.window
        if is_full and self._is_worse(losses[-declared.window :]):
            self._opens("loss")

    def _while_half_open(self, kind: str) -> None:
        declared, now = self.declared, self.now
        losses = now.of("lost")
        newest = losses[len(losses) // declared.window * declared.window :]
        is_full = bool(losses) and not newest
        if kind == "failed":
            self._opens(now.calls[-1][1])
        elif kind == "arrived" or (kind == "lost" and now.reason != "loss"):
            return
        elif kind == "lost" and is_full and self._is_worse(losses[-declared.window :]):
            self._opens("loss")
        elif len(now.of("succeeded")) >= declared.probes:
            judged = losses[-declared.window :] if kind == "lost" and is_full else newest
            if now.reason != "loss" or (len(judged) >= declared.probes and not self._is_worse(judged)):
                self._goes("closed")

    def _is_worse(self, losses: list[Call]) -> bool:
        factor = self.declared.worse_than_baseline
        return factor is not None and sum(c[1] for c in losses) > factor * sum(c[2] for c in losses)

    def _opens(self, reason: str) -> None:
        declared, now = self.declared, self.now
        went_well = now.state == "closed" and len(now.of("arrived")) >= max(now.rest, declared.of)
        rest = declared.rest if not now.rest or went_well else min(2 * now.rest, declared.max_rest)
        self.phases.append(Phase("open", reason, rest, []))

    def _goes(self, state: str) -> None:
        self.phases.append(Phase(state, self.now.reason, self.now.rest, []))
