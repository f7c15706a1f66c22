"""Throughput: every contestant once a round, one after the other, on the same events and broker."""

from __future__ import annotations

from agents.bench.measured import Run, Split
from agents.bench.plan import BARE, Contestant, share
from agents.bench.processes import answer
from agents.bench.stage import Stage


def run(stage: Stage, contestant: Contestant, *, model: str, number: int, source: str, n_events: int) -> Run:
    """Return how *contestant* did on the first *n_events* of *source*, in round *number*."""
    n_events = share(contestant, n_events)
    group = stage.name(model, contestant.name, number)
    command = stage.command(
        contestant, "--source", source, "--group", group, "--model", model, "--events", n_events
    )
    if contestant.name == BARE:
        said = answer(command)
    else:
        with stage.results_of(group):
            said = answer(command)
    return Run(
        model,
        number,
        contestant.name,
        said["events"],
        said["seconds"],
        said["cpu_seconds"],
        said["peak_rss_mb"],
    )


def split(stage: Stage, *, model: str, number: int, n_events: int) -> Split:
    """Return where the CPU time of headrace's fold goes."""
    said = answer(stage.ours("agents.bench.split", "--model", model, "--events", n_events))
    return Split(model, number, said["codec_us"], said["model_us"], said["step_us"])
