"""What people and systems say of answers already given, and what that says of a policy."""

from __future__ import annotations

import msgspec

from schemas.results import Label


class Remark(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Feedback on the answer for one event: a reward, a rating or the right label.

    ``event_id`` is the id of the event that was answered, ``weight`` how much the remark counts, ``key`` the
    key of that event as text, and ``time_s`` when it was made, in seconds since 1970.
    """

    event_id: str | int
    value: Label
    weight: float = 1.0
    key: str | None = None
    time_s: float | None = None


class PolicyValue(msgspec.Struct, frozen=True):
    """What a policy would have earned for each event, estimated from rewards of what was chosen.

    ``n`` is the number of rewarded events in which it would have chosen as was chosen. ``ips`` is the
    estimate by inverse propensity, ``snips`` the self-normalised one; each has its standard error, null while
    too few rewards are known. ``effective`` is how many events of the policy itself would say as much.
    """

    n: int
    ips: float | None
    ips_error: float | None
    snips: float | None
    snips_error: float | None
    effective: float


class PolicyReport(msgspec.Struct, frozen=True):
    """Values of policies that were not followed, from ``n`` rewards of the one that was.

    ``logged`` is the mean reward of what was chosen, with its standard error; ``arms`` holds for each arm the
    value of always choosing it, ``greedy`` that of always choosing the arm that looked best. ``clipped``
    rewards had a propensity so small that their weight was cut.
    """

    n: int
    clipped: int
    logged: float | None
    logged_error: float | None
    arms: dict[str, PolicyValue]
    greedy: PolicyValue


class MeanRating(msgspec.Struct, frozen=True):
    """Mean of ``n`` ratings, by weight, and its standard error."""

    n: int
    mean: float | None
    error: float | None
