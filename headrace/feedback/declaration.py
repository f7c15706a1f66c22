"""What a user declares of feedback: where it comes from, what it says and what it means for learning."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple, TypeAlias, get_args

from headrace.errors import DeclarationError
from headrace.feedback.checks import checked_range, checked_whole, is_number
from headrace.topic import checked_name
from schemas.events import Limits
from schemas.feedback import Remark
from schemas.remarks import MOST_WEIGHT, RemarkDecoder
from schemas.results import Answer, Label

Kind: TypeAlias = Literal["reward", "rating", "correction"]
Verb: TypeAlias = Literal["reward", "label", "nothing"]

_VALUES: Mapping[Kind, tuple[float, float] | None] = {
    "reward": (0.0, 1.0),
    "rating": (1.0, 5.0),
    "correction": None,
}
_LONGEST_WAIT_S = 10 * 365 * 86_400


class Lesson(NamedTuple):
    """What a remark means: the *verb* of what is learned, of which value, how much; the rating, if it is one.

    ``reward``: the bandit learns what its choice earned. ``label``: each model learns the event with this
    label. ``nothing``: no model learns.
    """

    verb: Verb
    value: Label | None
    weight: float
    rating: float | None = None


NO_LESSON = Lesson("nothing", None, 0.0)


@dataclass(frozen=True)
class Feedback:
    """A topic of remarks on answers already given.

    Parameters
    ----------
    topic
        Its name in Kafka.
    kind
        ``"reward"``: what the arm that a `Bandit` chose has earned. ``"rating"``: how good an answer was.
        ``"correction"``: the right label, learned with its weight whether or not one was learned before.
    event_id, value
        Fields of the record that hold the id of the event, and what is said of its answer.
    weight
        Field that says how much a remark counts, from 0 to 1000, or a number for all. A model whose
        ``learn_one`` takes ``w`` gets it, another learns so many times, rounded; 10 at most. A bandit's arms
        learn it exactly.
    key
        Field with the key of the event, for pipelines whose log has one.
    time
        Field with the time of the remark, a number since 1970; by default that of the record.
    values
        Least and highest reward (default 0 to 1) or rating (default 1 to 5). Corrections have none.
    wait_s
        How long, by event time, an event waits for feedback.
    silence
        The reward or rating that no feedback within *wait_s* means, like 0.0 for no click; ``None``: nothing.
    teaches
        Whether ratings teach: a bandit gets the rating as its reward; other models learn a well rated answer
        as the label, in the upper half of the values, by how far up it is. Rewards and corrections always do.
    every
        After so many remarks, silences included, a report goes to ``<name>.metrics``.
    max_waiting, max_bytes
        How many answers wait at most for each partition, and what they take at most in memory; one more, and
        the oldest gives way.
    partitions
        Number of partitions of the feedback topic when headrace creates it. Default: as the source.

    Raises
    ------
    DeclarationError
        If an argument cannot be used.

    """

    topic: str
    kind: Kind = "reward"
    event_id: str = "event_id"
    value: str = "value"
    weight: str | float = 1.0
    key: str | None = None
    time: str | None = None
    values: tuple[float, float] | None = None
    wait_s: float = 86_400.0
    silence: float | None = None
    teaches: bool = False
    every: int = 100
    max_waiting: int = 1_000_000
    max_bytes: int = 512 << 20
    partitions: int | None = None

    def __post_init__(self) -> None:
        checked_name("feedback.topic", self.topic)
        if self.kind not in get_args(Kind):
            raise DeclarationError(
                "feedback.kind",
                f"expected 'reward', 'rating' or 'correction', got {self.kind!r}",
                why="it says whether a remark is what a choice earned, an opinion, or the right label",
                fix="kind='correction'",
            )
        self._check_fields()
        self._check_weight()
        object.__setattr__(self, "values", self._checked_values())
        self._check_silence()
        if not (is_number(self.wait_s) and 0 < self.wait_s <= _LONGEST_WAIT_S):
            raise DeclarationError(
                "feedback.wait_s",
                f"expected seconds above 0 and up to ten years, got {self.wait_s!r}",
                why="events wait in memory for so long",
                fix="wait_s=86400",
            )
        checked_whole("feedback.every", self.every, 1, 1_000_000)
        checked_whole("feedback.max_waiting", self.max_waiting, 1, 10_000_000)
        checked_whole("feedback.max_bytes", self.max_bytes, 65_536, 1 << 40)
        if self.partitions is not None:
            checked_whole("feedback.partitions", self.partitions, 1, 10_000)
        if self.teaches and self.kind != "rating":
            raise DeclarationError(
                "feedback.teaches", f"a {self.kind} always teaches", fix="leave it out, or kind='rating'"
            )

    def decoder(
        self,
        limits: Limits | None = None,
        *,
        labels: Collection[type] = (bool, int, float, str),
        per_s: float = 1000.0,
    ) -> RemarkDecoder:
        """Return a decoder for the topic's records.

        Parameters
        ----------
        limits
            What a record may be at most.
        labels
            Which of these types a correction may have: those of the target (`headrace.topic.label_types`).
        per_s
            How many units of the field *time* a second has.

        """
        names = {
            "event_id": self.event_id,
            "value": self.value,
            "weight": self.weight if isinstance(self.weight, str) else None,
            "key": self.key,
            "time_s": self.time,
        }
        weight = 1.0 if isinstance(self.weight, str) else float(self.weight)
        given = {part: name for part, name in names.items() if name is not None}
        return RemarkDecoder(
            given, values=self.values, weight=weight, labels=labels, limits=limits, per_s=per_s
        )

    def lesson(self, remark: Remark, answer: Answer, *, is_bandit: bool = False) -> Lesson:
        """Return what *remark* on *answer*, given then, means for learning.

        With weight 0 nothing is learned; a rating counts all the same, with that weight.
        """
        if self.kind == "rating":
            return self._of_rating(float(remark.value), remark.weight, answer, is_bandit=is_bandit)
        if remark.weight == 0.0:
            return NO_LESSON
        return Lesson("reward" if self.kind == "reward" else "label", remark.value, remark.weight)

    def lesson_of_silence(self, answer: Answer, *, is_bandit: bool = False) -> Lesson:
        """Return what it means that nothing was said of *answer* within ``wait_s``."""
        if self.silence is None:
            return NO_LESSON
        weight = 1.0 if isinstance(self.weight, str) else float(self.weight)
        return self.lesson(Remark("", float(self.silence), weight), answer, is_bandit=is_bandit)

    def _of_rating(self, rating: float, weight: float, answer: Answer, *, is_bandit: bool) -> Lesson:
        nothing = Lesson("nothing", None, weight, rating)
        if not self.teaches or answer.prediction is None or weight == 0.0:
            return nothing
        if is_bandit:
            return Lesson("reward", rating, weight, rating)
        assert self.values is not None  # noqa: S101 - a rating has them
        low, high = self.values
        approval = 2.0 * (rating - low) / (high - low) - 1.0
        return Lesson("label", answer.prediction, weight * approval, rating) if approval > 0.0 else nothing

    def _check_fields(self) -> None:
        weight = self.weight if isinstance(self.weight, str) else None
        given = {
            "event_id": self.event_id,
            "value": self.value,
            "key": self.key,
            "weight": weight,
            "time": self.time,
        }
        seen: dict[str, str] = {}
        for argument, name in given.items():
            if name is None and argument not in ("event_id", "value"):
                continue
            if not isinstance(name, str) or not name:
                raise DeclarationError(
                    f"feedback.{argument}",
                    f"expected the name of a field, got {name!r}",
                    fix=f"{argument}='{argument}'",
                )
            if name in seen:
                raise DeclarationError(
                    f"feedback.{argument}",
                    f"field {name!r} is the {seen[name]} already",
                    fix="name the field of the record that holds it",
                )
            seen[name] = argument

    def _check_weight(self) -> None:
        weight = self.weight
        if isinstance(weight, str):
            return
        if not (is_number(weight) and isfinite(weight) and 0 < weight <= MOST_WEIGHT):
            raise DeclarationError(
                "feedback.weight",
                f"expected a field, or a number above 0 and up to {MOST_WEIGHT:,.0f}, got {weight!r}",
                fix="weight='weight', or weight=5.0",
            )

    def _checked_values(self) -> tuple[float, float] | None:
        if self.values is None:
            return _VALUES[self.kind]
        if self.kind == "correction":
            raise DeclarationError(
                "feedback.values",
                "a correction is a label, and labels have no least and highest value",
                fix="leave it out, or kind='rating'",
            )
        return checked_range("feedback.values", self.values)

    def _check_silence(self) -> None:
        if self.silence is None:
            return
        if self.kind == "correction":
            raise DeclarationError(
                "feedback.silence",
                "no correction within wait_s says nothing of the label",
                why="an answer that nobody corrects need not be right",
                fix="leave it out; a label that is known after a while comes on labels=",
            )
        low, high = self.values or (0.0, 0.0)
        if not (is_number(self.silence) and low <= self.silence <= high):
            raise DeclarationError(
                "feedback.silence",
                f"expected a value from {low} to {high}, got {self.silence!r}",
                fix=f"silence={low}",
            )
