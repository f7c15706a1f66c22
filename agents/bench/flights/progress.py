"""How many records there are, and how many of them intake has taken in."""

from __future__ import annotations

from collections import Counter

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from agents.flights import data
from agents.flights.pipeline import ARRIVALS, DEPARTURES, PLANES, REGIONS, WEATHER, topic_of
from headrace.topic import Topic

TABLES = (WEATHER, PLANES, REGIONS)
TOPICS = (DEPARTURES, ARRIVALS, *TABLES)


def n_sent(n_flights: int) -> Counter[str]:
    """Return how many records each topic gets."""
    return Counter(record.topic for record in data.records(n_flights))


def n_copies(topic: str, partitions: int) -> int:
    """Return how many records of the log one of *topic* becomes: a row goes to each of its *partitions*."""
    return partitions if topic in TABLES else 1


def n_logged(sent: Counter[str], partitions: int) -> int:
    """Return how many records the log gets."""
    return sum(n * n_copies(topic, partitions) for topic, n in sent.items())


async def n_in_log(reader: AIOKafkaConsumer, log: Topic) -> int:
    """Return how many records the *log* holds."""
    ends = await reader.end_offsets([TopicPartition(log.name, number) for number in range(log.partitions)])
    return sum(ends.values())


async def n_taken_in(admin: AIOKafkaAdminClient, name: str) -> int:
    """Return how many records of its topics the pipeline *name* has committed."""
    sources = {topic_of(topic, name) for topic in TOPICS}
    try:
        committed = await admin.list_consumer_group_offsets(name)
    except GroupCoordinatorNotAvailableError:  # a fresh broker makes its offsets topic first
        return 0
    return sum(max(at.offset, 0) for tp, at in committed.items() if tp.topic in sources)
