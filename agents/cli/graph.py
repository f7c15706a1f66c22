"""`headrace graph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from agents.drawing.dot import dot
from agents.drawing.drawing import Drawing
from agents.drawing.mermaid import mermaid
from agents.drawing.pipelines import drawn
from agents.drawing.svg import svg
from headrace.loading import load_pipelines

FORMATS: Mapping[str, Callable[[Drawing], str]] = {"mermaid": mermaid, "svg": svg, "dot": dot}


@click.command("graph")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--format", "written", type=click.Choice([*FORMATS]), help="Default: by the ending of FILE, else mermaid."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: standard output.")
def command(targets: tuple[str, ...], written: str | None, out: Path | None) -> None:
    """Draw the pipelines of TARGET, steps and topics.

    Several modules, or a package, make one drawing: a topic that one pipeline writes and another reads joins
    them. A solid arrow is what reaches a model, a dashed one what decides whether and when it is asked, a
    dotted one comes from what stands in for it.

    \b
    Example:
      headrace graph pipelines.fraud --out fraud.svg
      headrace graph pipelines                          all of the package, as Mermaid
    """
    text = FORMATS[written or _by_ending(out)](drawn(load_pipelines(targets)))
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, "utf-8")


def _by_ending(out: Path | None) -> str:
    ending = "" if out is None else out.suffix.removeprefix(".")
    return ending if ending in FORMATS else "mermaid"
