"""`headrace demo`."""

from __future__ import annotations

import signal

import click
import msgspec

from agents.cli.common import json_option, print_json, stderr, stdout
from agents.demo.run import Demo, Options
from agents.demo.summary import Summary
from agents.flights.data import TOTAL
from agents.interrupts import Interrupts
from headrace import settings
from headrace.errors import DifferenceError


@click.command("demo")
@click.option(
    "--events",
    type=click.IntRange(1, TOTAL),
    default=20_000,
    show_default=True,
    help=f"Flights to stream; {TOTAL} is the whole year.",
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
    events: int,
    bootstrap: str | None,
    keep: bool,
    chaos: bool,
    delivery: str | None,
    as_json: bool,
) -> None:
    """Watch two workers answer real flights: will this one arrive late?

    Starts an Apache Kafka, creates topics, starts two workers, streams flights of 2013 from New York with
    broken records among them, and removes everything at its end. A Kafka that is named keeps the topics.

    A flight is answered as it leaves the gate. Whether it came late is told by its arrival, hours later in
    event time, and only then learned; cancelled flights never arrive. The weather and the planes are tables.

    With --chaos the stream is slower, and in turn a worker gets SIGKILL every ten seconds, three times at
    the least. At the end the whole log is folded again and compared with what the workers saved, bit by bit:
    exit code 4 if they differ.

    \b
    Example:
      headrace demo --keep
      headrace demo --chaos --delivery exactly_once
    """
    options = Options(events, settings.load(bootstrap=bootstrap).bootstrap, keep, chaos, delivery)

    def report(found: Summary) -> None:
        if as_json:
            print_json(msgspec.to_builtins(found))

    try:
        with Interrupts() as interrupts:
            found = Demo(options, stderr if as_json else stdout, interrupts).run(report)
    except KeyboardInterrupt:
        click.echo("stopped; nothing is left running", err=True)
        ctx.exit(128 + (interrupts.number or signal.SIGINT))
    if found.proof is not None and not found.proof.is_identical:
        ctx.exit(DifferenceError.exit_code)
    if not found.exact:
        ctx.exit(1)
