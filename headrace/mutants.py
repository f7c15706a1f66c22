"""Bugs on purpose: each breaks one promise, and the tests of reliability must notice every one.

``HEADRACE_MUTANT=commit_one_ahead`` seeds one in a worker; `seeded` does it within a process. The code asks
where it matters, never once per event::

    if mutants.active("commit_one_ahead"):
        offset += 1
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, NamedTuple

from headrace.errors import SettingsError
from headrace.failpoints import refuse_in_production

VARIABLE = "HEADRACE_MUTANT"

Lane = Literal["simulation", "broker"]

log = logging.getLogger(__name__)


class Mutant(NamedTuple):
    """One bug: what is wrong, and where it is caught: in the simulation, or by workers on a real Kafka."""

    says: str
    lane: Lane
    delivery: Literal["at_least_once", "exactly_once"] = "at_least_once"


MUTANTS: Mapping[str, Mutant] = {
    "commit_one_ahead": Mutant("the committed offset is one too high", "simulation"),
    "commit_before_ack": Mutant("offsets are committed before results are acknowledged", "simulation"),
    "snapshot_without_offset": Mutant("a restored state goes on at offset 0", "simulation"),
    "restore_at_frontier": Mutant("a restored state goes on at the group's offset: no replay", "simulation"),
    "snapshot_before_commit": Mutant("a snapshot is stored ahead of the frontier", "simulation"),
    "zombie_snapshot": Mutant("snapshots of former owners are used", "simulation"),
    "zombie_decision": Mutant("decisions of former owners are carried out", "simulation"),
    "command_twice": Mutant("a command that was answered is carried out again", "simulation"),
    "no_fence": Mutant("each owner has a transactional id of its own", "simulation", "exactly_once"),
    "reuse_producer": Mutant(
        "a transaction of unknown outcome is committed again by the same producer",
        "simulation",
        "exactly_once",
    ),
    "offsets_outside": Mutant("offsets are committed outside the transaction", "simulation", "exactly_once"),
    "loud_replay": Mutant("results before the frontier are published again", "simulation", "exactly_once"),
    "no_generation_check": Mutant("chunks fetched before a rebalance are folded after it", "simulation"),
    "keep_state_ahead": Mutant("a state ahead of the frontier is kept through a rebalance", "simulation"),
    "dead_letter_after_commit": Mutant("dead letters go out after the commit", "broker"),
    "dead_letter_reencoded": Mutant("dead letters hold the record's text, not its bytes", "broker"),
    "drop_deep_record": Mutant("a record nested too deeply is dropped", "broker"),
    "timestamp_in_id": Mutant("ids of results hold the time", "broker"),
    "learn_before_predict": Mutant("an event is learned before it is predicted", "broker"),
    "unseeded_model": Mutant("models are seeded anew in each process", "broker"),
}
"""All of them by name."""

_active = ""


def arm(env: Mapping[str, str], environment: str) -> None:
    """Seed the bug that *env* names, if any; a worker calls it once, when it starts.

    Raises
    ------
    SettingsError
        If there is no such bug, or *environment* is production.
    """
    global _active  # noqa: PLW0603 - one process, one bug
    name = env.get(VARIABLE, "")
    if name and name not in MUTANTS:
        raise SettingsError(
            f"{VARIABLE} cannot be used",
            why=f"it is {name!r}; known: {', '.join(MUTANTS)}",
            fix=f"unset {VARIABLE}",
        )
    if name:
        refuse_in_production(VARIABLE, environment)
        log.error("this worker is broken on purpose: %s (%s)", name, MUTANTS[name].says)
    _active = name


def active(name: str) -> bool:
    """Return whether the bug *name* is seeded in this process."""
    return name == _active


@contextmanager
def seeded(name: str) -> Iterator[None]:
    """Seed a bug in this process for as long as the body runs."""
    global _active  # noqa: PLW0603 - one process, one bug
    if name not in MUTANTS:
        raise KeyError(name)
    before, _active = _active, name
    try:
        yield
    finally:
        _active = before
