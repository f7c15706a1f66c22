"""The demo's proof: the log folded again, by other processes, comes to the state that the workers saved."""

from __future__ import annotations

import msgspec
from rich.console import Console

from agents.travel import verify
from agents.travel.progress import progress
from agents.travel.verify import Asked, Verdict
from headrace.settings import Settings


class Proof(msgspec.Struct, frozen=True):
    """What `headrace verify` found.

    ``records`` were folded again; ``beyond`` more are committed and came after the newest snapshots.
    ``skipped`` are partitions that have no snapshot yet, ``different`` has a sentence for each whose state is
    another.
    """

    partitions: int
    records: int
    beyond: int
    skipped: list[int]
    different: list[str]

    @property
    def is_identical(self) -> bool:
        """Whether every partition is the same to the last bit."""
        return not self.different


def prove(target: str, settings: Settings, console: Console) -> Proof:
    """Fold all partitions again and compare each with its newest snapshot; *console* shows how it goes.

    Raises
    ------
    HeadraceError
        If there is nothing to compare with.
    """
    planned = verify.plan(Asked(target), settings)
    with progress(console, "  folded again", planned.n_offsets) as advance:
        verdicts = verify.execute(planned, advance)
    return Proof(
        partitions=len(verdicts),
        records=planned.n_offsets,
        beyond=sum((c.past.committed or 0) - c.live.header.next_offset for c in planned.checks),
        skipped=planned.skipped,
        different=[_told(verdict) for verdict in verdicts if not verdict.is_identical],
    )


def _told(verdict: Verdict) -> str:
    return (
        f"partition {verdict.partition} is what it should be at offset {verdict.last_equal_at} "
        f"and not any more at {verdict.first_different_at}"
    )
