"""`headrace init`."""

from __future__ import annotations

from pathlib import Path

import click

from agents import project


@click.command("init")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice([*project.KEYS]),
    default="classify",
    show_default=True,
    help="What the models do: tell classes apart, predict a number, find what is odd.",
)
def command(name: str, template: str) -> None:
    """Start a project in the new folder NAME.

    It holds a pipeline with its event type, a test that needs no Kafka, sample events, headrace.toml, a
    compose file and a README.

    \b
    Example:
      headrace init my-app
      headrace init my-machines --template anomaly
    """
    for path in project.create(name, template, Path()):
        click.echo(f"wrote {path}")
    up = f"headrace up pipelines.{project.module_name(name)}"
    click.echo(f"\nnext  cd {name}")
    click.echo(f"      {'pytest':{len(up)}}   it learns from the sample events, without Kafka")
    click.echo(f"      {up}   the same on a Kafka, with two workers")
