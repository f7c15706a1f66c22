"""`headrace dead ls|show|retry`: records that could not become events."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from typing import IO, Any

import click
import msgspec

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    printable,
    stdout,
)
from headrace.errors import HeadraceError
from headrace.loading import load_pipeline
from streams import client, dead_letters
from streams.dead_letters import Found
from streams.topics import dead_topic
from streams.transport import partitions_by_topic

_SHOWN_CHARACTERS = 2_000


@click.group("dead")
def command() -> None:
    """Look at dead letters and send them again. TARGET is a pipeline, or its name.

    \b
    Example:
      headrace dead ls pipelines.fraud
      headrace dead show fraud fraud/payments/3/911/dead --raw > repaired.json
      headrace dead retry fraud fraud/payments/3/911/dead --value repaired.json
    """


reason_option = click.option("--reason", help="Only those with this reason, for example type or json.")


@command.command()
@click.argument("target")
@reason_option
@click.option(
    "-n",
    "n_last",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="The newest so many.",
)
@bootstrap_option
@json_option
def ls(target: str, reason: str | None, n_last: int, bootstrap: str | None, as_json: bool) -> None:
    """List the newest dead letters, and how many there are by reason.

    \b
    Example:
      headrace dead ls pipelines.fraud --reason type
    """
    found = _with_reason(_read(target, bootstrap), reason)
    if as_json:
        print_json([_plain(one) for one in found[-n_last:]])
        return
    counts = Counter(one.letter.error.type for one in found)
    listed = ", ".join(f"{n:,} {kind}" for kind, n in sorted(counts.items()))
    stdout.print(f"{len(found):,} dead letters" + (f": {listed}" if listed else ""), markup=False)
    if found:
        rows = [(one.letter.id, *msgspec.structs.astuple(one.letter.error)) for one in found[-n_last:]]
        print_table(["id", "reason", "path", "message"], [[printable(cell) for cell in row] for row in rows])


@command.command()
@click.argument("target")
@click.argument("letter_id", metavar="ID")
@click.option("--raw", is_flag=True, help="Write the original value and nothing else.")
@bootstrap_option
@json_option
def show(target: str, letter_id: str, raw: bool, bootstrap: str | None, as_json: bool) -> None:
    """Print one dead letter with its original bytes and headers.

    \b
    Example:
      headrace dead show fraud fraud/payments/3/911/dead
      headrace dead show fraud fraud/payments/3/911/dead --raw > repaired.json
    """
    [one] = _named(_read(target, bootstrap), [letter_id], target)
    if raw:
        click.get_binary_stream("stdout").write(_kept(one))
    elif as_json:
        print_json(_plain(one))
    else:
        for name, content in _rows(one):
            click.echo(f"{name:8}  {content}")


@command.command()
@click.argument("target")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them, or all with --reason.")
@reason_option
@click.option(
    "--value",
    "repaired",
    type=click.File("rb"),
    help="The repaired value of the one record named; - reads it from standard input.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@bootstrap_option
def retry(
    target: str,
    letter_ids: tuple[str, ...],
    everything: bool,
    reason: str | None,
    repaired: IO[bytes] | None,
    yes: bool,
    bootstrap: str | None,
) -> None:
    """Send records back to their topic and partition: unchanged, or with a repaired value.

    A record that fails again becomes a new dead letter, which stands for the old one: --all sends only the
    newest. One that succeeded keeps its dead letter; sent back once more, it is learned once more.

    \b
    Example:
      headrace dead retry fraud --all --reason type
      echo '{"id":"x1","amount":12.5}' | headrace dead retry fraud fraud/payments/3/911/dead --value -
    """
    _check_usage(letter_ids, everything=everything, reason=reason, repairs=repaired is not None)
    found = _read(target, bootstrap)
    if everything:
        chosen = _with_reason(dead_letters.open_ones(found), reason)
    else:
        chosen = _named(found, letter_ids, target)
    value = None if repaired is None else repaired.read().rstrip(b"\r\n")
    kept = [one for one in chosen if value is not None or one.value is not None]
    if everything and kept and not yes:
        click.confirm(f"send {len(kept):,} records again?", abort=True)
    n = _send_back(kept, value, bootstrap) if kept else 0
    click.echo(f"sent {n:,} of {len(chosen):,} records back")
    for one in chosen:
        if one not in kept:
            size = one.letter.value_size_bytes
            click.echo(f"not sent: {one.letter.id} was too large to be kept, {size:,} bytes at {one.place}")


def _check_usage(letter_ids: tuple[str, ...], *, everything: bool, reason: str | None, repairs: bool) -> None:
    if bool(letter_ids) == everything:
        raise click.UsageError("name dead letters, or say --all")
    if reason is not None and not everything:
        raise click.UsageError("--reason chooses among --all; leave it out when you name dead letters")
    if repairs and len(letter_ids) != 1:
        raise click.UsageError("--value repairs exactly one record: name it")


def _read(target: str, bootstrap: str | None) -> list[Found]:
    address = load_settings(bootstrap).bootstrap or ""

    async def read() -> list[Found]:
        async with client.reader(address) as consumer:
            is_name = dead_topic(target) in await partitions_by_topic(consumer)
            return await dead_letters.read(consumer, target if is_name else _pipeline_name(target))

    return asyncio.run(read())


def _pipeline_name(target: str) -> str:
    """Return the name of the pipeline that *target* leads to, or *target* if it can only be a name."""
    looks_like_module = target.endswith(".py") or ":" in target or "." in target
    return load_pipeline(target).name if looks_like_module else target


def _send_back(chosen: list[Found], value: bytes | None, bootstrap: str | None) -> int:
    address = load_settings(bootstrap).bootstrap or ""

    async def send() -> int:
        async with client.producer(address, linger_ms=5) as producer:
            return await dead_letters.send_back(producer, chosen, value)

    return asyncio.run(send())


def _with_reason(found: list[Found], reason: str | None) -> list[Found]:
    return [one for one in found if reason is None or one.letter.error.type == reason]


def _named(found: list[Found], letter_ids: tuple[str, ...] | list[str], target: str) -> list[Found]:
    by_id = {one.letter.id: one for one in found}
    for letter_id in letter_ids:
        if letter_id not in by_id:
            raise HeadraceError(
                f"there is no dead letter {letter_id}",
                why=f"{len(found):,} are kept, and none has this id",
                fix=f"headrace dead ls {target}   lists them",
            )
    return [by_id[letter_id] for letter_id in dict.fromkeys(letter_ids)]


def _kept(one: Found) -> bytes:
    if one.value is None:
        raise HeadraceError(
            f"the value of {one.letter.id} was too large to be kept",
            why=f"{one.letter.value_size_bytes:,} bytes, sha256 {one.letter.value_sha256}",
            fix=f"read it at {one.place}, as long as Kafka keeps it there",
        )
    return one.value


def _plain(one: Found) -> dict[str, Any]:
    """Return the letter with its original headers, ready for JSON; their order counts, names may repeat."""
    headers = [[name, v if v is None else base64.b64encode(v).decode()] for name, v in one.headers]
    return {**msgspec.to_builtins(one.letter), "headers_b64": headers}


def _rows(one: Found) -> list[tuple[str, str]]:
    letter = one.letter
    value = f"not kept, sha256 {letter.value_sha256}" if one.value is None else _text(one.value)
    if len(value) > _SHOWN_CHARACTERS:
        value = f"{value[:_SHOWN_CHARACTERS]} ...   (--raw writes all of it)"
    return [
        ("id", letter.id),
        ("from", one.place),
        ("reason", f"{letter.error.type} at {letter.error.path}"),
        ("message", printable(letter.error.message)),
        ("key", _text(one.key)),
        ("size", f"{letter.value_size_bytes:,} bytes"),
        *(("header", f"{printable(name)}: {_text(content)}") for name, content in one.headers),
        ("value", value),
    ]


def _text(content: bytes | None) -> str:
    return "-" if content is None else printable(content.decode(errors="backslashreplace"))
