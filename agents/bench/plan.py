"""What is compared: contestants, models, how many events, and the command that runs each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

_SCRIPTS = Path(__file__).parent / "peers"

BARE = "bare"
"""The contestant all ratios refer to."""


class Contestant(msgspec.Struct, frozen=True):
    """One way to do the job; *script* runs with the peers' Python, or is a module of ours."""

    name: str
    script: str
    is_ours: bool = False
    at_most: int | None = None


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(BARE, "bare.py"),
        Contestant("headrace", "agents.bench.headrace_worker", is_ours=True),
        Contestant("aiokafka", "aiokafka_loop.py"),
        Contestant("confluent", "confluent_loop.py"),
        Contestant("quix", "quix_flow.py"),
        Contestant("bytewax", "bytewax_flow.py"),
        Contestant("faust", "faust_naive.py", at_most=10_000),
    )
}

MODELS = {"none": 150_000, "lr": 150_000, "ht": 15_000, "arf": 1_500}
"""Events a model; shorter runs mislead, as the first chunks were fetched before the clock started."""

N_VARIANTS = 4
"""Ways to run headrace, see `agents.bench.variants`."""

QUICK_SHARE = 10
"""A quick run has this many times fewer events."""


class Plan(msgspec.Struct, frozen=True):
    """What one call of the command measures."""

    rounds: int = 5
    models: tuple[str, ...] = tuple(MODELS)
    peers: tuple[str, ...] = tuple(name for name in CONTESTANTS if name != BARE)
    events: int | None = None
    rates: tuple[int, ...] = (1_000, 5_000)
    rate_s: float = 10.0
    skip_s: float = 2.0
    latency_rounds: int = 3
    scaling_rounds: int = 3
    variant_rounds: int = 5
    is_quick: bool = False

    @property
    def contestants(self) -> list[Contestant]:
        """The bare loop, then the peers asked for."""
        return [CONTESTANTS[name] for name in (BARE, *self.peers)]

    @property
    def timed(self) -> list[Contestant]:
        """Those whose latency and scaling are measured."""
        return [CONTESTANTS[name] for name in ("headrace", "aiokafka") if name in self.peers]

    def events_of(self, model: str) -> int:
        """Return how many events a run with *model* has."""
        if self.events is not None:
            return self.events
        return MODELS[model] // (QUICK_SHARE if self.is_quick else 1)

    def n_steps(self) -> int:
        """Return how many measurements there are, for the progress bar."""
        throughput = self.rounds * len(self.models) * (len(self.contestants) + self.n_splits)
        paced = self.latency_rounds * len(self.rates)
        variants = self.variant_rounds * N_VARIANTS * self.n_splits
        return throughput + len(self.timed) * (paced + 2 * self.scaling_rounds) + variants

    @property
    def n_splits(self) -> int:
        """How many splits a model and round has: one if headrace takes part."""
        return int("headrace" in self.peers)


def share(contestant: Contestant, n_events: int) -> int:
    """Return how many of *n_events* the contestant works on."""
    return n_events if contestant.at_most is None else min(n_events, contestant.at_most)


def order(contestants: Sequence[Contestant], turn: int) -> list[Contestant]:
    """Return the contestants rotated by *turn*, so that none always follows the same one."""
    start = turn % len(contestants)
    return [*contestants[start:], *contestants[:start]]


def command(script: str, peers_python: Path, *, is_ours: bool = False) -> list[str]:
    """Return the start of the command line that runs *script*."""
    if is_ours:
        return [sys.executable, "-m", script]
    return [str(peers_python), str(_SCRIPTS / script)]
