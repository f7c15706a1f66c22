"""The circuit of one model: closed, open or half open, by counts of what happened to it."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from headrace.errors import SnapshotError
from headrace.tasks.breaker import Breaker

CircuitState: TypeAlias = Literal["closed", "open", "half_open"]
Reason: TypeAlias = Literal["predict", "learn", "poison", "loss", "slow"]
"""Why a circuit opened: the model failed when asked or taught, a look at its state found poison, it is worse
than a baseline, or too slow by the clock."""

POISONED: frozenset[Reason] = frozenset({"predict", "learn", "poison"})
"""Reasons that speak of a broken state, which a model is healed from."""

_TODO: dict[Reason, str] = {
    "predict": "Nothing if it closes again; else see the error in the results and mend the model's factory.",
    "learn": "Nothing if it closes again; else see the error in the results and mend the model's factory.",
    "poison": "Nothing if it closes again; else bound or scale the features, or lower the learning rate.",
    "loss": "Look at the drift topic and at the newest labels; a model that stays bad is better replaced.",
    "slow": "Give the worker more processor time, raise deadline_ms, or bound the model.",
}

# A pickle tells apart equal texts that are two objects: what is restored is made one with these again.
_STATES: dict[str, CircuitState] = {state: state for state in get_args(CircuitState)}
_REASONS: dict[str | None, Reason | None] = {None: None, **{reason: reason for reason in get_args(Reason)}}


class Transition(NamedTuple):
    """A circuit went from one state to another: why, a sentence of it, and one that says what to do."""

    before: CircuitState
    after: CircuitState
    reason: Reason | None
    happened: str
    todo: str


class Circuit:
    """Decides whether a model is asked and taught, and whether its answers are used.

    Each event that the model could answer is announced by `arrived`; what became of it is told by
    `succeeded`, `failed` and `lost`. The same calls give the same transitions.

    Parameters
    ----------
    name
        Of the model, as sentences say it.
    declared
        The rules.

    Attributes
    ----------
    state
        ``"closed"``: asked, taught, used. ``"half_open"``: asked and taught. ``"open"``: none of it.
    reason
        Why it opened last, ``None`` if it never did.
    rest
        Events that it is open for, this time or, while closed, the last time.
    n_opened
        How often it opened.
    """

    def __init__(self, name: str, declared: Breaker) -> None:
        self._name = name
        self._declared = declared
        self.state: CircuitState = "closed"
        self.reason: Reason | None = None
        self.rest = 0
        self.n_opened = 0
        self._failures: deque[bool] = deque(maxlen=declared.of)
        self._n = 0  # events in this state; while half open, those that went well
        self._is_warm = False  # whether a window of losses has passed unjudged
        self._n_losses = 0
        self._loss = self._baseline = 0.0

    @property
    def allows(self) -> bool:
        """Whether the model is asked and taught."""
        return self.state != "open"

    def arrived(self) -> Transition | None:
        """Take in that there is an event to answer; a rest may end with it."""
        if self.state == "half_open":
            return None
        self._n += 1
        if self.state == "closed":
            if self.rest and self._n >= max(self.rest, self._declared.of):
                self.rest = 0  # well for so long: what comes is another fault
            return None
        if self._n <= self.rest:
            return None
        return self._go("half_open", f"after a rest of {self.rest:,} events it is asked and taught again")

    def succeeded(self) -> Transition | None:
        """Take in an answer that can be used."""
        if self.state == "closed":
            self._failures.append(False)
            return None
        if self.state == "half_open":
            self._n += 1
        return self._closed_if_well()

    def failed(self, reason: Reason, detail: str) -> Transition | None:
        """Take in that the model raised, or that its answer cannot be used; *detail* says how."""
        if self.state == "half_open":
            return self.open(reason, f"it failed again: {detail}")
        if self.state == "closed":
            self._failures.append(True)
            n = sum(self._failures)
            if n >= self._declared.errors:
                return self.open(reason, f"{n:,} of {len(self._failures):,} failed, the last with {detail}")
        return None

    def lost(self, loss: float, baseline: float) -> Transition | None:
        """Take in the loss of an answer, and that of the baseline; used or not, it was asked."""
        factor = self._declared.worse_than_baseline
        is_judged = self.state == "closed" or (self.state == "half_open" and self.reason == "loss")
        if factor is None or not is_judged:
            return None
        self._n_losses += 1
        self._loss += loss
        self._baseline += baseline
        if self._n_losses < self._declared.window:
            return self._closed_if_well()
        if self._is_worse and (self._is_warm or self.state == "half_open"):
            n, loss, baseline = self._n_losses, self._loss, self._baseline
            shown = (
                f"its mean loss over {n:,} labels is {loss / n:.4g}, that of a baseline {baseline / n:.4g}"
            )
            return self.open("loss", shown)
        if (well := self._closed_if_well()) is not None:
            return well
        self._is_warm = True
        self._forget_losses()
        return None

    def open(self, reason: Reason, detail: str) -> Transition | None:
        """Open it at once, for longer if it was open not long ago; ``None`` if it is open already."""
        if self.state == "open":
            return None
        self.rest = min(2 * self.rest or self._declared.rest, self._declared.max_rest)
        self.reason = reason
        self.n_opened += 1
        return self._go("open", f"{detail}; it is neither asked nor taught for {self.rest:,} events")

    @property
    def _is_worse(self) -> bool:
        factor = self._declared.worse_than_baseline
        return factor is not None and not self._loss <= factor * self._baseline  # NaN is worse

    def _closed_if_well(self) -> Transition | None:
        """Close if it is half open and enough went well."""
        probes = self._declared.probes
        if self.state != "half_open" or self._n < probes:
            return None
        if self.reason == "loss" and (self._n_losses < probes or self._is_worse):
            return None
        return self._go("closed", f"it did well on {self._n:,} events; its answers are used again")

    def _go(self, state: CircuitState, happened: str) -> Transition:
        before, self.state = self.state, state
        self._n = 0
        self._failures.clear()
        self._is_warm = False
        self._forget_losses()
        todo = "Nothing, unless it opens again."
        if state == "open" and self.reason is not None:
            todo = _TODO[self.reason]
        return Transition(before, state, self.reason, f"{self._name}: {happened}.", todo)

    def _forget_losses(self) -> None:
        self._n_losses = 0
        self._loss = self._baseline = 0.0

    def snapshot(self) -> list[Any]:
        """Return what it knows as builtins."""
        losses = [self._is_warm, self._n_losses, self._loss, self._baseline]
        return [self.state, self.reason, self.rest, self.n_opened, self._n, list(self._failures), losses]

    def restore(self, state: Any) -> None:
        """Know what `snapshot` said.

        Raises
        ------
        SnapshotError
            If it did not say that.
        """
        try:
            name, reason, rest, n_opened, n, failures, losses = state
            is_warm, n_losses, loss, baseline = losses
        except (TypeError, ValueError) as error:
            raise _no_circuit(repr(error)) from error
        if name not in _STATES or reason not in _REASONS:
            raise _no_circuit(f"state {name!r}, reason {reason!r}")
        self.state, self.reason = _STATES[name], _REASONS[reason]
        self.rest, self.n_opened, self._n = rest, n_opened, n
        self._failures = deque(failures, maxlen=self._declared.of)
        self._is_warm, self._n_losses, self._loss, self._baseline = is_warm, n_losses, loss, baseline


def _no_circuit(why: str) -> SnapshotError:
    return SnapshotError("circuits", "the snapshot holds no circuit of a model", why=why)
