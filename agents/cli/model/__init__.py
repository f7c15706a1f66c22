"""`headrace model`: how the models of a running pipeline stand, and orders to them."""

from __future__ import annotations

import click

from agents.cli.model import diff, history, orders, rollback, standing


@click.group("model")
def command() -> None:
    """Look at the models of a running pipeline, give orders to them, go back to what they were.

    Every order is signed, carried out by the owner of each partition at one offset, and answered; replay and
    recovery take the same turn.

    \b
    Example:
      headrace model ls pipelines.fraud
      headrace model freeze pipelines.fraud tree
      headrace model history pipelines.fraud
      headrace model rollback pipelines.fraud --before 2h
    """


for each in (standing.ls, standing.show, *orders.COMMANDS, rollback.command, history.command, diff.command):
    command.add_command(each)
