"""What an operator asks of the owner of a partition; travels in ``headrace.control``, signed."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

KEY_HEADER = "headrace-key"
MAC_HEADER = "headrace-mac"

Action: TypeAlias = Literal[
    "rollback", "unlearn",
    "promote", "demote", "freeze", "thaw", "reset", "enable", "disable", "weight",
    "pause", "resume",
]  # fmt: skip
"""What can be asked: the first two name a snapshot, the last two are about the partition, all else is about
a model."""

FROM_SNAPSHOT = frozenset({"rollback", "unlearn"})
OF_PARTITION = frozenset({"pause", "resume"})
"""They change no state: what is folded, and how, is the same with and without them."""

OF_MODEL = frozenset({"reset", "weight"})
"""They change what is written down with the models, and are gone with it where older ones come back."""

_NEEDS_MODEL = frozenset({"promote", "freeze", "thaw", "reset", "enable", "disable", "weight"})

_Name: TypeAlias = Annotated[str, Meta(max_length=200)]
_Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
_Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Command(msgspec.Struct, frozen=True):
    """Let the models of a partition, or of all, be or do something else from now on.

    ``partition`` is ``None`` for all partitions; each answers for itself. ``action`` says what: a rollback or
    an unlearning lets the models become those of a snapshot, where ``snapshot`` names the slot and
    ``snapshot_id`` what has to be in it; ``excluded`` holds ranges of offsets, first and last, that the
    snapshot has not seen and that are to stay unseen. All else but a pause names a ``model``; a weight has a
    ``value``.

    ``expected_version`` is the number of decisions that the partition has had; with another it is refused.
    After ``expires_ms``, milliseconds since 1970, it is refused.
    """

    id: _Id
    pipeline: _Name
    partition: _Count | None
    action: Action
    expires_ms: int
    snapshot: _Name = ""
    snapshot_id: _Name = ""
    excluded: tuple[tuple[int, int], ...] = ()
    model: _Name = ""
    value: float | None = None
    expected_version: _Count | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises
        ------
        ValueError
            Naming the field at fault.
        """
        action = self.action
        if (action in FROM_SNAPSHOT) != bool(self.snapshot and self.snapshot_id):
            raise ValueError(
                f"snapshot: expected with rollback and unlearn and with nothing else, got {action}"
            )
        if action in FROM_SNAPSHOT and self.partition is None:
            raise ValueError(f"partition: expected with {action}: a snapshot is of one partition")
        if self.excluded and action != "unlearn":
            raise ValueError(f"excluded: expected with unlearn only, got {action}")
        if (
            self.model
            if action in FROM_SNAPSHOT | OF_PARTITION
            else action in _NEEDS_MODEL and not self.model
        ):
            raise ValueError(f"model: expected with {', '.join(sorted(_NEEDS_MODEL))}, got {action}")
        if (action == "weight") != (self.value is not None):
            raise ValueError(f"value: expected with weight and with nothing else, got {action}")
