"""What intake says of each record it writes: which of the same source partition comes before it."""

from __future__ import annotations

from schemas.log import NOTHING


class Placer:
    """Chains the records of one source partition within each log partition.

    Make a new one whenever reading begins at a committed offset, and use it for what is read from there on
    in order, without a gap. Its first record in a log partition then follows what was committed: that is in
    the log, acknowledged, whoever wrote it. So it says `NOTHING`, and that is exact: between what is
    committed and the first record from there on, there is no other.

    Parameters
    ----------
    n_partitions
        Of the log.
    """

    __slots__ = ("_last",)

    def __init__(self, n_partitions: int) -> None:
        self._last = [NOTHING] * n_partitions

    def place(self, offset: int, log_partition: int) -> int:
        """Return the ``after`` of the record at *offset*, which goes to *log_partition* next.

        Raises
        ------
        ValueError
            If an offset comes again: reading went back, and that needs a new placer.
        """
        after = self._last[log_partition]
        if offset <= after:
            raise ValueError(f"offset {offset} comes after {after}: reading went back")
        self._last[log_partition] = offset
        return after
