"""`headrace kafka up|down|status`: a Kafka for development."""

from __future__ import annotations

import time

import click
import msgspec

from agents.cli.common import json_option, kafka_dir, print_json, stderr
from headrace import settings
from headrace.errors import BrokerUnreachableError
from streams import dev_kafka
from streams.jars import KAFKA_VERSION


@click.group("kafka")
def command() -> None:
    """Run an Apache Kafka for development, without Docker.

    \b
    Example:
      headrace kafka up
      headrace kafka down
    """


@command.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. Default: that of last time.")
@click.option("--nodes", type=click.Choice(["1", "3"]), default="1", show_default=True)
def up(port: int | None, nodes: str) -> None:
    """Start it, or say that it runs. Its data survive restarts.

    \b
    Example:
      headrace kafka up --port 9092
    """
    started = time.monotonic()
    with stderr.status("starting Apache Kafka ...") as line:
        found = dev_kafka.up(
            kafka_dir(settings.load()),
            nodes=int(nodes),
            port=port,
            progress=line.update,
        )
    click.echo(
        f"Apache Kafka {KAFKA_VERSION} at {found.bootstrap}   data in {found.data_dir}   "
        f"{time.monotonic() - started:.1f} s"
    )


@command.command()
def down() -> None:
    """Stop it; the data stay.

    \b
    Example:
      headrace kafka down
    """
    click.echo("stopped" if dev_kafka.down(kafka_dir(settings.load())) else "no Kafka of ours runs here")


@command.command()
@json_option
def status(as_json: bool) -> None:
    """Say whether it runs, and where. Exit code 3 if it does not.

    \b
    Example:
      headrace kafka status --json
    """
    folder = kafka_dir(settings.load())
    found = dev_kafka.status(folder)
    if as_json:
        print_json(None if found is None else msgspec.to_builtins(found))
    if found is None:
        raise BrokerUnreachableError(f"no Kafka runs with data in {folder}", fix="headrace kafka up")
    if not as_json:
        pids = ", ".join(map(str, found.pids))
        answer = "answers" if found.is_answering else "does not answer"
        click.echo(
            f"Apache Kafka {KAFKA_VERSION} at {found.bootstrap} {answer}   pid {pids}   {found.data_dir}"
        )
