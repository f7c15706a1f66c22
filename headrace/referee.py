"""Champion and challengers in a fold: compared once the label is known; what changes is told."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import msgspec

from headrace.challengers import Rivalry
from headrace.errors import SnapshotError
from headrace.judge import Fact
from headrace.labels.outcomes import EventId
from headrace.models.losses import losses_of
from headrace.tasks.contest import COMBINED, Contest, Turn
from headrace.tasks.wager import MEMORY
from schemas.contest import ContestEvent
from schemas.results import Answer, Label, Source, result_id

CONTEST = "contest"
"""Kind of fact: the topic's name ends with it."""

_DONE = {
    "promoted": "{name} is champion",
    "demoted": "the declared models are champion again, in place of {name}",
    "canary_started": "{name} answers for {share} of the keys",
    "canary_grown": "{name} answers for {share} of the keys",
    "canary_stopped": "{name} answers for no key any more",
}

_encode = msgspec.json.Encoder().encode
_turns_of = msgspec.json.Decoder(list[Turn]).decode


class Referee:
    """Scores champion and challengers on the same events, and says who answers.

    Parameters
    ----------
    rivalry
        The challengers, and by what rules they compete.
    members
        Names of the models that are combined; of only one, its own answer is that of the declared models.
    place
        Name of the pipeline, name and version, topic and partition of the log.

    Attributes
    ----------
    contest
        Who is champion, and how the others compare.
    """

    def __init__(
        self,
        rivalry: Rivalry,
        members: Sequence[str],
        place: tuple[str, str, str, int],
    ) -> None:
        names = rivalry.challengers
        self.contest = Contest(names, rivalry.promotion, rivalry.canary)
        self._parties = (COMBINED, *names)
        self._only = members[0] if len(members) == 1 else None
        self._answers = (self._only or COMBINED, *names)
        self._loss = rivalry.loss
        self._losses = losses_of(rivalry.loss)
        self._place = place
        self._turns: list[Turn] = []
        self._n = 0

    def answer(self, combined: Answer, answers: dict[str, Answer], who: EventId | bytes) -> Answer:
        """Return the answer of who is to answer; while that one has none, the declared models answer.

        Parameters
        ----------
        combined
            What the declared models come to; that of several is put among *answers*, for the label to come.
        answers
            What each has said.
        who
            Key of the record, or the event's id if there is none.
        """
        if self._only is None:
            answers[COMBINED] = combined
        champion = self.contest.answerer(who if isinstance(who, bytes) else str(who).encode())
        for name in (champion, self._only):
            if name is not None and (answer := answers[name]).prediction is not None:
                return Answer(answer.prediction, answer.probability, answer.score, by=answer.by or name)
        return combined

    def score(self, y: Label | None, answers: Mapping[str, Answer] | None) -> None:
        """Take in the label *y* of an event with the *answers* of then; nothing without one."""
        if y is None or answers is None:
            return
        lost = self._losses.of(y, [answers.get(name) for name in self._answers])
        turn = self.contest.scored(dict(zip(self._parties, lost, strict=True)))
        if turn is not None:
            self._turns.append(turn)

    def require_possible(self, action: str, name: str | None) -> None:
        """Raise `OrderError` if `promote` or `demote` could not be done; nothing changes."""
        trial = copy.deepcopy(self.contest)
        trial.promote(name or "") if action == "promote" else trial.demote(name)

    def promote(self, name: str) -> None:
        """Promote a challenger by hand, or raise `OrderError`; see `Contest.promote`."""
        self._turns.append(self.contest.promote(name))

    def demote(self, name: str | None = None) -> None:
        """Take a challenger back by hand, or raise `OrderError`; see `Contest.demote`."""
        self._turns.append(self.contest.demote(name))

    def facts(self, offset: int) -> list[Fact]:
        """Return what has changed since the last call, to be told with the record at *offset*."""
        if not self._turns:
            return []
        turns, self._turns = self._turns, []
        return [self._fact(turn, offset) for turn in turns]

    def _fact(self, turn: Turn, offset: int) -> Fact:
        name, label, topic, partition = self._place
        source = Source(topic, partition, offset)
        self._n += 1
        event = ContestEvent(
            id=result_id(name, source, f"{CONTEST}.{self._n}"),
            pipeline=label,
            source=source,
            action=turn.action,
            by=turn.by,
            challenger=turn.name,
            champion=turn.champion,
            share=turn.share,
            n=turn.evidence.n,
            loss=self._loss,
            losses=turn.evidence.losses,
            e_value=turn.evidence.e_value,
            limit=turn.evidence.limit,
            text=told(turn, self._loss),
        )
        return Fact(CONTEST, event.id, _encode(event))

    def state(self) -> dict[str, object]:
        """Return what is written down."""
        return {
            "contest": self.contest.state(),
            "losses": self._losses.state(),
            "turns": _encode(self._turns),
            "n": self._n,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from what `state` returned, or raise `SnapshotError`."""
        try:
            self._losses.restore(msgspec.convert(state["losses"], list[float]))
            self.contest.restore(state["contest"])
            self._turns = _turns_of(msgspec.convert(state["turns"], bytes))
            self._n = msgspec.convert(state["n"], int)
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(
                "contest", "the snapshot holds no contest of models", why=repr(error)
            ) from error


def told(turn: Turn, loss: str) -> str:
    """Return *turn* as a sentence with its numbers."""
    found, share = turn.evidence, f"{100.0 * turn.share:.4g}%"
    done = f"{_DONE[turn.action].format(name=turn.name, share=share)}, by {turn.by}"
    if not found.n:
        return f"{done}; nothing was compared before."
    events = (
        f"{found.n:,} events" if found.n <= MEMORY else f"{found.n:,} events, the last {MEMORY:,} above all"
    )
    (one, its), (other, other_s) = found.losses.items()
    return (
        f"{done}: over {events}, the mean loss ({loss}) was {its:.4g} ({one}) and {other_s:.4g} ({other}); "
        f"evidence {found.e_value:.4g}, needed by rule {found.limit:.4g}."
    )
