"""`headrace keys`."""

from __future__ import annotations

import click

from agents.cli.common import json_option, print_json, print_table
from agents.ownership import keys_path
from headrace import settings
from headrace.errors import SettingsError
from headrace.snapshots import keys


@click.group("keys")
def command() -> None:
    """Make and retire the keys that seal snapshots and sign commands.

    All workers of a pipeline need the same file: setting keys_file, by default keys.json in data_dir. In
    development it is made at first use; in production (setting environment) workers refuse to run without.

    \b
    Example:
      headrace keys new
      headrace keys ls
    """


@command.command("new")
def new() -> None:
    """Add a key and make it the current one; older ones still open what they sealed.

    \b
    Example:
      headrace keys new
    """
    path = keys_path(settings.load())
    click.echo(f"{keys.new_key(path)} is the current key now, in {path}")
    click.echo("give the same file to all workers, then restart them")


@command.command("ls")
@json_option
def ls(as_json: bool) -> None:
    """List the keys, without their secrets.

    \b
    Example:
      headrace keys ls
    """
    path = keys_path(settings.load())
    if not path.exists():
        raise SettingsError(f"there is no key file {path}", fix="headrace keys new")
    rows = keys.listing(path)
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        print_table(["key", "created", "state"], rows)


@command.command("retire")
@click.argument("key_id")
def retire(key_id: str) -> None:
    """Forget the secret of KEY_ID: what is sealed with it is refused from then on.

    \b
    Example:
      headrace keys retire 20260301-1a2b3c4d
    """
    path = keys_path(settings.load())
    keys.retire_key(path, key_id)
    click.echo(f"{key_id} is retired; snapshots that it sealed are not opened any more")
