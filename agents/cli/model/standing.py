"""`headrace model ls|show`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from agents.cli.common import bootstrap_option, json_option, load_settings, print_json, print_table, stdout
from agents.stands import Stand
from agents.travel import backup, history, standing
from agents.travel.history import Entry
from agents.travel.options import partition_option
from headrace.errors import HeadraceError
from headrace.loading import load_pipeline


@click.command("ls")
@click.argument("target")
@partition_option
@bootstrap_option
@json_option
def ls(target: str, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool) -> None:
    """List the models of TARGET, partition by partition, and how each stands.

    The owner of a partition is asked; where none answers, the newest snapshot and the decisions since tell.
    The version counts the decisions that a partition has had.

    \b
    Example:
      headrace model ls pipelines.fraud
    """
    found = asyncio.run(standing.stands(target, load_settings(bootstrap), partitions))
    if as_json:
        print_json([msgspec.to_builtins(stand) for stand in found])
        return
    _print(found)


@click.command("show")
@click.argument("target")
@click.argument("model")
@partition_option
@bootstrap_option
@json_option
def show(target: str, model: str, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool) -> None:
    """Show how MODEL of TARGET stands, and what was ordered of it.

    \b
    Example:
      headrace model show pipelines.fraud tree
    """
    names = [*load_pipeline(target).models]
    if model not in names:
        raise HeadraceError(
            f"{target} has no model {model!r}",
            why=f"it has {', '.join(names)}",
            fix="headrace model ls TARGET",
        )
    settings = load_settings(bootstrap)

    async def ask() -> tuple[list[Stand], list[Entry]]:
        async with backup.pasts(target, settings, partitions) as (_, pasts):
            said = [entry for past in pasts for entry in history.entries(past) if entry.model == model]
        return await standing.stands(target, settings, partitions), said

    stands, said = asyncio.run(ask())
    stands = [
        msgspec.structs.replace(stand, models=[one for one in stand.models if one.name == model])
        for stand in stands
    ]
    if as_json:
        plain = [msgspec.to_builtins(each) for each in said]
        print_json({"partitions": [msgspec.to_builtins(stand) for stand in stands], "orders": plain})
        return
    _print(stands, kinds=True)
    if said:
        stdout.print()
        rows = [(e.partition, e.offset, e.kind, e.value, e.what[:8], e.fault) for e in said]
        print_table(["partition", "offset", "", "value", "id", ""], rows)


def _print(stands: Sequence[Stand], *, kinds: bool = False) -> None:
    """Print *stands*; the *kinds* of the models make lines longer than a narrow terminal."""
    rows = [
        [
            stand.partition, model.name, *([model.kind] if kinds else []), model.role, model.state,
            None if model.weight is None else f"{model.weight:.3f}",
            stand.step, stand.offset, stand.version, _source(stand),
        ]
        for stand in stands
        for model in stand.models
    ]  # fmt: skip
    kind = ["kind"] if kinds else []
    columns = ["partition", "model", *kind, "role", "state", "weight", "step", "offset", "version", ""]
    print_table(columns, rows)


def _source(stand: Stand) -> str:
    said = "now" if stand.is_live else "by the newest snapshot"
    return f"paused, {said}" if stand.is_paused else said
