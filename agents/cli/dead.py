"""`headrace dead ls|show|retry`: records that could not become events."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import IO

import click
import msgspec
from aiokafka import ConsumerRecord

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stdout,
)
from headrace.errors import HeadraceError
from headrace.loading import load_pipeline
from schemas import DeadLetter
from streams import client, reading
from streams.topics import dead_topic

RETRY_HEADER = "headrace-retry-of"
_decode = msgspec.json.Decoder(DeadLetter).decode


@click.group("dead")
def command() -> None:
    """Look at dead letters and send them again. TARGET is a pipeline, or its name.

    \b
    Example:
      headrace dead ls pipelines.fraud
      headrace dead show pipelines.fraud fraud/payments/3/911/dead
    """


def pipeline_name(target: str) -> str:
    """Return the pipeline's name: that of the module, or *target* itself if it names no module."""
    looks_like_module = target.endswith(".py") or ":" in target or "." in target
    return load_pipeline(target).name if looks_like_module else target


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
    found = [letter for letter, _ in _read(target, bootstrap, _by_reason(reason))]
    if as_json:
        print_json([msgspec.to_builtins(letter) for letter in found[-n_last:]])
        return
    counts: dict[str, int] = {}
    for letter in found:
        counts[letter.error.type] = counts.get(letter.error.type, 0) + 1
    listed = ", ".join(f"{n:,} {kind}" for kind, n in sorted(counts.items()))
    stdout.print(f"{len(found):,} dead letters" + (f": {listed}" if listed else ""))
    if found:
        print_table(
            ["id", "reason", "path", "message"],
            [(x.id, x.error.type, x.error.path, x.error.message) for x in found[-n_last:]],
        )


@command.command()
@click.argument("target")
@click.argument("letter_id")
@bootstrap_option
@json_option
def show(target: str, letter_id: str, bootstrap: str | None, as_json: bool) -> None:
    """Print one dead letter with its original bytes.

    \b
    Example:
      headrace dead show fraud fraud/payments/3/911/dead
    """
    letter, record = _one(target, bootstrap, letter_id)
    if as_json:
        print_json(msgspec.to_builtins(letter))
        return
    rows: list[tuple[str, object]] = [
        ("id", letter.id),
        ("from", f"{letter.source.topic}[{letter.source.partition}]@{letter.source.offset}"),
        ("reason", f"{letter.error.type} at {letter.error.path}"),
        ("message", letter.error.message),
        ("key", _text(letter.key_b64)),
        ("size", f"{letter.value_size_bytes} bytes"),
    ]
    rows += [
        (name, value.decode(errors="backslashreplace"))
        for name, value in record.headers
        if name.startswith("orig-")
    ]
    rows.append(("value", _text(letter.value_b64) or f"not copied, sha256 {letter.value_sha256}"))
    print_table(["", ""], rows)


@command.command()
@click.argument("target")
@click.argument("letter_ids", nargs=-1)
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

    \b
    Example:
      headrace dead retry fraud --all --reason type
      echo '{"id":"x1","amount":12.5}' | headrace dead retry fraud fraud/payments/3/911/dead --value -
    """
    if bool(letter_ids) == everything:
        raise click.UsageError("name dead letters, or say --all")
    if repaired is not None and len(letter_ids) != 1:
        raise click.UsageError("--value repairs exactly one record: name it")
    wanted = set(letter_ids)
    matches = _by_reason(reason)
    found = _read(target, bootstrap, lambda x: matches(x) and (everything or x.id in wanted))
    if missing := wanted - {letter.id for letter, _ in found}:
        raise HeadraceError(f"there is no dead letter {min(missing)}", fix=f"headrace dead ls {target}")
    if everything and not yes:
        click.confirm(f"send {len(found):,} records again?", abort=True)
    address = load_settings(bootstrap).bootstrap or ""
    n = asyncio.run(_send_back(address, found, None if repaired is None else repaired.read().rstrip(b"\n")))
    click.echo(
        f"sent {n:,} of {len(found):,} records back"
        + ("" if n == len(found) else "; the others were too large to be kept")
    )


def _by_reason(reason: str | None) -> Callable[[DeadLetter], bool]:
    return lambda letter: reason is None or letter.error.type == reason


def _text(encoded: str | None) -> str | None:
    return None if encoded is None else base64.b64decode(encoded).decode(errors="backslashreplace")


def _read(
    target: str, bootstrap: str | None, wanted: Callable[[DeadLetter], bool]
) -> list[tuple[DeadLetter, ConsumerRecord]]:
    """Return the dead letters that are *wanted*, oldest first, each id once."""
    topic = dead_topic(pipeline_name(target))
    address = load_settings(bootstrap).bootstrap or ""

    async def read() -> list[tuple[DeadLetter, ConsumerRecord]]:
        found: dict[str, tuple[DeadLetter, ConsumerRecord]] = {}
        async with client.reader(address) as consumer:
            tps = await reading.require(consumer, topic)
            await reading.seek(consumer, tps, last=None, since_s=None)
            async for record in reading.records(consumer, follow=False):
                letter = _decode(record.value)
                if wanted(letter):
                    found[letter.id] = letter, record
        return sorted(found.values(), key=lambda pair: pair[0].timestamp_ms)

    return asyncio.run(read())


def _one(target: str, bootstrap: str | None, letter_id: str) -> tuple[DeadLetter, ConsumerRecord]:
    found = _read(target, bootstrap, lambda letter: letter.id == letter_id)
    if not found:
        raise HeadraceError(f"there is no dead letter {letter_id}", fix=f"headrace dead ls {target}")
    return found[0]


async def _send_back(
    address: str, letters: list[tuple[DeadLetter, ConsumerRecord]], repaired: bytes | None
) -> int:
    n = 0
    async with client.producer(address, linger_ms=5) as producer:
        for letter, record in letters:
            value = repaired
            if value is None and letter.value_b64 is not None:
                value = base64.b64decode(letter.value_b64)
            if value is None:
                continue
            headers = [(k.removeprefix("orig-"), v) for k, v in record.headers if k.startswith("orig-")]
            headers = [(k, v) for k, v in headers if k != RETRY_HEADER]
            key = None if letter.key_b64 is None else base64.b64decode(letter.key_b64)
            await producer.send(
                letter.source.topic,
                value,
                key=key,
                partition=letter.source.partition,
                headers=[*headers, (RETRY_HEADER, letter.id.encode())],
            )
            n += 1
        await producer.flush()
    return n
