"""`headrace up`."""

from __future__ import annotations

import click

from agents.cli.common import bootstrap_option, kafka_dir, stdout
from agents.cli.failures import INTERRUPTED
from agents.interrupts import Interrupts
from agents.up.run import Options, Up
from headrace import settings
from headrace.loading import load_pipeline


@click.command("up")
@click.argument("target")
@click.option("-n", "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="How many.")
@bootstrap_option
@click.pass_context
def command(ctx: click.Context, target: str, workers: int, bootstrap: str | None) -> None:
    """Run TARGET in this terminal: Kafka, topics, workers.

    Starts a local Kafka unless one is named or runs already, creates the topics that are missing, starts
    workers, starts again those that die, and shows how it goes. Ctrl-C ends, in order, what was started
    here; the data stay.

    \b
    Example:
      headrace up pipelines.fraud
      headrace up pipelines.fraud -n 4 --bootstrap localhost:9092
    """
    found = settings.load(bootstrap=bootstrap)
    options = Options(target, workers, found, kafka_dir(found))
    with Interrupts() as interrupts:
        up = Up(load_pipeline(target), options, stdout, interrupts)
        try:
            up.run()
        except KeyboardInterrupt:
            click.echo("stopped; nothing that was started here is left running")
            if not up.is_up:
                ctx.exit(128 + (interrupts.number or INTERRUPTED - 128))
