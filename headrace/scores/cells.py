"""Cells: all tallies of one party over one stretch; and tracks: a party's cells, overall and in panes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.scores.batch import Batch, Reader
from headrace.scores.tallies import Confusion, Dear, Kept, Loss, Moments, Reliability, Roc, Tally


class Cell:
    """What is kept of one stretch: a tally for each metric, one for all that a confusion matrix gives.

    Parameters
    ----------
    reader
        Knows the metrics.
    is_baseline
        Baselines have no calibration.
    is_pane
        A pane keeps the events of dear metrics, to be joined with others later.

    """

    __slots__ = ("missing", "n", "tallies")

    def __init__(self, reader: Reader, *, is_baseline: bool, is_pane: bool) -> None:
        self.n = 0
        self.missing = 0
        self.tallies: dict[str, Tally] = {}
        for index, gauge in enumerate(reader.plan.gauges):
            match gauge.kind:
                case "confusion":
                    self.tallies["confusion"] = Confusion()
                case "loss":
                    self.tallies[gauge.name] = Loss(index)
                case "roc":
                    self.tallies[gauge.name] = Roc(index, reader.metrics[index].n_thresholds)
                case "r2":
                    self.tallies[gauge.name] = Moments()
                case "other":
                    self.tallies[gauge.name] = Kept(index) if is_pane else Dear(index, gauge)
        if reader.plan.calibrates and not is_baseline:
            self.tallies["calibration"] = Reliability()

    def add(self, batch: Batch) -> None:
        """Take in the events of *batch*."""
        self.n += len(batch.ys)
        self.missing += batch.missing
        for tally in self.tallies.values():
            tally.add(batch)

    def join(self, later: Cell) -> None:
        """Take in what *later* did."""
        self.n += later.n
        self.missing += later.missing
        for name, tally in self.tallies.items():
            tally.join(later.tallies[name])

    def settle(self) -> None:
        """Ask the dear metrics."""
        for tally in self.tallies.values():
            if isinstance(tally, Dear):
                tally.settle()

    def state(self) -> list[Any]:
        """Return it as builtins, dear metrics as themselves."""
        return [self.n, self.missing, [tally.state() for tally in self.tallies.values()]]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        self.n, self.missing, tallies = state
        for tally, said in zip(self.tallies.values(), tallies, strict=True):
            tally.restore(said)


class Track:
    """The cells of one party, of one segment or of all events: overall, and the newest panes of each kind."""

    def __init__(self, reader: Reader, *, is_baseline: bool) -> None:
        self._reader = reader
        self._is_baseline = is_baseline
        self.overall = self._cell(is_pane=False)
        self.panes: list[dict[int, Cell]] = [{} for _ in reader.plan.panes]

    def add(self, batch: Batch, rows: Mapping[int, Mapping[int, list[int] | None]]) -> None:
        """Take in *batch*; *rows* says, by kind of panes and pane, which of its events belong there."""
        self.overall.add(batch)
        for kind, by_pane in rows.items():
            held = self.panes[kind]
            for pane, chosen in by_pane.items():
                cell = held.get(pane)
                if cell is None:
                    cell = held[pane] = self._cell(is_pane=True)
                cell.add(batch if chosen is None else batch.at(chosen))

    def forget(self, newest: Iterable[int | None]) -> None:
        """Let go of the panes that no window reaches back to any more."""
        for held, kind, last in zip(self.panes, self._reader.plan.panes, newest, strict=True):
            for pane in [] if last is None else [pane for pane in held if pane <= last - kind.held]:
                del held[pane]

    def window(self, kind: int, n: int, newest: int | None) -> Cell:
        """Return the newest *n* panes of a kind as one cell; *newest* is the number of the last one."""
        joined = self._cell(is_pane=False)
        for pane in () if newest is None else range(newest - n + 1, newest + 1):
            if (cell := self.panes[kind].get(pane)) is not None:
                joined.join(cell)
        joined.settle()
        return joined

    def state(self) -> list[Any]:
        """Return it as builtins, dear metrics as themselves."""
        panes = [[(pane, cell.state()) for pane, cell in held.items()] for held in self.panes]
        return [self.overall.state(), panes]

    def restore(self, state: Any) -> None:
        """Become what `state` was said of."""
        overall, panes = state
        self.overall.restore(overall)
        for held, said in zip(self.panes, panes, strict=True):
            held.clear()
            for pane, cell in said:
                held[pane] = self._cell(is_pane=True)
                held[pane].restore(cell)

    def _cell(self, *, is_pane: bool) -> Cell:
        return Cell(self._reader, is_baseline=self._is_baseline, is_pane=is_pane)
