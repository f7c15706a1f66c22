"""`headrace demo`."""

from __future__ import annotations

import signal

import click
import msgspec

from agents.cli.common import json_option, print_json, stderr, stdout
from agents.demo import flights_scene
from agents.demo.flights_scene import Flights
from agents.demo.options import Options
from agents.demo.run import Demo, Outcomes
from agents.demo.scene import Scene
from agents.demo.team import scene as team_scene
from agents.demo.team.scene import Team
from agents.flights.data import TOTAL
from agents.interrupts import Interrupts
from headrace import settings
from headrace.errors import DifferenceError

BOTH = "both"


@click.command("demo")
@click.option(
    "--scene",
    "chosen",
    type=click.Choice([Flights.name, Team.name, BOTH]),
    default=BOTH,
    show_default=True,
    help="What to watch.",
)
@click.option(
    "--events",
    type=click.IntRange(1, TOTAL),
    help=f"Records to stream. Default: {flights_scene.DEFAULT_EVENTS:,} flights ({TOTAL} is the whole year), "
    f"then {team_scene.DEFAULT_EVENTS:,} payments.",
)
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Kafka to use. Default: HEADRACE_BOOTSTRAP, headrace.toml, else a temporary one.",
)
@click.option("--keep", is_flag=True, help="Stay up at the end, to look at, until Ctrl-C.")
@click.option("--chaos", is_flag=True, help="Kill a worker every ten seconds, and verify at the end.")
@click.option(
    "--delivery",
    type=click.Choice(["at_least_once", "exactly_once"]),
    help="How results go out. Default: the setting.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    chosen: str,
    events: int | None,
    bootstrap: str | None,
    keep: bool,
    chaos: bool,
    delivery: str | None,
    as_json: bool,
) -> None:
    """Watch workers answer real flights, then a team of models that helps itself.

    Starts an Apache Kafka, creates topics, starts two workers for each scene, streams records and removes
    everything at its end. A Kafka that is named keeps the topics.

    Scene "flights": flights of 2013 from New York, with broken records among them. Each is answered as it
    leaves the gate: will it arrive late? Whether it did is told by its arrival, hours later in event time,
    and only then learned; cancelled flights never arrive. Weather, planes and regions are tables.

    Scene "team": is this payment by card a fraud? Three models answer together. One of them is sabotaged: it
    raises, then it gets NaN; another stands in, and it comes back. Then the frauds change, weights move,
    and a challenger that begins afresh is promoted.

    With --chaos the stream is slower, and in turn a worker gets SIGKILL every ten seconds, three times at
    the least. At the end the whole log is folded again and compared with what the workers saved, bit by bit:
    exit code 4 if they differ.

    \b
    Example:
      headrace demo --keep
      headrace demo --scene team
      headrace demo --chaos --delivery exactly_once
    """
    options = Options(settings.load(bootstrap=bootstrap).bootstrap, keep, chaos, delivery)

    def report(found: Outcomes) -> None:
        if as_json:
            print_json(msgspec.to_builtins(found))

    try:
        with Interrupts() as interrupts:
            demo = Demo(_scenes(chosen, events), options, stderr if as_json else stdout, interrupts)
            found = demo.run(report)
    except KeyboardInterrupt:
        click.echo("stopped; nothing is left running", err=True)
        ctx.exit(128 + (interrupts.number or signal.SIGINT))
    if any(one.proof is not None and not one.proof.is_identical for one in found.values()):
        ctx.exit(DifferenceError.exit_code)
    if not all(one.exact for one in found.values()):
        ctx.exit(1)


def _scenes(chosen: str, events: int | None) -> list[Scene]:
    scenes: list[Scene] = [
        Flights(events or flights_scene.DEFAULT_EVENTS),
        Team(events or team_scene.DEFAULT_EVENTS),
    ]
    return [scene for scene in scenes if chosen in {scene.name, BOTH}]
