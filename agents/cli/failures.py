"""From an exception to what the user reads, up to three lines (what, why, fix), and an exit code."""

from __future__ import annotations

import os
import shlex
import signal
import sys

import click

from headrace.errors import BrokerUnreachableError, HeadraceError

INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE
FAILED, USAGE = 1, 2


def report(error: Exception) -> int | None:
    """Print *error* to standard error; return the exit code, or ``None`` if it is a fault of ours."""
    if isinstance(error, click.Abort):
        return _aborted(error)
    if isinstance(error, BrokenPipeError):
        return _nobody_reads()
    if isinstance(error, click.UsageError):
        return _misused(error)
    known = error if isinstance(error, HeadraceError) else explained(error)
    if known is not None:
        click.echo(f"error: {known}", err=True)
        return known.exit_code
    if isinstance(error, click.ClickException):
        click.echo(f"error: {error.format_message()}", err=True)
        return error.exit_code
    return None


def explained(error: Exception) -> HeadraceError | None:
    """Return what a Kafka client's *error* means, or ``None`` if it comes from elsewhere."""
    if isinstance(error, TimeoutError):
        return BrokerUnreachableError(
            "Kafka did not answer in time", why=str(error), fix="headrace doctor   says what does answer"
        )
    clients = sys.modules.get("aiokafka.errors")  # not imported: then it raised nothing
    if clients is None or not isinstance(error, clients.KafkaError):
        return None
    why = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, clients.KafkaConnectionError | clients.NodeNotReadyError):
        return BrokerUnreachableError("the connection to Kafka broke", why=why, fix="headrace doctor")
    return HeadraceError("Kafka refused", why=why, fix="headrace doctor   checks topics, group and versions")


def _aborted(error: click.Abort) -> int:
    if isinstance(error.__cause__, KeyboardInterrupt):
        return INTERRUPTED
    click.echo("stopped; nothing was done", err=True)
    return FAILED


def _nobody_reads() -> int:
    """Let the interpreter flush its output to nowhere: ``| head -1`` has what it wanted."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _misused(error: click.UsageError) -> int:
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
        click.echo(message, err=True)
        return USAGE
    if isinstance(error, click.NoSuchOption):
        near = " or ".join(error.possibilities or ())
        message = f"there is no option {error.option_name}" + (f"; did you mean {near}?" if near else "")
    known = HeadraceError(message[:1].lower() + message[1:].rstrip("."))
    if error.ctx is not None:
        known.why = " ".join(error.ctx.get_usage().replace("Usage:", "usage:").split())
        known.fix = f"{shlex.join(error.ctx.command_path.split())} --help"
    click.echo(f"error: {known}", err=True)
    return USAGE
