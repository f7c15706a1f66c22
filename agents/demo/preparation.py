"""What the demo does to the topics of a scene before the first record is sent."""

from __future__ import annotations

import asyncio

from agents.pipeline_topics import topic_specs
from headrace.pipeline import Pipeline
from streams import client, groups, reading, topics

_LOOK_INTERVAL_S = 0.25


async def create_topics(bootstrap: str, pipeline: Pipeline, target: str) -> int:
    """Create the topics that are missing; return how many events there are already.

    Raises
    ------
    TopicError
        If one is there with another number of partitions.
    """
    async with client.admin(bootstrap) as admin:
        await topics.create(admin, topic_specs(pipeline))
        await topics.require(admin, topic_specs(pipeline), target)
    async with client.reader(bootstrap) as consumer:
        return sum((await reading.end_offsets(consumer, pipeline.source.name)).values())


async def fold_rest(bootstrap: str, pipeline: Pipeline) -> None:
    """Return once the workers have folded all that was sent before: what comes of it is not of this run."""
    sources = [source.topic for source in pipeline.log_sources]
    async with client.admin(bootstrap) as admin, client.reader(bootstrap) as consumer:
        for name in (*sources, pipeline.log.name):  # the log after what goes into it
            ends, done = await reading.end_offsets(consumer, name), dict[int, int]()
            while any(done.get(partition, 0) < end for partition, end in ends.items()):
                await asyncio.sleep(_LOOK_INTERVAL_S)
                done = await groups.committed(admin, pipeline.name, name, list(ends))
