"""What a user declares of labels that come later, on a topic of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, TypeAlias, get_args

from headrace.errors import DeclarationError
from headrace.models.verbs import Task
from headrace.topic import checked_name
from schemas.results import Label

Corrections: TypeAlias = Literal["ignore", "relearn"]
LabelType: TypeAlias = type[bool] | type[int] | type[float] | type[str]

DAY_S = 86_400.0
_MOST_WAIT_S = 3_660 * DAY_S
_MOST_WAITING = 10_000_000
_LEAST_BYTES = 65_536
_TYPES = (bool, int, float, str)
_NEGATIVE: dict[LabelType, Label] = {bool: False, int: 0}


@dataclass(frozen=True)
class Labels:
    """A topic of labels that come after their events, or before.

    Parameters
    ----------
    topic
        The topic's name in Kafka.
    event_id
        Field of the label record that holds the id of the event.
    label
        Field of the label record that holds the label. Default: the name of the pipeline's target.
    label_type
        ``bool``, ``int``, ``float`` or ``str``; anything else is an invalid label. Default: as the target.
    key
        Field of the label record that says which partition its event is in. Default: the record's own key.
    time
        Field of the label record with its event time. Default: the record's timestamp.
    wait_s
        How long an event waits for its label, in the log's time from when it was folded. As long is a label
        kept that came first, and is a settled event remembered, so that a second label is told from a first.
    expire
        What an event without label teaches when its time is over: ``"drop"`` nothing, ``"negative"`` False
        or 0, any other value that value.
    corrections
        What a second label, unlike the first, does: ``"ignore"`` it or ``"relearn"``, the event once more
        with the new label. The event is kept for that after it was learned.
    max_waiting
        How many events wait at most for each partition, how many labels without event are kept, and how many
        settled events are remembered. One more, and the oldest gives way.
    max_bytes
        What all of these take at most in memory, for each partition. Of what is settled the oldest gives
        way first, then labels without event, then events.
    partitions
        Number of partitions of the label topic when headrace creates it. Default: as the source.

    Raises
    ------
    DeclarationError
        If a value cannot be used; the message names the argument and the remedy.

    """

    topic: str
    event_id: str = "id"
    label: str | None = None
    label_type: LabelType | None = None
    key: str | None = None
    time: str | None = None
    wait_s: float = DAY_S
    expire: Label = "drop"
    corrections: Corrections = "ignore"
    max_waiting: int = 1_000_000
    max_bytes: int = 512 << 20
    partitions: int | None = None

    def __post_init__(self) -> None:
        checked_name("labels", self.topic)
        _check_fields(self)
        _check_numbers(self)
        if self.label_type is not None and self.label_type not in _TYPES:
            raise _wrong("label_type", self.label_type, "bool, int, float or str", "bool")
        if self.corrections not in get_args(Corrections):
            raise _wrong("corrections", self.corrections, "'ignore' or 'relearn'", "'relearn'")
        if type(self.expire) not in _TYPES or (isinstance(self.expire, float) and not isfinite(self.expire)):
            raise _wrong("expire", self.expire, "'drop', 'negative' or a label", "'drop'")
        if self.label_type is not None:
            _check_expire(self.expire, self.label_type)

    @property
    def taught(self) -> Label | None:
        """What an event without label teaches when its time is over; ``None`` is nothing."""
        if self.expire == "drop" and isinstance(self.expire, str):
            return None
        if self.expire == "negative" and isinstance(self.expire, str):
            return _NEGATIVE[self.label_type or bool]
        return float(self.expire) if self.label_type is float else self.expire

    @property
    def stated(self) -> str:
        """What the state of a fold depends on."""
        kind = self.label_type and self.label_type.__name__
        return (
            f"wait_s={float(self.wait_s)!r}, expire={self.expire!r}, label_type={kind}, "
            f"corrections={self.corrections!r}, max_waiting={self.max_waiting}, max_bytes={self.max_bytes}"
        )


def check_labels(labels: object, target: str | None, target_types: set[type], task: Task) -> Labels:
    """Return *labels* with what they leave open filled in from the pipeline's *target*.

    Parameters
    ----------
    target_types
        What the field *target* may hold; see `headrace.topic.label_types`.
    task
        What the pipeline's models are for.

    Raises
    ------
    DeclarationError
        If they cannot be used with such a pipeline.

    """
    if not isinstance(labels, Labels):
        raise DeclarationError(
            "labels",
            f"expected headrace.Labels, got {type(labels).__name__}",
            fix="labels=headrace.Labels('chargebacks')",
        )
    if task == "clustering":
        raise DeclarationError(
            "labels",
            "clusterers learn from no label, and none can score them",
            fix="leave labels out",
        )
    if target is None:
        raise DeclarationError(
            "target",
            "labels come later, and no target is named",
            why="the target says what the models learn, and of which type it is",
            fix="target='FIELD'; in the event type: FIELD: bool | None = None",
        )
    kind = _label_type(labels, target, target_types)
    _check_expire(labels.expire, kind)
    return replace(labels, label=labels.label or target, label_type=kind)


def _label_type(labels: Labels, target: str, target_types: set[type]) -> LabelType:
    kinds = target_types - {int} if float in target_types else target_types
    given = labels.label_type
    if given is None:
        if len(kinds) == 1 and (kind := next(iter(kinds))) in _TYPES:
            return kind
        raise DeclarationError(
            "label_type",
            f"{target!r} may hold {named(kinds)}, a label has one type",
            fix="label_type=bool, int, float or str",
        )
    if given not in target_types and not (given is int and float in target_types):
        raise DeclarationError(
            "label_type",
            f"labels are of type {given.__name__}, the target {target!r} is {named(kinds)}",
            why="models learn the same labels, whether they come with the event or later",
            fix="leave label_type out, or change the type of the target",
        )
    return given


def _check_expire(expire: Label, kind: LabelType) -> None:
    if isinstance(expire, str) and expire == "drop":
        return
    if isinstance(expire, str) and expire == "negative":
        if kind not in _NEGATIVE:
            raise DeclarationError(
                "expire",
                f"labels of type {kind.__name__} have no negative",
                fix="expire='drop', or the label that an event without one teaches",
            )
        return
    if type(expire) is not kind and not (kind is float and type(expire) is int):
        raise DeclarationError(
            "expire",
            f"expected a label of type {kind.__name__}, got {expire!r}",
            fix="expire='drop', or a label such as the models learn",
        )


def _check_fields(labels: Labels) -> None:
    names = {name: getattr(labels, name) for name in ("event_id", "label", "key", "time")}
    for argument, name in names.items():
        if not (isinstance(name, str) and name) and (name is not None or argument == "event_id"):
            raise _wrong(argument, name, "the name of a field of the label record", "'id'")
    if labels.label == labels.event_id:
        raise _wrong("label", labels.label, "another field than event_id", "'is_fraud'")


def _check_numbers(labels: Labels) -> None:
    wait_s = labels.wait_s
    if type(wait_s) not in (int, float) or not 0 < wait_s <= _MOST_WAIT_S:
        raise _wrong("wait_s", wait_s, "seconds, above 0 and at most ten years", "86_400")
    _check_whole("max_waiting", labels.max_waiting, 1, _MOST_WAITING, "1_000_000")
    _check_whole("max_bytes", labels.max_bytes, _LEAST_BYTES, 1 << 40, "512 << 20")
    if labels.partitions is not None:
        _check_whole("partitions", labels.partitions, 1, 10_000, "4")


def _check_whole(argument: str, number: object, least: int, most: int, example: str) -> None:
    if type(number) is not int or not least <= number <= most:
        raise _wrong(argument, number, f"a whole number from {least:,} to {most:,}", example)


def _wrong(argument: str, value: object, expected: str, example: str) -> DeclarationError:
    shown = value.__name__ if isinstance(value, type) else repr(value)
    return DeclarationError(argument, f"expected {expected}, got {shown}", fix=f"{argument}={example}")


def named(kinds: set[type]) -> str:
    """Return *kinds* as an error says them."""
    return " or ".join(sorted(kind.__name__ for kind in kinds)) or "nothing a label can be"
