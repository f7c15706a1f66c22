"""What a model was taught, as bytes: whoever changes an event later does not change what was learned."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from river import base

from headrace.feedback.weights import weighted
from headrace.models.verbs import Verbs
from headrace.models.weights import greatest_weight
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed


class Lesson(NamedTuple):
    """Features, label, and how much they count."""

    x: dict[Any, Any]
    y: Any
    weight: float = 1.0


class Making(NamedTuple):
    """How one model comes to be: built, read from its bytes, bound to its verbs."""

    build: Callable[[], base.Estimator]
    read: Callable[[bytes], base.Estimator]
    bind: Callable[[base.Estimator], Verbs]
    allowed: Allowed
    max_weight: float

    def is_sound(self, model: base.Estimator) -> bool:
        """Return whether no weight of *model* is beyond the bound."""
        return self.poison(model) is None

    def poison(self, model: base.Estimator) -> str | None:
        """Return what is wrong with the weights of *model*, ``None`` if none is beyond the bound."""
        greatest = greatest_weight(model)
        if greatest is None or greatest <= self.max_weight:
            return None
        return "a weight that is not finite" if greatest == inf else f"a weight beyond {self.max_weight:g}"


_PLAIN = frozenset({bool, int, float, str, type(None)})
"""Types that can be read back without a look."""


def packed(lesson: Lesson, allowed: Allowed) -> bytes | None:
    """Return *lesson* as bytes, ``None`` where a transform made features that cannot be written and read."""
    written = io.BytesIO()
    try:
        pickler = pickle.Pickler(written, protocol=5)  # the pickler of models takes twice as long
        pickler.fast = True  # equal lessons, equal bytes: whether two texts are one object does not count
        pickler.dump(tuple(lesson))
        if not _PLAIN.issuperset(map(type, (*lesson.x, *lesson.x.values(), lesson.y))):
            unpacked(written.getvalue(), allowed)
    except Exception:  # noqa: BLE001 - any reason is a reason
        return None
    return written.getvalue()


def unpacked(blob: bytes, allowed: Allowed) -> Lesson:
    """Return the lesson that `packed` made *blob* of."""
    return Lesson(*pickling.unpickled(blob, allowed))


def can_answer(verbs: Verbs, lesson: Lesson) -> bool:
    """Return whether the model answers the event of *lesson*, with finite numbers."""
    try:
        verbs.answer(lesson.x, lesson.y)
    except Exception:  # noqa: BLE001 - why it cannot was told when it was asked first
        return False
    return True


def can_learn(verbs: Verbs, lesson: Lesson) -> bool:
    """Teach *lesson*; return whether the model could learn it. If not, its state may be of half an event."""
    try:
        if lesson.weight == 1.0:
            verbs.learn(lesson.x, lesson.y)
        else:
            weighted(verbs.model, verbs.learn)(*lesson)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True
