"""How many records there are, and how many of them intake has taken in."""

from __future__ import annotations

from collections import Counter

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from agents.flights import data
from agents.flights.pipeline import ARRIVALS, DEPARTURES, PLANES, WEATHER, topic_of

TOPICS = (DEPARTURES, ARRIVALS, WEATHER, PLANES)


def n_sent(n_flights: int) -> Counter[str]:
    """Return how many records each topic gets."""
    return Counter(record.topic for record in data.records(n_flights))


def n_logged(sent: Counter[str], partitions: int) -> int:
    """Return how many records the log gets: a row goes to each of its *partitions*."""
    return sent.total() + (sent[PLANES] + sent[WEATHER]) * (partitions - 1)


async def n_taken_in(admin: AIOKafkaAdminClient, name: str) -> int:
    """Return how many records of its topics the pipeline *name* has committed."""
    sources = {topic_of(topic, name) for topic in TOPICS}
    try:
        committed = await admin.list_consumer_group_offsets(name)
    except GroupCoordinatorNotAvailableError:  # a fresh broker makes its offsets topic first
        return 0
    return sum(max(at.offset, 0) for tp, at in committed.items() if tp.topic in sources)
