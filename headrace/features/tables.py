"""All lookup tables of a fold: updates in, rows out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.errors import SnapshotError
from headrace.features.lookup import Lookup
from headrace.features.rows import RowReader
from headrace.features.table import LookupTable
from schemas.events import Limits


class LookupTables:
    """The tables of *lookups*, in their order; several may be kept by one topic.

    Attributes
    ----------
    tables
        Each with its counts.

    """

    def __init__(self, lookups: Sequence[Lookup], limits: Limits | None = None) -> None:
        self.tables = [LookupTable(lookup) for lookup in lookups]
        self._kept_by: dict[str, list[tuple[LookupTable, RowReader]]] = {}
        for table in self.tables:
            reader = RowReader(table.lookup, limits)
            self._kept_by.setdefault(table.lookup.topic.name, []).append((table, reader))

    def update(
        self, topic: str, key: bytes | None, value: bytes | None, *, record_s: float, watermark_s: float
    ) -> None:
        """Take in a record of *topic*; no *value* deletes the row that *key* names.

        Parameters
        ----------
        record_s
            Kafka timestamp of the record, in seconds: from then on a row holds that does not say so itself.

        Raises
        ------
        Refusal
            If it is no row; all tables are as before.
        """
        updates = [
            (table, read.deletion(key) if value is None else read.parse(value))
            for table, read in self._kept_by.get(topic, ())
        ]
        for table, update in updates:
            time_s = record_s if update.time_s is None else update.time_s
            table.update(update.key, time_s, update.row, watermark_s=watermark_s)

    def join(self, x: dict[Any, Any], event_s: float) -> None:
        """Add to *x* the rows that hold for it at *event_s*.

        Raises
        ------
        Refusal
            If one is missing that must not be.
        """
        for table in self.tables:
            table.join(x, event_s)

    def state(self) -> list[dict[str, Any]]:
        """Return all rows, in builtins."""
        return [table.state() for table in self.tables]

    def restore(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of other lookups.
        """
        if len(states) != len(self.tables):
            raise SnapshotError(
                "lookups",
                f"the snapshot holds {len(states)} lookup tables, the pipeline has {len(self.tables)}",
                fix="raise the pipeline's version when its lookups change",
            )
        for table, state in zip(self.tables, states, strict=True):
            table.restore(state)
