"""The command line of headrace: one file per command, each imported only when it is used."""

from __future__ import annotations

import difflib
import importlib
import logging
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from agents.cli import failures
from headrace import __version__

COMMANDS = {
    "demo": "Watch workers answer real flights, then a team of models that helps itself.",
    "init": "Start a project in the new folder NAME.",
    "up": "Run TARGET in this terminal: Kafka, topics, workers.",
    "worker": "Run one worker of the pipeline TARGET in this process.",
    "run": "Keep workers of TARGET running on this host, as a service.",
    "kafka": "Run an Apache Kafka for development, without Docker.",
    "topics": "List, create and check topics.",
    "doctor": "Check everything a worker needs before it starts.",
    "status": "Say who works on TARGET, how far they are, what came out.",
    "send": "Publish the lines of FILE to TOPIC, one record each.",
    "tail": "Print the newest records of TOPIC, all partitions.",
    "show": "Print the pipeline TARGET as headrace understands it.",
    "graph": "Draw the pipelines of TARGET, steps and topics.",
    "inspect": "Tell all there is to tell of the event EVENT_ID.",
    "dead": "Look at dead letters and send them again.",
    "keys": "Make and retire the keys that seal snapshots and sign commands.",
    "upgrade": "Bring a new version of TARGET, or an old one, to where the running one stands.",
    "replay": "Fold old records of TARGET again and publish what the models say, under another name.",
    "diff": "Compare the results of the runs A and B, event by event.",
    "digest": "Print a fingerprint of the models of TARGET, partition by partition.",
    "verify": "Fold the log of TARGET again and compare with its live state, bit by bit.",
    "snapshot": "Look at snapshots, save them to a folder, bring them back.",
    "model": "Look at the models of a running pipeline, give orders to them, go back to what they were.",
    "unlearn": "Make the models of TARGET forget records, as if they had never been in the log.",
    "bench": "Compare headrace with what else one would write, side by side.",
    "completion": "Print the completion script of a shell.",
    "version": "Print the versions of headrace and of what it stands on.",
}
"""What ``headrace --help`` says of each; here, so that it need not import river, Faust and aiokafka."""


class Commands(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order one needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the ``command`` of the module ``agents.cli.NAME``."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"agents.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any."""
        found = [CompletionItem(n, help=text) for n, text in COMMANDS.items() if n.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; where there is none, name those that look like it."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS)
            hint = f"; did you mean {_either(near)}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; print what goes wrong as what, why and fix, and exit with its code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        logging.getLogger("aiokafka").addHandler(
            logging.NullHandler()
        )  # else its warnings go to the terminal
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except Exception as error:
            code = failures.report(error)
            if code is None:
                raise
        sys.exit(code if isinstance(code, int) else 0)


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
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
    except KeyboardInterrupt:  # before click is there to catch it
        sys.exit(failures.INTERRUPTED)
