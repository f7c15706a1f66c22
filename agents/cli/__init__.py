"""The command line of headrace: one file per command, each imported only when it is used."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from headrace import __version__
from headrace.errors import HeadraceError

COMMANDS = {
    "demo": "agents.cli.demo",
    "init": "agents.cli.init",
    "worker": "agents.cli.worker",
    "up": "agents.cli.up",
    "kafka": "agents.cli.kafka",
    "topics": "agents.cli.topics",
    "doctor": "agents.cli.doctor",
    "status": "agents.cli.status",
    "send": "agents.cli.send",
    "tail": "agents.cli.tail",
    "show": "agents.cli.show",
    "dead": "agents.cli.dead",
    "bench": "agents.cli.bench",
    "completion": "agents.cli.completion",
    "version": "agents.cli.version",
}


class _Commands(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print our errors as what, why, fix and exit with their code."""
        try:
            return super().invoke(ctx)
        except HeadraceError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 broker unreachable, 4 check failed.",
)
@click.version_option(__version__, prog_name="headrace")
def cli() -> None:
    """Online machine learning on Kafka.

    Declare a pipeline in Python, publish plain JSON events, run workers, consume predictions.

    \b
    Example:
      headrace demo                      see it work on real flights
      headrace init my-app               start a project of your own
    """


def main() -> None:
    """Run the command line."""
    try:
        cli.main(prog_name="headrace")
    except KeyboardInterrupt:
        sys.exit(130)
