"""What the fold knows of the sources: which of their records it has folded, and which may come next."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from headrace.errors import SnapshotError
from schemas.log import NOTHING
from schemas.results import Source

_Key: TypeAlias = tuple[str, int]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    is_whole: bool
    highest: list[tuple[str, int, int, bool]]


class Seen:
    """The highest offset folded of each source partition, within one log partition.

    Of two owners of a source partition both may write: one that has lost it and does not know, and the one
    that has it now. The log then holds records twice, and records of the first that are ahead of what the
    second has written. A record is folded if it is the next one: new, and what comes before it is folded.

    Parameters
    ----------
    is_whole
        Whether the fold begins where the log began. If not, the first record of each source partition is
        taken whatever it follows: what comes before it is gone.

    Attributes
    ----------
    duplicates, gaps
        How many records were not folded: as they had been already; as another has to come first. The owner
        writes these again, in their order: a count of gaps that goes on growing while nothing is folded means
        that the log has lost records. Both are no part of the state.
    """

    __slots__ = ("_highest", "_is_whole", "_loose", "duplicates", "gaps")

    def __init__(self, *, is_whole: bool = True) -> None:
        self._is_whole = is_whole
        self._highest: dict[_Key, int] = {}
        self._loose: dict[_Key, None] = {}
        self.duplicates = 0
        self.gaps = 0

    def accept(self, source: Source, after: int) -> bool:
        """Return whether the record made of *source* is to be folded now, and take that in."""
        key, offset = (source.topic, source.partition), source.offset
        highest = self._highest.get(key)
        if highest is not None and after <= highest < offset and not self._loose:
            self._highest[key] = offset
            return True
        return self._accept_rare(key, offset, after)

    def _accept_rare(self, key: _Key, offset: int, after: int) -> bool:
        is_loose = key in self._loose or (key not in self._highest and not self._is_whole)
        highest = self._highest.get(key, NOTHING)
        if offset <= highest:
            self.duplicates += 1
            return False
        if after > highest and not is_loose:
            self.gaps += 1
            return False
        self._highest[key] = offset
        self._loose.pop(key, None)
        return True

    def forgive(self) -> None:
        """Take the next new record of each source partition whatever it follows: records of the log are gone.

        Call it where the offsets of the log jump: intake writes without transactions, so its log has no gaps.
        """
        self._is_whole = False
        self._loose = dict.fromkeys(self._highest)

    def state(self) -> dict[str, Any]:
        """Return what a snapshot holds, of plain builtins."""
        return {
            "is_whole": self._is_whole,
            "highest": [
                [topic, partition, offset, (topic, partition) in self._loose]
                for (topic, partition), offset in self._highest.items()
            ],
        }

    def restore(self, state: Any) -> None:
        """Become what `state` returned.

        Raises
        ------
        SnapshotError
            If it did not return that; nothing has changed then.
        """
        try:
            found = msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise SnapshotError(
                "state", "the snapshot does not say what was folded of the sources", why=str(error)
            ) from error
        self._is_whole = found.is_whole
        self._highest = {(topic, partition): offset for topic, partition, offset, _ in found.highest}
        self._loose = {(topic, partition): None for topic, partition, _, loose in found.highest if loose}
