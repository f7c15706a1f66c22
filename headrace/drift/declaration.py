"""What a user declares about drift: what is watched, how, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from headrace.errors import DeclarationError

Policy: TypeAlias = Literal["alarm", "reset", "background", "window", "boost"]
Watched: TypeAlias = Literal["error", "numbers", "categories"]

DETECTORS: Mapping[str, tuple[str, ...]] = {
    "error": ("adwin", "hddm_a", "hddm_w"),
    "numbers": ("adwin",),
    "categories": ("psi", "chi2"),
}
"""By what is watched; the first is the default."""

_COUNTS = {"cooldown": (0, 10_000_000), "window": (50, 100_000), "patience": (50, 10_000_000)}


@dataclass(frozen=True)
class Drift:
    """How a pipeline notices that the world has changed, and what its models do then.

    Parameters
    ----------
    policy
        ``"alarm"`` only says so. ``"reset"`` starts a fresh model. ``"background"`` trains a fresh model
        beside the active one and lets it take over once it is better. ``"window"`` builds a fresh model from
        those of the last `window` events that the detector counts as new. ``"boost"`` learns `boost` times
        faster for `window` events. Detectors and clusterers of events have no error: for them ``"alarm"``.
    detectors
        By what is watched. ``"error"``: ``"adwin"``, or for classifiers ``"hddm_a"`` and ``"hddm_w"``.
        ``"numbers"``: ``"adwin"``. ``"categories"``: ``"psi"`` or ``"chi2"``.
    features
        Names of the features whose distribution is watched, for all models. It raises alarms, no more.
    predictions, labels
        Whether the distribution of answers and of labels is watched. It raises alarms, no more.
    cooldown
        Events that are learned after an alarm before the same signal can raise the next.
    window
        Events that categories are counted over, that ``"window"`` keeps and ``"boost"`` lasts.
    delta
        Significance of ``"adwin"`` and the HDDMs: how likely one test raises a false alarm.
    warning
        Significance at which ``"background"`` begins to train.
    train
        ``"warning"``: ``"background"`` trains a fresh model from a warning on. ``"always"``: all the time, a
        new one every `patience` events and at each warning; that doubles the cost of learning.
    patience
        Events within which a model in the background must become better, or it is dropped.
    boost
        Factor of the learning rate.

    Raises
    ------
    DeclarationError
        If a value cannot be used.

    """

    policy: Policy = "background"
    detectors: Mapping[Watched, str] = field(default_factory=dict)
    features: Sequence[str] = ()
    predictions: bool = False
    labels: bool = False
    cooldown: int = 1_000
    window: int = 500
    delta: float = 0.002
    warning: float = 0.01
    train: Literal["warning", "always"] = "warning"
    patience: int = 2_000
    boost: float = 10.0

    def __post_init__(self) -> None:
        """Check what was given."""
        _one_of("policy", self.policy, get_args(Policy))
        _one_of("train", self.train, ("warning", "always"))
        object.__setattr__(self, "detectors", _checked_detectors(self.detectors))
        object.__setattr__(self, "features", _checked_features(self.features))
        for name, (least, most) in _COUNTS.items():
            _whole(name, getattr(self, name), least, most)
        _number("delta", self.delta, 0.0, 0.5)
        _number("warning", self.warning, 0.0, 0.5)
        _number("boost", self.boost, 1.0, 1_000.0)
        if self.warning < self.delta:
            raise _wrong("warning", f"{self.warning} is stricter than delta={self.delta}", "warning=0.01")
        for name in ("predictions", "labels"):
            _one_of(name, getattr(self, name), (True, False))


def _checked_detectors(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise _wrong(
            "detectors",
            f"expected detectors by what they watch, got {type(given).__name__}",
            'detectors={"error": "hddm_w"}',
        )
    for watched, name in given.items():
        if watched not in DETECTORS:
            raise _wrong("detectors", f"{watched!r} is not watched", f"one of {', '.join(DETECTORS)}")
        _one_of(f"detectors[{watched!r}]", name, DETECTORS[watched])
    return {watched: given.get(watched, names[0]) for watched, names in DETECTORS.items()}


def _checked_features(given: Any) -> tuple[str, ...]:
    is_sequence = isinstance(given, Sequence) and not isinstance(given, str)
    if not is_sequence or not all(isinstance(name, str) and name for name in given):
        raise _wrong(
            "features", f"expected names of features, got {given!r}", 'features=["amount", "country"]'
        )
    return tuple(dict.fromkeys(given))


def _one_of(name: str, given: object, known: tuple[object, ...]) -> None:
    if not any(given is one or (type(given) is str and given == one) for one in known):
        shown = ", ".join(map(repr, known))
        raise _wrong(name, f"expected one of {shown}, got {given!r}", f"{name}={known[0]!r}")


def _whole(name: str, given: object, least: int, most: int) -> None:
    if type(given) is not int or not least <= given <= most:
        raise _wrong(
            name,
            f"expected a whole number from {least:,} to {most:,}, got {given!r}",
            f"{name}={getattr(Drift, name)}",
        )


def _number(name: str, given: object, above: float, most: float) -> None:
    if type(given) not in (int, float) or not above < given <= most:  # type: ignore[operator]
        raise _wrong(
            name,
            f"expected a number above {above} and at most {most}, got {given!r}",
            f"{name}={getattr(Drift, name)}",
        )


def _wrong(name: str, what: str, fix: str) -> DeclarationError:
    return DeclarationError(f"drift.{name}", what, fix=fix)
