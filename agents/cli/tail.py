"""`headrace tail`."""

from __future__ import annotations

import asyncio

import click
import orjson
from aiokafka import ConsumerRecord

from agents.cli.common import bootstrap_option, load_settings, parsed, seconds
from streams import client, reading


@click.command("tail")
@click.argument("topic")
@click.option(
    "-n", "last", type=click.IntRange(1), help="End after so many records, the newest. Default: 10."
)
@click.option("--from", "since_s", callback=parsed(seconds), metavar="1h", help="Start so long ago instead.")
@click.option("-f", "--follow", is_flag=True, help="Go on as records arrive, until Ctrl-C.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line, with key, headers and position.",
)
@bootstrap_option
def command(
    topic: str,
    last: int | None,
    since_s: float | None,
    follow: bool,
    as_json: bool,
    bootstrap: str | None,
) -> None:
    """Print the newest records of TOPIC, all partitions.

    \b
    Example:
      headrace tail fraud.predictions -n 3
      headrace tail fraud.dead --from 1h --json
    """
    address = load_settings(bootstrap).bootstrap or ""
    n = last if last is not None or since_s is not None else 10
    asyncio.run(_tail(address, topic, n, since_s, follow=follow, as_json=as_json))


async def _tail(
    address: str, topic: str, n: int | None, since_s: float | None, *, follow: bool, as_json: bool
) -> None:
    async with client.reader(address) as consumer:
        tps = await reading.require(consumer, topic)
        await reading.seek(consumer, tps, last=n, since_s=since_s)
        seen = [record async for record in reading.records(consumer, follow=False)]
        seen.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
        for record in seen if n is None else seen[-n:]:
            _print(record, as_json=as_json)
        if follow:
            async for record in reading.records(consumer, follow=True):
                _print(record, as_json=as_json)


def _print(record: ConsumerRecord, *, as_json: bool) -> None:
    value = None if record.value is None else record.value.decode(errors="backslashreplace")
    if not as_json:
        click.echo(f"{record.partition}@{record.offset}  {value}")
        return
    try:
        content = None if record.value is None else orjson.loads(record.value)
    except ValueError:
        content = value
    click.echo(
        orjson.dumps(
            {
                "partition": record.partition,
                "offset": record.offset,
                "timestamp_ms": record.timestamp,
                "key": None if record.key is None else record.key.decode(errors="backslashreplace"),
                "headers": {
                    k: None if v is None else v.decode(errors="backslashreplace") for k, v in record.headers
                },
                "value": content,
            }
        )
    )
