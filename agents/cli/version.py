"""`headrace version`."""

from __future__ import annotations

import platform
from importlib.metadata import version

import click

from agents.cli.common import json_option, print_json, print_table
from headrace import __version__
from streams.jars import KAFKA_VERSION

_LIBRARIES = ("faust-streaming", "aiokafka", "river", "msgspec", "orjson")


@click.command("version")
@json_option
def command(as_json: bool) -> None:
    """Print the versions of headrace and of what it stands on.

    \b
    Example:
      headrace version --json
    """
    found = {"headrace": __version__, "python": platform.python_version()}
    found |= {name: version(name) for name in _LIBRARIES} | {"local Kafka": KAFKA_VERSION}
    if as_json:
        print_json(found)
    else:
        print_table(["", "version"], found.items())
