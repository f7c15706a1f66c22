"""What a user declares about a model that fails: when it is taken out, and how it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from headrace.errors import DeclarationError

_COUNTS = {
    "of": (1, 10_000),
    "rest": (1, 10_000_000),
    "max_rest": (1, 10_000_000),
    "probes": (1, 10_000),
    "window": (10, 1_000_000),
    "check_every": (1, 1_000_000),
    "checkpoint_every": (1, 10_000),
}


@dataclass(frozen=True)
class Breaker:
    """When a model is taken out, and how it comes back; all of it counted in events.

    *Closed*, the model answers and learns. Its circuit *opens* on failures: it is neither asked nor taught,
    its backup answers. After a rest the circuit is *half open*: the model is asked and taught and its answers
    are not used yet. If all goes well it closes, else it opens for twice as long. Nygard (2007), with a count
    of events in place of a clock, so that a replay takes the same turns.

    Parameters
    ----------
    errors, of
        So many failures within the last *of* events open the circuit. A failure is an answer that is not
        finite, or a model that raises when it is asked or taught.
    rest
        Events the circuit is open for the first time. Each time that the model fails again soon it doubles.
    max_rest
        Bound of the rest.
    probes
        Events that must go well while the circuit is half open.
    worse_than_baseline
        The circuit opens when the mean loss over a window is more than so many times that of an answer that
        knows only the labels so far; ``None``: never. A first window is not judged: the model has to learn.
    window
        Labels that the mean loss is taken over.
    max_weight
        The circuit opens when a weight of a linear model is beyond it; raise it where labels are that large.
        One label of 1e12 takes a linear regression of river to 1e10.
    check_every
        The weights are looked at after so many learned events.
    checkpoint_every
        A copy of the model is kept after so many learned events, and the events since: what is poisoned is
        made from them again.

    Raises
    ------
    DeclarationError
        If a value cannot be used.

    """

    errors: int = 5
    of: int = 50
    rest: int = 100
    max_rest: int = 10_000
    probes: int = 10
    worse_than_baseline: float | None = 2.0
    window: int = 1_000
    max_weight: float = 1e9
    check_every: int = 10
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        """Check what was given."""
        for name, (least, most) in _COUNTS.items():
            _whole(name, getattr(self, name), least, most)
        _whole("errors", self.errors, 1, self.of)
        if self.max_rest < self.rest:
            raise _wrong("max_rest", f"{self.max_rest:,} is less than rest={self.rest:,}", self.rest)
        if self.window < self.probes:
            raise _wrong("window", f"{self.window:,} is less than probes={self.probes:,}", self.probes)
        if self.worse_than_baseline is not None:
            _number("worse_than_baseline", self.worse_than_baseline, 1.0)
        _number("max_weight", self.max_weight, 0.0)


def _whole(name: str, given: object, least: int, most: int) -> None:
    if type(given) is not int or not least <= given <= most:
        fix = min(_default(name), most)
        raise _wrong(name, f"expected a whole number from {least:,} to {most:,}, got {given!r}", fix)


def _number(name: str, given: object, above: float) -> None:
    if type(given) not in (int, float) or not isfinite(given) or given <= above:  # type: ignore[arg-type, operator]
        raise _wrong(name, f"expected a finite number above {above:g}, got {given!r}", _default(name))


def _default(name: str) -> float:
    default: float = getattr(Breaker, name)
    return default


def _wrong(name: str, what: str, value: float) -> DeclarationError:
    return DeclarationError(f"breaker.{name}", what, fix=f"{name}={value!r}")
