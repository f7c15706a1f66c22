"""What is said when something has changed."""

from __future__ import annotations

from typing import NamedTuple

from schemas.drift import Alarm, Sample
from schemas.results import Source, result_id


class Raised(NamedTuple):
    """An alarm that does not know yet where in the log it was raised.

    ``model`` is empty where the signal is not of one model.
    """

    model: str
    signal: str
    detector: str
    policy: str
    action: str
    before: Sample
    after: Sample
    text: str


def alarm_of(raised: Raised, pipeline: str, label: str, source: Source, step: int) -> Alarm:
    """Return *raised* as it is published.

    Parameters
    ----------
    pipeline, label
        Name of the pipeline, and name with version.
    source
        The record that raised it.
    step
        Events that were learned before it.
    """
    where = "/".join(part for part in ("drift", raised.model, raised.signal, raised.action) if part)
    return Alarm(
        id=result_id(pipeline, source, where),
        pipeline=label,
        source=source,
        model_step=step,
        model=raised.model or None,
        signal=raised.signal,
        detector=raised.detector,
        policy=raised.policy,
        action=raised.action,
        before=raised.before,
        after=raised.after,
        text=raised.text,
    )


def shown(number: float) -> str:
    """Return *number* with four significant digits, as texts show it."""
    return f"{number:.4g}"
