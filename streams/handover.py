"""What one version of a pipeline leaves to the next: events it answered, records it was made to forget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

from streams.ports import Outbox, Processor


class Handover:
    """Folds the records of a partition as one version has to that takes it over from another.

    Parameters
    ----------
    answered
        Offsets, beyond the frontier, of records that the other version has published the result of: it ended
        before it could commit them. They are learned, and not answered again.
    forgotten
        Ranges of offsets, first and last, that the other version unlearned. They are passed over.
    """

    def __init__(self, answered: Collection[int] = (), forgotten: Collection[tuple[int, int]] = ()) -> None:
        self._answered = frozenset(answered)
        self._last_answered = max(answered, default=-1)
        self._forgotten = tuple(forgotten)

    def process(self, processor: Processor, records: Sequence[Any], outbox: Outbox | None) -> None:
        """Let *processor* fold *records*; the results still due go into *outbox*, if there is one."""
        follows = records[-1].offset + 1
        if self._forgotten:
            records = [record for record in records if not self._is_forgotten(record.offset)]
        if outbox is None or not records or records[0].offset > self._last_answered:
            if records:
                processor.process(records, outbox)
        else:
            for is_answered, some in groupby(records, key=lambda record: record.offset in self._answered):
                processor.process(list(some), None if is_answered else outbox)
        processor.next_offset = follows

    def _is_forgotten(self, offset: int) -> bool:
        return any(first <= offset <= last for first, last in self._forgotten)
