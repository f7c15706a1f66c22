"""Faust as its manual shows it: ``async for`` over events, ``await send`` for each result."""

from __future__ import annotations

import faust
from common import PARTITIONS, Clock, arguments, step_of


def main() -> None:
    """Work until all events asked for are done and acknowledged."""
    asked = arguments()
    app = faust.App(
        asked.group,
        broker=f"kafka://{asked.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
    )
    source = app.topic(asked.source, key_serializer="raw", value_serializer="raw")
    results = app.topic(asked.results, key_serializer="raw", value_serializer="raw")
    steps = [step_of(asked.model) for _ in range(PARTITIONS)]
    clock = Clock()

    @app.agent(source)
    async def learn(stream: faust.Stream[bytes]) -> None:
        done = 0
        async for event in stream.events():
            clock.start()
            partition = event.message.partition
            result = steps[partition](event.value)
            sent = await results.send(key=event.key, value=result, partition=partition)
            done += 1
            if done == asked.events:
                await sent
                clock.report(done)

    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False, quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
